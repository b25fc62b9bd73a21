//! Fast convolution over time (Toom and Cook; Winograd 1980; Lavin and Gray 2016): six products of rows where a kernel
//! of `taps` rows and `7 − taps` rows of output would take twice as many.
//!
//! With points 0, ±1, ±2, ∞: six rows of input `d` become `u = Bᵀ d`, the kernel's rows `g` become `w = G g`, and the
//! rows of output are `Aᵀ (u · w)`. The same three matrices give the gradient of the kernel, `Gᵀ (u · A dy)`.

use crate::blocks::{block, block_mut, in_blocks};
use crate::kernels::Path;
use std::borrow::Cow;

/// Products, and rows of input, of one group of output rows.
pub(super) const PRODUCTS: usize = 6;
const POINTS: [f32; 5] = [0.0, 1.0, -1.0, 2.0, -2.0];
/// Products of the differences between a point and the others.
const DIVISORS: [f32; 5] = [4.0, -6.0, -6.0, 24.0, 24.0];

/// The algorithm for kernels of `taps` rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Winograd {
    taps: usize,
}

impl Winograd {
    /// `None` where it does not pay: kernels of one row or more than five, short sums, few rows of output.
    pub(super) fn for_kernel(taps: usize, depth: usize, rows: usize) -> Option<Self> {
        ((2..=5).contains(&taps) && depth >= 16 && rows + 1 >= 7 - taps).then_some(Self { taps })
    }

    /// Output rows of a group.
    pub(super) fn rows(self) -> usize {
        PRODUCTS + 1 - self.taps
    }

    /// Groups that cover `rows` rows of output.
    pub(super) fn groups(self, rows: usize) -> usize {
        rows.div_ceil(self.rows())
    }

    /// `G`: what tap `tap` counts in product `product`.
    fn weight(self, product: usize, tap: usize) -> f32 {
        match POINTS.get(product) {
            Some(point) => point.powi(tap as i32) / DIVISORS[product],
            None => f32::from(u8::from(tap + 1 == self.taps)),
        }
    }

    /// `[taps, …]` → `[6, …]`.
    pub(super) fn kernel(self, taps: &[f32]) -> Vec<f32> {
        let length = taps.len() / self.taps;
        let mut products = vec![0.0; PRODUCTS * length];
        for (product, target) in products.chunks_exact_mut(length).enumerate() {
            for (tap, source) in taps.chunks_exact(length).enumerate() {
                add_scaled(target, self.weight(product, tap), source);
            }
        }
        products
    }

    /// `[6, …]` → gradient of the kernel `[taps, …]`.
    pub(super) fn kernel_gradient(self, products: &[f32]) -> Vec<f32> {
        let length = products.len() / PRODUCTS;
        let mut taps = vec![0.0; self.taps * length];
        for (tap, target) in taps.chunks_exact_mut(length).enumerate() {
            for (product, source) in products.chunks_exact(length).enumerate() {
                add_scaled(target, self.weight(product, tap), source);
            }
        }
        taps
    }

    /// `Bᵀ`: `input` starts at the group's first row of `width` numbers (behind its end there are zeros) → six rows of `u`,
    /// each `stride` from the next.
    pub(super) fn input(path: Path, input: &[f32], width: usize, u: &mut [f32], stride: usize) {
        let mut input = Cow::Borrowed(input);
        if input.len() < PRODUCTS * width {
            input.to_mut().resize(PRODUCTS * width, 0.0);
        }
        let (input, mut u) = (&*input, rows_mut(u, stride, width));
        path.vectorize(
            #[inline(always)]
            || in_blocks!(width, input_block(input, width, &mut u)),
        );
    }

    /// `Aᵀ`: six rows of products, each `stride` from the next → the group's rows of output, as many as `output` holds.
    pub(super) fn output(
        self,
        path: Path,
        products: &[f32],
        stride: usize,
        width: usize,
        output: &mut [f32],
    ) {
        let last = self.rows() - 1;
        path.vectorize(
            #[inline(always)]
            || in_blocks!(width, output_block((products, stride), last, (&mut *output, width))),
        );
    }

    /// `A`: the rows of an output gradient, `source_stride` apart (the last group may have fewer of them) → six rows.
    pub(super) fn output_gradient(
        self,
        path: Path,
        (dy, source_stride): (&[f32], usize),
        width: usize,
        (v, stride): (&mut [f32], usize),
    ) {
        let zeros = [0.0; 0];
        let row = |i: usize| {
            let source = if i < self.rows() { dy.get(i * source_stride..) } else { None };
            source.filter(|rest| rest.len() >= width).map_or(&zeros[..], |rest| &rest[..width])
        };
        let rows: [&[f32]; 5] = std::array::from_fn(row);
        let mut v = rows_mut(v, stride, width);
        path.vectorize(
            #[inline(always)]
            || in_blocks!(width, gradient_block(&rows, self.rows() - 1, &mut v)),
        );
    }
}

#[inline(always)]
fn input_block<const W: usize>(first: usize, input: &[f32], width: usize, u: &mut [&mut [f32]; PRODUCTS]) {
    let d0 = block::<_, W>(input, first);
    let d1 = block::<_, W>(input, width + first);
    let d2 = block::<_, W>(input, 2 * width + first);
    let d3 = block::<_, W>(input, 3 * width + first);
    let d4 = block::<_, W>(input, 4 * width + first);
    let d5 = block::<_, W>(input, 5 * width + first);
    let mut values = [[0.0; W]; PRODUCTS];
    for x in 0..W {
        values[0][x] = 4.0 * d0[x] - 5.0 * d2[x] + d4[x];
        values[1][x] = d4[x] - 4.0 * d2[x] + (d3[x] - 4.0 * d1[x]);
        values[2][x] = d4[x] - 4.0 * d2[x] - (d3[x] - 4.0 * d1[x]);
        values[3][x] = d4[x] - d2[x] + 2.0 * (d3[x] - d1[x]);
        values[4][x] = d4[x] - d2[x] - 2.0 * (d3[x] - d1[x]);
        values[5][x] = 4.0 * d1[x] - 5.0 * d3[x] + d5[x];
    }
    for (u, value) in u.iter_mut().zip(values) {
        *block_mut::<_, W>(u, first) = value;
    }
}

