//! Backward of a convolution and what follows it: the gradient of `z` is made some rows at a time, and both its
//! products are taken while it is hot.

use super::block::{Block, sample_of};
use super::convolution::{Convolution, Image};
use super::epilogue::{Affine, Epilogue, Means, Pooled};
use super::scratch::{Scratch, sized, with_scratch};
use crate::blocks::{block, block_mut, in_blocks};
use crate::kernels::{Path, Write};
use crate::layers::channels::Channels;
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

    fn image<'b>(&'b self, sample: usize, buffer: &'b mut Vec<f32>) -> Image<'b> {
        self.convolution.image(self.input(sample), buffer)
    }

    /// Rows `rows` of one sample's `z`: those that were kept, or computed again from its image.
    fn z<'b>(
        &'b self,
        (sample, rows): (usize, &Range<usize>),
        image: &mut Image,
        products: &mut Vec<f32>,
        buffer: &'b mut Vec<f32>,
    ) -> &'b [f32] {
        let width = self.convolution.geometry.row();
        let kept = sample_of(&self.memo.z, sample, self.pass.samples);
        kept.get(rows.start * width..rows.end * width).unwrap_or_else(|| {
            let z = sized(buffer, rows.len() * width);
            let padded = self.convolution.read(self.pass.path, image, rows);
            self.convolution.rows(self.pass.path, padded, rows, products, z);
            z
        })
    }
}

impl Block {
    pub(crate) fn backward(&self, pass: &Pass, gradients: Backward) {
        let Backward { inputs, weights, memo, d_output, d_inputs, write, owes, d_weights, .. } = gradients;
        let count = 4 * usize::from(self.before.is_some());
        let (before, weights) = weights.split_at(count);
        let (d_before, d_weights) = d_weights.split_at_mut(count);
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
        let before = self.before.as_ref().map(|_| Channels::new(&memo.norm, before, true));
        let convolution = Convolution::new(geometry, Cow::Borrowed(weights[0]), before);
        let input = inputs[0].data;
        let mut source = Source { pass, epilogue: &epilogue, memo, d_output, means, input, convolution };
        let scaled = self.norm.as_ref().map(|_| self.norm_gradients(&source, d_weights));
        if let Some(scaled) = &scaled {
            source.means = Means { offset: &scaled[..channels], along: &scaled[channels..] };
        }
        let mirrored = Cow::Owned(geometry.mirrored(weights[0]));
        let transposed = Convolution::new(geometry.transposed(), mirrored, None);
        let d_input = d_inputs[0].as_deref_mut();
        let mut sums = match &source.convolution.before {
            Some(before) => {
                let d_input = d_input.unwrap_or_default();
                let mut sums = self.products_behind(&source, &transposed, before, (d_input, write));
                let of_before = sums.split_off(geometry.gradient_length() + channels);
                before.write_parameter_gradients(&of_before, d_before);
                before.owe(&of_before, input.len(), owes);
                sums
            }
            None => self.products(&source, &transposed, d_input),
        };
        let d_bias = sums.split_off(geometry.gradient_length());
        d_weights[0].copy_from_slice(&geometry.weight_gradient(sums));
        d_weights[1].copy_from_slice(&d_bias);
    }

    /// Writes the gradients of the batch norm behind the convolution; gives the [`Means`] that go on, one behind the other.
    fn norm_gradients(&self, source: &Source, d_weights: &mut [Vec<f32>]) -> Vec<f32> {
        let (geometry, channels) = (&source.convolution.geometry, self.conv.channels);
        let sums = affine_sums(source, self.pool.size[0], channels);
        let numbers: Vec<&[f32]> = source.memo.numbers.chunks_exact(channels).collect();
        let count = (source.pass.samples * geometry.output[0] * geometry.output[1]) as f32;
        let (d_beta, by_centred) = sums.split_at(channels);
        let d_gamma: Vec<f32> = by_centred.iter().zip(numbers[1]).map(|(sum, scale)| sum * scale).collect();
        for (target, gradient) in d_weights[2..].iter_mut().zip([&d_gamma, d_beta, numbers[2], numbers[3]]) {
            target.copy_from_slice(gradient);
        }
        let along = d_gamma.iter().zip(numbers[1]).map(|(sum, scale)| sum * scale / count);
        d_beta.iter().map(|sum| sum / count).chain(along).collect()
    }

