//! Mean and variance of each channel over a batch.

use super::Pass;
use super::norm::BatchNorm;
use crate::kernels::Path;
use crate::parallel::map_groups;

/// Per channel.
pub(super) struct Moments {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
    pub(super) unbiased: Vec<f32>,
}

impl Moments {
    /// Joined in order after Chan, Golub and LeVeque.
    pub(super) fn joined(groups: &[MomentSums]) -> Self {
        let channels = groups[0].total.len();
        let (mut count, mut mean, mut square) = (0.0, vec![0.0_f64; channels], vec![0.0_f64; channels]);
        for group in groups {
            let n = group.count as f64;
            for (c, (group_mean, group_square)) in group.moments().enumerate() {
                let delta = group_mean - mean[c];
                mean[c] += delta * n / (count + n);
                square[c] += group_square + delta * delta * count * n / (count + n);
            }
            count += n;
        }
        let divided = |by: f64| square.iter().map(|s| (s / by) as f32).collect();
        Self {
            mean: mean.iter().map(|m| *m as f32).collect(),
            variance: divided(count),
            unbiased: divided((count - 1.0).max(1.0)),
        }
    }

    /// What backward reads: `[mean, 1 / deviation, mean with the bias, unbiased variance]` per channel.
    pub(super) fn memo(&self, norm: &BatchNorm, bias: &[f32]) -> Vec<f32> {
        let biased: Vec<f32> = self.mean.iter().zip(bias).map(|(mean, bias)| mean + bias).collect();
        [&self.mean[..], &norm.scale(&self.variance), &biased, &self.unbiased].concat()
    }
}

/// Sums of a group's pixels, shifted by its first one: they do not cancel.
pub(super) struct MomentSums {
    /// Of some pixels side by side: sums that do not wait for each other.
    shift: Vec<f32>,
    sum: Vec<f32>,
    square: Vec<f32>,
    /// Of all runs so far, per channel.
    total: Vec<[f64; 2]>,
    count: usize,
}

impl MomentSums {
    /// Numbers that are summed side by side, about.
    const WIDTH: usize = 1024;

    pub(super) fn new(channels: usize) -> Self {
        let width = channels * (Self::WIDTH / channels).max(1);
        let zeros = || vec![0.0; width];
        Self { shift: zeros(), sum: zeros(), square: zeros(), total: vec![[0.0; 2]; channels], count: 0 }
    }

    /// Adds a run of pixels: its sums are f32, so that it should hold no more than some hundred thousand numbers.
    pub(super) fn add(&mut self, path: Path, x: &[f32]) {
        let channels = self.total.len();
        if self.count == 0 {
            self.shift.chunks_exact_mut(channels).for_each(|shift| shift.copy_from_slice(&x[..channels]));
        }
        self.count += x.len() / channels;
        self.sum.fill(0.0);
        self.square.fill(0.0);
        path.vectorize(
            #[inline(always)]
            || {
                x.chunks(self.sum.len())
                    .for_each(|x| add_moments(x, &self.shift, &mut self.sum, &mut self.square))
            },
        );
        for (sum, square) in self.sum.chunks_exact(channels).zip(self.square.chunks_exact(channels)) {
            for (total, (sum, square)) in self.total.iter_mut().zip(sum.iter().zip(square)) {
                total[0] += f64::from(*sum);
                total[1] += f64::from(*square);
            }
        }
    }

    /// `(mean, Σ (x − mean)²)` per channel.
    fn moments(&self) -> impl Iterator<Item = (f64, f64)> {
        let count = self.count as f64;
        self.total.iter().zip(&self.shift).map(move |(&[sum, square], shift)| {
            (f64::from(*shift) + sum / count, (square - sum * sum / count).max(0.0))
        })
    }
}

/// Adds `d` and `d²`, `d = x − shift`, number by number.
#[inline(always)]
fn add_moments(x: &[f32], shift: &[f32], sum: &mut [f32], square: &mut [f32]) {
    for ((x, shift), (sum, square)) in x.iter().zip(shift).zip(sum.iter_mut().zip(square)) {
        let d = x - shift;
        *sum += d;
        *square += d * d;
    }
}

/// Moments of a batch.
pub(super) fn batch_moments(pass: &Pass, x: &[f32], channels: usize) -> Moments {
    let width = x.len() / pass.samples;
    let groups = map_groups(pass.samples, |range| {
        let mut sums = MomentSums::new(channels);
        let x = &x[range.start * width..range.end * width];
        x.chunks(256 * channels).for_each(|run| sums.add(pass.path, run));
        sums
    });
    Moments::joined(&groups)
}
