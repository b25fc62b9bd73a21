//! Loops of the way forward: whole pooled rows at once, number after number of their windows. Straight lines from loads
//! to stores over rows become vector code; bytes beside floats inside blocks of channels do not.

use super::{Affine, Drop, Epilogue, SHUT};
use crate::blocks::{block, block_mut, in_blocks};
use crate::layers::PoolKind;
use crate::random::keeps;

/// `max((x − mean) · factor + shift, floor)` over one row, in place.
#[inline(always)]
pub(super) fn affine(constants: &Affine, floor: f32, row: &mut [f32]) {
    let factors = constants.factor.iter().zip(&constants.shift);
    for ((y, mean), (factor, shift)) in row.iter_mut().zip(&constants.mean).zip(factors) {
        *y = ((*y - mean) * factor + shift).max(floor);
    }
}

/// One row of windows: maxima or means behind affine step and ReLU. `z` starts at the windows' first row; `values` and
/// `chosen` are rows to work in, the latter kept where it is not empty, as is the place of the maxima.
#[inline(always)]
pub(super) fn pool(
    e: &Epilogue,
    z: &[f32],
    values: &mut [f32],
    output: &mut [f32],
    (mask, chosen): (&mut [u8], &mut [f32]),
) {
    let ([high, wide], channels) = (e.size, e.channels());
    let share = 1.0 / (high * wide) as f32;
    in_blocks!(channels, gather(z, wide * channels, channels, output));
    if !chosen.is_empty() {
        chosen.copy_from_slice(output);
    }
    affine(&e.row, e.floor(), output);
    mask.fill(0);
    if e.kind == PoolKind::Average && high * wide > 1 {
        output.iter_mut().for_each(|y| *y *= share);
    }
    for number in 1..high * wide {
        let corner = (number / wide * e.bands + number % wide) * channels;
        in_blocks!(channels, gather(&z[corner..], wide * channels, channels, values));
        if !chosen.is_empty() {
            choose(&e.row, e.floor(), values, output, chosen);
        }
        affine(&e.row, e.floor(), values);
        match e.kind {
            PoolKind::Max => larger(number as u8, values, output, mask),
            PoolKind::Average => output.iter_mut().zip(&*values).for_each(|(y, x)| *y += x * share),
        }
    }
}

/// Blocks of channels `stride` apart in `z` → side by side.
#[inline(always)]
pub(super) fn gather<const W: usize>(
    first: usize,
    z: &[f32],
    stride: usize,
    channels: usize,
    row: &mut [f32],
) {
    for (place, target) in row.chunks_exact_mut(channels).enumerate() {
        *block_mut::<_, W>(target, first) = *block::<_, W>(z, place * stride + first);
    }
}

/// Takes `x` over where it is larger than what was chosen before.
#[inline(always)]
fn choose(constants: &Affine, floor: f32, x: &[f32], best: &[f32], chosen: &mut [f32]) {
    let factors = constants.mean.iter().zip(&constants.factor).zip(&constants.shift);
    for (((x, best), chosen), ((mean, factor), shift)) in x.iter().zip(best).zip(chosen).zip(factors) {
        let value = ((x - mean) * factor + shift).max(floor);
        *chosen = if value > *best { *x } else { *chosen };
    }
}

/// Takes a value over where it is larger than the best before it, and its number.
#[inline(always)]
fn larger(number: u8, values: &[f32], best: &mut [f32], mask: &mut [u8]) {
    if mask.is_empty() {
        return best.iter_mut().zip(values).for_each(|(best, value)| *best = best.max(*value));
    }
    for ((value, best), mask) in values.iter().zip(best).zip(mask) {
        *mask = if *value > *best { number } else { *mask };
        *best = best.max(*value);
    }
}

/// Dropout, and the mask's [`SHUT`] where it or ReLU stopped a number.
#[inline(always)]
pub(super) fn finish(e: &Epilogue, output: &mut [f32], mask: &mut [u8], index: usize) {
    let floor = e.floor();
    for (y, mask) in output.iter().zip(mask.iter_mut()) {
        *mask = if *y > floor { *mask } else { SHUT };
    }
    let Some(Drop { rate, key }) = e.dropout else { return };
    let (scale, index) = (1.0 / (1.0 - rate), index as u32);
    for (i, (y, mask)) in (0_u32..).zip(output.iter_mut().zip(mask)) {
        let stays = keeps(key, index.wrapping_add(i), rate);
        *y = if stays { *y * scale } else { 0.0 };
        *mask = if stays { *mask } else { SHUT };
    }
}
