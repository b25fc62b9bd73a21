//! Batch normalisation over samples, time and bands, one mean and variance per channel.

use super::channels::Channels;
use super::moments::batch_moments;
use super::{Backward, Memo, Mode, Op, ParameterSpec, Pass, Start, Value, single};
use crate::graph::Shape;
use crate::parallel::{for_groups, sum_groups_beside};

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

pub(super) const GAMMA: usize = 0;
pub(super) const BETA: usize = 1;
pub(super) const MEAN: usize = 2;
pub(super) const VARIANCE: usize = 3;

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
    pub(crate) fn scale(&self, variance: &[f32]) -> Vec<f32> {
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
        let Backward { inputs, weights, memo, d_output, d_inputs, write, owes, d_weights, .. } = gradients;
        let x = inputs[0].data;
        let channels = Channels::new(&memo.norm, weights, pass.relu);
        let width = x.len() / pass.samples.max(1);
        let d_input = d_inputs[0].as_deref_mut().unwrap_or_default();
        let sums = sum_groups_beside(pass.samples, 2 * inputs[0].shape[2], d_input, |range, part, sums| {
            let span = range.start * width..range.end * width;
            channels.back(pass.path, [&x[span.clone()], &d_output[span]], sums, (part, write));
        });
        channels.write_parameter_gradients(&sums, d_weights);
        channels.owe(&sums, x.len(), owes);
    }
}
