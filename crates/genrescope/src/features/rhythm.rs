//! Onsets, their periodicity, and the tempo.

use super::stft::hann_window;
use super::transform::{Planes, RealTransform};

/// Length of the window that a tempo is looked for in, s.
const WINDOW_S: f64 = 8.0;
/// The tempo that is likeliest before anything was heard, beats a minute.
const LIKELIEST_BPM: f64 = 120.0;
/// No tempo is faster, beats a minute.
const FASTEST_BPM: f64 = 320.0;

/// Strength of onsets, dB: `librosa.onset.onset_strength(S=db, aggregate=np.median)`.
///
/// The median over bands of what each rose since the frame before, later by the frames that a window reaches ahead
/// (`frame_samples / (2 · hop_samples)`).
///
/// # Shape
/// Mel spectrogram in dB, `[frames, bands]` → `[frames]`.
pub fn onset_strength(db: &[f32], bands: usize, frames_ahead: usize) -> Vec<f32> {
    let frames = db.len() / bands.max(1);
    let mut onsets = vec![0.0; (1 + frames_ahead).min(frames)];
    let mut rises = vec![0.0; bands];
    let pairs = db.chunks_exact(bands).zip(db.chunks_exact(bands).skip(1));
    for (before, here) in pairs.take(frames - onsets.len()) {
        for ((rise, now), before) in rises.iter_mut().zip(here).zip(before) {
            *rise = (now - before).max(0.0);
        }
        onsets.push(median(&mut rises));
    }
    onsets
}

fn median(values: &mut [f32]) -> f32 {
    let middle = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    if is_even { (below.iter().copied().fold(0.0, f32::max) + *upper) / 2.0 } else { *upper }
}

/// Frames of the tempogram's window: `librosa.time_to_frames(8.0)`.
pub fn tempogram_window(sample_rate_hz: u32, hop_samples: usize) -> usize {
    (WINDOW_S * f64::from(sample_rate_hz) / hop_samples as f64) as usize
}

/// How strongly the onsets around each frame repeat after each lag: `librosa.feature.tempogram(onset_envelope=onsets,
/// win_length=window_frames)`.
///
/// # Shape
/// `[frames]` → `[frames, window_frames]`: lag 0 is 1, or all are 0 where there is no onset.
pub fn tempogram(onsets: &[f32], window_frames: usize) -> Vec<f32> {
    let mut periodicity = Periodicity::new(onsets, window_frames);
    let mut out = Vec::with_capacity(onsets.len() * window_frames);
    for frame in 0..onsets.len() {
        let energy = periodicity.power_at(frame).max(f32::MIN_POSITIVE);
        periodicity.power.iter_mut().for_each(|value| *value /= energy);
        out.extend_from_slice(periodicity.lags());
    }
    out
}

/// Tempo, beats a minute: `librosa.feature.tempo(onset_envelope=onsets)`; 0 without any onset, as
/// `librosa.beat.beat_track` has it.
///
/// The lag whose mean over the tempogram, weighted by a bell over the logarithm of the tempo about 120, is largest. A
/// tempo is therefore always 60 · rate / (hop · lag) for a whole lag.
pub fn tempo(onsets: &[f32], sample_rate_hz: u32, hop_samples: usize) -> f64 {
    if onsets.iter().all(|&onset| onset == 0.0) {
        return 0.0;
    }
    let bpm_at = |lag: usize| 60.0 * f64::from(sample_rate_hz) / (hop_samples as f64 * lag as f64);
    let mean = mean_tempogram(onsets, tempogram_window(sample_rate_hz, hop_samples));
    let score = |lag: usize| {
        let octaves = (bpm_at(lag) / LIKELIEST_BPM).log2();
        (1e6 * f64::from(mean[lag])).ln_1p() - 0.5 * octaves * octaves
    };
    let lags = (1..mean.len()).filter(|&lag| bpm_at(lag) < FASTEST_BPM);
    lags.rev().max_by(|&a, &b| score(a).total_cmp(&score(b))).map_or(0.0, bpm_at)
}

