//! Pooling over windows and over whole axes.

use std::ops::Range;

use super::{Axis, Backward, Memo, Op, Pass, Value, single};
use crate::blocks::{block, block_mut, in_blocks};
use crate::graph::Shape;
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
    output: usize,
    input: usize,
    /// Whether it is the first of its window.
    first: bool,
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

    /// Calls `body` for every number of every window of one channel.
    #[inline(always)]
    fn windows(&self, [time, bands, _]: Shape, mut body: impl FnMut(Place)) {
        let columns = self.count(bands, 1).unwrap_or(0);
        for t in 0..self.count(time, 0).unwrap_or(0) {
            let rows = self.covered(t, time, 0);
            for b in 0..columns {
                let covered = self.covered(b, bands, 1);
                let (output, first) = (t * columns + b, rows.start * bands + covered.start);
                let share = 1.0 / (rows.len() * covered.len()) as f32;
                for row in rows.clone() {
                    for input in row * bands + covered.start..row * bands + covered.end {
                        body(Place { output, input, first: input == first, share });
                    }
                }
            }
        }
    }
}

/// One sample, a block of channels.
#[inline(always)]
fn pool_block<const W: usize>(first: usize, pool: &Pool, shape: Shape, x: &[f32], y: &mut [f32]) {
    let channels = shape[2];
    pool.windows(
        shape,
        #[inline(always)]
        |at| {
            let x = block::<_, W>(x, at.input * channels + first);
            let y = block_mut::<_, W>(y, at.output * channels + first);
            for c in 0..W {
                y[c] = match (pool.kind, at.first) {
                    (PoolKind::Max, true) => x[c],
                    (PoolKind::Max, false) => y[c].max(x[c]),
                    (PoolKind::Average, true) => x[c] * at.share,
                    (PoolKind::Average, false) => y[c] + x[c] * at.share,
                };
            }
        },
    );
}

/// Adds the gradient of an average.
#[inline(always)]
fn spread_block<const W: usize>(first: usize, pool: &Pool, shape: Shape, dy: &[f32], dx: &mut [f32]) {
    let channels = shape[2];
    pool.windows(
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

/// Adds the gradient of a maximum, to the first number that equals it; `left` starts as the output's gradient.
#[inline(always)]
fn route_block<const W: usize>(
    first: usize,
    pool: &Pool,
    shape: Shape,
    [x, y]: [&[f32]; 2],
    [left, dx]: [&mut [f32]; 2],
) {
    let channels = shape[2];
    pool.windows(
        shape,
        #[inline(always)]
        |at| {
            let (from, to) = (at.output * channels + first, at.input * channels + first);
            let (x, dx) = (block::<_, W>(x, to), block_mut::<_, W>(dx, to));
            let (y, left) = (block::<_, W>(y, from), block_mut::<_, W>(left, from));
            for c in 0..W {
                let is_first = x[c] == y[c];
                dx[c] += if is_first { left[c] } else { 0.0 };
                left[c] = if is_first { 0.0 } else { left[c] };
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

    fn forward(&self, pass: &Pass, inputs: &[Value], _: &[&[f32]], output: &mut [f32], _: &mut Memo) {
        let Value { shape, data } = inputs[0];
        let width = data.len() / pass.samples.max(1);
        for_samples(pass.samples, output, |sample, y| {
            let x = &data[sample * width..][..width];
            pass.path.vectorize(
                #[inline(always)]
                || in_blocks!(shape[2], pool_block(self, shape, x, y)),
            );
        });
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        let Value { shape, data } = gradients.inputs[0];
        let (y, dy) = (gradients.output.data, gradients.d_output);
        let width = dy.len() / pass.samples.max(1);
        let Some(d_input) = &mut gradients.d_inputs[0] else { return };
        for_samples(pass.samples, d_input, |sample, dx| {
            let x = &data[sample * dx.len()..][..dx.len()];
            let (y, dy) = (&y[sample * width..][..width], &dy[sample * width..][..width]);
            let mut left = dy.to_vec();
            dx.fill(0.0);
            pass.path.vectorize(
                #[inline(always)]
                || match self.kind {
                    PoolKind::Average => in_blocks!(shape[2], spread_block(self, shape, dy, dx)),
                    PoolKind::Max => in_blocks!(shape[2], route_block(self, shape, [x, y], [&mut left, dx])),
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
