//! What a resampler took away near half the sample rate, for networks that learned from its output.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::vector::vectorize;

/// Zero crossings of the filter on either side, samples.
const ZEROS: usize = 64;
/// Its cutoff, of half the sample rate.
const ROLLOFF: f64 = 0.947_593_716_739_959_6;
/// Shape of its Kaiser window.
const BETA: f64 = 14.769_656_459_379_492;

/// What samples go through before their spectrogram is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LowPass {
    /// Nothing.
    #[default]
    None,
    /// The filter `kaiser_best` of resampy until 0.3, with which librosa until 0.9 resampled: a sinc with 64 zero crossings
    /// on either side in a Kaiser window (beta 14.77), 6 dB down at 0.948 of half the sample rate.
    KaiserBest,
}

impl LowPass {
    /// Whether samples are left as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// The filter over a stream, without delay and with as many samples.
#[derive(Clone, Debug)]
pub(crate) struct LowPassStream {
    taps: Vec<f32>,
    /// Samples from [`ZEROS`] before the next output on.
    held: Vec<f32>,
}

impl LowPassStream {
    /// None where nothing is filtered.
    pub(crate) fn new(low_pass: LowPass) -> Option<Self> {
        (!low_pass.is_none()).then(|| Self { taps: taps(), held: vec![0.0; ZEROS] })
    }

    /// Takes samples; gives those that are complete with them.
    pub(crate) fn push(&mut self, samples: &[f32]) -> Vec<f32> {
        self.held.extend_from_slice(samples);
        let complete = self.held.len().saturating_sub(2 * ZEROS);
        let mut filtered = vec![0.0; complete];
        if complete == 0 {
            return filtered;
        }
        vectorize(
            #[inline(always)]
            || {
                for (tap, weight) in self.taps.iter().enumerate() {
                    for (sum, sample) in filtered.iter_mut().zip(&self.held[tap..]) {
                        *sum += weight * sample;
                    }
                }
            },
        );
        self.held.drain(..complete);
        filtered
    }

    /// The last samples: silence follows.
    pub(crate) fn finish(mut self) -> Vec<f32> {
        self.push(&[0.0; ZEROS])
    }
}

/// `ROLLOFF · sinc(ROLLOFF · k) · kaiser(k / ZEROS)` for `k` from -[`ZEROS`] to [`ZEROS`].
fn taps() -> Vec<f32> {
    let tap = |k: f64| {
        let x = PI * ROLLOFF * k;
        let sinc = if k == 0.0 { 1.0 } else { x.sin() / x };
        let window = bessel_i0(BETA * (1.0 - (k / ZEROS as f64).powi(2)).max(0.0).sqrt()) / bessel_i0(BETA);
        (ROLLOFF * sinc * window) as f32
    };
    (0..=2 * ZEROS).map(|k| tap(k as f64 - ZEROS as f64)).collect()
}

/// Modified Bessel function of the first kind, order 0: `Σ ((x / 2)ᵏ / k!)²`.
fn bessel_i0(x: f64) -> f64 {
    let terms = (1..60).scan(1.0, |term, k| {
        *term *= (x / 2.0 / f64::from(k)).powi(2);
        Some(*term)
    });
    1.0 + terms.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(samples: &[f32], piece: usize) -> Vec<f32> {
        let mut stream = LowPassStream::new(LowPass::KaiserBest).unwrap();
        let mut out: Vec<f32> = samples.chunks(piece).flat_map(|piece| stream.push(piece)).collect();
        out.extend(stream.finish());
        out
    }

    /// Gain of a sine, in the middle of a second of it; `of_nyquist` is its frequency.
    fn gain(of_nyquist: f64) -> f32 {
        let samples: Vec<f32> = (0..4000).map(|n| (PI * of_nyquist * f64::from(n)).sin() as f32).collect();
        let power = |samples: &[f32]| samples[1000..3000].iter().map(|x| x * x).sum::<f32>();
        (power(&filtered(&samples, 4000)) / power(&samples)).sqrt()
    }

    #[test]
    fn the_passband_stays_the_edge_falls_to_a_half_and_the_rest_is_gone() {
        assert!((gain(0.5) - 1.0).abs() < 1e-4);
        assert!((gain(0.85) - 1.0).abs() < 1e-4);
        assert!((gain(ROLLOFF) - 0.5).abs() < 0.01);
        assert!(gain(0.999) < 0.01);
    }

    #[test]
    fn any_pieces_give_the_same_and_as_many_samples() {
        let samples: Vec<f32> = (0..777).map(|n| ((n * 37 % 101) as f32 / 50.0) - 1.0).collect();
        let whole = filtered(&samples, 777);
        assert_eq!(whole.len(), samples.len());
        for piece in [1, 64, 200] {
            assert_eq!(filtered(&samples, piece), whole, "{piece}");
        }
        assert!(filtered(&[], 1).is_empty());
    }
}
