//! A recording → its prediction, and what can be seen of it, in a thread where waiting is allowed.

use std::time::Instant;

use genrescope::audio::{AudioStream, Title, contained};
use genrescope::model::Model;
use genrescope::predict::{Decoding, Prediction, Segment, Settings, Watch, classify_watched};
use genrescope::report::picture::timeline::Overview;
use genrescope::{Error, ErrorKind, Result};

use crate::waveform::Waveform;

/// What a recording is heard for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its genre.
    Answer,
    /// Its genre, and what is drawn of it.
    Picture,
}

/// A recording that was heard.
pub(crate) struct Heard {
    pub(crate) title: Title,
    pub(crate) prediction: Prediction,
    /// Empty for [`Purpose::Answer`].
    pub(crate) overview: Overview,
    pub(crate) waveform: Waveform,
}

/// How a recording is heard.
pub(crate) struct Hearing<'a> {
    pub(crate) model: &'a Model,
    pub(crate) purpose: Purpose,
    pub(crate) decoding: Decoding,
    /// When it must be done; a microphone never is.
    pub(crate) until: Option<Instant>,
    /// Whether anybody still waits for it.
    pub(crate) wanted: &'a (dyn Fn() -> bool + Sync),
}

impl Hearing<'_> {
    /// Hears what `open` opens, while `watch` is told of it.
    pub(crate) fn hear(
        &self,
        name: &str,
        open: impl FnOnce() -> Result<AudioStream>,
        Watch { heard: tell, judged: show }: Watch,
    ) -> Result<Heard> {
        contained(name, || {
            let stream = open()?;
            let title = stream.title();
            let mut overview = Overview::new(stream.sample_rate_hz())?;
            let mut waveform = Waveform::new(stream.sample_rate_hz());
            let mut heard = |samples: &[f32]| {
                if self.purpose == Purpose::Picture {
                    overview.hear(samples);
                    waveform.hear(samples);
                }
                tell(samples)?;
                self.check(name)
            };
            let mut judged = |patch: &Segment| {
                show(patch)?;
                self.check(name)
            };
            let watch = Watch { heard: &mut heard, judged: &mut judged };
            let settings = Settings { decoding: self.decoding, ..Settings::default() };
            let prediction = classify_watched(self.model, stream, &settings, watch)?;
            overview.end();
            Ok(Heard { title, prediction, overview, waveform })
        })
    }

    fn check(&self, name: &str) -> Result<()> {
        if !(self.wanted)() {
            return Err(Error::new(ErrorKind::Io, format!("{name}: nobody waits for it any more")));
        }
        if self.until.is_some_and(|until| Instant::now() > until) {
            let message = format!("{name}: takes too long here; use `genrescope classify` for it");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        Ok(())
    }
}
