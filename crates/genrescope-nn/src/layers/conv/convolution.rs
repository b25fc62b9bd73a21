//! A convolution's products over one sample.

use super::geometry::{Geometry, HOT};
use super::plane::Plane;
use super::scratch::sized;
use super::taps::Taps;
use super::winograd::Winograd;
use crate::kernels::{Path, Product, Strides, Write, multiply};
use crate::layers::channels::Channels;
use std::borrow::Cow;
use std::ops::Range;

/// How the products are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// As many as there are weights and places.
    Direct,
    /// Fewer rows of them.
    Time(Winograd),
    /// Fewer rows and fewer places in each: inference alone, which transforms the weights once.
    Plane(Plane),
    /// As many as in [`Algorithm::Direct`], those of all taps side by side: inference alone.
    Taps(Taps),
}

impl Algorithm {
    /// The one that pays for training, or for inference.
    pub(super) fn of(geometry: &Geometry, inference: bool) -> Self {
        let (taps, winograd) = (Taps::for_geometry(geometry), geometry.winograd());
        let plane = winograd.and_then(|winograd| Plane::for_geometry(geometry, winograd));
        match (taps, plane, winograd) {
            (Some(taps), _, _) if inference => Self::Taps(taps),
            (_, Some(plane), _) if inference => Self::Plane(plane),
            (_, _, Some(winograd)) => Self::Time(winograd),
            _ => Self::Direct,
        }
    }

    /// Arrays of transformed weights; none where the weights are read themselves.
    pub(super) fn products(self) -> Option<usize> {
        match self {
            Self::Direct => None,
            Self::Time(winograd) => Some(winograd.products()),
            Self::Plane(plane) => Some(plane.products()),
            Self::Taps(_) => Some(1),
        }
    }

    /// Weights `[kt, kb, in, out]` as the products read them, where those are not the weights themselves.
    pub(super) fn prepared(self, weights: &[f32]) -> Option<Vec<f32>> {
        match self {
            Self::Direct => None,
            Self::Time(winograd) => Some(winograd.kernel(weights)),
            Self::Plane(plane) => Some(plane.kernel(weights)),
            Self::Taps(taps) => Some(taps.kernel(weights)),
        }
    }

    /// Whether it reads samples without a border.
    fn needs_no_border(self) -> bool {
        matches!(self, Self::Plane(_) | Self::Taps(_))
    }
}

/// A convolution and its weights, made ready once for all samples.
pub(super) struct Convolution<'a> {
    pub(super) geometry: Geometry,
    algorithm: Algorithm,
    weights: Cow<'a, [f32]>,
    /// Batch norm and ReLU of its input, which lies here without them.
    pub(super) before: Option<Channels<'a>>,
}

/// Rows of the output of one sample without a border.
pub(super) struct Part<'a> {
    pub(super) path: Path,
    pub(super) geometry: &'a Geometry,
    pub(super) sample: &'a [f32],
    pub(super) rows: &'a Range<usize>,
}

/// What a convolution reads of one sample.
pub(super) enum Image<'a> {
    /// All rows, with their border unless it is not needed.
    Whole(&'a [f32]),
    /// The input of the batch norm before the convolution, and a buffer for rows behind it.
    Before(&'a [f32], &'a mut Vec<f32>),
}

impl<'a> Convolution<'a> {
    /// `weights` `[kt, kb, in, out]`, read once.
    pub(super) fn new(geometry: Geometry, weights: Cow<'a, [f32]>, before: Option<Channels<'a>>) -> Self {
        let algorithm = Algorithm::of(&geometry, false);
        let weights = algorithm.prepared(&weights).map_or(weights, Cow::Owned);
        Self { geometry, algorithm, weights, before }
    }

    /// For inference; `weights` as [`Algorithm::prepared`] gives them.
    pub(super) fn of_prepared(geometry: Geometry, weights: &'a [f32], before: Option<Channels<'a>>) -> Self {
        Self { algorithm: Algorithm::of(&geometry, true), geometry, weights: Cow::Borrowed(weights), before }
    }

    /// [`Geometry::blocks`]: longer ones where products have few rows in each.
    pub(super) fn blocks(&self, unit: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let hot = match self.algorithm {
            Algorithm::Plane(plane) => plane.block(&self.geometry),
            _ => HOT,
        };
        self.geometry.blocks_of(unit, hot)
    }

