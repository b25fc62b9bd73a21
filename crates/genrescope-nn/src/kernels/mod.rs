//! The only place with `unsafe`: register-tiled products, written once and dispatched to the instruction set at hand.
//!
//! *Takes* slices and strides, *gives* the product; every entry checks its bounds before the first raw pointer.

mod matmul;
mod product;

pub(crate) use matmul::{Matrix, matmul};
pub(crate) use product::{Product, Strides, Write, multiply};
use pulp::{NullaryFnOnce, WithSimd};
use std::sync::OnceLock;

/// The instruction set that the kernels use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// 512-bit vectors (x86-64-v4).
    Avx512,
    /// 256-bit vectors with fused multiply-add (x86-64-v3).
    Avx2,
    /// 128-bit vectors of 64-bit ARM.
    Neon,
    /// Plain code for any processor.
    Portable,
}

/// What [`Path::force`] chose.
static FORCED: OnceLock<Path> = OnceLock::new();

impl Path {
    /// All of them, the fastest first.
    pub const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Portable];

    /// The fastest path of this processor, or the one that was forced.
    pub fn detect() -> Self {
        if let Some(path) = FORCED.get() {
            return *path;
        }
        Self::ALL.into_iter().find(|path| path.is_available()).unwrap_or(Self::Portable)
    }

    /// Makes [`Path::detect`] give this path from now on: to be called once, before the first network.
    ///
    /// # Errors
    /// With what is in use, when this processor cannot run the path or another one was forced before.
    pub fn force(self) -> Result<(), Self> {
        let chosen = if self.is_available() { *FORCED.get_or_init(|| self) } else { Self::detect() };
        if chosen == self { Ok(()) } else { Err(chosen) }
    }

    /// Whether this processor can run the path.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => pulp::x86::V4::try_new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().is_some(),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => pulp::aarch64::Neon::try_new().is_some(),
            Self::Portable => true,
            #[allow(unreachable_patterns)] // which ones are left depends on the processor
            _ => false,
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
        #[cfg(target_arch = "aarch64")]
        if self == Self::Neon
            && let Some(simd) = pulp::aarch64::Neon::try_new()
        {
            return pulp::Simd::vectorize(simd, operation);
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
