//! Batch normalisation over samples, time and bands, one mean and variance per channel.

use super::{Backward, Memo, Mode, Op, ParameterSpec, Pass, Start, Value, single};
use crate::blocks::{block, block_mut, in_blocks};
use crate::graph::Shape;
use crate::kernels::Path;
use crate::parallel::{for_groups, map_groups, sum_groups};

/// `γ · (x − mean) / √(variance + eps) + β` per channel (Ioffe and Szegedy 2015): the batch's biased variance in
/// training, running statistics otherwise. Running variance is the unbiased one, as in PyTorch.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Share of the batch's value in the running statistics of the next step.
    pub momentum: f32,
    /// Added to the variance.
    pub eps: f32,
}

impl Default for BatchNorm {
    fn default() -> Self {
        Self { momentum: 0.1, eps: 1e-5 }
    }
}

/// Pixels that all blocks of channels pass over in turn: they stay in the cache.
const RUN: usize = 64;

const GAMMA: usize = 0;
const BETA: usize = 1;
const MEAN: usize = 2;
const VARIANCE: usize = 3;

impl BatchNorm {
    /// One over the deviation.
    pub(super) fn scale(&self, variance: &[f32]) -> Vec<f32> {
        variance.iter().map(|v| 1.0 / (v + self.eps).sqrt()).collect()
    }
}

impl Op for BatchNorm {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        single(inputs)
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        let channels = [inputs[0][2]];
        let running = |value| Start::Running { value, momentum: self.momentum };
        vec![
            ParameterSpec::new("gamma", &channels, Start::Constant(1.0)),
            ParameterSpec::new("beta", &channels, Start::Constant(0.0)),
            ParameterSpec::new("running_mean", &channels, running(0.0)),
            ParameterSpec::new("running_variance", &channels, running(1.0)),
        ]
    }

    fn merges_relu(&self) -> bool {
        true
    }

    /// Training keeps `[mean, 1 / deviation, unbiased variance]` per channel.
    fn forward(
        &self,
        pass: &Pass,
        inputs: &[Value],
        weights: &[&[f32]],
        output: &mut [f32],
        memo: &mut Memo,
    ) {
        let (x, channels) = (inputs[0].data, inputs[0].shape[2]);
        let moments = match pass.mode {
            Mode::Train { .. } => batch_moments(pass, x, channels),
            Mode::Infer => Moments {
                mean: weights[MEAN].to_vec(),
                variance: weights[VARIANCE].to_vec(),
                unbiased: vec![0.0; channels],
            },
        };
        let scale = self.scale(&moments.variance);
        memo.numbers = [&moments.mean[..], &scale, &moments.unbiased].concat();
        let factor: Vec<f32> = scale.iter().zip(weights[GAMMA]).map(|(s, g)| s * g).collect();
        let width = x.len() / pass.samples.max(1);
        for_groups(pass.samples, output, |range, part| {
            let x = &x[range.start * width..range.end * width];
            normalise(pass, x, [&moments.mean, &factor, weights[BETA]], part);
        });
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        let Backward { inputs, weights, memo, d_output, d_inputs, d_weights, .. } = gradients;
        let (x, channels) = (inputs[0].data, inputs[0].shape[2]);
        let [mean, scale, unbiased] = thirds(&memo.numbers, channels);
        let affine = Affine { mean, scale, gamma: weights[GAMMA], beta: weights[BETA], relu: pass.relu };
        let width = x.len() / pass.samples.max(1);
        let sums = sum_groups(pass.samples, 2 * channels, |range, sums| {
            let span = range.start * width..range.end * width;
            affine.add_sums(pass.path, &x[span.clone()], &d_output[span], sums);
        });
        let (d_beta, d_gamma) = sums.split_at(channels);
        d_weights[GAMMA].copy_from_slice(d_gamma);
        d_weights[BETA].copy_from_slice(d_beta);
        d_weights[MEAN].copy_from_slice(mean);
        d_weights[VARIANCE].copy_from_slice(unbiased);
        if let Some(d_input) = &mut d_inputs[0] {
            let count = (x.len() / channels) as f32;
            for_groups(pass.samples, d_input, |range, part| {
                let span = range.start * width..range.end * width;
                affine.input_gradient(pass.path, [&x[span.clone()], &d_output[span]], &sums, count, part);
            });
        }
    }
}

fn thirds(numbers: &[f32], length: usize) -> [&[f32]; 3] {
    [&numbers[..length], &numbers[length..2 * length], &numbers[2 * length..]]
}

/// Per channel.
pub(super) struct Moments {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
    unbiased: Vec<f32>,
}

