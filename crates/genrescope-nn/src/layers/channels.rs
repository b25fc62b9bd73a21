//! A batch norm, and the ReLU behind it, as loops over pixels: neighbours in memory are read in order, whatever the
//! channels.

use super::norm::{BETA, GAMMA, MEAN, VARIANCE};
use crate::kernels::{Path, Write};
use crate::parallel::for_samples;

/// Numbers of a row of constants, about.
const ROW: usize = 1024;

/// The constants of some pixels side by side.
fn row(channels: impl Iterator<Item = f32>) -> Vec<f32> {
    let channels: Vec<f32> = channels.collect();
    channels.repeat((ROW / channels.len()).max(1))
}

/// A batch norm, and the ReLU behind it if there is one, as the loops over pixels read it.
pub(super) struct Channels<'a> {
    mean: &'a [f32],
    scale: &'a [f32],
    unbiased: &'a [f32],
    /// What must be exceeded for the ReLU to be open; −∞ without one.
    floor: f32,
    /// Rows of the mean, of `γ / deviation` and of β.
    means: Vec<f32>,
    slope: Vec<f32>,
    beta: Vec<f32>,
}

/// What the gradient of a value `x` still lacks of batch norms that read it: `− offset − (x − mean) · along`, in rows of
/// channels. It is known when all of the batch has been read, and taken along by who reads the gradient next.
#[derive(Debug)]
pub(crate) struct Owed {
    mean: Vec<f32>,
    offset: Vec<f32>,
    along: Vec<f32>,
}

impl Owed {
    /// Takes what pixels of the gradient `d` lack from them; of a single pixel, its channels from `first` on.
    #[inline(always)]
    pub(super) fn pay(&self, first: usize, x: &[f32], d: &mut [f32]) {
        let [mean, offset, along] = [&self.mean[first..], &self.offset[first..], &self.along[first..]];
        for (x, d) in x.chunks(mean.len()).zip(d.chunks_mut(mean.len())) {
            let constants = mean.iter().zip(offset.iter().zip(along));
            for ((d, x), (mean, (offset, along))) in d.iter_mut().zip(x).zip(constants) {
                *d -= offset + (x - mean) * along;
            }
        }
    }

    /// [`Owed::pay`] of a whole batch.
    pub(crate) fn pay_all(&self, path: Path, samples: usize, x: &[f32], d: &mut [f32]) {
        for_samples(samples, d, |sample, d| {
            let x = &x[sample * d.len()..][..d.len()];
            path.vectorize(
                #[inline(always)]
                || self.pay(0, x, d),
            );
        });
    }
}

impl<'a> Channels<'a> {
    /// From the batch norm's numbers of [`BatchNorm::write_numbers`] and its four weights.
    pub(super) fn new(numbers: &'a [f32], weights: &[&[f32]], relu: bool) -> Self {
        let (mean, rest) = numbers.split_at(numbers.len() / 3);
        let (scale, unbiased) = rest.split_at(mean.len());
        Self {
            mean,
            scale,
            unbiased,
            floor: if relu { 0.0 } else { f32::NEG_INFINITY },
            means: row(mean.iter().copied()),
            slope: row(scale.iter().zip(weights[GAMMA]).map(|(scale, gamma)| scale * gamma)),
            beta: row(weights[BETA].iter().copied()),
        }
    }

    /// Pixels `x` → `output`.
    pub(super) fn normalise(&self, path: Path, x: &[f32], output: &mut [f32]) {
        path.vectorize(
            #[inline(always)]
            || {
                let width = self.means.len();
                for (x, y) in x.chunks(width).zip(output.chunks_mut(width)) {
                    self.normalise_row(x, y);
                }
            },
        );
    }

    #[inline(always)]
    fn normalise_row(&self, x: &[f32], output: &mut [f32]) {
        let constants = self.means.iter().zip(self.slope.iter().zip(&self.beta));
        for ((y, x), (mean, (slope, beta))) in output.iter_mut().zip(x).zip(constants) {
            *y = ((x - mean) * slope + beta).max(self.floor);
        }
    }

    /// Adds `[Σ dy, Σ dy · x̂]` per channel, and writes `γ / deviation · dy` if there is room for it: the gradient of the
    /// input but for what it is [owed](Channels::owe).
    pub(super) fn back(
        &self,
        path: Path,
        [x, dy]: [&[f32]; 2],
        sums: &mut [f32],
        (dx, write): (&mut [f32], Write),
    ) {
        let width = self.means.len();
        let mut rows = (vec![0.0; width], vec![0.0; width]);
        let mut nowhere = vec![0.0; if dx.is_empty() { width } else { 0 }];
        path.vectorize(
            #[inline(always)]
            || {
                for (i, (x, dy)) in x.chunks(width).zip(dy.chunks(width)).enumerate() {
                    let dx = dx.get_mut(i * width..i * width + x.len()).unwrap_or(&mut nowhere);
                    if write == Write::Replace {
                        dx.fill(0.0);
                    }
                    self.back_row([x, dy], (&mut rows.0, &mut rows.1), dx);
                }
            },
        );
        let channels = self.mean.len();
        let (sum, product) = sums.split_at_mut(channels);
        for (open, by_centred) in rows.0.chunks_exact(channels).zip(rows.1.chunks_exact(channels)) {
            for c in 0..channels {
                sum[c] += open[c];
                product[c] += by_centred[c] * self.scale[c];
            }
        }
    }

    #[inline(always)]
    fn back_row(&self, [x, dy]: [&[f32]; 2], (sum, product): (&mut [f32], &mut [f32]), dx: &mut [f32]) {
        let constants = self.means.iter().zip(self.slope.iter().zip(&self.beta));
        let sums = sum.iter_mut().zip(product);
        let pixels = dx.iter_mut().zip(x.iter().zip(dy));
        for (((dx, (x, dy)), (mean, (slope, beta))), (sum, product)) in pixels.zip(constants).zip(sums) {
            let (centred, dy) = (x - mean, *dy);
            let open = if centred * slope + beta > self.floor { dy } else { 0.0 };
            *sum += open;
            *product += open * centred;
            *dx += slope * open;
        }
    }

    /// The gradients of γ and β from the sums over the batch; of the running statistics, its values.
    pub(super) fn write_parameter_gradients(&self, sums: &[f32], d_weights: &mut [Vec<f32>]) {
        let (d_beta, d_gamma) = sums.split_at(self.mean.len());
        d_weights[GAMMA].copy_from_slice(d_gamma);
        d_weights[BETA].copy_from_slice(d_beta);
        d_weights[MEAN].copy_from_slice(self.mean);
        d_weights[VARIANCE].copy_from_slice(self.unbiased);
    }

    /// What the gradient of the input lacks behind [`Channels::back`], from the sums over a batch of `numbers` numbers:
    /// `γ / deviation · (mean(dy) + x̂ · mean(dy · x̂))`, beside what it lacks already.
    pub(super) fn owe(&self, sums: &[f32], numbers: usize, owes: &mut Option<Owed>) {
        let count = (numbers / self.mean.len()) as f32;
        let (open, product) = sums.split_at(self.mean.len());
        let owed = owes.get_or_insert_with(|| Owed {
            mean: self.means.clone(),
            offset: vec![0.0; self.means.len()],
            along: vec![0.0; self.means.len()],
        });
        let channels = (0..self.mean.len()).cycle();
        let rows = owed.offset.iter_mut().zip(&mut owed.along).zip(&self.slope);
        for (((offset, along), slope), c) in rows.zip(channels) {
            *offset += slope * open[c] / count;
            *along += slope * product[c] / count * self.scale[c];
        }
    }
}
