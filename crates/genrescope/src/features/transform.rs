//! The discrete Fourier transform of real frames, and back.

use std::f64::consts::TAU;
use std::sync::Arc;

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use super::vector::vectorize;

type Value = Complex<f32>;

/// A planned transform of one length, with its buffers. An even length costs a complex transform of half of it: even
/// samples are the real parts, odd ones the imaginary parts (Numerical Recipes, section 12.3).
pub(crate) struct RealTransform {
    length: usize,
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
    /// e^(-2πik/length) for k from 1 on.
    twiddles: Planes,
    packed: Vec<Value>,
    scratch: Vec<Value>,
    /// Bins from the last but one down, before they are turned around.
    falling: Planes,
}

/// Real and imaginary parts, one after the other: loops over them need no shuffling.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Planes {
    pub(crate) re: Vec<f32>,
    pub(crate) im: Vec<f32>,
}

impl Planes {
    pub(crate) fn new(length: usize) -> Self {
        Self { re: vec![0.0; length], im: vec![0.0; length] }
    }
}

impl RealTransform {
    /// For frames of `length` samples, at least 1.
    pub(crate) fn new(length: usize) -> Self {
        let points = if length.is_multiple_of(2) { length / 2 } else { length };
        let mut planner = FftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(points), planner.plan_fft_inverse(points));
        let scratch = forward.get_inplace_scratch_len().max(inverse.get_inplace_scratch_len());
        let pairs = points.saturating_sub(1) / 2;
        let angles = (1..=pairs).map(|k| -TAU * k as f64 / length as f64);
        Self {
            length,
            twiddles: Planes {
                re: angles.clone().map(|angle| angle.cos() as f32).collect(),
                im: angles.map(|angle| angle.sin() as f32).collect(),
            },
            packed: vec![Complex::default(); points],
            scratch: vec![Complex::default(); scratch],
            falling: Planes::new(pairs),
            forward,
            inverse,
        }
    }

    /// How many bins a spectrum has.
    pub(crate) fn bins(&self) -> usize {
        self.length / 2 + 1
    }

    /// The spectrum of `frame * window`: `[length]` → real and imaginary parts, `[length / 2 + 1]` each.
    pub(crate) fn forward(&mut self, frame: &[f32], window: &[f32], re: &mut [f32], im: &mut [f32]) {
        if self.is_whole() {
            return self.forward_whole(frame, window, re, im);
        }
        pack(frame, window, &mut self.packed);
        self.forward.process_with_scratch(&mut self.packed, &mut self.scratch);
        let last = self.packed.len();
        let first = self.packed[0];
        (re[0], im[0]) = (first.re + first.im, 0.0);
        (re[last], im[last]) = (first.re - first.im, 0.0);
        let middle = self.packed[last / 2];
        (re[last.div_ceil(2)], im[last.div_ceil(2)]) =
            if last > 1 { (middle.re, -middle.im) } else { (re[1], im[1]) };
        untangle(&self.packed, &self.twiddles, [re, im], &mut self.falling);
    }

    /// The frame of a spectrum, `[length / 2 + 1]` twice → `[length]`: the inverse of [`RealTransform::forward`] without
    /// a window.
    pub(crate) fn inverse(&mut self, re: &[f32], im: &[f32], out: &mut [f32]) {
        let scale = 1.0 / self.packed.len() as f32;
        if self.is_whole() {
            let value = |k: usize| Complex::new(re[k], im[k]);
            let mirrored = (1..re.len()).rev().map(|k| value(k).conj());
            let both = (0..re.len()).map(value).chain(mirrored);
            self.packed.iter_mut().zip(both).for_each(|(packed, value)| *packed = value);
            self.inverse.process_with_scratch(&mut self.packed, &mut self.scratch);
            out.iter_mut().zip(&self.packed).for_each(|(x, value)| *x = value.re * scale);
            return;
        }
        let last = self.packed.len();
        self.packed[last / 2] = Complex::new(re[last / 2], -im[last / 2]);
        self.packed[0] = Complex::new(0.5 * (re[0] + re[last]), 0.5 * (re[0] - re[last]));
        tangle(re, im, &self.twiddles, &mut self.packed);
        self.inverse.process_with_scratch(&mut self.packed, &mut self.scratch);
        for (x, value) in out.as_chunks_mut::<2>().0.iter_mut().zip(&self.packed) {
            *x = [value.re * scale, value.im * scale];
        }
    }

    /// Whether the length is odd, so that it cannot be halved.
    fn is_whole(&self) -> bool {
        self.packed.len() == self.length
    }

    fn forward_whole(&mut self, frame: &[f32], window: &[f32], re: &mut [f32], im: &mut [f32]) {
        for ((packed, x), w) in self.packed.iter_mut().zip(frame).zip(window) {
            *packed = Complex::new(x * w, 0.0);
        }
        self.forward.process_with_scratch(&mut self.packed, &mut self.scratch);
        for ((re, im), value) in re.iter_mut().zip(im).zip(&self.packed) {
            (*re, *im) = (value.re, value.im);
        }
    }
}

