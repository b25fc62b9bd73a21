//! Loops of the way forward. They go straight from loads to stores over blocks of channels or over whole rows, floats
//! among floats and bytes apart: so they become vector code.

use super::{Affine, Drop, Epilogue, SHUT};
use crate::blocks::{block, block_mut, in_blocks};
use crate::layers::PoolKind;
use crate::random::keeps;

/// Added to a small whole number it leaves it in the low bits.
const PLACES: f32 = 8_388_608.0;

/// `max((x − mean) · factor + shift, floor)` over one row, in place.
#[inline(always)]
pub(super) fn affine(constants: &Affine, floor: f32, row: &mut [f32]) {
    let factors = constants.factor.iter().zip(&constants.shift);
    for ((y, mean), (factor, shift)) in row.iter_mut().zip(&constants.mean).zip(factors) {
        let x = (*y - mean) * factor + shift;
        *y = if x > floor { x } else { floor };
    }
}

/// The same of a bias alone.
#[inline(always)]
pub(super) fn shift(shifts: &[f32], floor: f32, row: &mut [f32]) {
    for (y, shift) in row.iter_mut().zip(shifts) {
        let x = *y + shift;
        *y = if x > floor { x } else { floor };
    }
}

/// [`affine`] with as many numbers added before the floor.
#[inline(always)]
pub(super) fn affine_sum(constants: &Affine, floor: f32, added: &[f32], row: &mut [f32]) {
    let factors = constants.factor.iter().zip(&constants.shift);
    let rows = row.iter_mut().zip(added);
    for (((y, added), mean), (factor, shift)) in rows.zip(&constants.mean).zip(factors) {
        let x = (*y - mean) * factor + shift + added;
        *y = if x > floor { x } else { floor };
    }
}

/// One row of windows: maxima or means behind affine step and ReLU. `z` starts at the windows' first row; `z` at the maxima and their places are kept where there is room for them.
#[inline(always)]
pub(super) fn pool(
    e: &Epilogue,
    z: &[f32],
    work: &mut Work,
    output: &mut [f32],
    (mask, chosen): (&mut [u8], &mut [f32]),
) {
    match e.kind {
        PoolKind::Average => {
            in_blocks!(e.channels(), mean(e, z, output));
            mask.fill(0);
        }
        PoolKind::Max if mask.is_empty() => {
            output.fill(f32::NEG_INFINITY);
            for number in (0..e.windows()).step_by(4) {
                let corners = std::array::from_fn(|i| e.corner((number + i).min(e.windows() - 1)));
                maximum(e, corners, z, output);
            }
            in_blocks!(e.channels(), turn_back(e, output));
            affine(&e.row, e.floor(), output);
        }
        PoolKind::Max => {
            for number in (0..e.windows()).step_by(4) {
                let numbers = std::array::from_fn(|i| (number + i).min(e.windows() - 1));
                if number == 0 {
                    in_blocks!(e.channels(), largest(e, numbers, z, output, &mut work.place));
                } else {
                    in_blocks!(e.channels(), largest(e, numbers, z, &mut work.best, &mut work.now));
                    work.take_over(output);
                }
            }
            for (mask, place) in mask.iter_mut().zip(&work.place) {
                *mask = (*place + PLACES).to_bits() as u8;
            }
            in_blocks!(e.channels(), turn_back(e, output));
            if !chosen.is_empty() {
                chosen.copy_from_slice(output);
            }
            affine(&e.row, e.floor(), output);
        }
    }
}

/// As [`largest`] without the place, and of what stands in `row`.
#[inline(always)]
fn maximum(e: &Epilogue, [a, b, c, d]: [usize; 4], z: &[f32], row: &mut [f32]) {
    for (at, row) in (0..).step_by(e.stride()).zip(row.chunks_exact_mut(e.channels())) {
        in_blocks!(e.channels(), maximum_block(e, [at + a, at + b, at + c, at + d], z, row));
    }
}

