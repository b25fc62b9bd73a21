//! A convolution and what follows it, as one task: `conv → [batch norm] → [ReLU] → [pool] → [dropout]`. One of 1 x 1 may
//! have batch norm and ReLU before it: they are made again, some rows at a time, wherever its input is read.
//!
//! Forward writes the pooled output alone; training keeps `z`, the convolution's own output, where batch norm needs it,
//! and a byte a pooled number. [`gradient`](super::gradient) holds the way back.

use super::Conv2d;
use super::convolution::{Algorithm, Convolution};
use super::epilogue::{Affine, Drop, Epilogue, Kept};
use super::geometry::Geometry;
use super::scratch::{Scratch, sized, with_scratch};
use crate::graph::Shape;
use crate::layers::channels::Channels;
use crate::layers::moments::{MomentSums, Moments};
use crate::layers::norm::BatchNorm;
use crate::layers::{Layer, Memo, Mode, Pass, Pool, PoolKind};
use crate::parallel::{groups, parts};
use crate::random::key;
use rayon::prelude::*;
use std::borrow::Cow;
use std::ops::Range;

/// The layers of one task.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Batch norm, with ReLU, before a 1 x 1 convolution.
    pub(crate) before: Option<BatchNorm>,
    pub(crate) conv: Conv2d,
    pub(crate) norm: Option<BatchNorm>,
    pub(crate) relu: bool,
    /// Windows side by side; of one number where nothing is pooled.
    pub(crate) pool: Pool,
    /// Rate, and the node whose draws they are.
    pub(crate) dropout: Option<(f32, usize)>,
}

/// What forward writes of some samples; empty where nothing is kept.
struct Written<'a> {
    output: &'a mut [f32],
    z: &'a mut [f32],
    mask: &'a mut [u8],
    chosen: &'a mut [f32],
}

/// Rows of one sample's output, with what they read.
struct Rows<'a> {
    /// From the first row of the padded input on.
    padded: &'a [f32],
    /// As many rows of what is added.
    added: Option<&'a [f32]>,
    rows: Range<usize>,
    /// Numbers of the output before the sample's.
    at: usize,
}

impl<'a> Written<'a> {
    /// The parts of the groups that `samples` samples are cut into.
    fn groups(self, samples: usize) -> Vec<Self> {
        let kept = parts(self.mask, samples).into_iter().zip(parts(self.chosen, samples));
        let values = parts(self.output, samples).into_iter().zip(parts(self.z, samples));
        values.zip(kept).map(|((output, z), (mask, chosen))| Self { output, z, mask, chosen }).collect()
    }

    /// Sample `i` of `count`.
    fn sample(&mut self, i: usize, count: usize) -> Written<'_> {
        Written {
            output: nth(self.output, i, count),
            z: nth(self.z, i, count),
            mask: nth(self.mask, i, count),
            chosen: nth(self.chosen, i, count),
        }
    }
}

fn nth<T>(batch: &mut [T], i: usize, count: usize) -> &mut [T] {
    let width = batch.len() / count;
    &mut batch[i * width..(i + 1) * width]
}

/// Sample `i` of `count`.
pub(super) fn sample_of<T>(batch: &[T], i: usize, count: usize) -> &[T] {
    let width = batch.len() / count;
    &batch[i * width..(i + 1) * width]
}

impl Block {
    /// A convolution alone.
    pub(crate) fn of(conv: &Conv2d) -> Self {
        let pool = Pool::new(PoolKind::Average, [1, 1]);
        Self { before: None, conv: conv.clone(), norm: None, relu: false, pool, dropout: None }
    }

    /// Takes the layer behind along, if it can: in the order batch norm, ReLU, pool, dropout.
    pub(crate) fn takes(&mut self, layer: &Layer, node: usize) -> bool {
        let free = self.dropout.is_none();
        match layer {
            Layer::BatchNorm(norm) if free && !self.pools() && !self.relu && self.norm.is_none() => {
                self.norm = Some(norm.clone());
            }
            Layer::Relu(_) if free && !self.pools() && !self.relu => self.relu = true,
            Layer::Pool(pool) if free && !self.pools() && pool.is_tiling() => self.pool = pool.clone(),
            Layer::Dropout(dropout) if free => self.dropout = Some((dropout.rate, node)),
            _ => return false,
        }
        true
    }

    /// Whether another value can be added behind it: before ReLU, pool and dropout, and nothing scales the sum.
    pub(crate) fn takes_sum(&self) -> bool {
        self.norm.is_none() && !self.relu && !self.pools() && self.dropout.is_none()
    }

    fn pools(&self) -> bool {
        self.pool.size != [1, 1]
    }

    /// Whether backward reads the convolution's own output.
    pub(super) fn reads_z(&self) -> bool {
        self.norm.is_some() || (self.relu && self.pools() && self.pool.kind == PoolKind::Average)
    }

    /// Whether training keeps the convolution's own output.
    fn keeps_z(&self, geometry: &Geometry) -> bool {
        self.reads_z() && (self.before.is_some() || !geometry.is_cheap())
    }

