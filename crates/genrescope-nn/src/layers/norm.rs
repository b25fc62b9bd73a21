//! Batch normalisation over samples, time and bands, one mean and variance per channel.

use super::moments::batch_moments;
use super::{Backward, Memo, Mode, Op, ParameterSpec, Pass, Start, Value, single};
use crate::graph::Shape;
use crate::kernels::{Path, Write};
use crate::parallel::{for_groups, sum_groups};

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

impl BatchNorm {
    /// Writes `[mean, 1 / deviation, unbiased variance]` per channel, of the batch in training, else the running ones,
    /// unless they are there.
    pub(super) fn write_numbers(&self, pass: &Pass, x: Value, weights: &[&[f32]], numbers: &mut Vec<f32>) {
        if !numbers.is_empty() {
            return;
        }
        *numbers = if pass.mode == Mode::Infer {
            [weights[MEAN], &self.scale(weights[VARIANCE]), weights[VARIANCE]].concat()
        } else {
            let moments = batch_moments(pass, x.data, x.shape[2]);
            [&moments.mean[..], &self.scale(&moments.variance), &moments.unbiased].concat()
        };
    }

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

    fn adds_gradient(&self) -> bool {
        true
    }

    /// Keeps the numbers of [`BatchNorm::write_numbers`].
    fn forward(
        &self,
        pass: &Pass,
        inputs: &[Value],
        weights: &[&[f32]],
        output: &mut [f32],
        memo: &mut Memo,
    ) {
        let x = inputs[0].data;
        self.write_numbers(pass, inputs[0], weights, &mut memo.norm);
        let channels = Channels::new(&memo.norm, weights, pass.relu);
        let width = x.len() / pass.samples.max(1);
        for_groups(pass.samples, output, |range, part| {
            channels.normalise(pass.path, &x[range.start * width..range.end * width], part);
        });
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        let Backward { inputs, weights, memo, d_output, d_inputs, write, d_weights, .. } = gradients;
        let x = inputs[0].data;
        let channels = Channels::new(&memo.norm, weights, pass.relu);
        let width = x.len() / pass.samples.max(1);
        let sums = sum_groups(pass.samples, 2 * inputs[0].shape[2], |range, sums| {
            let span = range.start * width..range.end * width;
            channels.add_sums(pass.path, &x[span.clone()], &d_output[span], sums);
        });
        channels.write_parameter_gradients(&sums, d_weights);
        if let Some(d_input) = &mut d_inputs[0] {
            let means = channels.gradient_means(&sums, x.len());
            for_groups(pass.samples, d_input, |range, part| {
                let span = range.start * width..range.end * width;
                let (x, dy) = (&x[span.clone()], &d_output[span]);
                channels.input_gradient(pass.path, [x, dy], &means, (part, write));
            });
        }
    }
}

/// Numbers of a row of constants, about: neighbours in memory are read in order, whatever the channels.
const ROW: usize = 1024;

/// The constants of some pixels side by side.
fn row(channels: impl Iterator<Item = f32>) -> Vec<f32> {
    let channels: Vec<f32> = channels.collect();
    channels.repeat((ROW / channels.len()).max(1))
}

/// A batch norm, and the ReLU behind it if there is one, as the loops over pixels read it.
pub(super) struct Channels<'a> {
    mean: &'a [f32],
    scale: &'a [f32],
    unbiased: &'a [f32],
    /// What must be exceeded for the ReLU to be open; −∞ without one.
    floor: f32,
    /// Rows of the mean, of `γ / deviation` and of β.
    means: Vec<f32>,
    slope: Vec<f32>,
    beta: Vec<f32>,
}

/// Means over a batch of the gradient and of its product with `x̂ / deviation`, in rows.
pub(super) struct GradientMeans {
    offset: Vec<f32>,
    along: Vec<f32>,
}

impl<'a> Channels<'a> {
    /// From the batch norm's numbers of [`BatchNorm::write_numbers`] and its four weights.
    pub(super) fn new(numbers: &'a [f32], weights: &[&[f32]], relu: bool) -> Self {
        let (mean, rest) = numbers.split_at(numbers.len() / 3);
        let (scale, unbiased) = rest.split_at(mean.len());
        Self {
            mean,
            scale,
            unbiased,
            floor: if relu { 0.0 } else { f32::NEG_INFINITY },
            means: row(mean.iter().copied()),
            slope: row(scale.iter().zip(weights[GAMMA]).map(|(scale, gamma)| scale * gamma)),
            beta: row(weights[BETA].iter().copied()),
        }
    }

