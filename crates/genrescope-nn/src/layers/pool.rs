//! Pooling over windows and over whole axes.

use std::ops::Range;

use super::{Axis, Backward, Memo, Op, Pass, Value, single};
use crate::blocks::{block, block_mut, in_blocks};
use crate::graph::Shape;
use crate::kernels::Write;
use crate::parallel::for_samples;

/// What a window is replaced by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// Its largest number; the gradient goes to the first of equals.
    Max,
    /// Its mean.
    Average,
}

/// Pooling: `[t, b, c]` → `[(t + 2·padding[0] − size[0]) / stride[0] + 1, …, c]`; what fills no window is dropped.
/// Padding is never a maximum and does not count in a mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Maximum or mean.
    pub kind: PoolKind,
    /// Extent in time and bands.
    pub size: [usize; 2],
    /// Steps from window to window.
    pub stride: [usize; 2],
    /// How far windows reach beyond each edge; less than `size`.
    pub padding: [usize; 2],
}

/// Pooling of a whole axis, whose extent becomes 1.
#[derive(Clone, Debug, PartialEq)]
pub struct GlobalPool {
    /// Maximum or mean.
    pub kind: PoolKind,
    /// The axis that is pooled.
    pub axis: Axis,
}

impl GlobalPool {
    fn pool(&self, [time, bands, _]: Shape) -> Pool {
        Pool::new(self.kind, if self.axis == Axis::Time { [time, 1] } else { [1, bands] })
    }
}

/// One number of a window.
struct Place {
    /// The window's number in its row.
    output: usize,
    input: usize,
    /// Whether it is the first of its window.
    first: bool,
    /// Whether it is the last.
    last: bool,
    /// One over the numbers in the window.
    share: f32,
}

impl Pool {
    /// Windows side by side.
    pub fn new(kind: PoolKind, size: [usize; 2]) -> Self {
        Self { kind, size, stride: size, padding: [0, 0] }
    }

    /// Windows side by side, few enough numbers in each that a byte counts them.
    pub(super) fn is_tiling(&self) -> bool {
        self.stride == self.size && self.padding == [0, 0] && self.size.iter().product::<usize>() < 255
    }

    /// Whether windows are one band apart, so that whole rows can be compared.
    fn is_sliding_maximum(&self) -> bool {
        self.kind == PoolKind::Max && self.stride[1] == 1
    }

    /// How many windows lie along an axis of this extent.
    fn count(&self, extent: usize, axis: usize) -> Option<usize> {
        let room = (extent + 2 * self.padding[axis]).checked_sub(self.size[axis])?;
        Some(room.checked_div(self.stride[axis])? + 1)
    }

    /// What window number `index` covers of an axis.
    fn covered(&self, index: usize, extent: usize, axis: usize) -> Range<usize> {
        let start = index * self.stride[axis];
        let within = |position: usize| position.saturating_sub(self.padding[axis]).min(extent);
        within(start)..within(start + self.size[axis])
    }

    /// Calls `body` for every number of the windows of output row `t`, of one channel.
    #[inline(always)]
    fn windows(&self, t: usize, [time, bands, _]: Shape, mut body: impl FnMut(Place)) {
        let (columns, rows) = (self.count(bands, 1).unwrap_or(0), self.covered(t, time, 0));
        for b in 0..columns {
            let covered = self.covered(b, bands, 1);
            let first = rows.start * bands + covered.start;
            let last = (rows.end * bands + covered.end).saturating_sub(bands + 1);
            let share = 1.0 / (rows.len() * covered.len()) as f32;
            for row in rows.clone() {
                for input in row * bands + covered.start..row * bands + covered.end {
                    body(Place { output: b, input, first: input == first, last: input == last, share });
                }
            }
        }
    }

    /// How many rows the output has.
    fn rows(&self, [time, _, _]: Shape) -> usize {
        self.count(time, 0).unwrap_or(0)
    }
}

