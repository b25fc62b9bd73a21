//! Loops of the way back.

use super::forward::gather;
use super::{Epilogue, Means, Pooled, SHUT};
use crate::blocks::{block, block_mut, in_blocks};
use crate::layers::PoolKind;

/// `dy · factor` where the mask holds `place`, 0 elsewhere; all of it without a mask.
#[inline(always)]
fn open(dy: &[f32], mask: &[u8], place: u8, factor: f32, row: &mut [f32]) {
    if mask.is_empty() {
        return row.iter_mut().zip(dy).for_each(|(open, dy)| *open = dy * factor);
    }
    for ((open, dy), mask) in row.iter_mut().zip(dy).zip(mask) {
        *open = if *mask == place { dy * factor } else { 0.0 };
    }
}

/// Sums over rows, number by number: sums that do not wait for each other.
pub(super) struct RowSums {
    sum: Vec<f32>,
    product: Vec<f32>,
}

impl RowSums {
    pub(super) fn new(row: usize) -> Self {
        Self { sum: vec![0.0; row], product: vec![0.0; row] }
    }

    /// Adds a row of maxima: `dy` where it passes, and its product with the centred `z` kept of the maximum.
    #[inline(always)]
    pub(super) fn add_maxima(&mut self, e: &Epilogue, pooled: Pooled) {
        let (factor, sums) = (e.passed(), self.sum.iter_mut().zip(&mut self.product));
        let kept = pooled.dy.iter().zip(pooled.mask).zip(pooled.chosen.iter().zip(&e.row.mean));
        for ((sum, product), ((dy, mask), (chosen, mean))) in sums.zip(kept) {
            let dy = if *mask == SHUT { 0.0 } else { dy * factor };
            *sum += dy;
            *product += dy * (chosen - mean);
        }
    }

    /// Adds a row of means; `z` starts at the windows' first row, `rows` are two to work in.
    #[inline(always)]
    pub(super) fn add_means(&mut self, e: &Epilogue, z: &[f32], pooled: Pooled, [dy, x]: [&mut [f32]; 2]) {
        open(pooled.dy, pooled.mask, 0, e.passed(), dy);
        let (channels, stride, floor) = (e.channels(), e.size[1] * e.channels(), e.floor());
        for number in 0..e.size[0] * e.size[1] {
            let corner = (number / e.size[1] * e.bands + number % e.size[1]) * channels;
            in_blocks!(channels, gather(&z[corner..], stride, channels, x));
            let constants = e.row.mean.iter().zip(e.row.factor.iter().zip(&e.row.shift));
            let sums = self.sum.iter_mut().zip(&mut self.product);
            for (((dy, x), (mean, (factor, shift))), (sum, product)) in
                dy.iter().zip(&*x).zip(constants).zip(sums)
            {
                let centred = x - mean;
                let dy = if centred * factor + shift > floor { *dy } else { 0.0 };
                *sum += dy;
                *product += dy * centred;
            }
        }
    }

    /// Adds both per channel, one behind the other.
    pub(super) fn add_to(&self, sums: &mut [f32]) {
        let (sum, product) = sums.split_at_mut(sums.len() / 2);
        for (row, total) in [(&self.sum, sum), (&self.product, product)] {
            for pixel in row.chunks_exact(total.len()) {
                total.iter_mut().zip(pixel).for_each(|(total, x)| *total += x);
            }
        }
    }
}

/// Row `t` of the gradient behind ReLU: the pooled gradient where it goes, 0 elsewhere. `rows` are two to work in.
#[inline(always)]
pub(super) fn spread(
    e: &Epilogue,
    t: usize,
    z: Option<&[f32]>,
    pooled: Pooled,
    [row, x]: [&mut [f32]; 2],
    dz: &mut [f32],
) {
    let (channels, [high, wide]) = (e.channels(), e.size);
    let at = t / high * row.len()..(t / high + 1) * row.len();
    let Some(dy) = pooled.dy.get(at.clone()) else { return dz.fill(0.0) };
    let mask = pooled.mask.get(at).unwrap_or_default();
    for b in 0..wide {
        let place = if e.kind == PoolKind::Max { (t % high * wide + b) as u8 } else { 0 };
        open(dy, mask, place, e.passed(), row);
        if let Some(z) = z.filter(|_| e.relu && e.kind == PoolKind::Average) {
            in_blocks!(channels, gather(&z[b * channels..], wide * channels, channels, x));
            shut(e, x, row);
        }
        in_blocks!(channels, scatter(row, channels, wide * channels, &mut dz[b * channels..]));
    }
    dz[row.len() * wide..].fill(0.0);
}

/// Zero where ReLU was shut.
#[inline(always)]
fn shut(e: &Epilogue, x: &[f32], row: &mut [f32]) {
    let constants = e.row.mean.iter().zip(e.row.factor.iter().zip(&e.row.shift));
    for ((dy, x), (mean, (factor, shift))) in row.iter_mut().zip(x).zip(constants) {
        *dy = if (x - mean) * factor + shift > 0.0 { *dy } else { 0.0 };
    }
}

/// Blocks of channels side by side → `stride` apart.
#[inline(always)]
fn scatter<const W: usize>(first: usize, row: &[f32], channels: usize, stride: usize, target: &mut [f32]) {
    for (place, source) in row.chunks_exact(channels).enumerate() {
        *block_mut::<_, W>(target, place * stride + first) = *block::<_, W>(source, first);
    }
}

/// `factor · (dy − offset − (z − mean) · along)` in place of `dy`.
#[inline(always)]
pub(super) fn normalise<const W: usize>(
    first: usize,
    e: &Epilogue,
    z: &[f32],
    means: &Means,
    dz: &mut [f32],
) {
    let (offset, along) = (*block::<_, W>(means.offset, first), *block::<_, W>(means.along, first));
    let [mean, factor] = [&e.row.mean, &e.row.factor].map(|values| *block::<_, W>(values, first));
    for at in (first..dz.len()).step_by(e.channels()) {
        let (x, dy) = (block::<_, W>(z, at), block_mut::<_, W>(dz, at));
        for c in 0..W {
            dy[c] = factor[c] * (dy[c] - offset[c] - (x[c] - mean[c]) * along[c]);
        }
    }
}
