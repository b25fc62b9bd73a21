//! Batches of patches to learn from: random crops, varied, normalised, with soft targets.
//!
//! Everything random depends on (seed, epoch, item) alone, so thread count and resuming change nothing.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rayon::prelude::*;

use super::augment::{Augment, limit_bands, mix, shift_bands};
use super::draw::{Purpose, generator};
use super::{Dataset, Spectrogram};
use crate::features::{FrontEnd, Reference, rereference_db};
use crate::model::Normalisation;

/// Everything that decides how patches are made of tracks.
#[derive(Clone, Debug)]
pub struct Sampling {
    /// What 0 dB is, and the floor.
    pub front_end: FrontEnd,
    /// What a network sees is `(db - mean) / deviation`.
    pub normalisation: Normalisation,
    /// Variations.
    pub augment: Augment,
    /// Frames of a full patch.
    pub patch_frames: usize,
    /// Random crops of every track an epoch.
    pub crops_per_track: usize,
    /// Patches a batch.
    pub batch_size: usize,
    /// Of all random numbers.
    pub seed: u64,
}

/// One crop of one track in one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    track: usize,
    /// Number of the crop within the epoch, not within the batch.
    number: u64,
}

/// Which crops form a batch, before any is cut.
#[derive(Clone, Debug)]
pub struct BatchPlan {
    epoch: usize,
    frames: usize,
    items: Vec<Item>,
}

/// What one training step takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Frames of each patch.
    pub frames: usize,
    /// Length of a target.
    pub genres: usize,
    /// `[samples, frames, bands]`, normalised.
    pub input: Vec<f32>,
    /// `[samples, genres]`, rows sum to 1.
    pub targets: Vec<f32>,
}

impl BatchPlan {
    /// Patches in the batch.
    pub fn samples(&self) -> usize {
        self.items.len()
    }
}

impl Batch {
    /// Patches in the batch.
    pub fn samples(&self) -> usize {
        self.targets.len() / self.genres
    }
}

/// The batches of one epoch: every track `crops_per_track` times in random order. Items that fill no whole batch sit
/// this epoch out, except when there is no whole batch at all.
pub fn plan_epoch(sampling: &Sampling, tracks: &[usize], epoch: usize) -> Vec<BatchPlan> {
    let crops = tracks.iter().flat_map(|&track| std::iter::repeat_n(track, sampling.crops_per_track));
    let mut items: Vec<Item> = (0..).zip(crops).map(|(number, track)| Item { track, number }).collect();
    items.shuffle(&mut generator(sampling.seed, Purpose::Order, [epoch as u64, 0]));
    let size = sampling.batch_size.clamp(1, items.len().max(1));
    let plan = |(batch, items): (usize, &[Item])| {
        let mut rng = generator(sampling.seed, Purpose::Length, [epoch as u64, batch as u64]);
        let frames = sampling.augment.draw_frames(sampling.patch_frames, &mut rng);
        BatchPlan { epoch, frames, items: items.to_vec() }
    };
    items.chunks_exact(size).enumerate().map(plan).collect()
}

/// Cuts, varies and mixes the patches of one batch, in parallel.
pub fn build_batch(dataset: &Dataset, sampling: &Sampling, plan: &BatchPlan) -> Batch {
    let genres = dataset.genres.len();
    let drawn: Vec<Vec<f32>> =
        plan.items.par_iter().map(|item| draw_patch(dataset, sampling, plan, item)).collect();
    let target = |item: &Item| sampling.augment.target(dataset.tracks[item.track].genre, genres);
    let drawn_targets: Vec<Vec<f32>> = plan.items.iter().map(target).collect();
    let mut batch = Batch { frames: plan.frames, genres, input: Vec::new(), targets: Vec::new() };
    batch.input.reserve(drawn.iter().map(Vec::len).sum());
    for (i, item) in plan.items.iter().enumerate() {
        let partner = (i + 1) % drawn.len();
        let mut rng = generator(sampling.seed, Purpose::Mix, [plan.epoch as u64, item.number]);
        let share = sampling.augment.draw_share(&mut rng);
        extend_mixed(&mut batch.input, &drawn[i], &drawn[partner], share);
        extend_mixed(&mut batch.targets, &drawn_targets[i], &drawn_targets[partner], share);
    }
    batch
}

fn extend_mixed(to: &mut Vec<f32>, own: &[f32], other: &[f32], share: f32) {
    let from = to.len();
    to.extend_from_slice(own);
    if share < 1.0 {
        mix(&mut to[from..], other, share);
    }
}

/// One crop, referenced to itself, varied and normalised; not yet mixed.
fn draw_patch(dataset: &Dataset, sampling: &Sampling, plan: &BatchPlan, item: &Item) -> Vec<f32> {
    let mut rng = generator(sampling.seed, Purpose::Crop, [plan.epoch as u64, item.number]);
    let augment = &sampling.augment;
    let spectrogram = &dataset.tracks[item.track].spectrogram;
    let bands = spectrogram.bands;
    let mut patch = random_crop(spectrogram, plan.frames, &mut rng);
    rereference_db(&mut patch, &sampling.front_end);
    let floor = floor_of(&sampling.front_end, &patch);
    shift_bands(&mut patch, bands, augment.draw_shift(&mut rng), floor);
    limit_bands(&mut patch, bands, augment.draw_band_limit(bands, &mut rng), floor);
    sampling.normalisation.apply(&mut patch, bands);
    augment.vary_level(&mut patch, &mut rng);
    augment.mask(&mut patch, bands, sampling.patch_frames, &mut rng);
    patch
}

/// The level of nothing at all: the floor where levels refer to the patch, else the quietest cell.
fn floor_of(front_end: &FrontEnd, patch: &[f32]) -> f32 {
    match front_end.reference {
        Reference::Patch => front_end.floor_db,
        Reference::Clip => patch.iter().copied().fold(0.0, f32::min),
    }
}

/// `frames` neighbouring frames from a random place.
fn random_crop(spectrogram: &Spectrogram, frames: usize, rng: &mut impl Rng) -> Vec<f32> {
    let last = spectrogram.frames().saturating_sub(frames);
    spectrogram.crop(rng.random_range(0..=last), frames)
}
