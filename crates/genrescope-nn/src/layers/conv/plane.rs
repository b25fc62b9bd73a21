//! Fast convolution over time and bands at once (Lavin and Gray 2016): the algorithm over time, and the same over the bands
//! of each of its rows. A square of 4 x 4 numbers of output takes 36 products a channel where a kernel of 3 x 3 has 144.

use super::geometry::Geometry;
use super::scratch::sized;
use super::winograd::Winograd;
use crate::kernels::{Path, Product, Strides, Write, multiply};
use std::borrow::Cow;
use std::ops::Range;

/// Squares that are computed at once: each reads all transformed weights.
const SQUARES: usize = 32;

/// The algorithm of both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plane(Winograd);

impl Plane {
    /// `None` where the kernel is not as wide as high, sums are short, or too few bands fill whole groups.
    pub(super) fn for_geometry(geometry: &Geometry, winograd: Winograd) -> Option<Self> {
        let (bands, [high, wide]) = (geometry.output[1], geometry.kernel);
        let filled = 4 * bands >= 3 * winograd.groups(bands) * winograd.rows();
        (high == wide && geometry.input[2] >= 16 && filled).then_some(Self(winograd))
    }

    /// Products of a square of output, and arrays of weights.
    pub(super) fn products(self) -> usize {
        self.0.products() * self.0.products()
    }

    /// `[taps, taps, …]` → `[products, …]`.
    pub(super) fn kernel(self, taps: &[f32]) -> Vec<f32> {
        let rows = self.0.kernel(taps);
        let rows = rows.chunks_exact(rows.len() / self.0.products());
        rows.map(|row| self.0.kernel(row)).collect::<Vec<_>>().concat()
    }

    /// Numbers of output in [`SQUARES`] squares.
    pub(super) fn block(self, geometry: &Geometry) -> usize {
        SQUARES * self.0.rows() * self.0.rows() * geometry.output[2]
    }

