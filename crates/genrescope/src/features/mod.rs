//! Waveform → features. One front end: training, evaluation and every door reach features through here,
//! with settings that travel in the model file.

use serde::{Deserialize, Serialize};

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
    /// The signal mirrored (librosa ≤ 0.8).
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
        }
    }

    /// Distance of neighbouring kept frames, seconds.
    pub fn frame_period_s(&self) -> f64 {
        self.frame_step * self.hop_samples as f64 / f64::from(self.sample_rate_hz)
    }
}

/// stub
pub fn rereference_db(db: &mut [f32], front_end: &FrontEnd) {
    let top = db.iter().copied().fold(f32::MIN, f32::max);
    db.iter_mut().for_each(|x| *x = (*x - top).max(front_end.floor_db));
}
/// stub
pub struct MelFrames {
    #[allow(missing_docs)]
    pub bands: usize,
    #[allow(missing_docs)]
    pub power: Vec<f32>,
}
/// stub
pub fn mel_spectrogram(_: &crate::audio::Waveform, _: &FrontEnd) -> crate::Result<MelFrames> {
    Err(crate::Error::new(crate::ErrorKind::Io, "stub"))
}