    /// Whether training keeps a byte a pooled number.
    fn keeps_mask(&self) -> bool {
        let maximum = self.pool.kind == PoolKind::Max;
        self.dropout.is_some() || maximum || (self.relu && !self.reads_z())
    }

    /// Whether training keeps `z` at the maxima.
    fn keeps_chosen(&self) -> bool {
        self.norm.is_some() && self.pool.kind == PoolKind::Max
    }

    /// How the convolution is computed, for people: in training, and in inference where that is another way.
    pub(crate) fn kernel(&self, input: Shape) -> String {
        let geometry = self.conv.geometry(input);
        let in_inference = match Algorithm::of(&geometry, true) {
            Algorithm::Plane(_) => "; in inference over bands too",
            Algorithm::Taps(_) => "; in inference all taps side by side",
            Algorithm::Direct | Algorithm::Time(_) => "",
        };
        self.kernel_of_training(&geometry) + in_inference
    }

    fn kernel_of_training(&self, geometry: &Geometry) -> String {
        match geometry.winograd() {
            Some(winograd) => {
                format!("fast over time: {} products for {} rows", winograd.products(), winograd.rows())
            }
            None if self.before.is_some() => "direct, its input normalised while it is read".into(),
            None if self.reads_z() && geometry.is_cheap() => "direct, computed again in backward".into(),
            None => "direct".into(),
        }
    }

    /// Bytes that training keeps of a sample beside the output.
    pub(crate) fn kept_bytes(&self, input: Shape, output: Shape) -> usize {
        let geometry = self.conv.geometry(input);
        let (z, pooled): (usize, usize) = (geometry.output.iter().product(), output.iter().product());
        let kept = |kept: bool, bytes: usize| if kept { bytes } else { 0 };
        kept(self.keeps_z(&geometry), 4 * z)
            + kept(self.keeps_mask(), pooled)
            + kept(self.keeps_chosen(), 4 * pooled)
    }

    pub(super) fn epilogue(&self, pass: &Pass, affine: &Affine, [_, bands, _]: Shape) -> Epilogue {
        let dropout = match (self.dropout, pass.mode) {
            (Some((rate, node)), Mode::Train { seed }) => Some(Drop { rate, key: key(seed, node) }),
            _ => None,
        };
        let pool = (self.pool.kind, self.pool.size);
        Epilogue::new(pass.path, affine, self.relu, pool, bands, dropout)
    }

    /// Arrays of transformed weights with which inference convolves samples of this shape, if it does.
    pub(crate) fn fast_products(&self, input: Shape) -> Option<usize> {
        Algorithm::of(&self.conv.geometry(input), true).products()
    }

    /// Those arrays: the same for all shapes with as many of them.
    pub(crate) fn prepared(&self, input: Shape, weights: &[&[f32]]) -> Vec<f32> {
        let weights = weights[4 * usize::from(self.before.is_some())];
        Algorithm::of(&self.conv.geometry(input), true).prepared(weights).unwrap_or_default()
    }

    /// Weights: four of the batch norm before, the convolution's two, four of the batch norm behind. Inference adds a second
    /// value to the convolution's output.
    pub(crate) fn forward(
        &self,
        pass: &Pass,
        (input, added): (super::Value, Option<&[f32]>),
        weights: &[&[f32]],
        output: &mut [f32],
        memo: &mut Memo,
    ) {
        let (before, weights) = weights.split_at(4 * usize::from(self.before.is_some()));
        if let Some(norm) = &self.before {
            norm.write_numbers(pass, input, before, &mut memo.norm);
        }
        let geometry = self.conv.geometry(input.shape);
        let training = pass.mode != Mode::Infer;
        let size = |kept: bool, one: usize| if training && kept { pass.samples * one } else { 0 };
        let pooled = output.len() / pass.samples;
        let keeps_z = self.keeps_z(&geometry);
        memo.z.resize(size(keeps_z, geometry.output.iter().product()), 0.0);
        memo.mask.resize(size(self.keeps_mask(), pooled), 0);
        memo.chosen.resize(size(self.keeps_chosen(), pooled), 0.0);
        let Memo { z, mask, chosen, numbers, norm, prepared, .. } = memo;
        let prepared = prepared.as_deref().map(Vec::as_slice);
        let before = self.before.as_ref().map(|_| Channels::new(norm, before, true));
        let convolution = match prepared {
            Some(prepared) => Convolution::of_prepared(geometry, prepared, before),
            None => Convolution::new(geometry, Cow::Borrowed(weights[0]), before),
        };
        let written = Written { output, z, mask, chosen };
        match (&self.norm, training) {
            (Some(norm), true) => {
                let moments = self.convolve(pass, &convolution, input.data, written.z);
                *numbers = moments.memo(norm, weights[1]);
                let affine =
                    Affine::normalising(&moments.mean, &norm.scale(&moments.variance), &weights[2..]);
                let epilogue = self.epilogue(pass, &affine, geometry.output);
                if keeps_z {
                    self.normalise(pass, &epilogue, written);
                } else {
                    self.fused(pass, &convolution, (input.data, added), &epilogue, written);
                }
            }
            (norm, _) => {
                let affine = match norm {
                    Some(norm) => {
                        // The running mean is that of the output with its bias.
                        let mean: Vec<f32> = weights[4].iter().zip(weights[1]).map(|(m, b)| m - b).collect();
                        Affine::normalising(&mean, &norm.scale(weights[5]), &weights[2..])
                    }
                    None => Affine::shifting(weights[1]),
                };
                let epilogue = self.epilogue(pass, &affine, geometry.output);
                self.fused(pass, &convolution, (input.data, added), &epilogue, written);
            }
        }
    }

