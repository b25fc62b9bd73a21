//! Where live sound comes from: blocks of samples over a channel, as they are made.

use std::io::{self, Read};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use genrescope::Error;
use genrescope::audio::{AudioStream, RawAudio, contained};

/// Blocks that may wait for the network: less than a second.
const BLOCKS_AHEAD: usize = 8;

/// How fast a recording is played; none: as fast as it can be judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace(Option<f64>);

pub(super) fn pace(text: &str) -> Result<Pace, String> {
    let factor = || text.parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor > 0.0);
    match text {
        "max" => Ok(Pace(None)),
        _ => factor()
            .map(|factor| Pace(Some(factor)))
            .ok_or_else(|| "expected a factor above 0, or `max`".into()),
    }
}

/// Where the sound comes from.
pub(super) enum Origin {
    File(PathBuf, Pace),
    /// Raw samples, or any container.
    Stdin(Option<RawAudio>),
    #[cfg(feature = "mic")]
    Microphone(RawAudio, Box<dyn Read + Send + Sync>),
}

/// What happens.
pub(super) enum Event {
    /// Samples, and what of the sound so far was lost, seconds.
    Block(Vec<f32>, Vec<Range<f64>>),
    /// The sound goes on, but not undamaged.
    Warning(String),
    /// There is no sound.
    Failed(Error),
}

/// Starts to read; the channel closes when the sound has ended.
pub(super) fn start(origin: Origin, sample_rate_hz: u32) -> Receiver<Event> {
    let (events, received) = sync_channel(BLOCKS_AHEAD);
    thread::spawn(move || {
        let mut player =
            Player { sample_rate_hz, events, samples: 0, pace: Pace(None), started: Instant::now() };
        let played = match origin {
            Origin::File(path, pace) => {
                player.pace = pace;
                player.play(&path.to_string_lossy(), || AudioStream::open(&path, sample_rate_hz))
            }
            Origin::Stdin(raw) => player.play_on(Box::new(io::stdin()), raw, "-"),
            #[cfg(feature = "mic")]
            Origin::Microphone(raw, reader) => player.play_on(reader, Some(raw), "microphone"),
        };
        if let Err(error) = played {
            player.tell(Event::Failed(error));
        }
    });
    received
}

struct Player {
    sample_rate_hz: u32,
    events: SyncSender<Event>,
    samples: u64,
    pace: Pace,
    started: Instant,
}

impl Player {
    /// Whether somebody listens still.
    fn tell(&self, event: Event) -> bool {
        self.events.send(event).is_ok()
    }

    /// Seconds so far.
    fn played_s(&self) -> f64 {
        self.samples as f64 / f64::from(self.sample_rate_hz)
    }

    /// Plays one stream to its end; a decoder that fails is an error too.
    fn play(
        &mut self,
        name: &str,
        open: impl FnOnce() -> genrescope::Result<AudioStream>,
    ) -> genrescope::Result<()> {
        contained(name, || self.play_stream(open()?.live()))
    }

    fn play_stream(&mut self, mut stream: AudioStream) -> genrescope::Result<()> {
        let began_s = self.played_s();
        let mut warned = 0;
        while let Some(block) = stream.next_block()? {
            self.samples += block.len() as u64;
            let lost = stream.take_lost().into_iter().map(|span| began_s + span.start..began_s + span.end);
            let lost: Vec<Range<f64>> = lost.collect();
            // The sentence is rewritten with each loss: the first is enough while the sound goes on.
            if stream.warnings().len() > warned {
                warned = stream.warnings().len();
                self.tell(Event::Warning(format!("{}: {}", stream.name(), stream.warnings()[warned - 1])));
            }
            self.wait();
            if !self.tell(Event::Block(block, lost)) {
                break;
            }
        }
        Ok(())
    }

    /// Waits until what was read would have been played.
    fn wait(&self) {
        if let Pace(Some(factor)) = self.pace {
            let due = Duration::from_secs_f64(self.played_s() / factor);
            thread::sleep(due.saturating_sub(self.started.elapsed()));
        }
    }

