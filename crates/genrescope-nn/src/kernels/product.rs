//! One register-tiled product for convolutions, forward and backward.
//!
//! `c[r, j] (+)= Σ_s Σ_k a[r·a.row + k·a.step + s·a.segment] · b[k·b.step + s·b.segment + j]`
//!
//! With NHWC memory the taps of one kernel row are a contiguous run of `kernel_bands · channels` numbers, and the
//! runs of neighbouring outputs overlap: no im2col. A tile of `P` rows by `V` vectors stays in registers over the
//! whole sum; a row of `a` is broadcast, `b` is loaded once per tile; a mask covers what fills no vector where it is
//! written, and where `b` ends. Tiles: 6x4, 8x3, 12x2, 12x1 vectors of 16 lanes or 4 lanes (AVX-512, NEON: 32
//! registers); 6x2, 12x1 of 8 lanes (AVX2: 16 registers).

use super::Path;
use pulp::{MemMask, Simd, WithSimd};

/// Extents and strides (in numbers) of one product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Length of the inner sum, within a segment.
    pub(crate) depth: usize,
    pub(crate) segments: usize,
    pub(crate) a: Strides,
    pub(crate) b_step: usize,
    pub(crate) b_segment: usize,
    pub(crate) c_row: usize,
}

/// Strides of the left operand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strides {
    pub(crate) row: usize,
    pub(crate) step: usize,
    pub(crate) segment: usize,
}

/// Whether the product replaces what stands in `c` or is added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Replace,
    Add,
}

impl Product {
    /// Index behind the last number read of `a`, read of `b` and written of `c`.
    fn extents(&self) -> [usize; 3] {
        let (r, k, s) = (self.rows - 1, self.depth - 1, self.segments - 1);
        [
            r * self.a.row + k * self.a.step + s * self.a.segment + 1,
            k * self.b_step + s * self.b_segment + self.columns,
            r * self.c_row + self.columns,
        ]
    }
}

/// The product over safe slices.
///
/// # Panics
/// When the strides reach outside a slice.
pub(crate) fn multiply(path: Path, shape: Product, a: &[f32], b: &[f32], c: &mut [f32], write: Write) {
    if shape.rows == 0 || shape.columns == 0 || shape.depth == 0 || shape.segments == 0 {
        return;
    }
    let [a_end, b_end, c_end] = shape.extents();
    assert!(
        a_end <= a.len() && b_end <= b.len() && c_end <= c.len(),
        "product outside its slices: {shape:?}"
    );
    let (a, b, c) = (a.as_ptr(), b.as_ptr_range(), c.as_mut_ptr());
    path.dispatch(Whole { shape, a, b, c, write });
}

struct Whole {
    shape: Product,
    a: *const f32,
    b: std::ops::Range<*const f32>,
    c: *mut f32,
    write: Write,
}

impl WithSimd for Whole {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F32_LANES;
        let many_registers = lanes == 16 || lanes == 4;
        let mut column = 0;
        while column < self.shape.columns {
            let left = self.shape.columns - column;
            // SAFETY: `column < columns`, and `multiply` checked the extents of the whole product.
            unsafe {
                column += match left / lanes {
                    3 | 6 | 9 if many_registers => self.columns::<S, 8, 3, true>(simd, column),
                    4.. if many_registers => self.columns::<S, 6, 4, true>(simd, column),
                    2.. if many_registers => self.columns::<S, 12, 2, true>(simd, column),
                    2.. if lanes == 8 => self.columns::<S, 6, 2, true>(simd, column),
                    1 if many_registers && left > lanes => self.columns::<S, 12, 2, false>(simd, column),
                    1.. => self.columns::<S, 12, 1, true>(simd, column),
                    _ => self.columns::<S, 12, 1, false>(simd, column),
                };
            }
        }
    }
}

impl Whole {
    /// `V` vectors of columns, all rows; gives the number of columns done. The last vector may be partly filled unless
    /// `FULL`.
    #[inline(always)]
    unsafe fn columns<S: Simd, const P: usize, const V: usize, const FULL: bool>(
        &self,
        simd: S,
        column: usize,
    ) -> usize {
        let mut row = 0;
        // SAFETY: a tile is only taken where its rows and columns lie inside the checked product.
        unsafe {
            while row + P <= self.shape.rows {
                self.tile::<S, P, V, FULL>(simd, row, column);
                row += P;
            }
            while row < self.shape.rows {
                row += match self.shape.rows - row {
                    8.. => self.tile::<S, 8, V, FULL>(simd, row, column),
                    4.. => self.tile::<S, 4, V, FULL>(simd, row, column),
                    2.. => self.tile::<S, 2, V, FULL>(simd, row, column),
                    _ => self.tile::<S, 1, V, FULL>(simd, row, column),
                };
            }
        }
        (V * S::F32_LANES).min(self.shape.columns - column)
    }

