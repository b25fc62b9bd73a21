//! A whole recording in memory.

use std::path::Path;

use super::{AudioStream, MAX_WAVEFORM_S};
use crate::{Error, ErrorKind, Result};

/// A mono signal and its rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform {
    /// Samples, full scale ±1.
    pub samples: Vec<f32>,
    /// Samples a second, Hz.
    pub sample_rate_hz: u32,
}

impl Waveform {
    /// Decodes a whole file, mixed to mono and resampled to `sample_rate_hz`.
    ///
    /// # Errors
    /// As [`AudioStream::open`] and [`AudioStream::next_block`]; [`ErrorKind::LimitExceeded`] when it is longer than
    /// [`MAX_WAVEFORM_S`]: read it with an [`AudioStream`].
    pub fn decode(path: &Path, sample_rate_hz: u32) -> Result<Self> {
        Self::from_stream(AudioStream::open(path, sample_rate_hz)?)
    }

    /// All that is left of a stream.
    ///
    /// # Errors
    /// As [`Waveform::decode`].
    pub fn from_stream(mut stream: AudioStream) -> Result<Self> {
        let sample_rate_hz = stream.sample_rate_hz();
        let limit_samples = MAX_WAVEFORM_S * u64::from(sample_rate_hz);
        let mut samples = Vec::new();
        while let Some(block) = stream.next_block()? {
            samples.extend_from_slice(&block);
            if samples.len() as u64 > limit_samples {
                let message =
                    format!("{}: longer than {MAX_WAVEFORM_S} s; read it as a stream", stream.name());
                return Err(Error::new(ErrorKind::LimitExceeded, message));
            }
        }
        Ok(Self { samples, sample_rate_hz })
    }

    /// Length, s.
    pub fn duration_s(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate_hz)
    }
}
