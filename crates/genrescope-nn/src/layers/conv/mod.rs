//! Two-dimensional convolution, stride 1, NHWC, without im2col, and what follows it in the same pass.

mod block;
mod convolution;
mod epilogue;
mod geometry;
mod gradient;
mod plane;
mod scratch;
mod taps;
mod winograd;

use super::{Backward, Memo, Op, ParameterSpec, Pass, Start, Value, single};
use crate::graph::Shape;
pub(crate) use block::Block;
use geometry::Geometry;

/// Convolution with bias: `[t, b, c]` → `[t + 2·padding[0] − kernel[0] + 1, b + 2·padding[1] − kernel[1] + 1,
/// channels]`. Weights `[kernel time, kernel bands, channels in, channels out]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2d {
    /// Extent in time and bands.
    pub kernel: [usize; 2],
    /// Channels of the output.
    pub channels: usize,
    /// Zeros before and after, in time and bands.
    pub padding: [usize; 2],
    /// How its weights start.
    pub initial: Initial,
}

/// How the weights of a convolution start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Initial {
    /// He's normal distribution, for layers before a ReLU: the output varies as the input does.
    #[default]
    He,
    /// Glorot's uniform distribution, the default of Keras: smaller where the output has more channels than the input,
    /// so that Adam's first steps do not shut the ReLUs of a convolution that sums thousands of numbers.
    Glorot,
}

impl Conv2d {
    /// A kernel of odd extents whose output has the extents of its input.
    pub fn same(kernel: [usize; 2], channels: usize) -> Self {
        Self { kernel, channels, padding: kernel.map(|k| k / 2), initial: Initial::default() }
    }

    /// A kernel over all `bands`, `time` (odd) steps wide: one band is left, the time steps stay.
    pub fn full_height(time: usize, bands: usize, channels: usize) -> Self {
        Self { kernel: [time, bands], channels, padding: [time / 2, 0], initial: Initial::default() }
    }

    /// With weights that start as Keras's do.
    pub fn glorot(self) -> Self {
        Self { initial: Initial::Glorot, ..self }
    }

    fn geometry(&self, input: Shape) -> Geometry {
        let [kt, kb] = self.kernel;
        let full = self.padding[1] == 0 && kb == input[1];
        let [time, bands, channels] = if full { [input[0], 1, input[1] * input[2]] } else { input };
        let kernel = if full { [kt, 1] } else { [kt, kb] };
        let output = [
            time + 2 * self.padding[0] - kernel[0] + 1,
            bands + 2 * self.padding[1] - kernel[1] + 1,
            self.channels,
        ];
        Geometry { input: [time, bands, channels], output, kernel, padding: self.padding }
    }
}

impl Op for Conv2d {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [time, bands, _] = single(inputs)?;
        let fits =
            |extent: usize, axis: usize| (extent + 2 * self.padding[axis] + 1).checked_sub(self.kernel[axis]);
        match (fits(time, 0), fits(bands, 1)) {
            (Some(time @ 1..), Some(bands @ 1..)) => Ok([time, bands, self.channels]),
            _ => Err(format!("kernel {:?} is larger than the padded input {:?}", self.kernel, inputs[0])),
        }
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        let channels = inputs[0][2];
        let taps = self.kernel[0] * self.kernel[1];
        let (fan_in, fan_out) = (taps * channels, taps * self.channels);
        let start = match self.initial {
            Initial::He => Start::He { fan_in },
            Initial::Glorot => Start::Glorot { fan_in, fan_out },
        };
        let shape = [self.kernel[0], self.kernel[1], channels, self.channels];
        vec![
            ParameterSpec::new("weight", &shape, start),
            ParameterSpec::new("bias", &[self.channels], Start::Constant(0.0)),
        ]
    }

    fn forward(
        &self,
        pass: &Pass,
        inputs: &[Value],
        weights: &[&[f32]],
        output: &mut [f32],
        memo: &mut Memo,
    ) {
        Block::of(self).forward(pass, (inputs[0], None), weights, output, memo);
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        Block::of(self).backward(pass, gradients);
    }
}
