//! Fast convolution over time (Toom and Cook; Winograd 1980; Lavin and Gray 2016): six or eight products of rows where a
//! kernel of `taps` rows and `7 − taps` or `9 − taps` rows of output would take twice as many and more.
//!
//! With points 0, ±1, ±2, ±½, ∞: as many rows of input `d` as there are points become `u = Bᵀ d`, the kernel's rows `g`
//! become `w = G g`, and the rows of output are `Aᵀ (u · w)`. The same three matrices give the gradient of the kernel,
//! `Gᵀ (u · A dy)`.

use crate::blocks::{block, block_mut, in_blocks};
use crate::kernels::Path;
use std::borrow::Cow;

/// Points that stand beside 0 and ∞, each with its negative.
const PAIRS: [f32; 3] = [1.0, 2.0, 0.5];
/// The most products, and rows of input, of one group of output rows.
const MOST: usize = 2 * PAIRS.len() + 2;

/// The algorithm for kernels of `taps` rows with the first `pairs` points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Winograd {
    taps: usize,
    pairs: usize,
}

impl Winograd {
    /// With as many points as make the fewest products, six for kernels of three rows (eight would save a ninth of them and
    /// cost more in memory). `None` where they are no fewer than three quarters of the plain ones: kernels of one row or
    /// more than five, short sums, few rows of output.
    pub(super) fn for_kernel(taps: usize, depth: usize, rows: usize) -> Option<Self> {
        let pairs = if taps > 3 { 2..=3 } else { 2..=2 };
        let products = |winograd: &Self| winograd.groups(rows) * winograd.products();
        let pays = |winograd: &Self| 4 * products(winograd) <= 3 * taps * rows;
        let possible = (2..=5).contains(&taps) && depth >= 16;
        let fewest = pairs.filter(|_| possible).map(|pairs| Self { taps, pairs }).min_by_key(products);
        fewest.filter(pays)
    }

    /// Products, and rows of input, of one group of output rows.
    pub(super) fn products(self) -> usize {
        2 * self.pairs + 2
    }

    /// Output rows of a group.
    pub(super) fn rows(self) -> usize {
        self.products() + 1 - self.taps
    }

    /// Groups that cover `rows` rows of output.
    pub(super) fn groups(self, rows: usize) -> usize {
        rows.div_ceil(self.rows())
    }

    /// The point of a product: 0, then each pair; `None` is ∞.
    fn point(self, product: usize) -> Option<f32> {
        match product.checked_sub(1) {
            None => Some(0.0),
            Some(i) if i < 2 * self.pairs => Some(if i % 2 == 0 { PAIRS[i / 2] } else { -PAIRS[i / 2] }),
            Some(_) => None,
        }
    }

    /// `G`: what tap `tap` counts in product `product`: the point's power over its differences from the others.
    fn weight(self, product: usize, tap: usize) -> f32 {
        let Some(point) = self.point(product) else { return f32::from(u8::from(tap + 1 == self.taps)) };
        let others =
            (0..self.products()).filter_map(|other| self.point(other)).filter(|other| *other != point);
        point.powi(tap as i32) / others.map(|other| point - other).product::<f32>()
    }

    /// `[taps, …]` → `[products, …]`.
    pub(super) fn kernel(self, taps: &[f32]) -> Vec<f32> {
        let (first, others) = taps.split_at(taps.len() / self.taps);
        let mut products = Vec::with_capacity(self.products() * first.len());
        for product in 0..self.products() {
            let (start, weight) = (products.len(), self.weight(product, 0));
            products.extend(first.iter().map(|x| weight * x));
            for (tap, source) in (1..).zip(others.chunks_exact(first.len())) {
                add_scaled(&mut products[start..], self.weight(product, tap), source);
            }
        }
        products
    }

    /// `[products, …]` → gradient of the kernel `[taps, …]`.
    pub(super) fn kernel_gradient(self, products: &[f32]) -> Vec<f32> {
        let length = products.len() / self.products();
        let mut taps = vec![0.0; self.taps * length];
        for (tap, target) in taps.chunks_exact_mut(length).enumerate() {
            for (product, source) in products.chunks_exact(length).enumerate() {
                add_scaled(target, self.weight(product, tap), source);
            }
        }
        taps
    }

    /// `Bᵀ`: `input` starts at the group's first row of `width` numbers (behind its end there are zeros) → the rows of `u`,
    /// each `stride` from the next.
    pub(super) fn input(self, path: Path, input: &[f32], width: usize, u: &mut [f32], stride: usize) {
        let mut input = Cow::Borrowed(input);
        if input.len() < self.products() * width {
            input.to_mut().resize(self.products() * width, 0.0);
        }
        self.input_along(path, &input, (1, width), u, stride);
    }

