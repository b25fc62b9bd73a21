//! Samples → what a network sees: mel spectrogram, and the audio features of GTZAN's published table.
//!
//! *Takes* mono samples, for the mel spectrogram in any pieces. *Gives* mel power, frame by frame ([`MelStream`],
//! [`mel_spectrogram`]), patches in dB ([`patch_db`]), the functions of librosa that the table was made with, each by
//! its name ([`chroma_stft`], [`hpss`], [`tempo`] …), and sets of their means and variances ([`FeatureSet`]).
//! *Decides* nothing that [`FrontEnd`] or [`Framing`] do not say; these settings travel in the model file, so that
//! training, evaluation and every door have the same features. *Never* normalises: mean and deviation belong to the
//! model.

mod bandwidth;
mod chroma;
mod descriptors;
mod hpss;
mod level;
mod log_mel;
mod low_pass;
mod median;
mod mel;
mod mel_descriptors;
mod mfcc;
mod patch_features;
mod pitch_shift;
mod rhythm;
mod sets;
mod spectral;
mod statistics;
mod stft;
mod stream;
mod tile;
mod transform;
mod tuning;
mod vector;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

pub(crate) use bandwidth::fill_upper_bands;
pub use chroma::{CHROMA, ChromaFilterBank, chroma_filter_bank, chroma_stft};
pub use descriptors::{COEFFICIENTS, Descriptors, MEL_BANDS, SAMPLE_RATE_HZ, descriptors, mel_db};
pub use hpss::{Separated, decompose_hpss, harmonic, hpss, percussive};
pub use level::{rms, zero_crossing_rate};
pub(crate) use log_mel::LEAST_POWER;
pub use log_mel::{mel_spectrogram, patch_db, power_to_db, rereference_db, resample_frames};
pub use low_pass::LowPass;
pub use mel::{MelFilterBank, hz_to_mel, mel_filter_bank, mel_to_hz};
pub use mel_descriptors::{MelDescriptors, MelLayout, mel_descriptors};
pub use mfcc::mfcc;
pub use patch_features::PatchFeatures;
pub use pitch_shift::{pitch_shift, time_stretch};
pub use rhythm::{onset_strength, tempo, tempogram, tempogram_window};
pub use sets::{Column, FeatureSet};
pub use spectral::{ROLL_PERCENT, spectral_bandwidth, spectral_centroid, spectral_rolloff};
pub use statistics::{Statistics, statistics};
pub use stft::{Framing, Magnitudes, PowerSpectrum, Stft, hann_window, istft, stft};
pub use stream::{MelFrames, MelStream};
pub(crate) use transform::{Planes, RealTransform};
pub use tuning::{Pitch, estimate_tuning, piptrack};

use crate::{Error, ErrorKind, Result};

/// How a waveform becomes the mel spectrogram that a network sees. Travels in the model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrontEnd {
    /// Sample rate that audio is resampled to, Hz.
    pub sample_rate_hz: u32,
    /// Length of the FFT and of the periodic Hann window, samples.
    pub n_fft: usize,
    /// Distance of neighbouring STFT frames, samples.
    pub hop_samples: usize,
    /// Bands of the mel filter bank (Slaney scale and norm, 0 Hz to half the sample rate).
    pub mel_bands: usize,
    /// How many STFT frames one kept frame stands for: kept frame `j` is STFT frame `⌊(j + 0.5) · frame_step⌋`.
    /// 1 keeps every frame; [`FrontEnd::gtzan_mel`] has 1293 / 387.5, the published spectrograms' spacing.
    pub frame_step: f64,
    /// What 0 dB is.
    pub reference: Reference,
    /// Levels below this many dB under the reference are cut off, dB, negative.
    pub floor_db: f32,
    /// What stands before the first and after the last sample.
    pub padding: Padding,
    /// What becomes of mel power before the network sees it.
    #[serde(skip_serializing_if = "Compression::is_decibels")]
    pub compression: Compression,
    /// What samples go through before their spectrogram is made.
    #[serde(skip_serializing_if = "LowPass::is_none")]
    pub low_pass: LowPass,
}

/// What becomes of mel power before the network sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Compression {
    /// dB under [`FrontEnd::reference`], cut at [`FrontEnd::floor_db`].
    #[default]
    Decibels,
    /// `log10(1 + gain · power)` of power in half precision, as musicnn has it; reference and floor do not count.
    Log10 {
        /// What power is multiplied by.
        gain: f32,
    },
}