    /// Moments of `z` over all samples; writes it unless `z` is empty.
    fn convolve(&self, pass: &Pass, convolution: &Convolution, input: &[f32], z: &mut [f32]) -> Moments {
        let (geometry, width) = (&convolution.geometry, convolution.geometry.row());
        let sums = groups(pass.samples).zip(parts(z, pass.samples)).map(|(range, part)| {
            let count = range.len();
            with_scratch(|image, scratch| {
                let mut sums = MomentSums::new(self.conv.channels);
                for (i, sample) in range.enumerate() {
                    let mut image = convolution.image(sample_of(input, sample, pass.samples), image);
                    let z = nth(part, i, count);
                    for rows in geometry.blocks(1) {
                        let z = z.get_mut(rows.start * width..rows.end * width);
                        let z = z.unwrap_or_else(|| sized(&mut scratch.z, rows.len() * width));
                        let padded = convolution.read(pass.path, &mut image, &rows);
                        convolution.rows(pass.path, padded, &rows, &mut scratch.products, z);
                        sums.add(pass.path, z);
                    }
                }
                sums
            })
        });
        Moments::joined(&sums.collect::<Vec<_>>())
    }

    /// The epilogue over a finished `z`.
    fn normalise(&self, pass: &Pass, epilogue: &Epilogue, written: Written) {
        let pooled = written.output.len() / pass.samples;
        groups(pass.samples).zip(written.groups(pass.samples)).for_each(|(range, mut part)| {
            let count = range.len();
            for (i, sample) in range.enumerate() {
                let Written { output, z, mask, chosen } = part.sample(i, count);
                epilogue.forward(z, output, sample * pooled, Kept { mask, chosen });
            }
        });
    }

    /// Convolution and epilogue, some rows at a time.
    fn fused(
        &self,
        pass: &Pass,
        convolution: &Convolution,
        (input, added): (&[f32], Option<&[f32]>),
        epilogue: &Epilogue,
        written: Written,
    ) {
        let (high, width) = (self.pool.size[0], convolution.geometry.row());
        let pooled = written.output.len() / pass.samples;
        groups(pass.samples).zip(written.groups(pass.samples)).for_each(|(range, mut part)| {
            let count = range.len();
            with_scratch(|image, scratch| {
                for (i, sample) in range.enumerate() {
                    let mut written = part.sample(i, count);
                    let added = added.map(|added| sample_of(added, sample, pass.samples));
                    let mut image = convolution.image(sample_of(input, sample, pass.samples), image);
                    for rows in convolution.blocks(high) {
                        let rows = rows.start..rows.end / high * high;
                        if rows.is_empty() {
                            continue;
                        }
                        let read = Rows {
                            padded: convolution.read(pass.path, &mut image, &rows),
                            added: added.map(|added| &added[rows.start * width..rows.end * width]),
                            rows,
                            at: sample * pooled,
                        };
                        self.fused_rows(pass, convolution, read, epilogue, &mut written, scratch);
                    }
                }
            });
        });
    }

    /// Whole windows of one sample.
    fn fused_rows(
        &self,
        pass: &Pass,
        convolution: &Convolution,
        Rows { padded, added, rows, at }: Rows,
        epilogue: &Epilogue,
        written: &mut Written,
        scratch: &mut Scratch,
    ) {
        let (width, high) = (convolution.geometry.row(), self.pool.size[0]);
        let pooled_row = convolution.geometry.output[1] / self.pool.size[1] * self.conv.channels;
        let target = rows.start / high * pooled_row..rows.end / high * pooled_row;
        let output = &mut written.output[target.clone()];
        let mask = written.mask.get_mut(target.clone()).unwrap_or_default();
        let added = added.unwrap_or_default();
        if mask.is_empty() && !self.pools() && epilogue.dropout.is_none() {
            convolution.rows(pass.path, padded, &rows, &mut scratch.products, output);
            return epilogue.forward_in_place(output, added);
        }
        let z = written.z.get_mut(rows.start * width..rows.end * width);
        let z = z.unwrap_or_else(|| sized(&mut scratch.z, rows.len() * width));
        convolution.rows(pass.path, padded, &rows, &mut scratch.products, z);
        pass.path.vectorize(
            #[inline(always)]
            || z.iter_mut().zip(added).for_each(|(z, added)| *z += added),
        );
        let chosen = written.chosen.get_mut(target.clone()).unwrap_or_default();
        epilogue.forward(z, output, at + target.start, Kept { mask, chosen });
    }
}
