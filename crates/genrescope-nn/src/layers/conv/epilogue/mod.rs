//! What follows the products of a convolution while they are hot, forward and backward, in one pass each: bias or batch
//! norm, ReLU, pooling and dropout. A byte a pooled number says where its gradient goes.
//!
//! `z` is the convolution without bias, rows of `[bands, channels]`. All loops run over blocks of channels.

mod backward;
mod forward;

use crate::blocks::block;
use crate::kernels::Path;
use crate::layers::PoolKind;
use backward::{Routes, RowSums};
use std::ops::Range;

/// The byte of what passes no gradient on.
const SHUT: u8 = 255;

/// `(z − mean) · factor + shift` per channel.
#[derive(Debug)]
pub(super) struct Affine {
    pub(super) mean: Vec<f32>,
    pub(super) factor: Vec<f32>,
    pub(super) shift: Vec<f32>,
}

impl Affine {
    /// A bias alone.
    pub(super) fn shifting(bias: &[f32]) -> Self {
        Self { mean: vec![0.0; bias.len()], factor: vec![1.0; bias.len()], shift: bias.to_vec() }
    }

    /// `[mean, factor, shift]` of a block of channels.
    #[inline(always)]
    fn block<const W: usize>(&self, first: usize) -> [[f32; W]; 3] {
        let Self { mean, factor, shift } = self;
        [*block(mean, first), *block(factor, first), *block(shift, first)]
    }

    /// The same for `pixels` pixels side by side.
    fn repeated(&self, pixels: usize) -> Self {
        let Self { mean, factor, shift } = self;
        Self { mean: mean.repeat(pixels), factor: factor.repeat(pixels), shift: shift.repeat(pixels) }
    }

    /// Batch norm of `mean` and `scale` (1 / deviation) with weights γ and β.
    pub(super) fn normalising(mean: &[f32], scale: &[f32], weights: &[&[f32]]) -> Self {
        let factor = scale.iter().zip(weights[0]).map(|(scale, gamma)| scale * gamma).collect();
        Self { mean: mean.to_vec(), factor, shift: weights[1].to_vec() }
    }
}

/// Dropout of one step: a number stays where the draw of its index says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drop {
    pub(super) rate: f32,
    pub(super) key: u32,
}

/// The pass behind one convolution.
#[derive(Debug)]
pub(super) struct Epilogue {
    pub(super) path: Path,
    pub(super) relu: bool,
    pub(super) kind: PoolKind,
    /// Time and bands of the pooled windows.
    pub(super) size: [usize; 2],
    /// Bands of `z`.
    pub(super) bands: usize,
    pub(super) dropout: Option<Drop>,
    /// The affine step of a whole pooled row.
    row: Affine,
    /// Whether that step is a bias alone.
    shifts: bool,
    /// Of each channel's factor.
    sign: Vec<f32>,
    channels: usize,
}

/// What forward keeps of some pooled rows; empty where nothing needs it.
pub(super) struct Kept<'a> {
    /// Place of the maximum in its window, or 0; [`SHUT`] where ReLU or dropout stopped the number.
    pub(super) mask: &'a mut [u8],
    /// `z` at the maximum.
    pub(super) chosen: &'a mut [f32],
}

/// What backward reads of some pooled rows.
#[derive(Clone, Copy)]
pub(super) struct Pooled<'a> {
    pub(super) dy: &'a [f32],
    pub(super) mask: &'a [u8],
    pub(super) chosen: &'a [f32],
}

impl Pooled<'_> {
    /// A part of them; nothing behind the last window.
    fn rows(&self, at: Range<usize>) -> Self {
        let Self { dy, mask, chosen } = self;
        Self {
            dy: dy.get(at.clone()).unwrap_or_default(),
            mask: mask.get(at.clone()).unwrap_or_default(),
            chosen: chosen.get(at).unwrap_or_default(),
        }
    }
}

/// Per channel: means of the gradient and of its product with the normalised value; nothing without batch norm.
pub(super) struct Means<'a> {
    pub(super) offset: &'a [f32],
    pub(super) along: &'a [f32],
}

impl Epilogue {
    pub(super) fn new(
        path: Path,
        affine: &Affine,
        relu: bool,
        (kind, size): (PoolKind, [usize; 2]),
        bands: usize,
        dropout: Option<Drop>,
    ) -> Self {
        let row = affine.repeated(bands / size[1]);
        let shifts = affine.mean.iter().all(|mean| *mean == 0.0) && affine.factor.iter().all(|f| *f == 1.0);
        let sign = affine.factor.iter().map(|factor| if *factor < 0.0 { -1.0 } else { 1.0 }).collect();
        Self { path, relu, kind, size, bands, dropout, row, shifts, sign, channels: affine.mean.len() }
    }

    fn channels(&self) -> usize {
        self.channels
    }

    /// From a window's first number to the next window's.
    fn stride(&self) -> usize {
        self.size[1] * self.channels
    }

