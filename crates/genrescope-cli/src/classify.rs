//! `genrescope classify`: recordings → their genres.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use anyhow::{Result, bail};
use genrescope::model::{Model, Vocabulary};
use genrescope::predict::Settings;
use genrescope::report::{Detail, Entry, ModelLabel};

use crate::crew::{self, Event, InOrder};
use crate::exit::Ending;
use crate::inputs;
use crate::judging::{Judging, judge};
use crate::output::{Format, Report, Style};
use crate::talk::Talk;
use crate::threads::Threads;

const EXAMPLES: &str = "\
Examples:
  genrescope classify song.mp3
  genrescope classify song.mp3 --timeline --from 30 --to 90
  genrescope classify song.mp3 --format audacity -o labels.txt
  genrescope classify music/ --model best --format csv -o genres.csv
  genrescope classify song.mp3 --vocabulary tags --top 10
  genrescope classify music/ --set 90%                  # genres that hold the true one
  find . -name '*.flac' -print0 | genrescope classify --files-from - --format jsonl
  curl -s https://example.org/stream.ogg | genrescope classify -";

/// Say which genre recordings are
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Files, folders (with all below), or - for audio on standard input
    #[arg(value_name = "PATH", required_unless_present = "files_from")]
    paths: Vec<PathBuf>,
    /// Read paths from this file, one a line or NUL-separated; - for standard input
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,
    /// Name this many genres (2 unless given) or tags (5) in text, the leading one included
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    top: Option<u16>,
    /// Say which of ten genres it is, or how well each of 50 tags fits
    #[arg(long, value_enum, default_value_t = Words::Genres)]
    vocabulary: Words,
    /// Give the genres that hold the true one of this share of recordings, 50% to 99%; with a model that was fitted to
    /// that, see `genrescope inspect`
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    set: Option<u8>,
    /// Show how the genre changes over the track
    #[arg(long)]
    timeline: bool,
    #[command(flatten)]
    judging: Judging,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    threads: Threads,
    /// Stop at the first recording that fails
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Words {
    Genres,
    Tags,
}

impl Arguments {
    fn style(&self, model: &Model) -> Style {
        let detail = if self.timeline { Detail::Segments } else { Detail::Track };
        let vocabulary = model.header.vocabulary;
        let top = self.top.unwrap_or(if vocabulary == Vocabulary::Tags { 5 } else { 2 });
        Style { format: self.format, top: top.into(), detail, vocabulary }
    }

    fn model_and_settings(&self) -> Result<(Model, Settings)> {
        match self.vocabulary {
            Words::Genres if self.set.is_some() && self.format.is_of_one_recording() => {
                bail!("sets go into text, json, jsonl and csv; choose one of these")
            }
            Words::Genres => self.judging.model_and_settings(),
            Words::Tags if self.set.is_some() => {
                bail!("sets are of genres; several tags may be right at once")
            }
            Words::Tags if self.format.is_of_one_recording() => {
                bail!("tags go into text, json, jsonl and csv; choose one of these")
            }
            Words::Tags => self.judging.tags_and_settings(),
        }
    }
}

/// `90%` or `90`.
fn percent(text: &str) -> Result<u8, String> {
    text.strip_suffix('%')
        .unwrap_or(text)
        .parse()
        .map_err(|_| "expected a percentage, for example 90%".into())
}

pub(crate) fn run(arguments: &Arguments, talk: &Talk) -> Result<Ending> {
    let threads = arguments.threads.count();
    let (model, settings) = arguments.model_and_settings()?;
    let inputs = inputs::gather(&arguments.paths, arguments.files_from.as_deref())?;
    if arguments.format.is_of_one_recording() && inputs.len() != 1 {
        bail!("this format holds one recording, here are {}; name one, or choose csv or json", inputs.len());
    }
    let label = ModelLabel::with_sets(&model, arguments.set)?;
    talk.detail(&format!("model {} ({}), {threads} threads", label.name, label.hash));
    let report = Report::open(arguments.output.as_deref(), arguments.style(&model), label)?;
    let count = inputs.len();
    let talk = talk.counting_to(count);
    let events = crew::start(inputs, threads, judge(model, &settings, crew::threads_each(threads, count)))?;
    Desk { count, report, talk, strict: arguments.strict, failed: 0, judged_s: 0.0, started: Instant::now() }
        .run(&events)
}

/// Where the crew's results come in.
struct Desk {
    count: usize,
    report: Report,
    talk: Talk,
    strict: bool,
    failed: usize,
    judged_s: f64,
    started: Instant,
}

impl Desk {
    /// Writes results in the order of the inputs, as soon as it is their turn.
    fn run(mut self, events: &Receiver<Event<Entry>>) -> Result<Ending> {
        let mut results = InOrder::default();
        for _ in 0..self.count {
            let (number, entry) = match events.recv()? {
                Event::Done(number, entry) => (number, entry),
                Event::Interrupted => return self.interrupted(results),
            };
            for (_, entry) in results.add(number, entry) {
                self.take(&entry)?;
                if self.strict && self.failed > 0 {
                    return self.end();
                }
            }
        }
        self.end()
    }

    fn take(&mut self, entry: &Entry) -> Result<()> {
        match &entry.outcome {
            Ok(prediction) => {
                self.judged_s += prediction.duration_s;
                prediction.warnings.iter().for_each(|w| self.talk.warning(&format!("{}: {w}", entry.path)));
            }
            Err(error) => {
                self.failed += 1;
                self.talk.error(&error.to_string());
            }
        }
        self.talk.advance(&entry.path);
        self.talk.aside(|| self.report.add(entry))
    }

    fn end(self) -> Result<Ending> {
        self.talk.end();
        self.report.finish()?;
        let elapsed_s = self.started.elapsed().as_secs_f64();
        let ratio = self.judged_s / elapsed_s;
        self.talk
            .detail(&format!("{:.1} s of audio in {elapsed_s:.2} s: {ratio:.0} × real time", self.judged_s));
        Ok(if self.failed > 0 { Ending::SomeFailed } else { Ending::Fine })
    }

    /// What is finished is kept, also where an earlier input is not.
    fn interrupted(mut self, results: InOrder<Entry>) -> Result<Ending> {
        for entry in results.into_waiting() {
            self.take(&entry)?;
        }
        self.end().map(|_| Ending::Interrupted)
    }
}