impl Moments {
    /// Joined in order after Chan, Golub and LeVeque.
    pub(super) fn joined(groups: &[MomentSums]) -> Self {
        let channels = groups[0].total.len();
        let (mut count, mut mean, mut square) = (0.0, vec![0.0_f64; channels], vec![0.0_f64; channels]);
        for group in groups {
            let n = group.count as f64;
            for (c, (group_mean, group_square)) in group.moments().enumerate() {
                let delta = group_mean - mean[c];
                mean[c] += delta * n / (count + n);
                square[c] += group_square + delta * delta * count * n / (count + n);
            }
            count += n;
        }
        let divided = |by: f64| square.iter().map(|s| (s / by) as f32).collect();
        Self {
            mean: mean.iter().map(|m| *m as f32).collect(),
            variance: divided(count),
            unbiased: divided((count - 1.0).max(1.0)),
        }
    }

    /// What backward reads: `[mean, 1 / deviation, mean with the bias, unbiased variance]` per channel.
    pub(super) fn memo(&self, norm: &BatchNorm, bias: &[f32]) -> Vec<f32> {
        let biased: Vec<f32> = self.mean.iter().zip(bias).map(|(mean, bias)| mean + bias).collect();
        [&self.mean[..], &norm.scale(&self.variance), &biased, &self.unbiased].concat()
    }
}

/// Sums of a group's pixels, shifted by its first one: they do not cancel.
pub(super) struct MomentSums {
    /// Of some pixels side by side: sums that do not wait for each other.
    shift: Vec<f32>,
    sum: Vec<f32>,
    square: Vec<f32>,
    /// Of all runs so far, per channel.
    total: Vec<[f64; 2]>,
    count: usize,
}

impl MomentSums {
    /// Numbers that are summed side by side, about.
    const WIDTH: usize = 1024;

    pub(super) fn new(channels: usize) -> Self {
        let width = channels * (Self::WIDTH / channels).max(1);
        let zeros = || vec![0.0; width];
        Self { shift: zeros(), sum: zeros(), square: zeros(), total: vec![[0.0; 2]; channels], count: 0 }
    }

    /// Adds a run of pixels: its sums are f32, so that it should hold no more than some hundred thousand numbers.
    pub(super) fn add(&mut self, path: Path, x: &[f32]) {
        let channels = self.total.len();
        if self.count == 0 {
            self.shift.chunks_exact_mut(channels).for_each(|shift| shift.copy_from_slice(&x[..channels]));
        }
        self.count += x.len() / channels;
        self.sum.fill(0.0);
        self.square.fill(0.0);
        path.vectorize(
            #[inline(always)]
            || {
                x.chunks(self.sum.len())
                    .for_each(|x| add_moments(x, &self.shift, &mut self.sum, &mut self.square))
            },
        );
        for (sum, square) in self.sum.chunks_exact(channels).zip(self.square.chunks_exact(channels)) {
            for (total, (sum, square)) in self.total.iter_mut().zip(sum.iter().zip(square)) {
                total[0] += f64::from(*sum);
                total[1] += f64::from(*square);
            }
        }
    }

    /// `(mean, Σ (x − mean)²)` per channel.
    fn moments(&self) -> impl Iterator<Item = (f64, f64)> {
        let count = self.count as f64;
        self.total.iter().zip(&self.shift).map(move |(&[sum, square], shift)| {
            (f64::from(*shift) + sum / count, (square - sum * sum / count).max(0.0))
        })
    }
}

/// Adds `d` and `d²`, `d = x − shift`, number by number.
#[inline(always)]
fn add_moments(x: &[f32], shift: &[f32], sum: &mut [f32], square: &mut [f32]) {
    for ((x, shift), (sum, square)) in x.iter().zip(shift).zip(sum.iter_mut().zip(square)) {
        let d = x - shift;
        *sum += d;
        *square += d * d;
    }
}

/// Moments of a batch.
fn batch_moments(pass: &Pass, x: &[f32], channels: usize) -> Moments {
    let width = x.len() / pass.samples;
    let groups = map_groups(pass.samples, |range| {
        let mut sums = MomentSums::new(channels);
        let x = &x[range.start * width..range.end * width];
        x.chunks(256 * channels).for_each(|run| sums.add(pass.path, run));
        sums
    });
    Moments::joined(&groups)
}

fn normalise(pass: &Pass, x: &[f32], constants: [&[f32]; 3], output: &mut [f32]) {
    let floor = if pass.relu { 0.0 } else { f32::NEG_INFINITY };
    pass.path.vectorize(
        #[inline(always)]
        || {
            let channels = constants[0].len();
            for (x, y) in x.chunks(RUN * channels).zip(output.chunks_mut(RUN * channels)) {
                in_blocks!(channels, normalise_block(x, constants, floor, y));
            }
        },
    );
}

