//! Convolution over time alone with few channels of output: the products of a row of input with the weights of all taps side
//! by side, so that each row is read once, then sums of rows.

use super::convolution::Part;
use super::geometry::Geometry;
use super::scratch::sized;
use crate::kernels::{Product, Strides, Write, multiply};

/// The most columns of a product: more would not be one pass over its rows.
const COLUMNS: usize = 64;
/// Columns are filled up with zeros to a multiple of this, so that they are whole vectors.
const LANES: usize = 16;

/// Extents of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taps {
    taps: usize,
    outputs: usize,
}

impl Taps {
    /// `None` where there is one tap, more than one band is left, or channels fill vectors by themselves.
    pub(super) fn for_geometry(geometry: &Geometry) -> Option<Self> {
        let Geometry { kernel: [taps, wide], output: [_, bands, outputs], .. } = *geometry;
        let fits = taps > 1 && wide == 1 && bands == 1 && outputs < LANES && taps * outputs <= COLUMNS;
        (fits && geometry.padding[1] == 0).then_some(Self { taps, outputs })
    }

    fn columns(self) -> usize {
        (self.taps * self.outputs).next_multiple_of(LANES)
    }

    /// `[taps, inputs, outputs]` → `[inputs, columns]`.
    pub(super) fn kernel(self, weights: &[f32]) -> Vec<f32> {
        let inputs = weights.len() / (self.taps * self.outputs);
        let mut beside = vec![0.0; inputs * self.columns()];
        for (row, source) in weights.chunks_exact(self.outputs).enumerate() {
            let at = row % inputs * self.columns() + row / inputs * self.outputs;
            beside[at..][..self.outputs].copy_from_slice(source);
        }
        beside
    }

    /// A part of the output, without bias.
    pub(super) fn rows(self, part: &Part, weights: &[f32], scratch: &mut Vec<f32>, output: &mut [f32]) {
        let &Part { path, geometry, sample, rows } = part;
        let (time, inputs, above) = (geometry.input[0], geometry.input[2], geometry.padding[0]);
        let first = rows.start.saturating_sub(above);
        let end = (rows.end + self.taps - 1).saturating_sub(above).clamp(first, time);
        let columns = self.columns();
        let product = Product {
            rows: end - first,
            columns,
            depth: inputs,
            segments: 1,
            a: Strides { row: inputs, step: 1, segment: 0 },
            b_step: columns,
            b_segment: 0,
            c_row: columns,
        };
        let products = sized(scratch, (end - first) * columns);
        multiply(path, product, &sample[first * inputs..], weights, products, Write::Replace);
        for (t, output) in rows.clone().zip(output.chunks_exact_mut(self.outputs)) {
            output.fill(0.0);
            let read = (0..self.taps).filter_map(|tap| Some((tap, (t + tap).checked_sub(above)?)));
            for (tap, row) in read.filter(|(_, row)| *row < time) {
                let part = &products[(row - first) * columns + tap * self.outputs..][..self.outputs];
                output.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            }
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

    /// Blocks of a few rows and all rows at once, with and without a border, as the products one tap after the other.
    #[test]
    fn taps_side_by_side_give_the_sums_over_the_taps() {
        for (taps, padding, outputs) in [(3, 1, 8), (5, 0, 7), (4, 2, 5)] {
            let conv = Conv2d { padding: [padding, 0], ..Conv2d::full_height(taps, 6, outputs) };
            let geometry = conv.geometry([11, 6, 5]);
            let algorithm = Algorithm::of(&geometry, true);
            assert!(matches!(algorithm, Algorithm::Taps(_)), "{algorithm:?}");
            let drawn =
                |stream, count| -> Vec<f32> { (0..count).map(|i| uniform(5, stream, i) - 0.5).collect() };
            let (sample, weights) = (drawn(1, 11 * 30), drawn(2, taps * 30 * outputs));
            let prepared = algorithm.prepared(&weights).unwrap();
            let fast = Convolution::of_prepared(geometry, &prepared, None);
            let plain = Convolution::new(geometry, Cow::Borrowed(&weights), None);
            let (width, rows) = (geometry.row(), geometry.output[0]);
            let all = |convolution: &Convolution, step: usize| {
                let (mut image, mut scratch, mut output) = (vec![], vec![], vec![f32::NAN; rows * width]);
                let mut image = convolution.image(&sample, &mut image);
                for first in (0..rows).step_by(step) {
                    let block = first..(first + step).min(rows);
                    let read = convolution.read(Path::detect(), &mut image, &block);
                    let output = &mut output[block.start * width..block.end * width];
                    convolution.rows(Path::detect(), read, &block, &mut scratch, output);
                }
                output
            };
            let expected = all(&plain, rows);
            for step in [1, 3, rows] {
                let errors = all(&fast, step).into_iter().zip(&expected).map(|(y, e)| (y - e).abs());
                let error = errors.fold(0.0_f32, |most, error| if error <= most { most } else { error });
                assert!(error < 1e-5, "{taps} taps, {step} rows at once: {error:e}");
            }
        }
    }
}
