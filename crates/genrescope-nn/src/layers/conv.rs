//! Two-dimensional convolution, stride 1, NHWC, without im2col.
//!
//! The border is padded once per sample in a scratch image; each kernel row is then a run of `kernel_bands · channels`
//! neighbouring numbers for the tiled product of `kernels`. Backward uses the same product three ways: the gradient
//! of the input is a convolution of the padded output gradient with the mirrored kernel, the gradient of the weights
//! a sum over output pixels. A kernel as high as the image is seen as one over time alone, its bands as channels.

use super::{Backward, Memo, Op, ParameterSpec, Pass, Start, Value, single};
use crate::blocks::{block, block_mut, in_blocks};
use crate::graph::Shape;
use crate::kernels::{Path, Product, Strides, Write, multiply};
use crate::parallel::{for_groups, sum_groups};

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
}

impl Conv2d {
    /// A kernel of odd extents whose output has the extents of its input.
    pub fn same(kernel: [usize; 2], channels: usize) -> Self {
        Self { kernel, channels, padding: kernel.map(|k| k / 2) }
    }

    /// A kernel over all `bands`, `time` (odd) steps wide: one band is left, the time steps stay.
    pub fn full_height(time: usize, bands: usize, channels: usize) -> Self {
        Self { kernel: [time, bands], channels, padding: [time / 2, 0] }
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

/// One convolution's extents, forward or (see [`Geometry::transposed`]) backward.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    input: Shape,
    output: Shape,
    kernel: [usize; 2],
    padding: [usize; 2],
}

impl Geometry {
    fn transposed(&self) -> Self {
        let padding = [self.kernel[0] - 1 - self.padding[0], self.kernel[1] - 1 - self.padding[1]];
        Self { input: self.output, output: self.input, kernel: self.kernel, padding }
    }

    fn input_size(&self) -> usize {
        self.input.iter().product()
    }

    fn output_size(&self) -> usize {
        self.output.iter().product()
    }

    /// Numbers in a row (one time step) of the padded input.
    fn padded_row(&self) -> usize {
        (self.input[1] + 2 * self.padding[1]) * self.input[2]
    }

    /// A scratch image whose border is zero and stays so.
    fn scratch(&self) -> Vec<f32> {
        vec![0.0; (self.input[0] + 2 * self.padding[0]) * self.padded_row()]
    }

    /// Copies one sample into the middle of the scratch image.
    fn pad<'a>(&self, sample: &'a [f32], scratch: &'a mut [f32]) -> &'a [f32] {
        if self.padding == [0, 0] {
            return sample;
        }
        let (row, width) = (self.padded_row(), self.input[1] * self.input[2]);
        let rows = scratch.chunks_exact_mut(row).skip(self.padding[0]);
        for (target, source) in rows.zip(sample.chunks_exact(width)) {
            target[self.padding[1] * self.input[2]..][..width].copy_from_slice(source);
        }
        scratch
    }

    /// Output of one sample from its padded input; `weights` `[kt, kb, in, out]`.
    fn convolve(&self, path: Path, padded: &[f32], weights: &[f32], output: &mut [f32]) {
        let [time, bands, channels] = self.output;
        let depth = self.kernel[1] * self.input[2];
        let row = self.padded_row();
        let product = Product {
            rows: bands,
            columns: channels,
            depth,
            segments: self.kernel[0],
            a: Strides { row: self.input[2], step: 1, segment: row },
            b_step: channels,
            b_segment: depth * channels,
            c_row: channels,
        };
        if bands == 1 {
            let product = Product { rows: time, a: Strides { row, ..product.a }, ..product };
            return multiply(path, product, padded, weights, output, Write::Replace);
        }
        for (t, output) in output.chunks_exact_mut(bands * channels).enumerate() {
            multiply(path, product, &padded[t * row..], weights, output, Write::Replace);
        }
    }

    /// Adds one sample's gradient of the weights.
    fn add_weight_gradient(&self, path: Path, padded: &[f32], d_output: &[f32], d_weights: &mut [f32]) {
        let [time, bands, channels] = self.output;
        let depth = self.kernel[1] * self.input[2];
        let row = self.padded_row();
        let product = Product {
            rows: depth,
            columns: channels,
            depth: bands,
            segments: time,
            a: Strides { row: 1, step: self.input[2], segment: row },
            b_step: channels,
            b_segment: bands * channels,
            c_row: channels,
        };
        for (k, d_weights) in d_weights.chunks_exact_mut(depth * channels).enumerate() {
            multiply(path, product, &padded[k * row..], d_output, d_weights, Write::Add);
        }
    }

