//! Backward of a convolution and what follows it: the gradient of `z` is made some rows at a time, and both its
//! products are taken while it is hot.

use super::block::{Block, sample_of};
use super::epilogue::{Affine, Epilogue, Means, Pooled};
use super::geometry::Convolution;
use super::scratch::{Scratch, sized, with_scratch};
use crate::blocks::{block, block_mut, in_blocks};
use crate::kernels::Path;
use crate::layers::{Backward, Memo, Pass};
use crate::parallel::{sum_groups, sum_groups_beside};
use std::borrow::Cow;
use std::ops::Range;

/// What the rows of one batch's gradient are made from.
struct Source<'a> {
    pass: &'a Pass,
    epilogue: &'a Epilogue,
    memo: &'a Memo,
    d_output: &'a [f32],
    means: Means<'a>,
    input: &'a [f32],
    convolution: Convolution<'a>,
}

impl Source<'_> {
    fn pooled(&self, sample: usize) -> Pooled<'_> {
        let samples = self.pass.samples;
        Pooled {
            dy: sample_of(self.d_output, sample, samples),
            mask: sample_of(&self.memo.mask, sample, samples),
            chosen: sample_of(&self.memo.chosen, sample, samples),
        }
    }

    fn input(&self, sample: usize) -> &[f32] {
        sample_of(self.input, sample, self.pass.samples)
    }

    /// Rows `rows` of one sample's `z`: those that were kept, or computed again from its padded image.
    fn z<'b>(
        &'b self,
        (sample, rows): (usize, Range<usize>),
        image: &[f32],
        products: &mut Vec<f32>,
        buffer: &'b mut Vec<f32>,
    ) -> &'b [f32] {
        let width = self.convolution.geometry.row();
        let kept = sample_of(&self.memo.z, sample, self.pass.samples);
        kept.get(rows.start * width..rows.end * width).unwrap_or_else(|| {
            let z = sized(buffer, rows.len() * width);
            self.convolution.rows(self.pass.path, image, rows, products, z);
            z
        })
    }
}

impl Block {
    pub(crate) fn backward(&self, pass: &Pass, gradients: Backward) {
        let Backward { inputs, weights, memo, d_output, d_inputs, d_weights, .. } = gradients;
        let (geometry, channels) = (self.conv.geometry(inputs[0].shape), self.conv.channels);
        let affine = match &self.norm {
            Some(_) => {
                Affine::normalising(&memo.numbers[..channels], &memo.numbers[channels..], &weights[2..])
            }
            None => Affine::shifting(weights[1]),
        };
        let epilogue = self.epilogue(pass, &affine, geometry.output);
        let nothing = vec![0.0; channels];
        let means = Means { offset: &nothing, along: &nothing };
        let convolution = Convolution::new(geometry, Cow::Borrowed(weights[0]));
        let input = inputs[0].data;
        let mut source = Source { pass, epilogue: &epilogue, memo, d_output, means, input, convolution };
        let sums = self.norm.as_ref().map(|_| affine_sums(&source, self.pool.size[0], channels));
        let mut scaled = Vec::new();
        if let Some(sums) = &sums {
            let scale = &memo.numbers[channels..2 * channels];
            let count = (pass.samples * geometry.output[0] * geometry.output[1]) as f32;
            let (d_beta, by_centred) = sums.split_at(channels);
            let d_gamma: Vec<f32> = by_centred.iter().zip(scale).map(|(sum, scale)| sum * scale).collect();
            scaled.extend(d_beta.iter().map(|sum| sum / count));
            scaled.extend(d_gamma.iter().zip(scale).map(|(sum, scale)| sum * scale / count));
            d_weights[2].copy_from_slice(&d_gamma);
            d_weights[3].copy_from_slice(d_beta);
            d_weights[4].copy_from_slice(&memo.numbers[2 * channels..3 * channels]);
            d_weights[5].copy_from_slice(&memo.numbers[3 * channels..]);
            source.means = Means { offset: &scaled[..channels], along: &scaled[channels..] };
        }
        let mut sums = self.products(&source, weights[0], d_inputs[0].as_deref_mut());
        let d_bias = sums.split_off(geometry.gradient_length());
        d_weights[0].copy_from_slice(&geometry.weight_gradient(sums));
        d_weights[1].copy_from_slice(&d_bias);
    }