    /// `P` rows by `V` vectors, summed in registers; gives `P`.
    #[inline(always)]
    unsafe fn tile<S: Simd, const P: usize, const V: usize, const FULL: bool>(
        &self,
        simd: S,
        row: usize,
        column: usize,
    ) -> usize {
        let Product { depth, segments, a: strides, b_step, b_segment, c_row, .. } = self.shape;
        let filled = (self.shape.columns - column - (V - 1) * S::F32_LANES).min(S::F32_LANES);
        let mask = simd.mask_between_m32s(0, filled as u32);
        let mut sums = [[simd.splat_f32s(0.0); V]; P];
        // SAFETY: rows `row..row + P` and columns `column..column + V · lanes`, as many as there are, lie inside the
        // product whose extents `multiply` checked; what is read of `b` behind them lies before its end. Unaligned loads
        // and stores are used throughout.
        unsafe {
            for segment in 0..segments {
                let mut b = self.b.start.add(segment * b_segment + column);
                let first = self.a.add(row * strides.row + segment * strides.segment);
                // Three rows share a pointer: more pointers than registers would spill.
                let mut a = [first; 8];
                for (i, pointer) in a.iter_mut().enumerate().take(P.div_ceil(3)) {
                    *pointer = first.add(3 * i * strides.row);
                }
                for _ in 0..depth {
                    let mut weights = [simd.splat_f32s(0.0); V];
                    // What is read behind the columns is not written.
                    let whole = FULL || b.wrapping_add(V * S::F32_LANES) <= self.b.end;
                    for (v, weight) in weights.iter_mut().enumerate() {
                        let b = b.add(v * S::F32_LANES);
                        *weight = if whole || v + 1 < V {
                            b.cast::<S::f32s>().read_unaligned()
                        } else {
                            simd.mask_load_ptr_f32s(mask, b)
                        };
                    }
                    for r in 0..P {
                        let x = simd.splat_f32s(*a[r / 3].add((r % 3) * strides.row));
                        for v in 0..V {
                            sums[r][v] = simd.mul_add_e_f32s(x, weights[v], sums[r][v]);
                        }
                    }
                    b = b.wrapping_add(b_step);
                    for pointer in a.iter_mut().take(P.div_ceil(3)) {
                        *pointer = pointer.wrapping_add(strides.step);
                    }
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                self.store::<S, V, FULL>(simd, mask, (row + r) * c_row + column, sums);
            }
        }
        P
    }

    /// Writes one row's vectors from number `at` of `c` on.
    #[inline(always)]
    unsafe fn store<S: Simd, const V: usize, const FULL: bool>(
        &self,
        simd: S,
        mask: MemMask<S::m32s>,
        at: usize,
        sums: [S::f32s; V],
    ) {
        for (v, sum) in sums.into_iter().enumerate() {
            // SAFETY: the tile lies inside the product whose extents `multiply` checked; a mask covers what does not.
            unsafe {
                let c = self.c.add(at + v * S::F32_LANES);
                let full = FULL || v + 1 < V;
                let old = match self.write {
                    Write::Replace => simd.splat_f32s(0.0),
                    Write::Add if full => c.cast::<S::f32s>().read_unaligned(),
                    Write::Add => simd.mask_load_ptr_f32s(mask, c),
                };
                let sum = simd.add_f32s(old, sum);
                if full {
                    c.cast::<S::f32s>().write_unaligned(sum);
                } else {
                    simd.mask_store_ptr_f32s(mask, c, sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Path, Product, Strides, Write, multiply};
    use crate::random::uniform;

    /// What stands between the rows of `b` and of `c`: it must not get into a sum, nor be written over.
    const BETWEEN: f32 = f32::NAN;

    /// Rows of so many numbers, `gap` numbers of something else between them; nothing behind the last one.
    fn rows(stream: usize, [count, width, gap]: [usize; 3]) -> Vec<f32> {
        let mut all = Vec::new();
        for row in 0..count {
            all.extend((0..width).map(|i| uniform(3, stream, row * width + i) - 0.5));
            all.extend(vec![BETWEEN; if row + 1 < count { gap } else { 0 }]);
        }
        all
    }

    fn check(path: Path, [row_count, columns]: [usize; 2], write: Write) {
        let (depth, segments) = (3, 2);
        let shape = Product {
            rows: row_count,
            columns,
            depth,
            segments,
            a: Strides { row: segments * depth, step: 1, segment: depth },
            b_step: columns + 2,
            b_segment: depth * (columns + 2),
            c_row: columns + 1,
        };
        let a = rows(1, [row_count, segments * depth, 0]);
        let b = rows(2, [segments * depth, columns, 2]);
        let before = rows(3, [row_count, columns, 1]);
        let mut c = before.clone();
        multiply(path, shape, &a, &b, &mut c, write);
        for (at, (found, old)) in c.iter().zip(&before).enumerate() {
            let (row, column) = (at / (columns + 1), at % (columns + 1));
            if column == columns {
                assert!(found.is_nan(), "{path:?}: written behind row {row} of {columns} columns");
                continue;
            }
            let sum: f32 = (0..segments * depth)
                .map(|k| a[row * segments * depth + k] * b[k * (columns + 2) + column])
                .sum();
            let expected = if write == Write::Add { old + sum } else { sum };
            assert!(
                (found - expected).abs() < 1e-5,
                "{path:?}: {row_count} x {columns} at {row}, {column}: {found}"
            );
        }
    }

    #[test]
    fn every_width_and_height_is_the_sum_and_touches_nothing_else() {
        for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
            for columns in 1..=70 {
                for row_count in [1, 2, 7, 12, 23] {
                    check(path, [row_count, columns], Write::Replace);
                    check(path, [row_count, columns], Write::Add);
                }
            }
        }
    }
}
