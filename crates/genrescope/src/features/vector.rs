//! Plain loops, compiled for the instruction set that is found at run time.

use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

/// Values that are worked on side by side: one 512-bit vector, two of 256 bits, four of 128.
pub(super) const LANES: usize = 16;

/// One value for each of so many neighbours: frames, or bins.
pub(super) type Lanes = [f32; LANES];

/// Compiles the plain loops of `body`, an `#[inline(always)]` closure, for AVX-512, AVX2 and any processor, and runs
/// the fastest that this one has.
#[inline(always)]
pub(super) fn vectorize<R>(body: impl FnOnce() -> R) -> R {
    struct Body<F>(F);
    impl<R, F: FnOnce() -> R> NullaryFnOnce for Body<F> {
        type Output = R;
        #[inline(always)]
        fn call(self) -> R {
            (self.0)()
        }
    }
    Arch::new().dispatch(Body(body))
}

/// The larger of two numbers; `f32::max` would spend instructions on values that are none.
#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Σ x and Σ x² of some values.
pub(super) fn sum_and_squares(values: &[f32]) -> [f32; 2] {
    struct Sums<'a>(&'a [f32]);
    impl WithSimd for Sums<'_> {
        type Output = [f32; 2];
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> [f32; 2] {
            let (vectors, rest) = S::as_simd_f32s(self.0);
            let (fours, few) = vectors.as_chunks::<4>();
            let mut sums = [simd.splat_f32s(0.0); 4];
            let mut squares = sums;
            for four in fours {
                for i in 0..4 {
                    sums[i] = simd.add_f32s(sums[i], four[i]);
                    squares[i] = simd.mul_add_e_f32s(four[i], four[i], squares[i]);
                }
            }
            for &x in few {
                sums[0] = simd.add_f32s(sums[0], x);
                squares[0] = simd.mul_add_e_f32s(x, x, squares[0]);
            }
            let total = |[a, b, c, d]: [S::f32s; 4]| {
                simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)))
            };
            let (sum, square) = (rest.iter().sum::<f32>(), rest.iter().map(|x| x * x).sum::<f32>());
            [total(sums) + sum, total(squares) + square]
        }
    }
    Arch::new().dispatch(Sums(values))
}
