//! Loops over pixels, a block of channels at a time: a block's constants and sums stay in registers.
//!
//! Loops over a pixel's channels inside a loop over pixels are too short for the vectoriser; with a width known at
//! compile time each block is one or two vector instructions.

/// Calls `function::<WIDTH>(first, arguments…)` for blocks that cover `channels`, of 16, 8, 4 or 1 channels.
macro_rules! in_blocks {
    ($channels:expr, $($function:ident)::+($($argument:expr),*)) => {{
        let (channels, mut first) = ($channels, 0);
        while first < channels {
            first += match channels - first {
                16.. => { $($function)::+::<16>(first, $($argument),*); 16 }
                8.. => { $($function)::+::<8>(first, $($argument),*); 8 }
                4.. => { $($function)::+::<4>(first, $($argument),*); 4 }
                _ => { $($function)::+::<1>(first, $($argument),*); 1 }
            };
        }
    }};
}
pub(crate) use in_blocks;

/// `W` numbers of `values` from `first` on.
#[inline(always)]
pub(crate) fn block<T, const W: usize>(values: &[T], first: usize) -> &[T; W] {
    values[first..].first_chunk().expect("a block lies inside its channels")
}

/// As [`block`], to be written.
#[inline(always)]
pub(crate) fn block_mut<T, const W: usize>(values: &mut [T], first: usize) -> &mut [T; W] {
    values[first..].first_chunk_mut().expect("a block lies inside its channels")
}