    /// [`Winograd::input`] of points of `width` numbers along a row: groups that begin [`Winograd::rows`] points apart →
    /// `u` `[products][groups][width]`, products `stride` apart.
    pub(super) fn input_along(
        self,
        path: Path,
        row: &[f32],
        (groups, width): (usize, usize),
        u: &mut [f32],
        stride: usize,
    ) {
        path.vectorize(
            #[inline(always)]
            || {
                for group in 0..groups {
                    let input = &row[group * self.rows() * width..];
                    let u = &mut u[group * width..];
                    match self.pairs {
                        2 => in_blocks!(width, input_block(2, input, width, (&mut *u, stride))),
                        _ => in_blocks!(width, input_block(3, input, width, (&mut *u, stride))),
                    }
                }
            },
        );
    }

    /// `Aᵀ`: `products` `[products][groups][width]`, products `stride` apart → the groups' rows of output one behind the
    /// other, as many as `output` holds.
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
            || {
                for (group, output) in output.chunks_mut(self.rows() * width).enumerate() {
                    let products = (&products[group * width..], stride);
                    match self.pairs {
                        2 => in_blocks!(width, output_block(2, products, last, (&mut *output, width))),
                        _ => in_blocks!(width, output_block(3, products, last, (&mut *output, width))),
                    }
                }
            },
        );
    }

    /// `A`: the rows of an output gradient, `source_stride` apart (the last group may have fewer of them) → a row for each
    /// product.
    pub(super) fn output_gradient(
        self,
        path: Path,
        (dy, source_stride): (&[f32], usize),
        width: usize,
        (v, stride): (&mut [f32], usize),
    ) {
        let row = |i: usize| {
            let source = if i < self.rows() { dy.get(i * source_stride..) } else { None };
            source.filter(|rest| rest.len() >= width).map_or(&[][..], |rest| &rest[..width])
        };
        let rows: [&[f32]; MOST - 1] = std::array::from_fn(row);
        let last = self.rows() - 1;
        path.vectorize(
            #[inline(always)]
            || match self.pairs {
                2 => in_blocks!(width, gradient_block(2, &rows, last, (&mut *v, stride))),
                _ => in_blocks!(width, gradient_block(3, &rows, last, (&mut *v, stride))),
            },
        );
    }
}

/// Numbers that a polynomial in `x²` of up to three roots is made of, the constant first: `Π (x² − root²)`.
const fn polynomial(pairs: usize, without: usize) -> [f32; PAIRS.len() + 1] {
    let (mut numbers, mut pair) = ([1.0, 0.0, 0.0, 0.0], 0);
    while pair < pairs {
        if pair != without {
            let (square, mut power) = (PAIRS[pair] * PAIRS[pair], PAIRS.len());
            while power > 0 {
                numbers[power] = numbers[power - 1] - square * numbers[power];
                power -= 1;
            }
            numbers[0] *= -square;
        }
        pair += 1;
    }
    numbers
}

/// Row `r` of `u` is `Σ Π (x − other points) [xⁱ] · d[i]`: of a pair the even powers and the odd ones, added and
/// subtracted.
#[inline(always)]
fn input_block<const W: usize>(
    first: usize,
    pairs: usize,
    input: &[f32],
    width: usize,
    (u, stride): (&mut [f32], usize),
) {
    let mut d = [[0.0; W]; MOST];
    for (row, d) in d.iter_mut().enumerate().take(2 * pairs + 2) {
        *d = *block::<_, W>(input, row * width + first);
    }
    let mut values = [[0.0; W]; MOST];
    let all = polynomial(pairs, pairs);
    for x in 0..W {
        for (power, number) in all.iter().enumerate().take(pairs + 1) {
            values[0][x] += number * d[2 * power][x];
            values[2 * pairs + 1][x] += number * d[2 * power + 1][x];
        }
    }
    for (pair, point) in PAIRS.iter().enumerate().take(pairs) {
        let others = polynomial(pairs, pair);
        for x in 0..W {
            let (mut even, mut odd) = (0.0, 0.0);
            for (power, number) in others.iter().enumerate().take(pairs) {
                even += number * d[2 * power + 2][x];
                odd += point * number * d[2 * power + 1][x];
            }
            values[2 * pair + 1][x] = even + odd;
            values[2 * pair + 2][x] = even - odd;
        }
    }
    for (row, value) in values.iter().enumerate().take(2 * pairs + 2) {
        *block_mut::<_, W>(u, row * stride + first) = *value;
    }
}