    /// Numbers of a window.
    fn windows(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Where number `number` of the first window stands.
    fn corner(&self, number: usize) -> usize {
        (number / self.size[1] * self.bands + number % self.size[1]) * self.channels
    }

    /// What a number behind the affine step must exceed to pass a gradient on; for maxima the mask says it all.
    fn floor_behind(&self) -> f32 {
        if self.kind == PoolKind::Average { self.floor() } else { f32::NEG_INFINITY }
    }

    /// Numbers of a row of windows in `z`.
    fn window_rows(&self) -> usize {
        self.size[0] * self.bands * self.channels
    }

    fn floor(&self) -> f32 {
        if self.relu { 0.0 } else { f32::NEG_INFINITY }
    }

    /// What a pooled gradient is multiplied by.
    fn passed(&self) -> f32 {
        let share = if self.kind == PoolKind::Max { 1.0 } else { 1.0 / (self.size[0] * self.size[1]) as f32 };
        share / (1.0 - self.dropout.map_or(0.0, |dropout| dropout.rate))
    }

    /// Whole windows of rows `z` → rows of `output`; `index` counts the numbers of the batch before them.
    pub(super) fn forward(&self, z: &[f32], output: &mut [f32], index: usize, kept: Kept) {
        let row = self.row.mean.len();
        let mut work = forward::Work::new(row);
        let Kept { mask, chosen } = kept;
        let (mut mask, mut chosen) = (mask.chunks_mut(row), chosen.chunks_mut(row));
        let windows = output.chunks_exact_mut(row).zip(z.chunks_exact(self.window_rows()));
        for (number, (output, z)) in windows.enumerate() {
            let (mask, chosen) = (mask.next().unwrap_or_default(), chosen.next().unwrap_or_default());
            self.path.vectorize(
                #[inline(always)]
                || {
                    forward::pool(self, z, &mut work, output, (&mut *mask, chosen));
                    forward::finish(self, output, mask, index + number * row);
                },
            );
        }
    }

    /// [`Epilogue::forward`] where `z` stands in `output` and nothing is pooled, dropped or kept. As many numbers are added
    /// behind the affine step, or none.
    pub(super) fn forward_in_place(&self, output: &mut [f32], added: &[f32]) {
        let width = self.row.mean.len();
        let mut added = added.chunks_exact(width);
        self.path.vectorize(
            #[inline(always)]
            || {
                for row in output.chunks_exact_mut(width) {
                    match added.next() {
                        Some(added) => forward::affine_sum(&self.row, self.floor(), added, row),
                        None if self.shifts => forward::shift(&self.row.shift, self.floor(), row),
                        None => forward::affine(&self.row, self.floor(), row),
                    }
                }
            },
        );
    }

    /// Adds `[Σ dy, Σ dy · (z − mean)]` per channel, `dy` behind the affine step, from the `z` kept of maxima.
    pub(super) fn add_chosen(&self, pooled: Pooled, sums: &mut [f32]) {
        let row = self.row.mean.len();
        let mut gathered = RowSums::new(row);
        self.path.vectorize(
            #[inline(always)]
            || {
                for at in (0..pooled.dy.len()).step_by(row) {
                    gathered.add_maxima(self, pooled.rows(at..at + row));
                }
            },
        );
        gathered.add_to(sums);
    }

    /// The same for means, from rows of `z` that begin with those of window row `first`.
    pub(super) fn add_sums(&self, first: usize, z: &[f32], pooled: Pooled, sums: &mut [f32]) {
        let row = self.row.mean.len();
        let (mut gathered, mut routes) = (RowSums::new(row), Routes::new(row));
        self.path.vectorize(
            #[inline(always)]
            || {
                for (number, z) in (first..).zip(z.chunks_exact(self.window_rows())) {
                    routes.read(self, pooled.rows(number * row..(number + 1) * row));
                    gathered.add_means(self, z, &routes);
                }
            },
        );
        gathered.add_to(sums);
    }

    /// Gradient of rows `rows` of one sample's `z`, each `stride` numbers from the next in `dz`. `z` holds those rows, or
    /// nothing where nothing reads it.
    pub(super) fn backward(
        &self,
        rows: Range<usize>,
        z: &[f32],
        pooled: Pooled,
        means: &Means,
        (dz, stride): (&mut [f32], usize),
    ) {
        let (width, row, high) = (self.bands * self.channels, self.row.mean.len(), self.size[0]);
        let (mut routes, first) = (Routes::new(row), rows.start);
        self.path.vectorize(
            #[inline(always)]
            || {
                for (t, dz) in rows.zip(dz.chunks_mut(stride)) {
                    let (window, number) = (t / high, t % high * self.size[1]);
                    if t == first || number == 0 {
                        routes.read(self, pooled.rows(window * row..(window + 1) * row));
                    }
                    let dz = &mut dz[..width];
                    match z.get((t - first) * width..(t - first + 1) * width) {
                        Some(z) => routes.spread_behind(self, number, z, means, dz),
                        None => routes.spread(self, number, dz),
                    }
                }
            },
        );
    }
}