    /// Plays all that comes: where a stream ends or breaks and more bytes follow, another begins.
    fn play_on(
        &mut self,
        reader: Box<dyn Read + Send + Sync>,
        raw: Option<RawAudio>,
        name: &str,
    ) -> genrescope::Result<()> {
        let bytes = Bytes::new(reader);
        loop {
            let before = bytes.count();
            let (reader, rate_hz) = (bytes.clone(), self.sample_rate_hz);
            let played = self.play(name, || match raw {
                Some(raw) => raw.stream(reader, name, rate_hz),
                None => AudioStream::from_reader(Box::new(reader), name, rate_hz),
            });
            let stuck = bytes.count() == before;
            match played {
                Err(error) if stuck || (bytes.ended() && self.samples == 0) => return Err(error),
                _ if stuck || bytes.ended() => return Ok(()),
                Err(error) => {
                    if !self.tell(Event::Warning(format!("{error}; going on with what follows"))) {
                        return Ok(());
                    }
                }
                Ok(()) => (),
            }
        }
    }
}

/// A reader that several streams read, one behind the other.
#[derive(Clone)]
struct Bytes {
    reader: Arc<Mutex<Box<dyn Read + Send + Sync>>>,
    /// How many were read; [`ENDED`] is added at the end.
    count: Arc<AtomicU64>,
}

const ENDED: u64 = 1 << 63;

impl Bytes {
    fn new(reader: Box<dyn Read + Send + Sync>) -> Self {
        Self { reader: Arc::new(Mutex::new(reader)), count: Arc::default() }
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn ended(&self) -> bool {
        self.count() & ENDED != 0
    }
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let read = reader.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.count.fetch_or(ENDED, Ordering::Relaxed);
        }
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genrescope::ErrorKind;

    const MP3: &[u8] = include_bytes!("../../../genrescope/tests/audio/stereo_44100.mp3");

    /// Gives parts one behind the other; what is no part happens instead.
    struct Parts(Vec<Part>);

    enum Part {
        Bytes(&'static [u8]),
        Broken,
        Panic,
    }

    impl Read for Parts {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.first_mut() {
                None => Ok(0),
                Some(Part::Bytes([])) => {
                    self.0.remove(0);
                    self.read(buffer)
                }
                Some(Part::Bytes(bytes)) => bytes.read(buffer),
                Some(Part::Broken) => Err(io::Error::other("the cable is out")),
                Some(Part::Panic) => {
                    self.0.remove(0);
                    panic!("a decoder that fails")
                }
            }
        }
    }

    fn player() -> (Player, Receiver<Event>) {
        let (events, received) = sync_channel(10_000);
        let (sample_rate_hz, pace, started) = (22_050, Pace(None), Instant::now());
        (Player { sample_rate_hz, events, samples: 0, pace, started }, received)
    }

    /// How it ended, how many seconds were heard, and the warnings.
    fn played(parts: Vec<Part>) -> (genrescope::Result<()>, f64, Vec<String>) {
        let (mut player, received) = player();
        let outcome = player.play_on(Box::new(Parts(parts)), None, "-");
        let heard_s = player.played_s();
        drop(player);
        let warning = |event| if let Event::Warning(warning) = event { Some(warning) } else { None };
        (outcome, heard_s, received.into_iter().filter_map(warning).collect())
    }

    #[test]
    fn a_decoder_that_fails_is_named_and_what_follows_is_heard() {
        let (outcome, once_s, warnings) = played(vec![Part::Bytes(MP3)]);
        assert!(outcome.is_ok() && once_s > 1.0 && warnings.is_empty(), "{once_s} s: {warnings:?}");
        let (outcome, heard_s, _) = played(vec![Part::Bytes(MP3), Part::Panic, Part::Bytes(MP3)]);
        assert!(outcome.is_ok() && heard_s > 1.9 * once_s, "{heard_s} s: {outcome:?}");

        let error = player().0.play("radio", || panic!("a decoder that fails")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("radio: this file makes the decoder fail"), "{error}");
    }

    #[test]
    fn a_read_that_fails_is_an_error_behind_what_was_heard() {
        let (outcome, heard_s, _) = played(vec![Part::Bytes(MP3), Part::Broken]);
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("the cable is out") && heard_s > 1.0, "{heard_s} s: {error}");
    }
}
