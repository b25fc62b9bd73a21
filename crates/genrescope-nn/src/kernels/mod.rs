//! The only place with `unsafe`: register-tiled products, written once and dispatched to the instruction set at hand.
//!
//! *Takes* slices and strides, *gives* the product; every entry checks its bounds before the first raw pointer.

mod matmul;
mod product;

pub(crate) use matmul::{Matrix, matmul};
pub(crate) use product::{Product, Strides, Write, multiply};
use pulp::{NullaryFnOnce, WithSimd};

/// The instruction set that the kernels use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// 512-bit vectors (x86-64-v4).
    Avx512,
    /// 256-bit vectors with fused multiply-add (x86-64-v3).
    Avx2,
    /// Plain code for any processor.
    Portable,
}

impl Path {
    /// The fastest path of this processor.
    pub fn detect() -> Self {
        [Self::Avx512, Self::Avx2].into_iter().find(|path| path.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this processor can run the path.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => pulp::x86::V4::try_new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::Avx2 => false,
            Self::Portable => true,
        }
    }

    /// Runs `operation` with this path's vectors; falls back to portable code where the path is not available.
    pub(crate) fn dispatch<W: WithSimd>(self, operation: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        {
            if self == Self::Avx512
                && let Some(simd) = pulp::x86::V4::try_new()
            {
                return pulp::Simd::vectorize(simd, operation);
            }
            if self == Self::Avx2
                && let Some(simd) = pulp::x86::V3::try_new()
            {
                return pulp::Simd::vectorize(simd, operation);
            }
        }
        operation.with_simd(pulp::Scalar)
    }

    /// Compiles the plain loops of `body` (an `#[inline(always)]` closure) for this path's instruction set.
    #[inline(always)]
    pub(crate) fn vectorize<R>(self, body: impl FnOnce() -> R) -> R {
        struct Body<F>(F);
        impl<R, F: FnOnce() -> R> NullaryFnOnce for Body<F> {
            type Output = R;
            #[inline(always)]
            fn call(self) -> R {
                (self.0)()
            }
        }
        self.dispatch(Body(body))
    }
}
