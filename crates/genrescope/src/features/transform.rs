//! The discrete Fourier transform of real frames, and back.

use std::f64::consts::TAU;
use std::sync::Arc;

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use super::vector::vectorize;

/// Pairs of bins that are untangled at once.
const PAIRS: usize = 8;

type Value = Complex<f32>;

/// A planned transform of one length, with its buffers. An even length costs a complex transform of half of it: even
/// samples are the real parts, odd ones the imaginary parts (Numerical Recipes, section 12.3).
pub(super) struct RealTransform {
    length: usize,
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
    /// e^(-2πik/length).
    twiddles: Vec<Value>,
    packed: Vec<Value>,
    scratch: Vec<Value>,
}

impl RealTransform {
    /// For frames of `length` samples, at least 1.
    pub(super) fn new(length: usize) -> Self {
        let points = if length.is_multiple_of(2) { length / 2 } else { length };
        let mut planner = FftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(points), planner.plan_fft_inverse(points));
        let twiddle = |k: usize| {
            let angle = -TAU * k as f64 / length as f64;
            Complex::new(angle.cos() as f32, angle.sin() as f32)
        };
        let scratch = forward.get_inplace_scratch_len().max(inverse.get_inplace_scratch_len());
        Self {
            length,
            twiddles: (0..=points / 2).map(twiddle).collect(),
            packed: vec![Complex::default(); points],
            scratch: vec![Complex::default(); scratch],
            forward,
            inverse,
        }
    }

    /// How many bins a spectrum has.
    pub(super) fn bins(&self) -> usize {
        self.length / 2 + 1
    }

    /// The spectrum of `frame * window`: `[length]` → `[length / 2 + 1]`.
    pub(super) fn forward(&mut self, frame: &[f32], window: &[f32], out: &mut [Value]) {
        if self.is_whole() {
            return self.forward_whole(frame, window, out);
        }
        let points = self.packed.len();
        let pairs = frame.as_chunks::<2>().0.iter().zip(window.as_chunks::<2>().0);
        for (value, (x, w)) in out.iter_mut().zip(pairs) {
            *value = Complex::new(x[0] * w[0], x[1] * w[1]);
        }
        self.forward.process_with_scratch(&mut out[..points], &mut self.scratch);
        vectorize(
            #[inline(always)]
            || untangle(out, &self.twiddles),
        );
    }

    /// The frame of a spectrum, `[length / 2 + 1]` → `[length]`: the inverse of [`RealTransform::forward`] without
    /// a window.
    pub(super) fn inverse(&mut self, spectrum: &mut [Value], out: &mut [f32]) {
        let scale = 1.0 / self.packed.len() as f32;
        if self.is_whole() {
            let mirrored = spectrum[1..].iter().rev().map(Complex::conj);
            let both = spectrum.iter().copied().chain(mirrored);
            self.packed.iter_mut().zip(both).for_each(|(packed, value)| *packed = value);
            self.inverse.process_with_scratch(&mut self.packed, &mut self.scratch);
            out.iter_mut().zip(&self.packed).for_each(|(x, value)| *x = value.re * scale);
            return;
        }
        vectorize(
            #[inline(always)]
            || tangle(spectrum, &self.twiddles),
        );
        let points = self.packed.len();
        self.inverse.process_with_scratch(&mut spectrum[..points], &mut self.scratch);
        for (x, value) in out.as_chunks_mut::<2>().0.iter_mut().zip(&*spectrum) {
            *x = [value.re * scale, value.im * scale];
        }
    }

    /// Whether the length is odd, so that it cannot be halved.
    fn is_whole(&self) -> bool {
        self.packed.len() == self.length
    }

    fn forward_whole(&mut self, frame: &[f32], window: &[f32], out: &mut [Value]) {
        for ((packed, x), w) in self.packed.iter_mut().zip(frame).zip(window) {
            *packed = Complex::new(x * w, 0.0);
        }
        self.forward.process_with_scratch(&mut self.packed, &mut self.scratch);
        let bins = out.len();
        out.copy_from_slice(&self.packed[..bins]);
    }
}