    /// Sums for the gradients of weights and bias; writes that of the input.
    fn products(&self, source: &Source, transposed: &Convolution, d_input: Option<&mut [f32]>) -> Vec<f32> {
        let (samples, geometry, back) =
            (source.pass.samples, &source.convolution.geometry, &transposed.geometry);
        let (length, wanted) = (geometry.gradient_length() + self.conv.channels, d_input.is_some());
        let size = if wanted { source.input.len() / samples } else { 0 };
        sum_groups_beside(samples, length, d_input.unwrap_or_default(), |range, part, sums| {
            with_scratch(|image, scratch| {
                for (i, sample) in range.enumerate() {
                    let mut image = source.image(sample, image);
                    if wanted {
                        back.bordered(&mut scratch.gradient);
                    }
                    for rows in geometry.blocks(1) {
                        // For the gradient of the input in their place with its border, else the same rows again.
                        let place = match wanted {
                            true => (back.padded_start(rows.start), back.padded_row()),
                            false => (0, geometry.row()),
                        };
                        self.write_rows(source, (sample, &rows), &mut image, scratch, place);
                        self.add_rows(source, &rows, &mut image, scratch, place, sums);
                    }
                    if wanted {
                        let Scratch { gradient, products, .. } = scratch;
                        let gradient = sized(gradient, back.padded_length());
                        let d_input = &mut part[i * size..(i + 1) * size];
                        transposed.all_rows(source.pass.path, gradient, products, d_input);
                    }
                }
            });
        })
    }

    /// [`Block::products`] behind a batch norm, whose sums are added as well: the gradient of its output is made some rows
    /// at a time and not kept.
    fn products_behind(
        &self,
        source: &Source,
        transposed: &Convolution,
        before: &Channels,
        (d_input, write): (&mut [f32], Write),
    ) -> Vec<f32> {
        let (pass, geometry) = (source.pass, &source.convolution.geometry);
        let (width, place) = (geometry.padded_row(), (0, geometry.row()));
        let (length, size) = (geometry.gradient_length() + self.conv.channels, d_input.len() / pass.samples);
        let all = length + 2 * geometry.input[2];
        sum_groups_beside(pass.samples, all, d_input, |range, part, sums| {
            let (sums, of_before) = sums.split_at_mut(length);
            with_scratch(|image, scratch| {
                for (i, sample) in range.enumerate() {
                    let mut image = source.image(sample, image);
                    let d_input = &mut part[i * size..(i + 1) * size];
                    for rows in geometry.blocks(1) {
                        self.write_rows(source, (sample, &rows), &mut image, scratch, place);
                        self.add_rows(source, &rows, &mut image, scratch, place, sums);
                        let dy = behind(transposed, pass.path, rows.len(), scratch);
                        let span = rows.start * width..rows.end * width;
                        let x = &source.input(sample)[span.clone()];
                        let dx = d_input.get_mut(span).unwrap_or_default();
                        before.back(pass.path, [x, dy], of_before, (dx, write));
                    }
                }
            });
        })
    }

    /// Makes some rows of one sample's gradient of `z`, from number `start` of the scratch on, each `stride` numbers from
    /// the next.
    fn write_rows(
        &self,
        source: &Source,
        (sample, rows): (usize, &Range<usize>),
        image: &mut Image,
        scratch: &mut Scratch,
        (start, stride): (usize, usize),
    ) {
        let Scratch { products, gradient, z, .. } = scratch;
        let end = start + (rows.len() - 1) * stride + source.convolution.geometry.row();
        let z = if self.reads_z() { source.z((sample, rows), image, products, z) } else { &[] };
        let into = (&mut sized(gradient, end)[start..], stride);
        source.epilogue.backward(rows.clone(), z, source.pooled(sample), &source.means, into);
    }

    /// Adds the products of rows that [`Block::write_rows`] made.
    fn add_rows(
        &self,
        source: &Source,
        rows: &Range<usize>,
        image: &mut Image,
        scratch: &mut Scratch,
        (start, stride): (usize, usize),
        sums: &mut [f32],
    ) {
        let Scratch { products, gradient, .. } = scratch;
        let (geometry, path) = (&source.convolution.geometry, source.pass.path);
        let width = geometry.row();
        let dz = &sized(gradient, start + (rows.len() - 1) * stride + width)[start..];
        let (d_weights, d_bias) = sums.split_at_mut(geometry.gradient_length());
        let padded = source.convolution.read(path, image, rows);
        geometry.add_weight_gradient(path, padded, (rows.len(), dz, stride), products, d_weights);
        if self.norm.is_none() {
            dz.chunks(stride).for_each(|row| add_pixels(path, &row[..width], d_bias));
        }
    }
}

/// The gradient behind the batch norm before a convolution, from that of `rows` rows of `z` in the scratch.
fn behind<'a>(transposed: &Convolution, path: Path, rows: usize, scratch: &'a mut Scratch) -> &'a [f32] {
    let Scratch { products, gradient, before, .. } = scratch;
    let dy = sized(before, rows * transposed.geometry.row());
    let dz = sized(gradient, rows * transposed.geometry.padded_row());
    transposed.rows(path, dz, &(0..rows), products, dy);
    dy
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
                let mut image = source.image(sample, image);
                for rows in geometry.blocks(high) {
                    let Scratch { products, z, .. } = &mut *scratch;
                    let z = source.z((sample, &rows), &mut image, products, z);
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
