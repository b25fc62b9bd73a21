//! Fast convolution over time and bands at once (Lavin and Gray 2016): the algorithm over time, and the same over the bands
//! of each of its rows. A square of 4 x 4 numbers of output takes 36 products a channel where a kernel of 3 x 3 has 144.

use super::convolution::Part;
use super::geometry::Geometry;
use super::scratch::sized;
use super::winograd::Winograd;
use crate::kernels::{Product, Strides, Write, multiply};
use std::borrow::Cow;

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

    /// A part of the output, without bias.
    pub(super) fn rows(self, part: &Part, weights: &[f32], scratch: &mut Vec<f32>, output: &mut [f32]) {
        let squares = Squares::of(part, self.0);
        let (edge, [read, written]) = (squares.edge(), squares.lengths());
        let scratch = sized(scratch, edge + self.products() * (read + written));
        let (edge, scratch) = scratch.split_at_mut(edge);
        let (u, products) = scratch.split_at_mut(self.products() * read);
        squares.input(edge, u);
        squares.multiply(u, weights, products);
        squares.output(products, edge, output);
    }
}

/// The squares of a part, and what is made of them.
struct Squares<'a> {
    part: &'a Part<'a>,
    winograd: Winograd,
    /// Groups of rows, and of bands.
    groups: [usize; 2],
}

impl<'a> Squares<'a> {
    fn of(part: &'a Part<'a>, winograd: Winograd) -> Self {
        let groups = [part.rows.len(), part.geometry.output[1]].map(|extent| winograd.groups(extent));
        Self { part, winograd, groups }
    }

    /// Numbers that all squares read, and write, for one product.
    fn lengths(&self) -> [usize; 2] {
        let Geometry { input, output, .. } = self.part.geometry;
        [input[2], output[2]].map(|channels| self.groups[0] * self.groups[1] * channels)
    }

    /// Numbers of a row of input, and of output, as wide as whole groups.
    fn wide_rows(&self) -> [usize; 2] {
        let Geometry { input, output, kernel, .. } = self.part.geometry;
        let bands = self.groups[1] * self.winograd.rows();
        [(bands + kernel[1] - 1) * input[2], bands * output[2]]
    }

    /// Numbers of the rows of one group.
    fn edge(&self) -> usize {
        let [read, written] = self.wide_rows();
        self.winograd.products() * read.max(written)
    }

    /// The sample → `u` `[products, products, groups, groups, channels in]`.
    fn input(&self, edge: &mut [f32], u: &mut [f32]) {
        let &Part { path, geometry: &Geometry { input: [_, bands, channels], padding, .. }, rows, .. } =
            self.part;
        let (winograd, count, [wide, _]) = (self.winograd, self.winograd.products(), self.wide_rows());
        let ([length, _], [high, across]) = (self.lengths(), self.groups);
        let (row, beside) = (bands * channels, padding[1] * channels);
        for edge in edge.chunks_exact_mut(wide).take(count) {
            edge[..beside].fill(0.0);
            edge[beside + row..].fill(0.0);
        }
        for group in 0..high {
            let input = self.read(rows.start + group * winograd.rows());
            winograd.input(path, &input, row, &mut edge[beside..], wide);
            for (edge, u) in edge.chunks_exact(wide).zip(u.chunks_exact_mut(count * length)) {
                winograd.input_along(
                    path,
                    edge,
                    (across, channels),
                    &mut u[group * across * channels..],
                    length,
                );
            }
        }
    }

    /// What the group that begins with a row of output reads, from its first row on; above the sample there are zeros.
    fn read(&self, first: usize) -> Cow<'a, [f32]> {
        let &Part { geometry: &Geometry { input: [_, bands, channels], padding, .. }, sample, .. } =
            self.part;
        let (row, above) = (bands * channels, padding[0].saturating_sub(first));
        let input = &sample[first.saturating_sub(padding[0]) * row..];
        if above == 0 {
            return Cow::Borrowed(input);
        }
        let read = ((self.winograd.products() - above) * row).min(input.len());
        [&vec![0.0; above * row], &input[..read]].concat().into()
    }

    fn multiply(&self, u: &[f32], weights: &[f32], products: &mut [f32]) {
        let ([read, written], Geometry { input, output, .. }) = (self.lengths(), self.part.geometry);
        let product = Product {
            rows: self.groups[0] * self.groups[1],
            columns: output[2],
            depth: input[2],
            segments: 1,
            a: Strides { row: input[2], step: 1, segment: 0 },
            b_step: output[2],
            b_segment: 0,
            c_row: output[2],
        };
        let pairs = u.chunks_exact(read).zip(products.chunks_exact_mut(written));
        for ((u, products), weights) in pairs.zip(weights.chunks_exact(input[2] * output[2])) {
            multiply(self.part.path, product, u, weights, products, Write::Replace);
        }
    }

    /// `[products, products, groups, groups, channels out]` → rows of output.
    fn output(&self, products: &[f32], edge: &mut [f32], output: &mut [f32]) {
        let (path, winograd, [_, wide]) = (self.part.path, self.winograd, self.wide_rows());
        let ([_, length], width, channels) =
            (self.lengths(), self.part.geometry.row(), self.part.geometry.output[2]);
        for (group, output) in output.chunks_mut(winograd.rows() * width).enumerate() {
            let products = products.chunks_exact(winograd.products() * length);
            for (edge, products) in edge.chunks_exact_mut(wide).zip(products) {
                let products = &products[group * self.groups[1] * channels..];
                winograd.output(path, products, length, channels, edge);
            }
            winograd.output(path, edge, wide, width, output);
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
