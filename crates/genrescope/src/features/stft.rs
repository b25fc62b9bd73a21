//! Samples → short-time Fourier transform, and back.

use std::borrow::Cow;
use std::f64::consts::TAU;
use std::ops::Range;

use super::Padding;
use super::transform::{Planes, RealTransform};
use super::vector::{larger, vectorize};

/// Hann window of `samples` values, periodic: `scipy.signal.get_window("hann", samples)`.
pub fn hann_window(samples: usize) -> Vec<f32> {
    let step = TAU / samples as f64;
    (0..samples).map(|n| (0.5 - 0.5 * (step * n as f64).cos()) as f32).collect()
}

/// How a signal is cut into overlapping frames; frame `t` is centred on sample `t * hop_samples`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Length of a frame, samples: `n_fft`, `frame_length` of librosa.
    pub frame_samples: usize,
    /// Distance of neighbouring frames, samples.
    pub hop_samples: usize,
    /// What stands before the first and after the last sample.
    pub padding: Padding,
}

impl Framing {
    /// Frames of 2048 samples every 512, librosa's defaults but for `padding`.
    pub fn with_padding(padding: Padding) -> Self {
        Self { frame_samples: 2048, hop_samples: 512, padding }
    }

    /// How many frames a signal has: `1 + samples / hop_samples`, none when it is empty.
    pub fn frames(self, samples: usize) -> usize {
        if samples == 0 { 0 } else { 1 + samples / self.hop_samples }
    }

    /// Frame `frame` of `samples`, padded where it reaches over the edges.
    pub fn frame(self, samples: &[f32], frame: usize) -> Cow<'_, [f32]> {
        let start = (frame * self.hop_samples) as isize - (self.frame_samples / 2) as isize;
        let end = start + self.frame_samples as isize;
        if start >= 0 && end <= samples.len() as isize {
            return Cow::Borrowed(&samples[start as usize..end as usize]);
        }
        let at = |position: isize| match self.padding {
            Padding::Reflect => samples[mirror(position, samples.len())],
            Padding::Constant => {
                usize::try_from(position).ok().and_then(|p| samples.get(p).copied()).unwrap_or(0.0)
            }
        };
        Cow::Owned((start..end).map(at).collect())
    }
}

/// Which of `samples` samples stands at a position before or behind them: mirrored at the first and last sample
/// without repeating it, again and again (`numpy.pad`, mode `reflect`).
pub(super) fn mirror(position: isize, samples: usize) -> usize {
    let period = (2 * (samples as isize - 1)).max(1);
    let place = position.rem_euclid(period);
    place.min(period - place) as usize % samples
}

/// A short-time Fourier transform.
#[derive(Clone, Debug, PartialEq)]
pub struct Stft {
    /// How the signal was cut.
    pub framing: Framing,
    /// Real parts, not scaled; `[frames, bins]` row-major.
    pub real: Vec<f32>,
    /// Imaginary parts, as the real ones.
    pub imaginary: Vec<f32>,
}

impl Stft {
    /// Bins of a frame, `frame_samples / 2 + 1`; bin `k` is `k · rate / frame_samples` Hz.
    pub fn bins(&self) -> usize {
        self.framing.frame_samples / 2 + 1
    }

    /// How many frames there are.
    pub fn frames(&self) -> usize {
        self.real.len() / self.bins()
    }

    /// |value| of every cell: `numpy.abs`.
    pub fn magnitudes(&self) -> Magnitudes {
        let mut values = vec![0.0; self.real.len()];
        vectorize(
            #[inline(always)]
            || {
                for ((value, re), im) in values.iter_mut().zip(&self.real).zip(&self.imaginary) {
                    *value = (re * re + im * im).sqrt();
                }
            },
        );
        Magnitudes { bins: self.bins(), values }
    }
}

/// A magnitude spectrogram, or any other of values that are not negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Magnitudes {
    /// Bins of a frame.
    pub bins: usize,
    /// `[frames, bins]` row-major, bin 0 lowest.
    pub values: Vec<f32>,
}

impl Magnitudes {
    /// How many frames there are.
    pub fn frames(&self) -> usize {
        self.values.len() / self.bins.max(1)
    }

    /// The frames of a range, as a slice `[frames, bins]`.
    pub(super) fn of(&self, frames: Range<usize>) -> &[f32] {
        &self.values[frames.start * self.bins..frames.end * self.bins]
    }

    /// Centre of a bin, Hz, of a signal of this rate.
    pub(super) fn bin_hz(&self, sample_rate_hz: u32) -> f32 {
        sample_rate_hz as f32 / (2 * (self.bins - 1)) as f32
    }
}

/// Short-time Fourier transform with a periodic Hann window: `librosa.stft`.
///
/// # Shape
/// `[samples]` → `[1 + samples / hop_samples, frame_samples / 2 + 1]`, not scaled.
pub fn stft(samples: &[f32], framing: Framing) -> Stft {
    stft_of_frames(samples, framing, 0..framing.frames(samples.len()))
}

/// Some frames of [`stft`].
pub(super) fn stft_of_frames(samples: &[f32], framing: Framing, frames: Range<usize>) -> Stft {
    let mut transform = RealTransform::new(framing.frame_samples);
    let window = hann_window(framing.frame_samples);
    let (bins, cells) = (transform.bins(), frames.len() * transform.bins());
    let (mut real, mut imaginary) = (vec![0.0; cells], vec![0.0; cells]);
    let rows = real.chunks_exact_mut(bins).zip(imaginary.chunks_exact_mut(bins));
    for (frame, (re, im)) in frames.zip(rows) {
        transform.forward(&framing.frame(samples, frame), &window, re, im);
    }
    Stft { framing, real, imaginary }
}