impl Compression {
    /// Whether levels are in dB.
    pub fn is_decibels(&self) -> bool {
        *self == Self::Decibels
    }
}

/// What 0 dB is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The loudest cell of the patch: gain changes nothing, streaming equals whole-file.
    Patch,
    /// The loudest cell of the whole clip, as source 1 does; a stream uses its running maximum.
    Clip,
}

/// What stands before the first and after the last sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Zeros (librosa ≥ 0.9).
    Constant,
    /// The signal mirrored at its first and last sample (librosa ≤ 0.8); one shorter than half a window is mirrored
    /// again and again, as `numpy.pad` does.
    Reflect,
}

impl Default for FrontEnd {
    fn default() -> Self {
        Self::gtzan_mel()
    }
}

impl FrontEnd {
    /// The front end of the 999 published spectrograms: a frame every 77.5 ms, per-patch reference.
    pub fn gtzan_mel() -> Self {
        Self {
            sample_rate_hz: 22_050,
            n_fft: 2048,
            hop_samples: 512,
            mel_bands: 128,
            frame_step: 1293.0 / 387.5,
            reference: Reference::Patch,
            floor_db: -60.0,
            padding: Padding::Constant,
            compression: Compression::Decibels,
            low_pass: LowPass::None,
        }
    }

    /// The front end of musicnn: 16 kHz, 96 bands, a frame every 16 ms.
    pub fn musicnn() -> Self {
        Self {
            sample_rate_hz: 16_000,
            n_fft: 512,
            hop_samples: 256,
            mel_bands: 96,
            frame_step: 1.0,
            padding: Padding::Reflect,
            compression: Compression::Log10 { gain: 10_000.0 },
            low_pass: LowPass::KaiserBest,
            ..Self::gtzan_mel()
        }
    }

    /// Distance of neighbouring kept frames, seconds.
    pub fn frame_period_s(&self) -> f64 {
        self.frame_step * self.hop_samples as f64 / f64::from(self.sample_rate_hz)
    }

    /// Which STFT frame kept frame `kept` is: `⌊(kept + 0.5) · frame_step⌋`.
    pub fn stft_frame(&self, kept: u64) -> u64 {
        // A product that should be whole may come out a rounding error below.
        const ROUNDING: f64 = 1e-6;
        ((kept as f64 + 0.5) * self.frame_step + ROUNDING) as u64
    }

    /// The samples between the centres of the first and the last of `frames` kept frames from number `start` on, both
    /// included: what the audio features of a patch are computed of.
    pub fn samples_of(&self, start: usize, frames: usize) -> std::ops::Range<usize> {
        let centre = |kept: usize| self.stft_frame(kept as u64) as usize * self.hop_samples;
        centre(start)..centre((start + frames).saturating_sub(1).max(start)) + 1
    }

    /// Refuses settings that make no spectrogram.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] with the setting, its value and what it may be.
    pub fn check(&self) -> Result<()> {
        let rates = crate::audio::SAMPLE_RATES_HZ;
        within(
            "sample_rate_hz",
            self.sample_rate_hz.into(),
            (*rates.start()).into()..=(*rates.end()).into(),
        )?;
        within("n_fft", self.n_fft as f64, 2.0..=65_536.0)?;
        within("hop_samples", self.hop_samples as f64, 1.0..=65_536.0)?;
        within("mel_bands", self.mel_bands as f64, 1.0..=1024.0)?;
        within("frame_step", self.frame_step, 1.0..=1000.0)?;
        if let Compression::Log10 { gain } = self.compression {
            within("gain", gain.into(), 1e-3..=1e9)?;
            if self.reference == Reference::Clip {
                let what = "front end: compression log10 has no reference; state reference = patch";
                return Err(Error::new(ErrorKind::BadSettings, what));
            }
        }
        within("floor_db", self.floor_db.into(), -300.0..=-1.0)
    }
}

fn within(setting: &str, value: f64, range: RangeInclusive<f64>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    let (low, high) = range.into_inner();
    let message = format!("front end: {setting} is {value}; choose from {low} to {high}");
    Err(Error::new(ErrorKind::BadSettings, message))
}