/// `max((x − mean) · factor + β, floor)` of a block of channels.
#[inline(always)]
fn normalise_block<const W: usize>(
    first: usize,
    x: &[f32],
    constants: [&[f32]; 3],
    floor: f32,
    output: &mut [f32],
) {
    let channels = constants[0].len();
    let [mean, factor, beta] = constants.map(|values| *block::<_, W>(values, first));
    for (x, y) in x.chunks_exact(channels).zip(output.chunks_exact_mut(channels)) {
        let (x, y) = (block::<_, W>(x, first), block_mut::<_, W>(y, first));
        for c in 0..W {
            y[c] = ((x[c] - mean[c]) * factor[c] + beta[c]).max(floor);
        }
    }
}

/// What backward knows of each channel.
struct Affine<'a> {
    mean: &'a [f32],
    scale: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    relu: bool,
}

impl Affine<'_> {
    fn channels(&self) -> usize {
        self.mean.len()
    }

    /// `γ / deviation` of a block, and what must be exceeded for a merged ReLU to be open (−∞ without one).
    #[inline(always)]
    fn slope<const W: usize>(&self, first: usize) -> ([f32; W], f32) {
        let (scale, gamma) = (block::<_, W>(self.scale, first), block::<_, W>(self.gamma, first));
        (std::array::from_fn(|c| scale[c] * gamma[c]), if self.relu { 0.0 } else { f32::NEG_INFINITY })
    }

    /// Adds `[Σ dy, Σ dy · x̂]` per channel.
    fn add_sums(&self, path: Path, x: &[f32], dy: &[f32], sums: &mut [f32]) {
        path.vectorize(
            #[inline(always)]
            || {
                let run = RUN * self.channels();
                for (x, dy) in x.chunks(run).zip(dy.chunks(run)) {
                    in_blocks!(self.channels(), add_gradient_sums(self, x, dy, sums));
                }
            },
        );
    }

    /// `γ / deviation · (dy − mean(dy) − x̂ · mean(dy · x̂))`.
    fn input_gradient(&self, path: Path, [x, dy]: [&[f32]; 2], sums: &[f32], count: f32, dx: &mut [f32]) {
        let means: Vec<f32> = sums.iter().map(|sum| sum / count).collect();
        path.vectorize(
            #[inline(always)]
            || {
                let run = RUN * self.channels();
                for ((x, dy), dx) in x.chunks(run).zip(dy.chunks(run)).zip(dx.chunks_mut(run)) {
                    in_blocks!(self.channels(), write_input_gradient(self, [x, dy], &means, dx));
                }
            },
        );
    }
}

#[inline(always)]
fn add_gradient_sums<const W: usize>(first: usize, affine: &Affine, x: &[f32], dy: &[f32], sums: &mut [f32]) {
    let channels = affine.channels();
    let (mean, scale) = (block::<_, W>(affine.mean, first), block::<_, W>(affine.scale, first));
    let beta = block::<_, W>(affine.beta, first);
    let (slope, threshold) = affine.slope::<W>(first);
    let (mut sum, mut product) = ([0.0_f32; W], [0.0_f32; W]);
    for (x, dy) in x.chunks_exact(channels).zip(dy.chunks_exact(channels)) {
        let (x, dy) = (block::<_, W>(x, first), block::<_, W>(dy, first));
        for c in 0..W {
            let centred = x[c] - mean[c];
            let dy = if centred * slope[c] + beta[c] > threshold { dy[c] } else { 0.0 };
            sum[c] += dy;
            product[c] += dy * centred;
        }
    }
    for c in 0..W {
        sums[first + c] += sum[c];
        sums[channels + first + c] += product[c] * scale[c];
    }
}

#[inline(always)]
fn write_input_gradient<const W: usize>(
    first: usize,
    affine: &Affine,
    [x, dy]: [&[f32]; 2],
    means: &[f32],
    dx: &mut [f32],
) {
    let channels = affine.channels();
    let (mean, scale) = (block::<_, W>(affine.mean, first), block::<_, W>(affine.scale, first));
    let (beta, offset) = (block::<_, W>(affine.beta, first), block::<_, W>(means, first));
    let along: [f32; W] = std::array::from_fn(|c| means[channels + first + c] * scale[c]);
    let (slope, threshold) = affine.slope::<W>(first);
    let pixels = x.chunks_exact(channels).zip(dy.chunks_exact(channels));
    for ((x, dy), dx) in pixels.zip(dx.chunks_exact_mut(channels)) {
        let (x, dy, dx) = (block::<_, W>(x, first), block::<_, W>(dy, first), block_mut::<_, W>(dx, first));
        for c in 0..W {
            let centred = x[c] - mean[c];
            let dy = if centred * slope[c] + beta[c] > threshold { dy[c] } else { 0.0 };
            dx[c] = slope[c] * (dy - offset[c] - centred * along[c]);
        }
    }
}
