//! Layers that work number by number or vector by vector: ReLU, sigmoid, dropout, L2 normalisation.

use super::{Backward, Memo, Mode, Op, Pass, Value, single};
use crate::graph::Shape;
use crate::math::sigmoid;
use crate::parallel::for_samples;
use crate::random::{keeps, key};

/// `max(x, 0)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Relu;

/// `1 / (1 + e^−x)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sigmoid;

/// In training sets a share of the numbers to zero and scales the others by `1 / (1 − rate)`; else passes all on.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropout {
    /// Share that is dropped, 0 ≤ rate < 1.
    pub rate: f32,
}

/// Each pixel's channels divided by their Euclidean norm: `z / max(‖z‖₂, eps)`.
#[derive(Clone, Debug, PartialEq)]
pub struct L2Normalize {
    /// Smallest divisor.
    pub eps: f32,
}

impl Default for L2Normalize {
    fn default() -> Self {
        Self { eps: 1e-12 }
    }
}

/// `output[i] = body(i, source[i])`, samples in parallel; `i` counts over the whole batch.
fn map(pass: &Pass, source: &[f32], output: &mut [f32], body: impl Fn(usize, f32) -> f32 + Sync) {
    let width = output.len() / pass.samples.max(1);
    for_samples(pass.samples, output, |sample, part| {
        let first = sample * width;
        let source = &source[first..][..width];
        pass.path.vectorize(
            #[inline(always)]
            || {
                for (i, (y, x)) in part.iter_mut().zip(source).enumerate() {
                    *y = body(first + i, *x);
                }
            },
        );
    });
}

impl Op for Relu {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        single(inputs)
    }

    fn forward(&self, pass: &Pass, inputs: &[Value], _: &[&[f32]], output: &mut [f32], _: &mut Memo) {
        map(
            pass,
            inputs[0].data,
            output,
            #[inline(always)]
            |_, x| x.max(0.0),
        );
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        let (x, d_output) = (gradients.inputs[0].data, gradients.d_output);
        if let Some(d_input) = &mut gradients.d_inputs[0] {
            map(
                pass,
                d_output,
                d_input,
                #[inline(always)]
                |i, d| if x[i] > 0.0 { d } else { 0.0 },
            );
        }
    }
}

impl Op for Sigmoid {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        single(inputs)
    }

    fn forward(&self, pass: &Pass, inputs: &[Value], _: &[&[f32]], output: &mut [f32], _: &mut Memo) {
        map(
            pass,
            inputs[0].data,
            output,
            #[inline(always)]
            |_, x| sigmoid(x),
        );
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        let (y, d_output) = (gradients.output.data, gradients.d_output);
        if let Some(d_input) = &mut gradients.d_inputs[0] {
            map(
                pass,
                d_output,
                d_input,
                #[inline(always)]
                |i, d| d * y[i] * (1.0 - y[i]),
            );
        }
    }
}

impl Dropout {
    /// `source` with what is dropped set to 0 and the rest scaled; all of it outside of training.
    fn apply(&self, pass: &Pass, source: &[f32], output: &mut [f32]) {
        let Mode::Train { seed } = pass.mode else { return output.copy_from_slice(source) };
        let (key, rate, scale) = (key(seed, pass.node), self.rate, 1.0 / (1.0 - self.rate));
        map(
            pass,
            source,
            output,
            #[inline(always)]
            |i, x| if keeps(key, i as u32, rate) { x * scale } else { 0.0 },
        );
    }
}

impl Op for Dropout {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        if !(0.0..1.0).contains(&self.rate) {
            return Err(format!("dropout rate {} is not in 0 ≤ rate < 1", self.rate));
        }
        single(inputs)
    }

    fn forward(&self, pass: &Pass, inputs: &[Value], _: &[&[f32]], output: &mut [f32], _: &mut Memo) {
        self.apply(pass, inputs[0].data, output);
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        if let Some(d_input) = &mut gradients.d_inputs[0] {
            self.apply(pass, gradients.d_output, d_input);
        }
    }
}

impl Op for L2Normalize {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        single(inputs)
    }

    fn forward(&self, _: &Pass, inputs: &[Value], _: &[&[f32]], output: &mut [f32], _: &mut Memo) {
        let channels = inputs[0].shape[2];
        for (x, y) in inputs[0].data.chunks_exact(channels).zip(output.chunks_exact_mut(channels)) {
            let norm = norm(x).max(self.eps);
            y.iter_mut().zip(x).for_each(|(y, x)| *y = x / norm);
        }
    }

    /// `(dy − y · ⟨y, dy⟩) / ‖x‖`; below `eps` the divisor is constant.
    fn backward(&self, _: &Pass, gradients: Backward) {
        let channels = gradients.inputs[0].shape[2];
        let Some(d_input) = &mut gradients.d_inputs[0] else { return };
        let rows =
            gradients.inputs[0].data.chunks_exact(channels).zip(gradients.output.data.chunks_exact(channels));
        let d_rows = gradients.d_output.chunks_exact(channels).zip(d_input.chunks_exact_mut(channels));
        for ((x, y), (dy, dx)) in rows.zip(d_rows) {
            let norm = norm(x);
            let along: f32 = if norm > self.eps { y.iter().zip(dy).map(|(y, dy)| y * dy).sum() } else { 0.0 };
            for c in 0..channels {
                dx[c] = (dy[c] - y[c] * along) / norm.max(self.eps);
            }
        }
    }
}

fn norm(x: &[f32]) -> f32 {
    x.iter().map(|x| x * x).sum::<f32>().sqrt()
}