/// Transform of the packed samples → spectrum, in place; the last bin is free before.
#[inline(always)]
fn untangle(values: &mut [Value], twiddles: &[Value]) {
    let last = values.len() - 1;
    let first = values[0];
    values[0] = Complex::new(first.re + first.im, 0.0);
    values[last] = Complex::new(first.re - first.im, 0.0);
    // Even samples have the spectrum E, odd ones O: X[k] = E + wᵏ·O, X[M - k] = conj(E - wᵏ·O).
    in_pairs(
        values,
        twiddles,
        #[inline(always)]
        |a, b, w| {
            let (even, odd) = ([0.5 * (a[0] + b[0]), 0.5 * (a[1] - b[1])], [a[1] + b[1], b[0] - a[0]]);
            let turned = [
                0.5 * (w[0] * odd[0] - w[1] * odd[1]),
                0.5 * (w[0] * odd[1] + w[1] * odd[0]),
            ];
            ([even[0] + turned[0], even[1] + turned[1]], [even[0] - turned[0], turned[1] - even[1]])
        },
    );
}

/// Spectrum → what the inverse transform unpacks to samples, in place: the inverse of [`untangle`].
#[inline(always)]
fn tangle(values: &mut [Value], twiddles: &[Value]) {
    let last = values.len() - 1;
    let (first, nyquist) = (values[0].re, values[last].re);
    values[0] = Complex::new(0.5 * (first + nyquist), 0.5 * (first - nyquist));
    in_pairs(
        values,
        twiddles,
        #[inline(always)]
        |a, b, w| {
            let (even, turned) = ([0.5 * (a[0] + b[0]), 0.5 * (a[1] - b[1])], [a[0] - b[0], a[1] + b[1]]);
            let odd = [
                0.5 * (w[0] * turned[0] + w[1] * turned[1]),
                0.5 * (w[0] * turned[1] - w[1] * turned[0]),
            ];
            ([even[0] - odd[1], even[1] + odd[0]], [even[0] + odd[1], odd[0] - even[1]])
        },
    );
}

/// Changes the bins k and M - k together, for all k but 0 and M; the bin in the middle becomes its conjugate.
#[inline(always)]
fn in_pairs(
    values: &mut [Value],
    twiddles: &[Value],
    change: impl Fn([f32; 2], [f32; 2], [f32; 2]) -> ([f32; 2], [f32; 2]),
) {
    let last = values.len() - 1;
    let inner = &mut values[1..last.max(1)];
    let pairs = inner.len() / 2;
    let (front, rest) = inner.split_at_mut(pairs);
    let (middle, back) = rest.split_at_mut(rest.len() - pairs);
    middle.iter_mut().for_each(|value| *value = value.conj());
    let (front, front_rest) = front.as_chunks_mut::<PAIRS>();
    let (back_rest, back) = back.as_rchunks_mut::<PAIRS>();
    let (whole, rest) = twiddles[1..].split_at((PAIRS * front.len()).min(twiddles.len() - 1));
    for ((a, b), w) in front.iter_mut().zip(back.iter_mut().rev()).zip(whole.as_chunks::<PAIRS>().0) {
        for i in 0..PAIRS {
            let (x, y, w) = (a[i], b[PAIRS - 1 - i], w[i]);
            let (x, y) = change([x.re, x.im], [y.re, y.im], [w.re, w.im]);
            a[i] = Complex::new(x[0], x[1]);
            b[PAIRS - 1 - i] = Complex::new(y[0], y[1]);
        }
    }
    for ((a, b), w) in front_rest.iter_mut().zip(back_rest.iter_mut().rev()).zip(rest) {
        let (x, y) = change([a.re, a.im], [b.re, b.im], [w.re, w.im]);
        (*a, *b) = (Complex::new(x[0], x[1]), Complex::new(y[0], y[1]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_the_frame() {
        for length in [1, 2, 3, 4, 6, 7, 30, 34, 36, 64, 441, 2048] {
            let frame: Vec<f32> = (0..length).map(|n| ((n * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
            let mut transform = RealTransform::new(length);
            let (mut spectrum, mut back) =
                (vec![Complex::default(); transform.bins()], vec![0.0; length]);
            transform.forward(&frame, &vec![1.0; length], &mut spectrum);
            let sum: f32 = frame.iter().sum();
            assert!((spectrum[0].re - sum).abs() < 1e-3, "{length}: {} is not {sum}", spectrum[0]);
            transform.inverse(&mut spectrum, &mut back);
            let far = frame.iter().zip(&back).filter(|(x, y)| (*x - *y).abs() > 1e-5).count();
            assert_eq!(far, 0, "{length} samples");
        }
    }
}