    /// `[kt, kb, in, out]` → mirrored `[kt, kb, out, in]`.
    fn mirrored(&self, weights: &[f32]) -> Vec<f32> {
        let (inputs, outputs) = (self.input[2], self.output[2]);
        let taps = self.kernel[0] * self.kernel[1];
        let mut mirrored = vec![0.0; weights.len()];
        for (tap, source) in weights.chunks_exact(inputs * outputs).enumerate() {
            let target = &mut mirrored[(taps - 1 - tap) * inputs * outputs..][..inputs * outputs];
            for (i, source) in source.chunks_exact(outputs).enumerate() {
                for (o, &weight) in source.iter().enumerate() {
                    target[o * inputs + i] = weight;
                }
            }
        }
        mirrored
    }
}

/// The output gradient of one sample, zero where a merged ReLU was shut.
fn through_relu<'a>(
    pass: &Pass,
    d_output: &'a [f32],
    output: &[f32],
    scratch: &'a mut Vec<f32>,
) -> &'a [f32] {
    if !pass.relu {
        return d_output;
    }
    scratch.clear();
    scratch.extend(d_output.iter().zip(output).map(|(d, y)| if *y > 0.0 { *d } else { 0.0 }));
    scratch
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
        let fan_in = self.kernel[0] * self.kernel[1] * channels;
        let shape = [self.kernel[0], self.kernel[1], channels, self.channels];
        vec![
            ParameterSpec::new("weight", &shape, Start::He { fan_in }),
            ParameterSpec::new("bias", &[self.channels], Start::Constant(0.0)),
        ]
    }

    fn merges_relu(&self) -> bool {
        true
    }

    fn forward(
        &self,
        pass: &Pass,
        inputs: &[Value],
        weights: &[&[f32]],
        output: &mut [f32],
        _memo: &mut Memo,
    ) {
        let geometry = self.geometry(inputs[0].shape);
        let (input_size, output_size) = (geometry.input_size(), geometry.output_size());
        for_groups(pass.samples, output, |range, part| {
            let mut scratch = geometry.scratch();
            for (sample, output) in range.zip(part.chunks_exact_mut(output_size)) {
                let padded = geometry.pad(&inputs[0].data[sample * input_size..][..input_size], &mut scratch);
                geometry.convolve(pass.path, padded, weights[0], output);
                add_bias(pass, output, weights[1]);
            }
        });
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        let geometry = self.geometry(gradients.inputs[0].shape);
        let (input_size, output_size) = (geometry.input_size(), geometry.output_size());
        let (input, output) = (gradients.inputs[0].data, gradients.output.data);
        let d_output = gradients.d_output;
        let at = |sample: usize| sample * output_size..(sample + 1) * output_size;
        let weights = gradients.weights[0].len();
        let sums = sum_groups(pass.samples, weights + self.channels, |range, sums| {
            let (mut scratch, mut open) = (geometry.scratch(), Vec::new());
            let (d_weights, d_bias) = sums.split_at_mut(weights);
            for sample in range {
                let d_output = through_relu(pass, &d_output[at(sample)], &output[at(sample)], &mut open);
                let padded = geometry.pad(&input[sample * input_size..][..input_size], &mut scratch);
                geometry.add_weight_gradient(pass.path, padded, d_output, d_weights);
                add_rows(pass.path, d_output, d_bias);
            }
        });
        gradients.d_weights[0].copy_from_slice(&sums[..weights]);
        gradients.d_weights[1].copy_from_slice(&sums[weights..]);

        let Some(d_input) = &mut gradients.d_inputs[0] else { return };
        let mirrored = geometry.mirrored(gradients.weights[0]);
        let back = geometry.transposed();
        for_groups(pass.samples, d_input, |range, part| {
            let (mut scratch, mut open) = (back.scratch(), Vec::new());
            for (sample, d_input) in range.zip(part.chunks_exact_mut(input_size)) {
                let d_output = through_relu(pass, &d_output[at(sample)], &output[at(sample)], &mut open);
                let padded = back.pad(d_output, &mut scratch);
                back.convolve(pass.path, padded, &mirrored, d_input);
            }
        });
    }
}

fn add_bias(pass: &Pass, output: &mut [f32], bias: &[f32]) {
    let floor = if pass.relu { 0.0 } else { f32::NEG_INFINITY };
    pass.path.vectorize(
        #[inline(always)]
        || in_blocks!(bias.len(), add_bias_block(output, bias, floor)),
    );
}

#[inline(always)]
fn add_bias_block<const W: usize>(first: usize, output: &mut [f32], bias: &[f32], floor: f32) {
    let constants = *block::<W>(bias, first);
    for pixel in output.chunks_exact_mut(bias.len()) {
        let y = block_mut::<W>(pixel, first);
        for c in 0..W {
            y[c] = (y[c] + constants[c]).max(floor);
        }
    }
}

fn add_rows(path: Path, rows: &[f32], sums: &mut [f32]) {
    path.vectorize(
        #[inline(always)]
        || in_blocks!(sums.len(), add_rows_block(rows, sums)),
    );
}

#[inline(always)]
fn add_rows_block<const W: usize>(first: usize, rows: &[f32], sums: &mut [f32]) {
    let mut total = *block::<W>(sums, first);
    for row in rows.chunks_exact(sums.len()) {
        let row = block::<W>(row, first);
        for c in 0..W {
            total[c] += row[c];
        }
    }
    *block_mut::<W>(sums, first) = total;
}