/// Row `t` of a sample's output, a block of channels: what a row reads is still in the cache for the next block.
#[inline(always)]
fn pool_block<const W: usize>(first: usize, pool: &Pool, t: usize, shape: Shape, x: &[f32], y: &mut [f32]) {
    let channels = shape[2];
    // Of the window that is gone through, in registers.
    let mut pooled = [0.0; W];
    pool.windows(
        t,
        shape,
        #[inline(always)]
        |at| {
            let x = block::<_, W>(x, at.input * channels + first);
            for c in 0..W {
                pooled[c] = match (pool.kind, at.first) {
                    (PoolKind::Max, true) => x[c],
                    (PoolKind::Max, false) => pooled[c].max(x[c]),
                    (PoolKind::Average, true) => x[c] * at.share,
                    (PoolKind::Average, false) => pooled[c] + x[c] * at.share,
                };
            }
            if at.last {
                *block_mut::<_, W>(y, at.output * channels + first) = pooled;
            }
        },
    );
}

/// Adds the gradient of row `t` of averages.
#[inline(always)]
fn spread_block<const W: usize>(
    first: usize,
    pool: &Pool,
    t: usize,
    shape: Shape,
    dy: &[f32],
    dx: &mut [f32],
) {
    let channels = shape[2];
    pool.windows(
        t,
        shape,
        #[inline(always)]
        |at| {
            let dy = block::<_, W>(dy, at.output * channels + first);
            let dx = block_mut::<_, W>(dx, at.input * channels + first);
            for c in 0..W {
                dx[c] += dy[c] * at.share;
            }
        },
    );
}

/// Adds the gradient of row `t` of maxima, each to the first number that equals it; `left` starts as the gradient of that
/// row.
#[inline(always)]
fn route_block<const W: usize>(
    first: usize,
    pool: &Pool,
    t: usize,
    shape: Shape,
    [x, y]: [&[f32]; 2],
    [left, dx]: [&mut [f32]; 2],
) {
    let channels = shape[2];
    pool.windows(
        t,
        shape,
        #[inline(always)]
        |at| {
            let (from, to) = (at.output * channels + first, at.input * channels + first);
            let (x, dx) = (block::<_, W>(x, to), block_mut::<_, W>(dx, to));
            let (y, left) = (block::<_, W>(y, from), block_mut::<_, W>(left, from));
            let (before, mut here, mut rest) = (*left, [0.0; W], [0.0; W]);
            for c in 0..W {
                here[c] = if x[c] == y[c] { before[c] } else { 0.0 };
            }
            for c in 0..W {
                rest[c] = before[c] - here[c];
            }
            *left = rest;
            for c in 0..W {
                dx[c] += here[c];
            }
        },
    );
}

/// Numbers of a row of the output that are finished before the next ones: they stay in the cache.
const RUN: usize = 1024;

/// Where windows one band apart lie in a row: for each part of the row that stays in the cache and each number of a
/// window, the output numbers of the part that have it, and the input numbers.
#[inline(always)]
fn shifted(
    pool: &Pool,
    t: usize,
    [time, bands, channels]: Shape,
    mut body: impl FnMut(Range<usize>, Range<usize>),
) {
    let (columns, padding) = (bands + 2 * pool.padding[1] + 1 - pool.size[1], pool.padding[1]);
    let step = (RUN / channels).max(1);
    for part in (0..columns).step_by(step) {
        for row in pool.covered(t, time, 0) {
            for b in 0..pool.size[1] {
                let first = part.max(padding.saturating_sub(b));
                let end = (part + step).min(bands + padding - b).min(columns).max(first);
                let from = row * bands + first + b - padding;
                body(first * channels..end * channels, from * channels..(from + end - first) * channels);
            }
        }
    }
}

/// Row `t` of maxima of windows one band apart: whole rows at once.
#[inline(always)]
fn maxima_row(pool: &Pool, t: usize, shape: Shape, x: &[f32], y: &mut [f32]) {
    y.fill(f32::NEG_INFINITY);
    shifted(
        pool,
        t,
        shape,
        #[inline(always)]
        |output, input| y[output].iter_mut().zip(&x[input]).for_each(|(y, x)| *y = y.max(*x)),
    );
}

