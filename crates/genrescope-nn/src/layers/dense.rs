//! Fully connected layer.

use super::{Backward, Memo, Op, ParameterSpec, Pass, Start, Value, single};
use crate::graph::{Shape, size};
use crate::kernels::{Matrix, Write, matmul};
use crate::parallel::for_groups;

/// `x · W + b` of all numbers of a sample: any shape → `[1, 1, units]`. Weights `[in, units]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Width of the output.
    pub units: usize,
}

impl Op for Dense {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        single(inputs).map(|_| [1, 1, self.units])
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        let fan_in = size(inputs[0]);
        vec![
            ParameterSpec::new(
                "weight",
                &[fan_in, self.units],
                Start::Glorot { fan_in, fan_out: self.units },
            ),
            ParameterSpec::new("bias", &[self.units], Start::Constant(0.0)),
        ]
    }

    fn forward(&self, pass: &Pass, inputs: &[Value], weights: &[&[f32]], output: &mut [f32], _: &mut Memo) {
        let (x, width) = (inputs[0].data, size(inputs[0].shape));
        for_groups(pass.samples, output, |range, part| {
            part.chunks_exact_mut(self.units).for_each(|row| row.copy_from_slice(weights[1]));
            let x = Matrix::new(&x[range.start * width..], range.len(), width);
            matmul(x, Matrix::new(weights[0], width, self.units), part, Write::Add);
        });
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        let Backward { inputs, weights, d_output, d_inputs, d_weights, .. } = gradients;
        let (x, width, units) = (inputs[0].data, size(inputs[0].shape), self.units);
        let d_rows = Matrix::new(d_output, pass.samples, units);
        for_groups(width, &mut d_weights[0], |range, part| {
            let x = Matrix::new(&x[range.start..], pass.samples, range.len()).with_row_stride(width);
            matmul(x.transposed(), d_rows, part, Write::Replace);
        });
        d_weights[1].fill(0.0);
        for row in d_output.chunks_exact(units) {
            d_weights[1].iter_mut().zip(row).for_each(|(sum, d)| *sum += d);
        }
        if let Some(d_input) = &mut d_inputs[0] {
            let transposed = Matrix::new(weights[0], width, units).transposed();
            for_groups(pass.samples, d_input, |range, part| {
                let d_rows = Matrix::new(&d_output[range.start * units..], range.len(), units);
                matmul(d_rows, transposed, part, Write::Replace);
            });
        }
    }
}