#[inline(always)]
fn maximum_block<const W: usize>(first: usize, e: &Epilogue, at: [usize; 4], z: &[f32], row: &mut [f32]) {
    let sign = *block::<_, W>(&e.sign, first);
    let (a, b) = (block::<_, W>(z, at[0] + first), block::<_, W>(z, at[1] + first));
    let (c, d) = (block::<_, W>(z, at[2] + first), block::<_, W>(z, at[3] + first));
    let row = block_mut::<_, W>(row, first);
    let mut most = *row;
    for i in 0..W {
        most[i] = most[i].max((a[i] * sign[i]).max(b[i] * sign[i]).max((c[i] * sign[i]).max(d[i] * sign[i])));
    }
    *row = most;
}

/// Rows to work in.
pub(super) struct Work {
    place: Vec<f32>,
    best: Vec<f32>,
    now: Vec<f32>,
}

impl Work {
    pub(super) fn new(row: usize) -> Self {
        Self { place: vec![0.0; row], best: vec![0.0; row], now: vec![0.0; row] }
    }

    /// Takes what is larger over into `best`, and its place.
    #[inline(always)]
    fn take_over(&mut self, best: &mut [f32]) {
        let found = self.best.iter().zip(&self.now);
        for ((place, old), (best, now)) in self.place.iter_mut().zip(&*best).zip(found) {
            *place = if best > old { *now } else { *place };
        }
        best.iter_mut().zip(&self.best).for_each(|(best, found)| *best = best.max(*found));
    }
}

/// The largest of four numbers of each window times the sign of the affine step's factor, which is the largest behind
/// that step, and the first place where it stands.
#[inline(always)]
fn largest<const W: usize>(
    first: usize,
    e: &Epilogue,
    numbers: [usize; 4],
    z: &[f32],
    best: &mut [f32],
    place: &mut [f32],
) {
    let (channels, sign) = (e.channels(), *block::<_, W>(&e.sign, first));
    let [a, b, c, d] =
        [e.corner(numbers[0]), e.corner(numbers[1]), e.corner(numbers[2]), e.corner(numbers[3])];
    let places = [numbers[0] as f32, numbers[1] as f32, numbers[2] as f32, numbers[3] as f32];
    let rows = best.chunks_exact_mut(channels).zip(place.chunks_exact_mut(channels));
    for (at, (best, place)) in (first..).step_by(e.stride()).zip(rows) {
        let (xa, xb) = (block::<_, W>(z, at + a), block::<_, W>(z, at + b));
        let (xc, xd) = (block::<_, W>(z, at + c), block::<_, W>(z, at + d));
        let (mut most, mut here) = ([0.0; W], [0.0; W]);
        for i in 0..W {
            most[i] = (xa[i] * sign[i]).max(xb[i] * sign[i]).max((xc[i] * sign[i]).max(xd[i] * sign[i]));
        }
        for i in 0..W {
            let behind = if xc[i] * sign[i] == most[i] { places[2] } else { places[3] };
            let behind = if xb[i] * sign[i] == most[i] { places[1] } else { behind };
            here[i] = if xa[i] * sign[i] == most[i] { places[0] } else { behind };
        }
        *block_mut::<_, W>(best, first) = most;
        *block_mut::<_, W>(place, first) = here;
    }
}

/// From [`largest`]'s numbers to those of `z`.
#[inline(always)]
fn turn_back<const W: usize>(first: usize, e: &Epilogue, row: &mut [f32]) {
    let sign = *block::<_, W>(&e.sign, first);
    for row in row.chunks_exact_mut(e.channels()) {
        let row = block_mut::<_, W>(row, first);
        for c in 0..W {
            row[c] *= sign[c];
        }
    }
}

/// The mean of each window's numbers behind affine step and ReLU.
#[inline(always)]
fn mean<const W: usize>(first: usize, e: &Epilogue, z: &[f32], row: &mut [f32]) {
    let (floor, share) = (e.floor(), 1.0 / e.windows() as f32);
    let [mean, factor, shift] = e.row.block::<W>(first);
    for (at, row) in (first..).step_by(e.stride()).zip(row.chunks_exact_mut(e.channels())) {
        let mut sum = [0.0; W];
        for t in 0..e.size[0] {
            for b in 0..e.size[1] {
                let x = block::<_, W>(z, at + (t * e.bands + b) * e.channels());
                for c in 0..W {
                    sum[c] += share * ((x[c] - mean[c]) * factor[c] + shift[c]).max(floor);
                }
            }
        }
        *block_mut::<_, W>(row, first) = sum;
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