/// Adds the gradient of [`maxima_row`], to the first number that equals the maximum.
#[inline(always)]
fn route_row(pool: &Pool, t: usize, shape: Shape, [x, y]: [&[f32]; 2], [left, dx]: [&mut [f32]; 2]) {
    shifted(
        pool,
        t,
        shape,
        #[inline(always)]
        |output, input| {
            let kept = x[input.clone()].iter().zip(&y[output.clone()]);
            for ((dx, left), (x, y)) in dx[input].iter_mut().zip(&mut left[output]).zip(kept) {
                let here = if x == y { *left } else { 0.0 };
                *left -= here;
                *dx += here;
            }
        },
    );
}

impl Op for Pool {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [time, bands, channels] = single(inputs)?;
        if (0..2).any(|axis| self.stride[axis] == 0 || self.padding[axis] >= self.size[axis]) {
            return Err(format!("steps by at least 1 and pads by less than its window, found {self:?}"));
        }
        let larger = || format!("window {:?} is larger than the input {:?}", self.size, inputs[0]);
        let extents = self.count(time, 0).zip(self.count(bands, 1)).ok_or_else(larger)?;
        Ok([extents.0, extents.1, channels])
    }

    fn adds_gradient(&self) -> bool {
        true
    }

    fn pays(&self) -> bool {
        true
    }

    fn forward(&self, pass: &Pass, inputs: &[Value], _: &[&[f32]], output: &mut [f32], _: &mut Memo) {
        let Value { shape, data } = inputs[0];
        let width = data.len() / pass.samples.max(1);
        for_samples(pass.samples, output, |sample, y| {
            let x = &data[sample * width..][..width];
            let rows = y.chunks_exact_mut(y.len() / self.rows(shape));
            pass.path.vectorize(
                #[inline(always)]
                || {
                    for (t, y) in rows.enumerate() {
                        if self.is_sliding_maximum() {
                            maxima_row(self, t, shape, x, y);
                        } else {
                            in_blocks!(shape[2], pool_block(self, t, shape, x, y));
                        }
                    }
                },
            );
        });
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        let Value { shape, data } = gradients.inputs[0];
        let (y, dy) = (gradients.output.data, gradients.d_output);
        let width = dy.len() / pass.samples.max(1);
        let row = width / self.rows(shape);
        let Some(d_input) = &mut gradients.d_inputs[0] else { return };
        for_samples(pass.samples, d_input, |sample, dx| {
            let x = &data[sample * dx.len()..][..dx.len()];
            let (y, dy) = (&y[sample * width..][..width], &dy[sample * width..][..width]);
            let mut left = vec![0.0; row];
            if gradients.write == Write::Replace {
                dx.fill(0.0);
            }
            pass.path.vectorize(
                #[inline(always)]
                || {
                    for (t, (y, dy)) in y.chunks_exact(row).zip(dy.chunks_exact(row)).enumerate() {
                        left.copy_from_slice(dy);
                        if let Some(owed) = gradients.owed {
                            owed.pay(0, y, &mut left);
                        }
                        match self.kind {
                            PoolKind::Average => {
                                in_blocks!(shape[2], spread_block(self, t, shape, &left, dx))
                            }
                            PoolKind::Max if self.is_sliding_maximum() => {
                                route_row(self, t, shape, [x, y], [&mut left, dx]);
                            }
                            PoolKind::Max => {
                                in_blocks!(shape[2], route_block(self, t, shape, [x, y], [&mut left, dx]));
                            }
                        }
                    }
                },
            );
        });
    }
}

impl Op for GlobalPool {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        if self.axis == Axis::Channels {
            return Err("pools over time or bands, not over channels".into());
        }
        self.pool(single(inputs)?).output_shape(inputs)
    }

    fn adds_gradient(&self) -> bool {
        true
    }

    fn pays(&self) -> bool {
        true
    }

    fn forward(
        &self,
        pass: &Pass,
        inputs: &[Value],
        weights: &[&[f32]],
        output: &mut [f32],
        memo: &mut Memo,
    ) {
        self.pool(inputs[0].shape).forward(pass, inputs, weights, output, memo);
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        self.pool(gradients.inputs[0].shape).backward(pass, gradients);
    }
}