    /// Sums for the gradients of weights and bias; writes that of the input.
    fn products(&self, source: &Source, weights: &[f32], d_input: Option<&mut [f32]>) -> Vec<f32> {
        let (samples, geometry) = (source.pass.samples, &source.convolution.geometry);
        let back = geometry.transposed();
        let mirrored = Cow::Owned(geometry.mirrored(weights));
        let transposed = d_input.is_some().then(|| Convolution::new(back, mirrored));
        let length = geometry.gradient_length() + self.conv.channels;
        let size = if transposed.is_some() { source.input.len() / samples } else { 0 };
        sum_groups_beside(samples, length, d_input.unwrap_or_default(), |range, part, sums| {
            with_scratch(|image, scratch| {
                for (i, sample) in range.enumerate() {
                    let image = geometry.pad(source.input(sample), image);
                    if transposed.is_some() {
                        back.clear(&mut scratch.gradient);
                    }
                    for rows in geometry.blocks(1) {
                        // For the gradient of the input in their place with its border, else the same rows again.
                        let (start, stride) = match transposed {
                            Some(_) => (back.padded_start(rows.start), back.padded_row()),
                            None => (0, geometry.row()),
                        };
                        self.add_rows(source, (sample, rows), image, scratch, (start, stride), sums);
                    }
                    if let Some(transposed) = &transposed {
                        let Scratch { gradient, products, .. } = scratch;
                        let d_input = &mut part[i * size..(i + 1) * size];
                        transposed.all_rows(source.pass.path, gradient, products, d_input);
                    }
                }
            });
        })
    }

    /// Makes some rows of one sample's gradient of `z`, from number `start` of the scratch on, each `stride` numbers from
    /// the next, and adds its products.
    fn add_rows(
        &self,
        source: &Source,
        (sample, rows): (usize, Range<usize>),
        image: &[f32],
        scratch: &mut Scratch,
        (start, stride): (usize, usize),
        sums: &mut [f32],
    ) {
        let Scratch { products, gradient, z } = scratch;
        let (geometry, path) = (&source.convolution.geometry, source.pass.path);
        let width = geometry.row();
        let end = start + (rows.len() - 1) * stride + width;
        if gradient.len() < end {
            gradient.resize(end, 0.0);
        }
        let dz = &mut gradient[start..end];
        let into = (&mut *dz, stride);
        let z = if self.reads_z() { source.z((sample, rows.clone()), image, products, z) } else { &[] };
        source.epilogue.backward(rows.clone(), z, source.pooled(sample), &source.means, into);
        let (d_weights, d_bias) = sums.split_at_mut(geometry.gradient_length());
        geometry.add_weight_gradient(path, image, (rows, dz, stride), products, d_weights);
        if self.norm.is_none() {
            dz.chunks(stride).for_each(|row| add_pixels(path, &row[..width], d_bias));
        }
    }
}

/// `[Σ dy, Σ dy · (z − mean)]` per channel, over the batch; windows are `high` rows.
fn affine_sums(source: &Source, high: usize, channels: usize) -> Vec<f32> {
    let geometry = &source.convolution.geometry;
    sum_groups(source.pass.samples, 2 * channels, |range, sums| {
        with_scratch(|image, scratch| {
            for sample in range {
                let pooled = source.pooled(sample);
                if !source.memo.chosen.is_empty() {
                    source.epilogue.add_chosen(pooled, sums);
                    continue;
                }
                let image = geometry.pad(source.input(sample), image);
                for rows in geometry.blocks(high) {
                    let Scratch { products, z, .. } = &mut *scratch;
                    let z = source.z((sample, rows.clone()), image, products, z);
                    source.epilogue.add_sums(rows.start / high, z, pooled, sums);
                }
            }
        });
    })
}

fn add_pixels(path: Path, pixels: &[f32], sums: &mut [f32]) {
    path.vectorize(
        #[inline(always)]
        || in_blocks!(sums.len(), add_pixels_block(pixels, sums)),
    );
}

#[inline(always)]
fn add_pixels_block<const W: usize>(first: usize, pixels: &[f32], sums: &mut [f32]) {
    let mut total = *block::<_, W>(sums, first);
    for pixel in pixels.chunks_exact(sums.len()) {
        let pixel = block::<_, W>(pixel, first);
        for c in 0..W {
            total[c] += pixel[c];
        }
    }
    *block_mut::<_, W>(sums, first) = total;
}