/// The signal of a short-time Fourier transform: `librosa.istft(length=samples)`.
///
/// # Shape
/// `[frames, bins]` → `[samples]`; 0 where no frame reaches.
pub fn istft(stft: &Stft, samples: usize) -> Vec<f32> {
    let mut signal = vec![0.0; samples];
    let mut inverse = InverseStft::new(stft.framing, stft.frames(), samples);
    let rows = stft.real.chunks_exact(stft.bins()).zip(stft.imaginary.chunks_exact(stft.bins()));
    for (re, im) in rows {
        inverse.add(re, im, |start, piece| signal[start..start + piece.len()].copy_from_slice(piece));
    }
    signal
}

/// Frames → signal by overlap and add; samples come as soon as no later frame can change them.
pub(super) struct InverseStft {
    framing: Framing,
    transform: RealTransform,
    window: Vec<f32>,
    frame: Vec<f32>,
    /// What is summed so far, from the start of the next frame on.
    sum: Vec<f32>,
    /// Sum of the squared windows over a sample between hops, far from both ends.
    inner: Vec<f32>,
    next_frame: usize,
    frames: usize,
    samples: usize,
}

impl InverseStft {
    /// Of a signal with so many frames, of which `samples` samples are wanted.
    pub(super) fn new(framing: Framing, frames: usize, samples: usize) -> Self {
        let window = hann_window(framing.frame_samples);
        let hop = framing.hop_samples;
        let inner = (0..hop)
            .map(|at| window.iter().skip(at).step_by(hop).map(|w| w * w).sum::<f32>().max(f32::MIN_POSITIVE))
            .collect();
        Self {
            transform: RealTransform::new(framing.frame_samples),
            frame: vec![0.0; framing.frame_samples],
            sum: vec![0.0; framing.frame_samples.max(hop)],
            window,
            inner,
            framing,
            next_frame: 0,
            frames,
            samples,
        }
    }

    /// Adds the next frame; gives `take` the samples that are complete and where they begin.
    pub(super) fn add(&mut self, re: &[f32], im: &[f32], mut take: impl FnMut(usize, &[f32])) {
        self.transform.inverse(re, im, &mut self.frame);
        let (sum, frame, window) = (&mut self.sum, &self.frame, &self.window);
        vectorize(
            #[inline(always)]
            || sum.iter_mut().zip(frame).zip(window).for_each(|((sum, x), w)| *sum += x * w),
        );
        self.next_frame += 1;
        let hop = self.framing.hop_samples;
        let complete = if self.next_frame == self.frames { self.sum.len() } else { hop };
        self.give(complete, &mut take);
        let length = self.sum.len();
        self.sum.copy_within(hop.min(length).., 0);
        self.sum[length - hop.min(length)..].fill(0.0);
    }

    /// Divides the first `complete` sums by the windows that they are made of, and gives them.
    fn give(&mut self, complete: usize, take: &mut impl FnMut(usize, &[f32])) {
        let (hop, half) = (self.framing.hop_samples, self.framing.frame_samples / 2);
        let start = (self.next_frame - 1) * hop;
        let (from, to) =
            (half.saturating_sub(start).min(complete), (self.samples + half).saturating_sub(start));
        let to = to.min(complete).max(from);
        // Far from both ends every sample between two hops is covered by the same windows.
        let is_inner = start + 1 >= self.window.len() && complete == hop && (from, to) == (0, hop);
        if is_inner {
            self.sum.iter_mut().zip(&self.inner).for_each(|(sum, windows)| *sum /= windows);
        } else {
            for at in from..to {
                self.sum[at] /= self.windows_at(start + at);
            }
        }
        if from < to {
            take(start + from - half, &self.sum[from..to]);
        }
    }

    /// Sum of the squared windows of all frames that cover a position of the padded signal; 1 where there are none.
    fn windows_at(&self, position: usize) -> f32 {
        let hop = self.framing.hop_samples;
        let last = (position / hop).min(self.frames - 1);
        let places = (0..=last).rev().map(|frame| position - frame * hop);
        let sum: f32 =
            places.take_while(|&at| at < self.window.len()).map(|at| self.window[at] * self.window[at]).sum();
        if sum > f32::MIN_POSITIVE { sum } else { 1.0 }
    }
}

/// A planned FFT with its window and buffers: one frame after the other without allocation.
pub struct PowerSpectrum {
    window: Vec<f32>,
    transform: RealTransform,
    spectrum: Planes,
    power: Vec<f32>,
}

impl PowerSpectrum {
    /// For frames of `n_fft` samples, at least 1.
    pub fn new(n_fft: usize) -> Self {
        let transform = RealTransform::new(n_fft);
        Self {
            window: hann_window(n_fft),
            spectrum: Planes::new(transform.bins()),
            power: vec![0.0; transform.bins()],
            transform,
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
        let Planes { re, im } = &mut self.spectrum;
        self.transform.forward(frame, &self.window, re, im);
        let power = &mut self.power;
        vectorize(
            #[inline(always)]
            || power.iter_mut().zip(re).zip(im).for_each(|((power, re), im)| *power = *re * *re + *im * *im),
        );
        &self.power
    }
}

/// The largest of values that are not negative.
pub(super) fn peak(values: &[f32]) -> f32 {
    vectorize(
        #[inline(always)]
        || values.iter().fold(0.0, |a, &b| larger(a, b)),
    )
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