    /// One sample as the products read it; `buffer` is used if it has to be made.
    pub(super) fn image<'b>(&self, sample: &'b [f32], buffer: &'b mut Vec<f32>) -> Image<'b> {
        match self.before {
            Some(_) => Image::Before(sample, buffer),
            None if self.algorithm.needs_no_border() => Image::Whole(sample),
            None => Image::Whole(self.geometry.pad(sample, buffer)),
        }
    }

    /// What rows `rows` of the output read of the image, from its first row on; all of it where no border is
    /// needed.
    pub(super) fn read<'b>(&self, path: Path, image: &'b mut Image, rows: &Range<usize>) -> &'b [f32] {
        let row = self.geometry.padded_row();
        if let (true, Image::Whole(sample)) = (self.algorithm.needs_no_border(), &image) {
            return sample;
        }
        match (image, &self.before) {
            (Image::Before(sample, buffer), Some(before)) => {
                let normalised = sized(buffer, rows.len() * row);
                before.normalise(path, &sample[rows.start * row..rows.end * row], normalised);
                normalised
            }
            (Image::Whole(padded) | Image::Before(padded, _), _) => &padded[rows.start * row..],
        }
    }

    /// Rows of the output of one sample, without bias, from what [`Convolution::read`] gave.
    pub(super) fn rows(
        &self,
        path: Path,
        padded: &[f32],
        rows: &Range<usize>,
        scratch: &mut Vec<f32>,
        output: &mut [f32],
    ) {
        let (row, width) = (self.geometry.padded_row(), self.geometry.row());
        let part = Part { path, geometry: &self.geometry, sample: padded, rows };
        let winograd = match self.algorithm {
            Algorithm::Direct => {
                return self.product(path, self.geometry.kernel[0], padded, &self.weights, output);
            }
            Algorithm::Plane(plane) => return plane.rows(&part, &self.weights, scratch, output),
            Algorithm::Taps(taps) => return taps.rows(&part, &self.weights, scratch, output),
            Algorithm::Time(winograd) => winograd,
        };
        let groups = winograd.groups(rows.len());
        let all = winograd.products() * groups;
        let (u, products) = sized(scratch, all * (row + width)).split_at_mut(all * row);
        for group in 0..groups {
            let first = &padded[group * winograd.rows() * row..];
            winograd.input(path, first, row, &mut u[group * row..], groups * row);
        }
        let weights = self.weights.chunks_exact(self.weights.len() / winograd.products());
        let pairs = u.chunks_exact(groups * row).zip(products.chunks_exact_mut(groups * width));
        for ((u, products), weights) in pairs.zip(weights) {
            self.product(path, 1, u, weights, products);
        }
        winograd.output(path, products, groups * width, width, output);
    }

    /// [`Convolution::rows`], as many at once as stay in the cache.
    pub(super) fn all_rows(&self, path: Path, padded: &[f32], scratch: &mut Vec<f32>, output: &mut [f32]) {
        let width = self.geometry.row();
        for rows in self.geometry.blocks(1) {
            let padded = &padded[rows.start * self.geometry.padded_row()..];
            let output = &mut output[rows.start * width..rows.end * width];
            self.rows(path, padded, &rows, scratch, output);
        }
    }

    /// As many rows of output as `output` holds, each the sum over `taps` neighbouring rows of input.
    fn product(&self, path: Path, taps: usize, input: &[f32], weights: &[f32], output: &mut [f32]) {
        let Geometry { input: [_, _, inputs], output: [_, bands, channels], .. } = self.geometry;
        let (depth, row, width) = (self.geometry.depth(), self.geometry.padded_row(), self.geometry.row());
        let product = Product {
            rows: bands,
            columns: channels,
            depth,
            segments: taps,
            a: Strides { row: inputs, step: 1, segment: row },
            b_step: channels,
            b_segment: depth * channels,
            c_row: channels,
        };
        if bands == 1 {
            let product = Product { rows: output.len() / width, a: Strides { row, ..product.a }, ..product };
            return multiply(path, product, input, weights, output, Write::Replace);
        }
        for (t, output) in output.chunks_exact_mut(width).enumerate() {
            multiply(path, product, &input[t * row..], weights, output, Write::Replace);
        }
    }
}
