//! Loops of the way back, shaped as those of [`forward`](super::forward).

use super::{Epilogue, Means, Pooled, SHUT};
use crate::blocks::{block, block_mut, in_blocks};
use crate::layers::PoolKind;

/// Gradients of one pooled row and the places in the windows that they go to.
pub(super) struct Routes {
    dy: Vec<f32>,
    place: Vec<f32>,
}

impl Routes {
    pub(super) fn new(row: usize) -> Self {
        Self { dy: vec![0.0; row], place: vec![0.0; row] }
    }

    /// Reads one pooled row.
    #[inline(always)]
    pub(super) fn read(&mut self, e: &Epilogue, pooled: Pooled) {
        let factor = e.passed();
        if pooled.dy.is_empty() {
            return self.dy.fill(0.0);
        }
        self.dy.iter_mut().zip(pooled.dy).for_each(|(to, dy)| *to = dy * factor);
        if pooled.mask.is_empty() {
            self.place.fill(0.0);
        }
        self.place.iter_mut().zip(pooled.mask).for_each(|(place, mask)| *place = f32::from(*mask));
    }

    /// The numbers of one row of `z`, at `number` and its neighbours in their windows.
    #[inline(always)]
    pub(super) fn spread(&self, e: &Epilogue, number: usize, dz: &mut [f32]) {
        for b in 0..e.size[1] {
            let place = if e.kind == PoolKind::Max { number + b } else { 0 };
            in_blocks!(e.channels(), route(e, self, place, &mut dz[b * e.channels()..]));
        }
        dz[self.dy.len() * e.size[1]..].fill(0.0);
    }

    /// [`Routes::spread`] through ReLU and the affine step.
    #[inline(always)]
    pub(super) fn spread_behind(
        &self,
        e: &Epilogue,
        number: usize,
        z: &[f32],
        means: &Means,
        dz: &mut [f32],
    ) {
        for b in 0..e.size[1] {
            let place = if e.kind == PoolKind::Max { number + b } else { 0 };
            let from = b * e.channels();
            in_blocks!(e.channels(), route_behind(e, self, place, &z[from..], means, &mut dz[from..]));
        }
        let covered = self.dy.len() * e.size[1];
        in_blocks!(e.channels(), nothing_behind(e, &z[covered..], means, &mut dz[covered..]));
    }
}

#[inline(always)]
fn route<const W: usize>(first: usize, e: &Epilogue, routes: &Routes, place: usize, dz: &mut [f32]) {
    let (channels, place) = (e.channels(), [place as f32; W]);
    let rows = routes.dy.chunks_exact(channels).zip(routes.place.chunks_exact(channels));
    for (at, (dy, places)) in (first..).step_by(e.stride()).zip(rows) {
        let (dy, places) = (*block::<_, W>(dy, first), *block::<_, W>(places, first));
        *block_mut::<_, W>(dz, at) = std::array::from_fn(|c| if places[c] == place[c] { dy[c] } else { 0.0 });
    }
}

/// `factor · (dy − offset − (z − mean) · along)`, `dy` being 0 where ReLU was shut.
#[inline(always)]
fn route_behind<const W: usize>(
    first: usize,
    e: &Epilogue,
    routes: &Routes,
    place: usize,
    z: &[f32],
    means: &Means,
    dz: &mut [f32],
) {
    let (channels, place, floor) = (e.channels(), place as f32, e.floor_behind());
    let (offset, along) = (*block::<_, W>(means.offset, first), *block::<_, W>(means.along, first));
    let [mean, factor, shift] = e.row.block::<W>(first);
    let rows = routes.dy.chunks_exact(channels).zip(routes.place.chunks_exact(channels));
    for (at, (dy, places)) in (first..).step_by(e.stride()).zip(rows) {
        let (dy, places) = (block::<_, W>(dy, first), block::<_, W>(places, first));
        let (x, mut d) = (block::<_, W>(z, at), [0.0; W]);
        for c in 0..W {
            let centred = x[c] - mean[c];
            let here = if places[c] == place { dy[c] } else { 0.0 };
            let open = if centred * factor[c] + shift[c] > floor { here } else { 0.0 };
            d[c] = factor[c] * (open - offset[c] - centred * along[c]);
        }
        *block_mut::<_, W>(dz, at) = d;
    }
}

/// [`route_behind`] for numbers in no window.
#[inline(always)]
fn nothing_behind<const W: usize>(first: usize, e: &Epilogue, z: &[f32], means: &Means, dz: &mut [f32]) {
    let (offset, along) = (*block::<_, W>(means.offset, first), *block::<_, W>(means.along, first));
    let [mean, factor, _] = e.row.block::<W>(first);
    for at in (first..dz.len()).step_by(e.channels()) {
        let (x, mut d) = (block::<_, W>(z, at), [0.0; W]);
        for c in 0..W {
            d[c] = -factor[c] * (offset[c] + (x[c] - mean[c]) * along[c]);
        }
        *block_mut::<_, W>(dz, at) = d;
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

    /// Adds a row of means; `z` starts at the windows' first row.
    #[inline(always)]
    pub(super) fn add_means(&mut self, e: &Epilogue, z: &[f32], routes: &Routes) {
        for number in 0..e.windows() {
            in_blocks!(e.channels(), add_behind(e, &z[e.corner(number)..], routes, self));
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

#[inline(always)]
fn add_behind<const W: usize>(first: usize, e: &Epilogue, z: &[f32], routes: &Routes, sums: &mut RowSums) {
    let (channels, floor) = (e.channels(), e.floor_behind());
    let [mean, factor, shift] = e.row.block::<W>(first);
    let gradients = routes.dy.chunks_exact(channels).zip(routes.place.chunks_exact(channels));
    let sums = sums.sum.chunks_exact_mut(channels).zip(sums.product.chunks_exact_mut(channels));
    for (at, ((dy, place), (sum, product))) in (first..).step_by(e.stride()).zip(gradients.zip(sums)) {
        let (dy, place) = (block::<_, W>(dy, first), block::<_, W>(place, first));
        let (sum, product) = (block_mut::<_, W>(sum, first), block_mut::<_, W>(product, first));
        let (x, mut open, mut by) = (block::<_, W>(z, at), *sum, *product);
        for c in 0..W {
            let centred = x[c] - mean[c];
            let here = if place[c] == 0.0 { dy[c] } else { 0.0 };
            let d = if centred * factor[c] + shift[c] > floor { here } else { 0.0 };
            open[c] += d;
            by[c] += d * centred;
        }
        (*sum, *product) = (open, by);
    }
}
