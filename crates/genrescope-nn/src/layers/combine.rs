//! Layers that join or re-read values: addition, concatenation, reshape.

use super::{Backward, Memo, Op, Pass, Value, single};
use crate::graph::{Shape, size};
use crate::parallel::{for_groups_of_all, for_samples};

/// An axis of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// The first: frames or steps.
    Time,
    /// The second: mel bands.
    Bands,
    /// The last: channels or features.
    Channels,
}

/// Sum of two values of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Add;

/// Values one behind the other along an axis; the other extents agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Concat {
    /// The axis whose extents are summed.
    pub axis: Axis,
}

/// The same numbers read as another shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Reshape {
    /// The new extents; one of them may be 0, for what the others leave.
    pub shape: Shape,
}

impl Op for Add {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match inputs {
            [a, b] if a == b => Ok(*a),
            _ => Err(format!("adds two values of one shape, found {inputs:?}")),
        }
    }

    fn merges_relu(&self) -> bool {
        true
    }

    fn forward(&self, pass: &Pass, inputs: &[Value], _: &[&[f32]], output: &mut [f32], _: &mut Memo) {
        let floor = if pass.relu { 0.0 } else { f32::NEG_INFINITY };
        let (a, b) = (inputs[0].data, inputs[1].data);
        for_samples(pass.samples, output, |sample, y| {
            let at = sample * y.len()..(sample + 1) * y.len();
            pass.path.vectorize(
                #[inline(always)]
                || {
                    for ((y, a), b) in y.iter_mut().zip(&a[at.clone()]).zip(&b[at]) {
                        *y = (a + b).max(floor);
                    }
                },
            );
        });
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        let (y, dy) = (gradients.output.data, gradients.d_output);
        for d_input in gradients.d_inputs.iter_mut().flatten() {
            for_samples(pass.samples, d_input, |sample, dx| {
                let at = sample * dx.len()..(sample + 1) * dx.len();
                let floor = if pass.relu { 0.0 } else { f32::NEG_INFINITY };
                pass.path.vectorize(
                    #[inline(always)]
                    || {
                        for ((dx, dy), y) in dx.iter_mut().zip(&dy[at.clone()]).zip(&y[at]) {
                            *dx = if *y > floor { *dy } else { 0.0 };
                        }
                    },
                );
            });
        }
    }
}

impl Concat {
    /// Length of the run that each input gives in turn: the extents from the axis on.
    fn run(&self, shape: Shape) -> usize {
        shape[self.axis as usize..].iter().product()
    }
}

impl Op for Concat {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let axis = self.axis as usize;
        let mut shape = *inputs.first().ok_or("joins at least one value")?;
        for input in &inputs[1..] {
            if (0..3).any(|i| i != axis && input[i] != shape[i]) {
                return Err(format!("joins along {:?}, but the other extents differ: {inputs:?}", self.axis));
            }
            shape[axis] += input[axis];
        }
        Ok(shape)
    }

    fn forward(&self, pass: &Pass, inputs: &[Value], _: &[&[f32]], output: &mut [f32], _: &mut Memo) {
        let runs: Vec<usize> = inputs.iter().map(|input| self.run(input.shape)).collect();
        let total: usize = runs.iter().sum();
        for_samples(pass.samples, output, |sample, output| {
            let rows = output.len() / total;
            for (row, mut target) in output.chunks_exact_mut(total).enumerate() {
                for (input, run) in inputs.iter().zip(&runs) {
                    let (part, rest) = target.split_at_mut(*run);
                    part.copy_from_slice(&input.data[(sample * rows + row) * run..][..*run]);
                    target = rest;
                }
            }
        });
    }

    fn pays(&self) -> bool {
        self.axis == Axis::Channels
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        let Backward { inputs, output, d_output, owed, d_inputs, .. } = gradients;
        let runs: Vec<usize> = inputs.iter().map(|input| self.run(input.shape)).collect();
        let total: usize = runs.iter().sum();
        let rows = d_output.len() / total / pass.samples;
        let wanted = d_inputs.iter_mut().map(|d_input| d_input.as_deref_mut().unwrap_or_default()).collect();
        for_groups_of_all(pass.samples, wanted, |samples, d_inputs| {
            pass.path.vectorize(
                #[inline(always)]
                || {
                    for row in 0..samples.len() * rows {
                        let (mut offset, at) = (0, (samples.start * rows + row) * total);
                        for (d_input, run) in d_inputs.iter_mut().zip(&runs) {
                            let from = at + offset..at + offset + run;
                            if let Some(target) = d_input.get_mut(row * run..(row + 1) * run) {
                                target.copy_from_slice(&d_output[from.clone()]);
                                if let Some(owed) = owed {
                                    owed.pay(offset, &output.data[from], target);
                                }
                            }
                            offset += run;
                        }
                    }
                },
            );
        });
    }
}

impl Op for Reshape {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let input = single(inputs)?;
        let known: usize = self.shape.iter().filter(|extent| **extent > 0).product();
        let shape = self.shape.map(|extent| if extent == 0 { size(input) / known } else { extent });
        if size(input) == size(shape) {
            Ok(shape)
        } else {
            Err(format!("cannot read {input:?} as {:?}", self.shape))
        }
    }

    fn forward(&self, _: &Pass, inputs: &[Value], _: &[&[f32]], output: &mut [f32], _: &mut Memo) {
        output.copy_from_slice(inputs[0].data);
    }

    fn backward(&self, _: &Pass, gradients: Backward) {
        if let Some(d_input) = &mut gradients.d_inputs[0] {
            d_input.copy_from_slice(gradients.d_output);
        }
    }
}