    /// Pixels `x` → `output`.
    pub(super) fn normalise(&self, path: Path, x: &[f32], output: &mut [f32]) {
        path.vectorize(
            #[inline(always)]
            || {
                let width = self.means.len();
                for (x, y) in x.chunks(width).zip(output.chunks_mut(width)) {
                    self.normalise_row(x, y);
                }
            },
        );
    }

    #[inline(always)]
    fn normalise_row(&self, x: &[f32], output: &mut [f32]) {
        let constants = self.means.iter().zip(self.slope.iter().zip(&self.beta));
        for ((y, x), (mean, (slope, beta))) in output.iter_mut().zip(x).zip(constants) {
            *y = ((x - mean) * slope + beta).max(self.floor);
        }
    }

    /// Adds `[Σ dy, Σ dy · x̂]` per channel.
    pub(super) fn add_sums(&self, path: Path, x: &[f32], dy: &[f32], sums: &mut [f32]) {
        let width = self.means.len();
        let mut rows = (vec![0.0; width], vec![0.0; width]);
        path.vectorize(
            #[inline(always)]
            || {
                for (x, dy) in x.chunks(width).zip(dy.chunks(width)) {
                    self.add_row(x, dy, (&mut rows.0, &mut rows.1));
                }
            },
        );
        let channels = self.mean.len();
        let (sum, product) = sums.split_at_mut(channels);
        for (open, by_centred) in rows.0.chunks_exact(channels).zip(rows.1.chunks_exact(channels)) {
            for c in 0..channels {
                sum[c] += open[c];
                product[c] += by_centred[c] * self.scale[c];
            }
        }
    }

    #[inline(always)]
    fn add_row(&self, x: &[f32], dy: &[f32], (sum, product): (&mut [f32], &mut [f32])) {
        let constants = self.means.iter().zip(self.slope.iter().zip(&self.beta));
        let sums = sum.iter_mut().zip(product);
        for (((x, dy), (mean, (slope, beta))), (sum, product)) in x.iter().zip(dy).zip(constants).zip(sums) {
            let (centred, dy) = (x - mean, *dy);
            let open = if centred * slope + beta > self.floor { dy } else { 0.0 };
            *sum += open;
            *product += open * centred;
        }
    }

    /// The gradients of γ and β from the sums over the batch; of the running statistics, its values.
    pub(super) fn write_parameter_gradients(&self, sums: &[f32], d_weights: &mut [Vec<f32>]) {
        let (d_beta, d_gamma) = sums.split_at(self.mean.len());
        d_weights[GAMMA].copy_from_slice(d_gamma);
        d_weights[BETA].copy_from_slice(d_beta);
        d_weights[MEAN].copy_from_slice(self.mean);
        d_weights[VARIANCE].copy_from_slice(self.unbiased);
    }

    /// From the sums over a batch of `numbers` numbers.
    pub(super) fn gradient_means(&self, sums: &[f32], numbers: usize) -> GradientMeans {
        let count = (numbers / self.mean.len()) as f32;
        let (open, along) = sums.split_at(self.mean.len());
        GradientMeans {
            offset: row(open.iter().map(|sum| sum / count)),
            along: row(along.iter().zip(self.scale).map(|(sum, scale)| sum / count * scale)),
        }
    }

    /// `γ / deviation · (dy − mean(dy) − x̂ · mean(dy · x̂))`.
    pub(super) fn input_gradient(
        &self,
        path: Path,
        [x, dy]: [&[f32]; 2],
        means: &GradientMeans,
        (dx, write): (&mut [f32], Write),
    ) {
        path.vectorize(
            #[inline(always)]
            || {
                let width = self.means.len();
                for ((x, dy), dx) in x.chunks(width).zip(dy.chunks(width)).zip(dx.chunks_mut(width)) {
                    if write == Write::Replace {
                        dx.fill(0.0);
                    }
                    self.add_gradient_row([x, dy], means, dx);
                }
            },
        );
    }

    #[inline(always)]
    fn add_gradient_row(&self, [x, dy]: [&[f32]; 2], means: &GradientMeans, dx: &mut [f32]) {
        let constants = self.means.iter().zip(self.slope.iter().zip(&self.beta));
        let means = means.offset.iter().zip(&means.along);
        let pixels = dx.iter_mut().zip(x.iter().zip(dy));
        for (((dx, (x, dy)), (mean, (slope, beta))), (offset, along)) in pixels.zip(constants).zip(means) {
            let (centred, dy) = (x - mean, *dy);
            let open = if centred * slope + beta > self.floor { dy } else { 0.0 };
            *dx += slope * (open - offset - centred * along);
        }
    }
}
