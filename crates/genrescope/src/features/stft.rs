//! One frame of samples → its power spectrum.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Hann window of `samples` values, periodic: `scipy.signal.get_window("hann", samples)`.
pub fn hann_window(samples: usize) -> Vec<f32> {
    let step = TAU / samples as f64;
    (0..samples).map(|n| (0.5 - 0.5 * (step * n as f64).cos()) as f32).collect()
}

/// A planned FFT with its window and buffers: one frame after the other without allocation.
pub struct PowerSpectrum {
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    windowed: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    power: Vec<f32>,
}

impl PowerSpectrum {
    /// For frames of `n_fft` samples, at least 1.
    pub fn new(n_fft: usize) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(n_fft);
        Self {
            window: hann_window(n_fft),
            windowed: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: vec![0.0; n_fft / 2 + 1],
            fft,
        }
    }

    /// Squared magnitudes of the windowed frame's DFT, not scaled.
    ///
    /// # Shape
    /// `[n_fft]` → `[n_fft / 2 + 1]`; bin `k` is `k · rate / n_fft` Hz.
    ///
    /// # Panics
    /// When the frame has another length than the one planned.
    pub fn of(&mut self, frame: &[f32]) -> &[f32] {
        assert_eq!(frame.len(), self.window.len(), "a frame has n_fft samples");
        for ((out, x), w) in self.windowed.iter_mut().zip(frame).zip(&self.window) {
            *out = x * w;
        }
        self.fft
            .process_with_scratch(&mut self.windowed, &mut self.spectrum, &mut self.scratch)
            .expect("all buffers were made by this plan");
        for (power, value) in self.power.iter_mut().zip(&self.spectrum) {
            *power = value.norm_sqr();
        }
        &self.power
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(samples: usize) -> Vec<f32> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(state) / 2f64.powi(31) - 1.0) as f32
        };
        std::iter::repeat_with(next).take(samples).collect()
    }

    /// |DFT|² of bin `k` as the definition has it, in double precision.
    fn written_out(frame: &[f32], k: usize) -> f64 {
        let n_fft = frame.len() as f64;
        let (mut re, mut im) = (0.0, 0.0);
        for (n, &x) in frame.iter().enumerate() {
            let windowed = f64::from(x) * (0.5 - 0.5 * (TAU * n as f64 / n_fft).cos());
            let angle = TAU * ((k * n) % frame.len()) as f64 / n_fft;
            re += windowed * angle.cos();
            im -= windowed * angle.sin();
        }
        re * re + im * im
    }

    #[test]
    fn equals_the_written_out_transform_for_even_and_odd_lengths() {
        for n_fft in [2, 7, 64, 441, 1024] {
            let frame = noise(n_fft);
            let mut spectrum = PowerSpectrum::new(n_fft);
            let power = spectrum.of(&frame);
            let expected: Vec<f64> = (0..=n_fft / 2).map(|k| written_out(&frame, k)).collect();
            let largest = expected.iter().fold(0.0_f64, |a, &b| a.max(b));
            assert_eq!(power.len(), expected.len());
            for (k, (&found, expected)) in power.iter().zip(expected).enumerate() {
                assert!(
                    (f64::from(found) - expected).abs() <= 1e-6 * largest,
                    "n_fft {n_fft}, bin {k}: {found} {expected}"
                );
            }
        }
    }

    #[test]
    fn the_energy_of_a_frame_is_the_energy_of_its_spectrum() {
        let (n_fft, frame) = (2048, noise(2048));
        let windowed =
            frame.iter().zip(hann_window(n_fft)).map(|(x, w)| f64::from(x * w).powi(2)).sum::<f64>();
        let mut spectrum = PowerSpectrum::new(n_fft);
        let power: Vec<f64> = spectrum.of(&frame).iter().map(|&p| f64::from(p)).collect();
        let both_halves = 2.0 * power.iter().sum::<f64>() - power[0] - power[n_fft / 2];
        assert!((both_halves / n_fft as f64 / windowed - 1.0).abs() < 1e-5);
    }
}
