//! `genrescope listen`: live sound → what it sounds like, twice a second.

mod screen;
mod sound;

#[cfg(feature = "mic")]
mod microphone;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::{Context, Result};
use genrescope::audio::{RawAudio, SampleFormat};
use genrescope::predict::{LIVE_HOP_S, Listener};
use genrescope::report::ModelLabel;

use crate::exit::Ending;
use crate::judging::seconds;
use crate::models;
use crate::talk::Talk;
use screen::Screen;
use sound::{Event, Origin, Pace};

const EXAMPLES: &str = "\
Examples:
  genrescope listen --simulate song.mp3                        as if it were played now
  genrescope listen --simulate song.mp3 --speed max --format jsonl
  curl -s https://example.org/stream.mp3 | genrescope listen -
  arecord -q -f S16_LE -r 22050 | genrescope listen - --raw-format s16le --rate 22050";

/// How often Ctrl-C is looked for while no sound comes.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Say what live sound is, twice a second
///
/// The first answers come before a whole patch is heard and say so. On a terminal one line is kept up to date; elsewhere
/// there is a line whenever the genre changes. At the end, also after Ctrl-C: how long each genre was heard.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// - for sound on standard input, in any container or raw; the microphone unless given
    #[arg(value_name = "-", value_parser = ["-"], conflicts_with = "simulate")]
    input: Option<String>,
    /// Hear a recording as if it were played now
    #[arg(long, value_name = "FILE")]
    simulate: Option<PathBuf>,
    /// How fast it is played: 1, any other factor, or max
    #[arg(long, value_name = "1|N|max", default_value = "1", requires = "simulate", value_parser = sound::pace)]
    speed: Pace,
    /// Standard input holds samples without a header
    #[arg(long, value_name = "FORMAT", value_enum, requires = "input", requires = "rate")]
    raw_format: Option<RawFormat>,
    /// Samples a second of raw sound
    #[arg(long, value_name = "HZ", requires = "raw_format", value_parser = clap::value_parser!(u32).range(1_000..=384_000))]
    rate: Option<u32>,
    /// Channels of raw sound
    #[arg(long, value_name = "N", default_value_t = 1, requires = "raw_format", value_parser = clap::value_parser!(u16).range(1..=64))]
    channels: u16,
    /// Judge by this model: best (unless `models default` says another), fast, an installed one, or a file
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<PathBuf>,
    /// Carry the state of a recurrent network that reads forward (crnn) on instead of starting anew with each patch: every
    /// answer is to all that was heard
    #[arg(long)]
    carry: bool,
    /// Longest time between two answers
    #[arg(long, value_name = "SECONDS", default_value_t = LIVE_HOP_S, value_parser = seconds)]
    hop: f64,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum RawFormat {
    /// Whole numbers of 16 bits
    S16le,
    /// Floating-point numbers of 32 bits
    F32le,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Lines for people
    Text,
    /// One JSON object an answer, and one with the sums at the end
    Jsonl,
}

impl Arguments {
    fn origin(&self) -> Result<Origin> {
        if let Some(path) = &self.simulate {
            return Ok(Origin::File(path.clone(), self.speed));
        }
        let raw = self.raw_format.zip(self.rate).map(|(format, rate_hz)| RawAudio {
            format: if format == RawFormat::S16le { SampleFormat::S16 } else { SampleFormat::F32 },
            rate_hz,
            channels: self.channels,
        });
        match (&self.input, raw) {
            (Some(_), raw) => Ok(Origin::Stdin(raw)),
            (None, _) => microphone(),
        }
    }
}

#[cfg(feature = "mic")]
fn microphone() -> Result<Origin> {
    microphone::open()
}

#[cfg(not(feature = "mic"))]
fn microphone() -> Result<Origin> {
    anyhow::bail!(
        "this program was built without the microphone; build it with `--features mic`, or pipe sound in: \
         arecord -q -f S16_LE -r 22050 | genrescope listen - --raw-format s16le --rate 22050"
    )
}

pub(crate) fn run(arguments: &Arguments, talk: &Talk) -> Result<Ending> {
    let model = models::load(arguments.model.as_deref())?;
    let listening = if arguments.carry { Listener::carrying } else { Listener::new };
    let mut listener = listening(&model, arguments.hop)?;
    let origin = arguments.origin()?;
    let interrupted = interrupts()?;
    let mut screen = Screen::new(arguments.format == Format::Jsonl, ModelLabel::from(&model));
    let events = sound::start(origin, model.header.front_end.sample_rate_hz);
    let mut failed = false;
    loop {
        if interrupted.load(Ordering::Relaxed) {
            screen.end()?;
            return Ok(Ending::Interrupted);
        }
        match events.recv_timeout(LOOK_UP) {
            Ok(Event::Block(samples, lost)) => screen.show(&listener.push(&samples, lost)?)?,
            Ok(Event::Warning(warning)) => screen.aside(|| talk.warning(&warning))?,
            Ok(Event::Failed(error)) => {
                failed = true;
                screen.aside(|| talk.error(&error.to_string()))?;
            }
            Err(RecvTimeoutError::Timeout) => (),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let heard_s = listener.duration_s();
    screen.show(&listener.finish()?)?;
    talk.detail(&format!("{heard_s:.1} s were heard"));
    screen.end()?;
    Ok(if failed { Ending::SomeFailed } else { Ending::Fine })
}

/// Set by the first Ctrl-C; the second ends the program where it stands.
fn interrupts() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("Ctrl-C cannot be watched for")?;
    Ok(interrupted)
}