/// Mean of [`tempogram`] over its frames, by the mean of the spectra that it is made of.
fn mean_tempogram(onsets: &[f32], window_frames: usize) -> Vec<f32> {
    let mut periodicity = Periodicity::new(onsets, window_frames);
    let mut sum = vec![0.0_f64; periodicity.power.len()];
    for frame in 0..onsets.len() {
        let scale = 1.0 / periodicity.power_at(frame).max(f32::MIN_POSITIVE);
        let scaled = sum.iter_mut().zip(&periodicity.power);
        scaled.for_each(|(sum, value)| *sum += f64::from(value * scale));
    }
    let frames = onsets.len() as f64;
    periodicity.power.iter_mut().zip(sum).for_each(|(value, sum)| *value = (sum / frames) as f32);
    periodicity.lags().to_vec()
}

/// Autocorrelations of windows on the onsets.
struct Periodicity {
    /// The onsets, with ramps to 0 of half a window on both sides.
    padded: Vec<f32>,
    window: Vec<f32>,
    transform: RealTransform,
    frame: Vec<f32>,
    ones: Vec<f32>,
    spectrum: Planes,
    /// Squared spectrum of the last window.
    power: Vec<f32>,
    lags: Vec<f32>,
}

impl Periodicity {
    fn new(onsets: &[f32], window_frames: usize) -> Self {
        // Twice the window: no lag wraps around.
        let length = (2 * window_frames).next_multiple_of(256);
        let transform = RealTransform::new(length);
        Self {
            padded: with_ramps(onsets, window_frames / 2),
            window: hann_window(window_frames),
            frame: vec![0.0; length],
            ones: vec![1.0; length],
            lags: vec![0.0; length],
            spectrum: Planes::new(transform.bins()),
            power: vec![0.0; transform.bins()],
            transform,
        }
    }

    /// Computes the squared spectrum of the window about a frame; gives its energy, which is the correlation at lag 0.
    fn power_at(&mut self, frame: usize) -> f32 {
        let window = self.padded[frame..].iter().zip(&self.window);
        let mut energy = 0.0;
        for (out, (x, w)) in self.frame.iter_mut().zip(window) {
            *out = x * w;
            energy += *out * *out;
        }
        let Planes { re, im } = &mut self.spectrum;
        self.transform.forward(&self.frame, &self.ones, re, im);
        self.power.iter_mut().zip(re).zip(im).for_each(|((power, re), im)| *power = *re * *re + *im * *im);
        energy
    }

    /// The autocorrelation of which `power` is the spectrum, as many lags as the window has frames.
    fn lags(&mut self) -> &[f32] {
        self.spectrum.im.fill(0.0);
        self.transform.inverse(&self.power, &self.spectrum.im, &mut self.lags);
        &self.lags[..self.window.len()]
    }
}

/// Straight lines from 0 to the first and from the last value: `numpy.pad`, mode `linear_ramp`.
fn with_ramps(values: &[f32], width: usize) -> Vec<f32> {
    let ramp = |at: usize, to: f32| (f64::from(to) * at as f64 / width as f64) as f32;
    let (first, last) = (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0));
    let before = (0..width).map(|at| ramp(at, first));
    let behind = (0..width).rev().map(|at| ramp(at, last));
    before.chain(values.iter().copied()).chain(behind).collect()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    #[test]
    fn onsets_every_half_second_are_120_beats_a_minute() {
        let rate_hz = 22_050;
        let period = 60.0 * f64::from(rate_hz) / (512.0 * 120.0);
        let onsets: Vec<f32> = (0..1000)
            .map(|frame| (0.5 + 0.5 * (TAU * f64::from(frame) / period).cos()).powi(8) as f32)
            .collect();
        assert!((tempo(&onsets, rate_hz, 512) - 120.0).abs() < 4.0, "{}", tempo(&onsets, rate_hz, 512));
        assert_eq!(tempo(&[0.0; 100], rate_hz, 512), 0.0);
    }

    #[test]
    fn lag_0_of_the_tempogram_is_1_where_there_are_onsets() {
        let onsets: Vec<f32> = (0..60).map(|frame| ((frame * 37) % 11) as f32).collect();
        let rows = tempogram(&onsets, 40);
        assert_eq!(rows.len(), 60 * 40);
        assert!(rows.chunks(40).all(|row| (row[0] - 1.0).abs() < 1e-5));
        assert!(tempogram(&[0.0; 5], 40).iter().all(|&x| x == 0.0));
    }
}
