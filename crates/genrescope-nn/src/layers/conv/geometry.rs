//! One convolution's extents, its padded image, and the products for the gradient of its weights.
//!
//! The border is padded once per sample in a scratch image; each kernel row is then a run of `kernel_bands · channels`
//! neighbouring numbers for the tiled product of `kernels`. A kernel as high as the image is seen as one over time
//! alone, its bands as channels.

use super::scratch::sized;
use super::winograd::Winograd;
use crate::graph::Shape;
use crate::kernels::{Path, Product, Strides, Write, multiply};
use std::ops::Range;

/// Numbers of output that are computed before what follows the convolution reads them: they stay in the cache.
pub(super) const HOT: usize = 1 << 14;

/// Extents of a convolution, forward or (see [`Geometry::transposed`]) backward.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) input: Shape,
    pub(super) output: Shape,
    pub(super) kernel: [usize; 2],
    pub(super) padding: [usize; 2],
}

impl Geometry {
    pub(super) fn transposed(&self) -> Self {
        let padding = [self.kernel[0] - 1 - self.padding[0], self.kernel[1] - 1 - self.padding[1]];
        Self { input: self.output, output: self.input, kernel: self.kernel, padding }
    }

    /// Numbers that a row of the kernel covers.
    pub(super) fn depth(&self) -> usize {
        self.kernel[1] * self.input[2]
    }

    /// Numbers in a row (one time step) of the padded input.
    pub(super) fn padded_row(&self) -> usize {
        (self.input[1] + 2 * self.padding[1]) * self.input[2]
    }

    /// Numbers of the padded input.
    pub(super) fn padded_length(&self) -> usize {
        (self.input[0] + 2 * self.padding[0]) * self.padded_row()
    }

    /// Numbers in a row of the output.
    pub(super) fn row(&self) -> usize {
        self.output[1] * self.output[2]
    }

    /// Numbers of a weight gradient in the making; see [`Geometry::add_weight_gradient`].
    pub(super) fn gradient_length(&self) -> usize {
        let rows = self.winograd().map_or(self.kernel[0], Winograd::products);
        rows * self.depth() * self.output[2]
    }

    /// Whether an output number reads the numbers of one place alone.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.padding == [0, 0]
    }

    /// Whether its output costs less to compute again than to read from memory.
    pub(super) fn is_cheap(&self) -> bool {
        self.kernel[0] * self.depth() <= 32
    }

    pub(super) fn winograd(&self) -> Option<Winograd> {
        Winograd::for_kernel(self.kernel[0], self.depth(), self.output[0])
    }

    /// All rows of the output in turn: as many at once as stay in the cache, a multiple of `unit` but for the last.
    pub(super) fn blocks(&self, unit: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        self.blocks_of(unit, HOT)
    }

    /// The same, of about `hot` numbers each.
    pub(super) fn blocks_of(&self, unit: usize, hot: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let group = self.winograd().map_or(1, Winograd::rows);
        let unit = (1..=group).map(|n| n * unit).find(|rows| rows % group == 0).unwrap_or(unit);
        let widest = if self.is_pointwise() { self.row().max(self.padded_row()) } else { self.row() };
        let (rows, step) = (self.output[0], unit * (hot / (unit * widest)).max(1));
        (0..rows).step_by(step).map(move |first| first..(first + step).min(rows))
    }

    /// A padded image whose border is zero; contents are left over inside of it.
    pub(super) fn bordered<'a>(&self, image: &'a mut Vec<f32>) -> &'a mut [f32] {
        let (row, beside) = (self.padded_row(), self.padding[1] * self.input[2]);
        let image = sized(image, self.padded_length());
        let (above, rest) = image.split_at_mut(self.padding[0] * row);
        let (inside, below) = rest.split_at_mut(self.input[0] * row);
        above.fill(0.0);
        below.fill(0.0);
        if beside > 0 {
            for image_row in inside.chunks_exact_mut(row) {
                image_row[..beside].fill(0.0);
                image_row[row - beside..].fill(0.0);
            }
        }
        image
    }

    /// Where row `row` of a sample begins in the padded image.
    pub(super) fn padded_start(&self, row: usize) -> usize {
        (row + self.padding[0]) * self.padded_row() + self.padding[1] * self.input[2]
    }

    /// One sample with its border, made in `image` where there is one to make.
    pub(super) fn pad<'a>(&self, sample: &'a [f32], image: &'a mut Vec<f32>) -> &'a [f32] {
        if self.padding == [0, 0] && self.winograd().is_none() {
            return sample;
        }
        let image = self.bordered(image);
        let width = self.input[1] * self.input[2];
        if self.padding[1] == 0 {
            image[self.padded_start(0)..][..sample.len()].copy_from_slice(sample);
            return image;
        }
        for (row, source) in sample.chunks_exact(width).enumerate() {
            image[self.padded_start(row)..][..width].copy_from_slice(source);
        }
        image
    }

    /// Adds to `sums` ([`Geometry::gradient_length`] numbers) what `rows` rows of the output gradient `dy`, each `stride`
    /// numbers from the next, say of the weights; `padded` begins with the first row of input that they read.
    pub(super) fn add_weight_gradient(
        &self,
        path: Path,
        padded: &[f32],
        (rows, dy, stride): (usize, &[f32], usize),
        scratch: &mut Vec<f32>,
        sums: &mut [f32],
    ) {
        let [_, bands, channels] = self.output;
        let (depth, row) = (self.depth(), self.padded_row());
        let product = Product {
            rows: depth,
            columns: channels,
            depth: bands,
            segments: rows,
            a: Strides { row: 1, step: self.input[2], segment: row },
            b_step: channels,
            b_segment: stride,
            c_row: channels,
        };
        let Some(winograd) = self.winograd() else {
            for (k, sums) in sums.chunks_exact_mut(depth * channels).enumerate() {
                multiply(path, product, &padded[k * row..], dy, sums, Write::Add);
            }
            return;
        };
        let (groups, width) = (winograd.groups(rows), self.row());
        let product = Product { segments: groups, b_segment: width, ..product };
        let all = winograd.products() * groups;
        let (u, v) = sized(scratch, all * (row + width)).split_at_mut(all * row);
        for group in 0..groups {
            let first = group * winograd.rows();
            winograd.input(path, &padded[first * row..], row, &mut u[group * row..], groups * row);
            let dy = &dy[first * stride..((rows - 1) * stride + width)];
            winograd.output_gradient(path, (dy, stride), width, (&mut v[group * width..], groups * width));
        }
        let products = u.chunks_exact(groups * row).zip(v.chunks_exact(groups * width));
        for ((u, v), sums) in products.zip(sums.chunks_exact_mut(depth * channels)) {
            multiply(path, product, u, v, sums, Write::Add);
        }
    }

    /// The gradient of the weights from the finished sums.
    pub(super) fn weight_gradient(&self, sums: Vec<f32>) -> Vec<f32> {
        match self.winograd() {
            Some(winograd) => winograd.kernel_gradient(&sums),
            None => sums,
        }
    }

    /// `[kt, kb, in, out]` → mirrored `[kt, kb, out, in]`.
    pub(super) fn mirrored(&self, weights: &[f32]) -> Vec<f32> {
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