/// Row `r` of the output is `Σ pointʳ · product`. Each row is a line of its own: in a loop over rows the sums would stand
/// on the stack.
#[inline(always)]
fn output_block<const W: usize>(
    first: usize,
    pairs: usize,
    (products, stride): (&[f32], usize),
    last: usize,
    (output, width): (&mut [f32], usize),
) {
    let product = |i: usize| block::<_, W>(products, i * stride + first);
    let (mut even, mut odd) = ([[0.0; W]; PAIRS.len()], [[0.0; W]; PAIRS.len()]);
    for pair in 0..pairs {
        let (plus, minus) = (product(2 * pair + 1), product(2 * pair + 2));
        for x in 0..W {
            (even[pair][x], odd[pair][x]) = (plus[x] + minus[x], plus[x] - minus[x]);
        }
    }
    let (zero, infinite, rows) = (product(0), product(2 * pairs + 1), 0..=last);
    macro_rules! write_rows {
        ($($row:literal: $terms:ident),*) => {$(
            if rows.contains(&$row) && $row * width < output.len() {
                let mut y = if $row == 0 { *zero } else { [0.0; W] };
                for x in 0..W {
                    for pair in 0..pairs {
                        y[x] += const { powers($row) }[pair] * $terms[pair][x];
                    }
                }
                if $row == last {
                    for x in 0..W {
                        y[x] += infinite[x];
                    }
                }
                *block_mut::<_, W>(output, $row * width + first) = y;
            }
        )*};
    }
    write_rows!(0: even, 1: odd, 2: even, 3: odd, 4: even, 5: odd, 6: even);
}

/// The points of [`PAIRS`] to this power.
const fn powers(exponent: usize) -> [f32; PAIRS.len()] {
    [power(PAIRS[0], exponent), power(PAIRS[1], exponent), power(PAIRS[2], exponent)]
}

/// The product's row is `Σ pointʳ · dy[r]`. A row that is not there is empty, and zero.
#[inline(always)]
fn gradient_block<const W: usize>(
    first: usize,
    pairs: usize,
    rows: &[&[f32]; MOST - 1],
    last: usize,
    (v, stride): (&mut [f32], usize),
) {
    let row = |i: usize| if rows[i].is_empty() { [0.0; W] } else { *block::<_, W>(rows[i], first) };
    let mut w = [[0.0; W]; MOST - 1];
    for (i, w) in w.iter_mut().enumerate().take(2 * pairs + 1) {
        *w = row(i);
    }
    let mut values = [[0.0; W]; MOST];
    (values[0], values[2 * pairs + 1]) = (w[0], row(last));
    for (pair, point) in PAIRS.into_iter().enumerate().take(pairs) {
        for x in 0..W {
            let (mut even, mut odd) = (0.0, 0.0);
            for (row, w) in w.iter().enumerate().take(2 * pairs + 1) {
                let sum = if row % 2 == 0 { &mut even } else { &mut odd };
                *sum += power(point, row) * w[x];
            }
            (values[2 * pair + 1][x], values[2 * pair + 2][x]) = (even + odd, even - odd);
        }
    }
    for (row, value) in values.iter().enumerate().take(2 * pairs + 2) {
        *block_mut::<_, W>(v, row * stride + first) = *value;
    }
}

#[inline(always)]
const fn power(point: f32, exponent: usize) -> f32 {
    let (mut power, mut i) = (1.0, 0);
    while i < exponent {
        power *= point;
        i += 1;
    }
    power
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
    fn products_give_the_sums_over_the_taps() {
        let paths = [(2, Path::detect()), (3, Path::detect()), (4, Path::Portable), (5, Path::detect())];
        for (pairs, (taps, path)) in [2, 3].into_iter().flat_map(|pairs| paths.map(|path| (pairs, path))) {
            let winograd = Winograd { taps, pairs };
            let count = winograd.products();
            let (rows, width) = (winograd.rows(), WIDTH);
            let (d, g, dy) = (drawn(1, count), drawn(2, taps), drawn(3, rows));
            let at = |row: usize, x: usize| row * WIDTH + x;
            let (mut y, mut dg) = (vec![0.0; rows * WIDTH], vec![0.0; taps * WIDTH]);
            for (row, tap) in (0..rows).flat_map(|row| (0..taps).map(move |tap| (row, tap))) {
                for x in 0..WIDTH {
                    y[at(row, x)] += d[at(row + tap, x)] * g[at(tap, x)];
                    dg[at(tap, x)] += d[at(row + tap, x)] * dy[at(row, x)];
                }
            }
            let mut u = vec![0.0; count * WIDTH];
            winograd.input(path, &d, width, &mut u, width);
            let products: Vec<f32> = u.iter().zip(winograd.kernel(&g)).map(|(u, w)| u * w).collect();
            let mut output = vec![0.0; rows * WIDTH];
            winograd.output(path, &products, width, width, &mut output);
            assert!(close(&output, &y), "{taps} taps on {path:?}: {output:?} for {y:?}");

            let mut v = vec![0.0; count * WIDTH];
            winograd.output_gradient(path, (&dy, width), width, (&mut v, width));
            let products: Vec<f32> = u.iter().zip(&v).map(|(u, v)| u * v).collect();
            let gradient = winograd.kernel_gradient(&products);
            assert!(close(&gradient, &dg), "{taps} taps on {path:?}: {gradient:?} for {dg:?}");
        }
    }
}
