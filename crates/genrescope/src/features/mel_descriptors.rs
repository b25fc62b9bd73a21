//! The features that a mel spectrogram alone can give: 46 of GTZAN's 55.

use super::descriptors::mfcc_statistics;
use super::spectral::ROLL_PERCENT;
use super::statistics::{Statistics, statistics};
use super::stft::hann_window;
use super::{hz_to_mel, mel_to_hz};

/// How the mel spectrogram was made; Slaney's scale and norm, 0 Hz to half the sample rate, power 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MelLayout {
    /// Of the audio, Hz.
    pub sample_rate_hz: u32,
    /// Length of the transform, samples.
    pub n_fft: usize,
    /// Bands of a frame.
    pub bands: usize,
}

impl Default for MelLayout {
    /// 128 bands of transforms of 2048 samples at 22,050 Hz, as `gtzan-mel` and the published features have them.
    fn default() -> Self {
        Self { sample_rate_hz: super::SAMPLE_RATE_HZ, n_fft: 2048, bands: super::MEL_BANDS }
    }
}

/// What a mel spectrogram says of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct MelDescriptors {
    /// Root mean square; full scale 1 when 0 dB of the spectrogram is power 1, otherwise relative to its 0 dB.
    pub rms: Statistics,
    /// Hz.
    pub spectral_centroid: Statistics,
    /// Hz; centre of the band that holds it.
    pub rolloff: Statistics,
    /// Of each coefficient; the first depends on what 0 dB is.
    pub mfcc: Vec<Statistics>,
}

/// The descriptors of some frames of a mel spectrogram in dB, whatever its 0 dB is.
///
/// Slaney's filters have area 1 in Hz, so that a band's power times its width is the power in it; its root times its
/// width stands for the magnitudes that centroid and rolloff are made of.
///
/// # Shape
/// `[frames, bands]` row-major, band 0 lowest → 46 numbers with [`MelDescriptors::values`].
pub fn mel_descriptors(db: &[f32], layout: MelLayout) -> MelDescriptors {
    let bands = Bands::new(layout);
    let frames = || db.chunks_exact(layout.bands);
    MelDescriptors {
        rms: statistics(frames().map(|frame| bands.rms(frame))),
        spectral_centroid: statistics(frames().map(|frame| bands.centroid_hz(frame))),
        rolloff: statistics(frames().map(|frame| bands.rolloff_hz(frame))),
        mfcc: mfcc_statistics(db, layout.bands),
    }
}

impl MelDescriptors {
    /// Mean and variance of each, in the order of the published table.
    pub fn values(&self) -> Vec<f64> {
        let first = [self.rms, self.spectral_centroid, self.rolloff];
        first.iter().chain(&self.mfcc).flat_map(|s| [s.mean, s.variance]).collect()
    }
}

/// Where the bands lie.
struct Bands {
    centre_hz: Vec<f32>,
    /// Half the width of the triangle at its foot.
    width_hz: Vec<f32>,
    /// Mean square of a frame for a power of 1, summed over Hz.
    mean_square: f32,
}

impl Bands {
    fn new(layout: MelLayout) -> Self {
        let top_mel = hz_to_mel(f64::from(layout.sample_rate_hz) / 2.0);
        let edge_hz = |edge: usize| mel_to_hz(top_mel * edge as f64 / (layout.bands + 1) as f64);
        let window: f32 = hann_window(layout.n_fft).iter().map(|w| w * w).sum();
        Self {
            centre_hz: (0..layout.bands).map(|band| edge_hz(band + 1) as f32).collect(),
            width_hz: (0..layout.bands)
                .map(|band| ((edge_hz(band + 2) - edge_hz(band)) / 2.0) as f32)
                .collect(),
            // Parseval: both halves of the spectrum, over its length and the window's energy.
            mean_square: 2.0 / (layout.n_fft as f32 * window),
        }
    }

    fn power(db: f32) -> f32 {
        10f32.powf(0.1 * db)
    }

    fn rms(&self, frame: &[f32]) -> f32 {
        let power: f32 = frame.iter().zip(&self.width_hz).map(|(&db, width)| width * Self::power(db)).sum();
        (self.mean_square * power).sqrt()
    }

    fn magnitudes<'a>(&'a self, frame: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        frame.iter().zip(&self.width_hz).map(|(&db, width)| width * Self::power(0.5 * db))
    }

    fn centroid_hz(&self, frame: &[f32]) -> f32 {
        let sum: f32 = self.magnitudes(frame).sum();
        let weighted: f32 = self.magnitudes(frame).zip(&self.centre_hz).map(|(m, hz)| m * hz).sum();
        weighted / sum.max(f32::MIN_POSITIVE)
    }

    fn rolloff_hz(&self, frame: &[f32]) -> f32 {
        let threshold = ROLL_PERCENT * self.magnitudes(frame).sum::<f32>();
        let mut sum = 0.0;
        let mut reached = self.magnitudes(frame).zip(&self.centre_hz).skip_while(|(magnitude, _)| {
            sum += magnitude;
            sum < threshold
        });
        reached.next().map_or(0.0, |(_, &hz)| hz)
    }
}
