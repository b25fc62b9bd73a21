//! Batch normalisation over samples, time and bands, one mean and variance per channel.

use super::{Backward, Memo, Mode, Op, ParameterSpec, Pass, Start, Value, single};
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

const GAMMA: usize = 0;
const BETA: usize = 1;
const MEAN: usize = 2;
const VARIANCE: usize = 3;

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
        let scale: Vec<f32> = moments.variance.iter().map(|v| 1.0 / (v + self.eps).sqrt()).collect();
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
struct Moments {
    mean: Vec<f32>,
    variance: Vec<f32>,
    unbiased: Vec<f32>,
}

/// Moments of a batch: sums shifted by each group's first pixel, which does not cancel, joined in order after Chan.
fn batch_moments(pass: &Pass, x: &[f32], channels: usize) -> Moments {
    let width = x.len() / pass.samples;
    let groups = map_groups(pass.samples, |range| {
        let x = &x[range.start * width..range.end * width];
        (x.len() / channels, shifted_moments(pass.path, x, channels))
    });
    let (mut count, mut mean, mut square) = (0.0, vec![0.0_f64; channels], vec![0.0_f64; channels]);
    for (n, moments) in groups {
        let n = n as f64;
        for (c, (group_mean, group_square)) in moments.into_iter().enumerate() {
            let delta = group_mean - mean[c];
            mean[c] += delta * n / (count + n);
            square[c] += group_square + delta * delta * count * n / (count + n);
        }
        count += n;
    }
    let divided = |by: f64| square.iter().map(|s| (s / by) as f32).collect();
    Moments {
        mean: mean.iter().map(|m| *m as f32).collect(),
        variance: divided(count),
        unbiased: divided((count - 1.0).max(1.0)),
    }
}

/// `(mean, Σ (x − mean)²)` per channel of the pixels in `x`.
fn shifted_moments(path: Path, x: &[f32], channels: usize) -> Vec<(f64, f64)> {
    let shift = x[..channels].to_vec();
    let (mut sums, mut squares) = (vec![0.0_f64; channels], vec![0.0_f64; channels]);
    // Short runs in f32, joined in f64: rounding stays below 1e-6 of the variance.
    for run in x.chunks(256 * channels) {
        let (mut sum, mut square) = (vec![0.0_f32; channels], vec![0.0_f32; channels]);
        path.vectorize(
            #[inline(always)]
            || {
                for pixel in run.chunks_exact(channels) {
                    for c in 0..channels {
                        let d = pixel[c] - shift[c];
                        sum[c] += d;
                        square[c] += d * d;
                    }
                }
            },
        );
        for c in 0..channels {
            sums[c] += f64::from(sum[c]);
            squares[c] += f64::from(square[c]);
        }
    }
    let count = (x.len() / channels) as f64;
    (0..channels)
        .map(|c| (f64::from(shift[c]) + sums[c] / count, (squares[c] - sums[c] * sums[c] / count).max(0.0)))
        .collect()
}

fn normalise(pass: &Pass, x: &[f32], [mean, factor, beta]: [&[f32]; 3], output: &mut [f32]) {
    let channels = mean.len();
    let floor = if pass.relu { 0.0 } else { f32::NEG_INFINITY };
    pass.path.vectorize(
        #[inline(always)]
        || {
            for (x, y) in x.chunks_exact(channels).zip(output.chunks_exact_mut(channels)) {
                for c in 0..channels {
                    y[c] = ((x[c] - mean[c]) * factor[c] + beta[c]).max(floor);
                }
            }
        },
    );
}

struct Affine<'a> {
    mean: &'a [f32],
    scale: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    relu: bool,
}

impl Affine<'_> {
    /// Below this input (times the sign of γ) a merged ReLU was shut; −∞ without one.
    #[inline(always)]
    fn open(&self, c: usize, centred: f32) -> bool {
        !self.relu || centred * (self.scale[c] * self.gamma[c]) + self.beta[c] > 0.0
    }

    /// Adds `[Σ dy, Σ dy · x̂]` per channel.
    fn add_sums(&self, path: Path, x: &[f32], dy: &[f32], sums: &mut [f32]) {
        let channels = self.mean.len();
        let (sum, product) = sums.split_at_mut(channels);
        path.vectorize(
            #[inline(always)]
            || {
                for (x, dy) in x.chunks_exact(channels).zip(dy.chunks_exact(channels)) {
                    for c in 0..channels {
                        let centred = x[c] - self.mean[c];
                        let dy = if self.open(c, centred) { dy[c] } else { 0.0 };
                        sum[c] += dy;
                        product[c] += dy * centred * self.scale[c];
                    }
                }
            },
        );
    }

    /// `γ / deviation · (dy − mean(dy) − x̂ · mean(dy · x̂))`.
    fn input_gradient(&self, path: Path, [x, dy]: [&[f32]; 2], sums: &[f32], count: f32, dx: &mut [f32]) {
        let channels = self.mean.len();
        let factor: Vec<f32> = self.scale.iter().zip(self.gamma).map(|(s, g)| s * g).collect();
        let offset: Vec<f32> = sums[..channels].iter().map(|s| s / count).collect();
        let slope: Vec<f32> = sums[channels..].iter().zip(self.scale).map(|(s, k)| s / count * k).collect();
        path.vectorize(
            #[inline(always)]
            || {
                let pixels = x.chunks_exact(channels).zip(dy.chunks_exact(channels));
                for ((x, dy), dx) in pixels.zip(dx.chunks_exact_mut(channels)) {
                    for c in 0..channels {
                        let centred = x[c] - self.mean[c];
                        let dy = if self.open(c, centred) { dy[c] } else { 0.0 };
                        dx[c] = factor[c] * (dy - offset[c] - centred * slope[c]);
                    }
                }
            },
        );
    }
}
