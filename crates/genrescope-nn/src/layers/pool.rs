//! Pooling: windows that do not overlap, and whole axes.

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

/// Pooling with stride = size; what fills no window is dropped: `[t, b, c]` → `[t / size[0], b / size[1], c]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Maximum or mean.
    pub kind: PoolKind,
    /// Extent in time and bands.
    pub size: [usize; 2],
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
        let size = if self.axis == Axis::Time { [time, 1] } else { [1, bands] };
        Pool { kind: self.kind, size }
    }
}

impl Pool {
    /// Calls `body(output pixel, input pixel, place in the window)` for every pixel of every window of one sample.
    #[inline(always)]
    fn windows(&self, [time, bands, _]: Shape, mut body: impl FnMut(usize, usize, usize)) {
        let [size_t, size_b] = self.size;
        let (times, columns) = (time / size_t, bands / size_b);
        for t in 0..times {
            for b in 0..columns {
                for i in 0..size_t * size_b {
                    let (dt, db) = (i / size_b, i % size_b);
                    body(t * columns + b, (t * size_t + dt) * bands + b * size_b + db, i);
                }
            }
        }
    }
}

/// One sample, a block of channels.
#[inline(always)]
fn pool_block<const W: usize>(first: usize, pool: &Pool, shape: Shape, x: &[f32], y: &mut [f32]) {
    let channels = shape[2];
    let share = 1.0 / (pool.size[0] * pool.size[1]) as f32;
    pool.windows(shape, |out, pixel, i| {
        let (x, y) = (block::<W>(x, pixel * channels + first), block_mut::<W>(y, out * channels + first));
        for c in 0..W {
            y[c] = match (pool.kind, i) {
                (PoolKind::Max, 0) => x[c],
                (PoolKind::Max, _) => y[c].max(x[c]),
                (PoolKind::Average, 0) => x[c] * share,
                (PoolKind::Average, _) => y[c] + x[c] * share,
            };
        }
    });
}

/// The gradient of an average; `dx` is zero where no window reaches.
#[inline(always)]
fn spread_block<const W: usize>(first: usize, pool: &Pool, shape: Shape, dy: &[f32], dx: &mut [f32]) {
    let channels = shape[2];
    let share = 1.0 / (pool.size[0] * pool.size[1]) as f32;
    pool.windows(shape, |out, pixel, _| {
        let (dy, dx) = (block::<W>(dy, out * channels + first), block_mut::<W>(dx, pixel * channels + first));
        for c in 0..W {
            dx[c] = dy[c] * share;
        }
    });
}

/// The gradient of a maximum, to the first number that equals it; `left` starts as the output's gradient.
#[inline(always)]
fn route_block<const W: usize>(
    first: usize,
    pool: &Pool,
    shape: Shape,
    [x, y]: [&[f32]; 2],
    [left, dx]: [&mut [f32]; 2],
) {
    let channels = shape[2];
    pool.windows(shape, |out, pixel, _| {
        let (from, to) = (out * channels + first, pixel * channels + first);
        let (x, dx) = (block::<W>(x, to), block_mut::<W>(dx, to));
        let (y, left) = (block::<W>(y, from), block_mut::<W>(left, from));
        for c in 0..W {
            let is_first = x[c] == y[c];
            dx[c] = if is_first { left[c] } else { 0.0 };
            left[c] = if is_first { 0.0 } else { left[c] };
        }
    });
}

impl Op for Pool {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [time, bands, channels] = single(inputs)?;
        match [time / self.size[0].max(1), bands / self.size[1].max(1)] {
            [0, _] | [_, 0] => {
                Err(format!("window {:?} is larger than the input {:?}", self.size, inputs[0]))
            }
            [time, bands] => Ok([time, bands, channels]),
        }
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
