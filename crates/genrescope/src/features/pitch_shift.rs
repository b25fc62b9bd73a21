//! Recordings in another tempo or key: the phase vocoder.

use std::f64::consts::{PI, TAU};

use super::{Framing, Padding, Stft, istft, stft};
use crate::Result;
use crate::audio::resample;

/// Largest denominator of the fraction that stands for the ratio of two pitches: wrong by less than 0.3 cents.
const LARGEST_DENOMINATOR: u32 = 400;

/// Another tempo at the same pitch, `rate` times as fast: `librosa.effects.time_stretch`.
///
/// # Shape
/// `[samples]` → `[round(samples / rate)]`.
pub fn time_stretch(samples: &[f32], rate: f64) -> Vec<f32> {
    let spectrum = stft(samples, Framing::with_padding(Padding::Constant));
    istft(&phase_vocoder(&spectrum, rate), (samples.len() as f64 / rate).round() as usize)
}

/// Another pitch at the same tempo, `semitones` up: `librosa.effects.pitch_shift`.
///
/// # Shape
/// `[samples]` → `[samples]`.
///
/// # Errors
/// [`ErrorKind::BadSettings`](crate::ErrorKind::BadSettings) for a shift that makes no resampler.
pub fn pitch_shift(samples: &[f32], semitones: f64) -> Result<Vec<f32>> {
    let ratio = 2f64.powf(semitones / 12.0);
    let stretched = time_stretch(samples, 1.0 / ratio);
    let [from, to] = fraction(ratio);
    let mut shifted = resample(&stretched, from, to)?;
    shifted.resize(samples.len(), 0.0);
    Ok(shifted)
}

/// Numerator and denominator of the nearest fraction with a small denominator.
fn fraction(ratio: f64) -> [u32; 2] {
    let near = |denominator: u32| [(ratio * f64::from(denominator)).round() as u32, denominator];
    let error = |[a, b]: &[u32; 2]| (f64::from(*a) / f64::from(*b) - ratio).abs();
    (1..=LARGEST_DENOMINATOR).map(near).min_by(|a, b| error(a).total_cmp(&error(b))).unwrap_or([1, 1])
}

/// The same spectrum with its frames `rate` times as far apart: `librosa.phase_vocoder`. Magnitudes are interpolated,
/// phases go on as fast as they did.
fn phase_vocoder(spectrum: &Stft, rate: f64) -> Stft {
    let (bins, frames, hop) = (spectrum.bins(), spectrum.frames(), spectrum.framing.hop_samples);
    let advance: Vec<f64> =
        (0..bins).map(|bin| PI * hop as f64 * bin as f64 / (bins - 1).max(1) as f64).collect();
    let polar = polar(spectrum);
    let nothing = vec![(0.0, 0.0); bins];
    let row = |frame: usize| polar.get(frame * bins..(frame + 1) * bins).unwrap_or(&nothing);
    let mut phase: Vec<f64> = row(0).iter().map(|&(_, angle)| angle).collect();
    let mut out = Stft { framing: spectrum.framing, real: Vec::new(), imaginary: Vec::new() };
    for step in (0..).map(|step| f64::from(step) * rate).take_while(|step| *step < frames as f64) {
        let (first, share) = (step as usize, step.fract());
        let cells = row(first).iter().zip(row(first + 1)).zip(phase.iter_mut().zip(&advance));
        for ((&(loud, from), &(next, to)), (phase, advance)) in cells {
            let magnitude = loud + share * (next - loud);
            out.real.push((magnitude * phase.cos()) as f32);
            out.imaginary.push((magnitude * phase.sin()) as f32);
            let ahead = to - from - advance;
            *phase += advance + ahead - TAU * (ahead / TAU).round();
        }
    }
    out
}

/// Magnitude and angle of every cell.
fn polar(spectrum: &Stft) -> Vec<(f64, f64)> {
    let cells =
        spectrum.real.iter().zip(&spectrum.imaginary).map(|(&re, &im)| (f64::from(re), f64::from(im)));
    cells.map(|(re, im)| (re.hypot(im), im.atan2(re))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: f64 = 22_050.0;

    fn sine(hz: f64) -> Vec<f32> {
        (0..66_150).map(|n| (0.5 * (TAU * hz * f64::from(n) / RATE_HZ).sin()) as f32).collect()
    }

    /// Power at a frequency in the middle of a signal.
    fn power_at(samples: &[f32], hz: f64) -> f64 {
        let middle = &samples[samples.len() / 4..][..samples.len() / 2];
        let turn = |n: usize| TAU * hz * n as f64 / RATE_HZ;
        let sum = |wave: fn(f64) -> f64| -> f64 {
            middle.iter().enumerate().map(|(n, &x)| f64::from(x) * wave(turn(n))).sum()
        };
        (sum(f64::cos).powi(2) + sum(f64::sin).powi(2)) / (middle.len() as f64 / 2.0).powi(2)
    }

    #[test]
    fn a_sine_is_shifted_by_its_semitones_and_keeps_its_length_and_level() {
        let tone = sine(440.0);
        for semitones in [-6.0, -1.0, 1.0, 5.0] {
            let shifted = pitch_shift(&tone, semitones).unwrap();
            assert_eq!(shifted.len(), tone.len());
            let power = power_at(&shifted, 440.0 * 2f64.powf(semitones / 12.0));
            // Neighbouring bins lose their common phase: up to 2 dB.
            assert!((0.25 * 10f64.powf(-0.2)..0.26).contains(&power), "{semitones}: {power}");
            assert!(power_at(&shifted, 440.0) < 0.01, "{semitones}");
        }
    }

    #[test]
    fn another_tempo_keeps_the_pitch() {
        let slower = time_stretch(&sine(440.0), 0.8);
        assert_eq!(slower.len(), 82_688);
        let power = power_at(&slower, 440.0);
        assert!((0.25 * 10f64.powf(-0.2)..0.26).contains(&power), "{power}");
    }

    #[test]
    fn fractions_are_near() {
        for semitones in -12..=12 {
            let ratio = 2f64.powf(f64::from(semitones) / 12.0);
            let [a, b] = fraction(ratio);
            let cents = 1200.0 * (f64::from(a) / f64::from(b) / ratio).log2();
            assert!(cents.abs() < 0.3, "{semitones}: {a}/{b} is wrong by {cents} cents");
        }
    }

    #[test]
    fn nothing_stays_nothing() {
        assert!(pitch_shift(&[], 2.0).unwrap().is_empty());
        assert_eq!(pitch_shift(&[0.0; 300], 2.0).unwrap(), [0.0; 300]);
    }
}