fn pack(frame: &[f32], window: &[f32], packed: &mut [Value]) {
    let pairs = frame.as_chunks::<2>().0.iter().zip(window.as_chunks::<2>().0);
    vectorize(
        #[inline(always)]
        || {
            for (value, (x, w)) in packed.iter_mut().zip(pairs) {
                *value = Complex::new(x[0] * w[0], x[1] * w[1]);
            }
        },
    );
}

/// Transform of the packed samples → spectrum, but for the first, the last and the middle bin. Even samples have the
/// spectrum E, odd ones O: X[k] = E + wᵏ·O, X[M - k] = conj(E - wᵏ·O).
fn untangle(packed: &[Value], twiddles: &Planes, [re, im]: [&mut [f32]; 2], falling: &mut Planes) {
    let pairs = twiddles.re.len();
    let last = packed.len();
    vectorize(
        #[inline(always)]
        || {
            let (front, back) = (&packed[1..][..pairs], &packed[last - pairs..]);
            let (wr, wi) = (&twiddles.re[..pairs], &twiddles.im[..pairs]);
            let (rise_re, rise_im) = (&mut re[1..][..pairs], &mut im[1..][..pairs]);
            let (fall_re, fall_im) = (&mut falling.re[..pairs], &mut falling.im[..pairs]);
            for i in 0..pairs {
                let (a, b) = (front[i], back[pairs - 1 - i]);
                let (even_re, even_im) = (0.5 * (a.re + b.re), 0.5 * (a.im - b.im));
                let (odd_re, odd_im) = (0.5 * (a.im + b.im), 0.5 * (b.re - a.re));
                let (turned_re, turned_im) =
                    (wr[i] * odd_re - wi[i] * odd_im, wr[i] * odd_im + wi[i] * odd_re);
                (rise_re[i], rise_im[i]) = (even_re + turned_re, even_im + turned_im);
                (fall_re[i], fall_im[i]) = (even_re - turned_re, turned_im - even_im);
            }
            re[last - pairs..last].iter_mut().rev().zip(&falling.re).for_each(|(x, &fall)| *x = fall);
            im[last - pairs..last].iter_mut().rev().zip(&falling.im).for_each(|(x, &fall)| *x = fall);
        },
    );
}

/// Spectrum → what the inverse transform unpacks to samples, but for the first and the middle: see [`untangle`].
fn tangle(re: &[f32], im: &[f32], twiddles: &Planes, packed: &mut [Value]) {
    let pairs = twiddles.re.len();
    let last = packed.len();
    vectorize(
        #[inline(always)]
        || {
            let (rise_re, rise_im) = (&re[1..][..pairs], &im[1..][..pairs]);
            let (fall_re, fall_im) = (&re[last - pairs..last], &im[last - pairs..last]);
            let (wr, wi) = (&twiddles.re[..pairs], &twiddles.im[..pairs]);
            let (front, back) = packed.split_at_mut(last - pairs);
            let front = &mut front[1..][..pairs];
            for i in 0..pairs {
                let [ar, ai, br, bi] =
                    [rise_re[i], rise_im[i], fall_re[pairs - 1 - i], fall_im[pairs - 1 - i]];
                let (even_re, even_im) = (0.5 * (ar + br), 0.5 * (ai - bi));
                let (turned_re, turned_im) = (0.5 * (ar - br), 0.5 * (ai + bi));
                let (odd_re, odd_im) =
                    (wr[i] * turned_re + wi[i] * turned_im, wr[i] * turned_im - wi[i] * turned_re);
                front[i] = Complex::new(even_re - odd_im, even_im + odd_re);
                back[pairs - 1 - i] = Complex::new(even_re + odd_im, odd_re - even_im);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_the_frame() {
        for length in [1, 2, 3, 4, 6, 7, 30, 34, 36, 64, 441, 2048] {
            let frame: Vec<f32> = (0..length).map(|n| ((n * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
            let mut transform = RealTransform::new(length);
            let (mut spectrum, mut back) = (Planes::new(transform.bins()), vec![0.0; length]);
            transform.forward(&frame, &vec![1.0; length], &mut spectrum.re, &mut spectrum.im);
            let sum: f32 = frame.iter().sum();
            assert!((spectrum.re[0] - sum).abs() < 1e-3, "{length}: {} is not {sum}", spectrum.re[0]);
            transform.inverse(&spectrum.re, &spectrum.im, &mut back);
            let far = frame.iter().zip(&back).filter(|(x, y)| (*x - *y).abs() > 1e-5).count();
            assert_eq!(far, 0, "{length} samples");
        }
    }
}
