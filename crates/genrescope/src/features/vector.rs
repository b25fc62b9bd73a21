//! Plain loops, compiled for the instruction set that is found at run time.

use pulp::{Arch, NullaryFnOnce};

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

/// The smaller of two numbers; `f32::min` would spend instructions on values that are none.
#[inline(always)]
pub(super) fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// The larger of two numbers, as [`smaller`].
#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}