    /// Rows of the output of one sample, which has no border; without bias.
    pub(super) fn rows(
        self,
        path: Path,
        geometry: &Geometry,
        (sample, rows): (&[f32], &Range<usize>),
        weights: &[f32],
        scratch: &mut Vec<f32>,
        output: &mut [f32],
    ) {
        let Geometry { input: [_, _, inputs], output: [_, bands, outputs], padding, .. } = *geometry;
        let (winograd, count) = (self.0, self.0.products());
        let (high, across) = (winograd.groups(rows.len()), winograd.groups(bands));
        let (row, width) = (geometry.input[1] * inputs, geometry.row());
        let whole = across * winograd.rows();
        let (wide_row, wide_width) = ((whole + geometry.kernel[1] - 1) * inputs, whole * outputs);
        let (squares, edge) = (high * across, count * wide_row.max(wide_width));
        let scratch = sized(scratch, edge + self.products() * squares * (inputs + outputs));
        let (edge, scratch) = scratch.split_at_mut(edge);
        let (u, products) = scratch.split_at_mut(self.products() * squares * inputs);

        let beside = padding[1] * inputs;
        for edge in edge.chunks_exact_mut(wide_row).take(count) {
            edge[..beside].fill(0.0);
            edge[beside + row..].fill(0.0);
        }
        for group in 0..high {
            let first = rows.start + group * winograd.rows();
            let above = padding[0].saturating_sub(first);
            let input = &sample[first.saturating_sub(padding[0]) * row..];
            let input = match above {
                0 => Cow::Borrowed(input),
                _ => {
                    let read = ((count - above) * row).min(input.len());
                    [&vec![0.0; above * row], &input[..read]].concat().into()
                }
            };
            winograd.input(path, &input, row, &mut edge[beside..], wide_row);
            for (edge, u) in edge.chunks_exact(wide_row).zip(u.chunks_exact_mut(count * squares * inputs)) {
                let u = &mut u[group * across * inputs..];
                winograd.input_along(path, edge, (across, inputs), u, squares * inputs);
            }
        }
        let product = Product {
            rows: squares,
            columns: outputs,
            depth: inputs,
            segments: 1,
            a: Strides { row: inputs, step: 1, segment: 0 },
            b_step: outputs,
            b_segment: 0,
            c_row: outputs,
        };
        let pairs = u.chunks_exact(squares * inputs).zip(products.chunks_exact_mut(squares * outputs));
        for ((u, products), weights) in pairs.zip(weights.chunks_exact(inputs * outputs)) {
            multiply(path, product, u, weights, products, Write::Replace);
        }
        for (group, output) in output.chunks_mut(winograd.rows() * width).enumerate() {
            let products = products.chunks_exact(count * squares * outputs);
            for (edge, products) in edge.chunks_exact_mut(wide_width).zip(products) {
                let products = &products[group * across * outputs..];
                winograd.output_along(path, products, squares * outputs, outputs, edge);
            }
            winograd.output(path, edge, wide_width, width, output);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::convolution::{Algorithm, Convolution};
    use crate::kernels::Path;
    use crate::layers::Conv2d;
    use crate::random::uniform;
    use std::borrow::Cow;

    fn drawn(stream: usize, count: usize) -> Vec<f32> {
        (0..count).map(|i| 2.0 * uniform(7, stream, i) - 1.0).collect()
    }

    /// Sums over taps and channels, as written out.
    fn direct(conv: &Conv2d, [time, bands, inputs]: [usize; 3], sample: &[f32], weights: &[f32]) -> Vec<f32> {
        let ([high, wide], outputs) = (conv.kernel, conv.channels);
        let mut sums = vec![0.0_f64; time * bands * outputs];
        for (place, sums) in sums.chunks_exact_mut(outputs).enumerate() {
            for tap in 0..high * wide {
                let t = (place / bands + tap / wide).wrapping_sub(high / 2);
                let b = (place % bands + tap % wide).wrapping_sub(wide / 2);
                if t >= time || b >= bands {
                    continue;
                }
                for (i, x) in sample[(t * bands + b) * inputs..][..inputs].iter().enumerate() {
                    let weights = &weights[(tap * inputs + i) * outputs..][..outputs];
                    sums.iter_mut().zip(weights).for_each(|(sum, w)| *sum += f64::from(*x) * f64::from(*w));
                }
            }
        }
        sums.into_iter().map(|sum| sum as f32).collect()
    }

    #[test]
    fn squares_of_products_give_the_sums_over_the_taps() {
        for (kernel, shape, path) in [
            (3, [9, 16, 16], Path::detect()),
            (3, [8, 13, 21], Path::detect()),
            (3, [40, 12, 16], Path::Portable),
            (5, [8, 15, 17], Path::detect()),
        ] {
            let conv = Conv2d::same([kernel, kernel], 19);
            let geometry = conv.geometry(shape);
            let algorithm = Algorithm::of(&geometry, true);
            assert!(matches!(algorithm, Algorithm::Plane(_)), "{shape:?}: {algorithm:?}");
            let sample = drawn(1, shape.iter().product());
            let weights = drawn(2, kernel * kernel * shape[2] * conv.channels);
            let expected = direct(&conv, shape, &sample, &weights);
            let prepared = algorithm.prepared(&weights).unwrap();
            let fast = Convolution::of_prepared(geometry, &prepared, None);
            let plain = Convolution::new(geometry, Cow::Borrowed(&weights), None);
            let largest = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            for (convolution, limit) in [(plain, 2e-6), (fast, 4e-6)] {
                let (mut image, mut scratch, mut output) = (vec![], vec![], vec![0.0; expected.len()]);
                let mut image = convolution.image(&sample, &mut image);
                for rows in convolution.blocks(1) {
                    let read = convolution.read(path, &mut image, &rows);
                    let width = geometry.row();
                    let output = &mut output[rows.start * width..rows.end * width];
                    convolution.rows(path, read, &rows, &mut scratch, output);
                }
                let errors = output.iter().zip(&expected).map(|(y, expected)| (y - expected).abs());
                let error = errors.fold(0.0_f32, f32::max) / largest;
                assert!(error <= limit, "{kernel} x {kernel} of {shape:?} on {path:?}: {error:e}");
            }
        }
    }
}
