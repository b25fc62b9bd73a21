//! Pooling: windows that do not overlap, and whole axes.

use super::{Axis, Backward, Memo, Op, Pass, Value, single};
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

    #[inline(always)]
    fn pool_sample(&self, shape: Shape, x: &[f32], y: &mut [f32]) {
        let channels = shape[2];
        let share = 1.0 / (self.size[0] * self.size[1]) as f32;
        self.windows(shape, |out, pixel, i| {
            let x = &x[pixel * channels..][..channels];
            let y = &mut y[out * channels..][..channels];
            match (self.kind, i) {
                (PoolKind::Max, 0) => y.copy_from_slice(x),
                (PoolKind::Max, _) => {
                    y.iter_mut().zip(x).for_each(|(y, x)| *y = if *x > *y { *x } else { *y })
                }
                (PoolKind::Average, 0) => y.iter_mut().zip(x).for_each(|(y, x)| *y = x * share),
                (PoolKind::Average, _) => y.iter_mut().zip(x).for_each(|(y, x)| *y += x * share),
            }
        });
    }

    /// The gradient of an average; `dx` is zero where no window reaches.
    #[inline(always)]
    fn spread(&self, shape: Shape, dy: &[f32], dx: &mut [f32]) {
        let channels = shape[2];
        let share = 1.0 / (self.size[0] * self.size[1]) as f32;
        self.windows(shape, |out, pixel, _| {
            let dx = &mut dx[pixel * channels..][..channels];
            dx.iter_mut().zip(&dy[out * channels..][..channels]).for_each(|(dx, dy)| *dx = dy * share);
        });
    }

    /// The gradient of a maximum, to the first number that equals it; `left` is scratch.
    #[inline(always)]
    fn route(&self, shape: Shape, [x, y, dy]: [&[f32]; 3], dx: &mut [f32], left: &mut [f32]) {
        let channels = shape[2];
        left.copy_from_slice(dy);
        self.windows(shape, |out, pixel, _| {
            let (from, to) = (out * channels, pixel * channels);
            let (x, dx) = (&x[to..][..channels], &mut dx[to..][..channels]);
            let (y, left) = (&y[from..][..channels], &mut left[from..][..channels]);
            for c in 0..channels {
                let first = x[c] == y[c];
                dx[c] = if first { left[c] } else { 0.0 };
                left[c] = if first { 0.0 } else { left[c] };
            }
        });
    }
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
                || self.pool_sample(shape, x, y),
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
            let mut left = vec![0.0; width];
            dx.fill(0.0);
            pass.path.vectorize(
                #[inline(always)]
                || match self.kind {
                    PoolKind::Average => self.spread(shape, dy, dx),
                    PoolKind::Max => self.route(shape, [x, y, dy], dx, &mut left),
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