#[inline(always)]
fn output_block<const W: usize>(
    first: usize,
    (products, stride): (&[f32], usize),
    last: usize,
    (output, width): (&mut [f32], usize),
) {
    let m0 = block::<_, W>(products, first);
    let m1 = block::<_, W>(products, stride + first);
    let m2 = block::<_, W>(products, 2 * stride + first);
    let m3 = block::<_, W>(products, 3 * stride + first);
    let m4 = block::<_, W>(products, 4 * stride + first);
    let m5 = block::<_, W>(products, 5 * stride + first);
    let mut y = [[0.0; W]; 5];
    for x in 0..W {
        let (even, odd) = (m1[x] + m2[x], m1[x] - m2[x]);
        let (even2, odd2) = (m3[x] + m4[x], m3[x] - m4[x]);
        y[0][x] = m0[x] + even + even2;
        y[1][x] = odd + 2.0 * odd2;
        y[2][x] = even + 4.0 * even2;
        y[3][x] = odd + 8.0 * odd2;
        y[4][x] = even + 16.0 * even2;
    }
    for x in 0..W {
        y[last][x] += m5[x];
    }
    for (row, y) in output.chunks_exact_mut(width).zip(y) {
        *block_mut::<_, W>(row, first) = y;
    }
}

/// A row that is not there is empty, and zero.
#[inline(always)]
fn gradient_block<const W: usize>(
    first: usize,
    rows: &[&[f32]; 5],
    last: usize,
    v: &mut [&mut [f32]; PRODUCTS],
) {
    let mut w = [[0.0; W]; 5];
    for (w, row) in w.iter_mut().zip(rows).filter(|(_, row)| !row.is_empty()) {
        *w = *block::<_, W>(row, first);
    }
    let mut values = [[0.0; W]; PRODUCTS];
    (values[0], values[5]) = (w[0], w[last]);
    for x in 0..W {
        let (even, odd) = (w[0][x] + w[2][x] + w[4][x], w[1][x] + w[3][x]);
        let even2 = w[0][x] + 4.0 * w[2][x] + 16.0 * w[4][x];
        let odd2 = 2.0 * w[1][x] + 8.0 * w[3][x];
        (values[1][x], values[2][x]) = (even + odd, even - odd);
        (values[3][x], values[4][x]) = (even2 + odd2, even2 - odd2);
    }
    for (v, value) in v.iter_mut().zip(values) {
        *block_mut::<_, W>(v, first) = value;
    }
}

fn rows_mut(data: &mut [f32], stride: usize, width: usize) -> [&mut [f32]; PRODUCTS] {
    let mut rows = data.chunks_mut(stride);
    std::array::from_fn(|_| &mut rows.next().expect("six rows")[..width])
}

fn add_scaled(target: &mut [f32], factor: f32, source: &[f32]) {
    target.iter_mut().zip(source).for_each(|(target, source)| *target += factor * source);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::uniform;

    const WIDTH: usize = 21;

    fn drawn(stream: usize, rows: usize) -> Vec<f32> {
        (0..rows * WIDTH).map(|i| 2.0 * uniform(3, stream, i) - 1.0).collect()
    }

    fn close(actual: &[f32], expected: &[f32]) -> bool {
        actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| (a - e).abs() < 2e-5)
    }

    /// Rows that are multiplied number by number: sums over taps, and the gradient of the taps, as written out.
    #[test]
    fn six_products_give_the_sums_over_the_taps() {
        for (path, taps) in
            [(Path::detect(), 2), (Path::detect(), 3), (Path::Portable, 4), (Path::detect(), 5)]
        {
            let winograd = Winograd { taps };
            let (rows, width) = (winograd.rows(), WIDTH);
            let (d, g, dy) = (drawn(1, PRODUCTS), drawn(2, taps), drawn(3, rows));
            let at = |row: usize, x: usize| row * WIDTH + x;
            let (mut y, mut dg) = (vec![0.0; rows * WIDTH], vec![0.0; taps * WIDTH]);
            for (row, tap) in (0..rows).flat_map(|row| (0..taps).map(move |tap| (row, tap))) {
                for x in 0..WIDTH {
                    y[at(row, x)] += d[at(row + tap, x)] * g[at(tap, x)];
                    dg[at(tap, x)] += d[at(row + tap, x)] * dy[at(row, x)];
                }
            }
            let mut u = vec![0.0; PRODUCTS * WIDTH];
            Winograd::input(path, &d, width, &mut u, width);
            let products: Vec<f32> = u.iter().zip(winograd.kernel(&g)).map(|(u, w)| u * w).collect();
            let mut output = vec![0.0; rows * WIDTH];
            winograd.output(path, &products, width, width, &mut output);
            assert!(close(&output, &y), "{taps} taps on {path:?}: {output:?} for {y:?}");

            let mut v = vec![0.0; PRODUCTS * WIDTH];
            winograd.output_gradient(path, (&dy, width), width, (&mut v, width));
            let products: Vec<f32> = u.iter().zip(&v).map(|(u, v)| u * v).collect();
            let gradient = winograd.kernel_gradient(&products);
            assert!(close(&gradient, &dg), "{taps} taps on {path:?}: {gradient:?} for {dg:?}");
        }
    }
}
