//! How strong each of the twelve pitch classes is.

use super::Magnitudes;
use super::tile::{Tile, for_each_tile};
use super::tuning::estimate_tuning;
use super::vector::{Lanes, larger};

/// Pitch classes, from C on.
pub const CHROMA: usize = 12;
/// Octave with the greatest weight, counted from A0, and the width of the bell about it, octaves.
const CENTRE_OCTAVE: f64 = 5.0;
const WIDTH_OCTAVES: f64 = 2.0;
/// How far C stands above A in a row that begins at A.
const C_ABOVE_A: usize = 3;

/// Pitch classes over time: `librosa.feature.chroma_stft(S=power)` with its defaults; the tuning is estimated.
///
/// # Shape
/// Power spectrogram `[frames, bins]` → `[frames]` of 12 from C on, each frame's largest 1; 0 in silence.
pub fn chroma_stft(power: &Magnitudes, sample_rate_hz: u32) -> Vec<[f32; CHROMA]> {
    let tuning = estimate_tuning(power, sample_rate_hz);
    let bank = chroma_filter_bank(sample_rate_hz, 2 * (power.bins - 1), tuning);
    let mut out = Vec::with_capacity(power.frames());
    for_each_tile(&power.values, power.bins, |tile| bank.apply(tile, &mut out));
    out
}

/// Weights that gather the bins of a power spectrum into pitch classes.
#[derive(Clone, Debug, PartialEq)]
pub struct ChromaFilterBank {
    /// Of each class, from C on: `[bins]`, from 0 Hz on.
    weights: [Vec<f32>; CHROMA],
}

/// The filter bank `librosa.filters.chroma(sr=sample_rate_hz, n_fft=n_fft, tuning=tuning)`; tuning in semitones.
pub fn chroma_filter_bank(sample_rate_hz: u32, n_fft: usize, tuning: f64) -> ChromaFilterBank {
    let classes = CHROMA as f64;
    let a0_hz = 440.0 / 16.0 * (tuning / classes).exp2();
    let semitone = |bin: usize| {
        let hz = bin as f64 * f64::from(sample_rate_hz) / n_fft as f64;
        classes * (hz / a0_hz).log2()
    };
    // 0 Hz is put one and a half octaves below the first bin.
    let place = |bin: usize| if bin == 0 { semitone(1) - 1.5 * classes } else { semitone(bin) };
    let width = |bin: usize| if bin + 1 < n_fft { (place(bin + 1) - place(bin)).max(1.0) } else { 1.0 };
    let bins: Vec<_> = (0..=n_fft / 2).map(|bin| bin_weights(place(bin), width(bin))).collect();
    ChromaFilterBank { weights: std::array::from_fn(|class| bins.iter().map(|bin| bin[class]).collect()) }
}

/// Bells around each class's semitones, of norm 1, then weighted by octave.
fn bin_weights(semitone: f64, width: f64) -> [f32; CHROMA] {
    let classes = CHROMA as f64;
    let bell = |class: usize| {
        let distance =
            (semitone - class as f64 + classes / 2.0 + 10.0 * classes).rem_euclid(classes) - classes / 2.0;
        (-0.5 * (2.0 * distance / width).powi(2)).exp()
    };
    let from_a: [f64; CHROMA] = std::array::from_fn(bell);
    let norm = from_a.iter().map(|w| w * w).sum::<f64>().sqrt();
    let octave = (-0.5 * ((semitone / classes - CENTRE_OCTAVE) / WIDTH_OCTAVES).powi(2)).exp();
    std::array::from_fn(|class| (from_a[(class + C_ABOVE_A) % CHROMA] / norm * octave) as f32)
}

impl ChromaFilterBank {
    /// Weights of a class, 0 for C, from 0 Hz on.
    pub fn weights(&self, class: usize) -> &[f32] {
        &self.weights[class]
    }

    /// Appends the classes of a tile of power.
    pub(super) fn apply(&self, power: &Tile, out: &mut Vec<[f32; CHROMA]>) {
        let sums: [Lanes; CHROMA] = std::array::from_fn(|class| power.weighted_sum(&self.weights[class]));
        out.extend((0..power.frames).map(|lane| normalised(sums.map(|class| class[lane]))));
    }
}

/// Divided by the largest; what is too small to be divided by stays.
fn normalised(classes: [f32; CHROMA]) -> [f32; CHROMA] {
    let largest = classes.iter().fold(0.0, |a, &b| larger(a, b));
    if largest < f32::MIN_POSITIVE { classes } else { classes.map(|class| class / largest) }
}
