//! Batches of patches to learn from: random crops, varied, normalised, with soft targets.
//!
//! Everything random depends on (seed, epoch, item) alone, so thread count and resuming change nothing.

use rand::seq::SliceRandom;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::augment::{Augment, limit_bands, mix, shift_bands};
use super::draw::{Purpose, generator};
use super::segments;
use super::transpose::Transposition;
use super::{Dataset, Spectrogram, Track};
use crate::features::{FrontEnd, Reference, rereference_db, resample_frames};
use crate::model::{FeatureInput, Normalisation, PatchInput};

/// Everything that decides how patches are made of tracks.
#[derive(Clone, Debug)]
pub struct Sampling {
    /// What 0 dB is, and the floor.
    pub front_end: FrontEnd,
    /// What a network sees is `(db - mean) / deviation`.
    pub normalisation: Normalisation,
    /// What it reads beside the spectrogram; needs [`Places::Segments`].
    pub features: Option<FeatureInput>,
    /// Variations.
    pub augment: Augment,
    /// Frames of a full patch.
    pub patch_frames: usize,
    /// Frames that the network sees, interpolated from the patch's; as many as those unless given.
    pub time_resample: Option<usize>,
    /// Where patches are cut.
    pub places: Places,
    /// Random crops of every track an epoch.
    pub crops_per_track: usize,
    /// Patches a batch.
    pub batch_size: usize,
    /// Of all random numbers.
    pub seed: u64,
    /// Scores of tags that are learned beside the genre, one row a track of the data set, empty where there are none; or
    /// nothing at all.
    pub tags: Vec<Vec<f32>>,
}

/// Where patches of a track are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Places {
    /// Anywhere.
    #[default]
    Random,
    /// At its [`segments`], each once an epoch.
    Segments,
}

/// One crop of one track in one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    track: usize,
    /// Number of the crop within the epoch, not within the batch.
    number: u64,
    /// Which segment; none = a random place.
    segment: Option<usize>,
    /// Index of the key, see [`Augment::semitones`].
    key: usize,
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
    /// Genres in a target.
    pub genres: usize,
    /// Tags behind them.
    pub tags: usize,
    /// `[samples, frames, bands]`, normalised.
    pub input: Vec<f32>,
    /// `[samples, columns]`, normalised; empty where the network reads no features.
    pub features: Vec<f32>,
    /// `[samples, genres + tags]`: genres sum to 1; a tag that is not known is not a number.
    pub targets: Vec<f32>,
}

impl Sampling {
    /// Tags that are learned beside the genre.
    pub fn tag_count(&self) -> usize {
        self.tags.iter().map(Vec::len).max().unwrap_or(0)
    }

    fn tags_of(&self, track: usize) -> Vec<f32> {
        let known = self.tags.get(track).filter(|tags| !tags.is_empty());
        known.cloned().unwrap_or_else(|| vec![f32::NAN; self.tag_count()])
    }
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
        self.targets.len() / self.target_length()
    }

    /// Genres and tags.
    pub fn target_length(&self) -> usize {
        self.genres + self.tags
    }
}

/// The batches of one epoch: every segment, or every track `crops_per_track` times, in every key, in random order. Items
/// that fill no whole batch sit this epoch out, except when there is no whole batch at all.
pub fn plan_epoch(dataset: &Dataset, sampling: &Sampling, tracks: &[usize], epoch: usize) -> Vec<BatchPlan> {
    let keys = sampling.augment.semitones().len();
    let places = tracks.iter().flat_map(|&track| {
        places(&dataset.tracks[track], sampling).into_iter().map(move |segment| (track, segment))
    });
    let items = places.flat_map(|place| (0..keys).map(move |key| (place, key)));
    let item = |(number, ((track, segment), key))| Item { track, number, segment, key };
    let mut items: Vec<Item> = (0..).zip(items).map(item).collect();
    items.shuffle(&mut generator(sampling.seed, Purpose::Order, [epoch as u64, 0]));
    let size = sampling.batch_size.clamp(1, items.len().max(1));
    let plan = |(batch, items): (usize, &[Item])| {
        let mut rng = generator(sampling.seed, Purpose::Length, [epoch as u64, batch as u64]);
        let frames = sampling.augment.draw_frames(sampling.patch_frames, &mut rng);
        BatchPlan { epoch, frames, items: items.to_vec() }
    };
    items.chunks_exact(size).enumerate().map(plan).collect()
}

fn places(track: &Track, sampling: &Sampling) -> Vec<Option<usize>> {
    match sampling.places {
        Places::Random => vec![None; sampling.crops_per_track],
        Places::Segments => {
            let starts = segments::starts(track.spectrogram.frames(), sampling.patch_frames);
            (0..starts.len()).map(Some).collect()
        }
    }
}

/// Cuts, varies and mixes the patches of one batch, in parallel.
pub fn build_batch(dataset: &Dataset, sampling: &Sampling, plan: &BatchPlan) -> Batch {
    let genres = dataset.genres.len();
    let semitones = sampling.augment.semitones();
    let keys: Vec<Option<Transposition>> = semitones
        .iter()
        .map(|&by| (by != 0.0).then(|| Transposition::new(&sampling.front_end, by)))
        .collect();
    let draw = |item: &Item| draw_patch(dataset, sampling, &keys, plan, item);
    let drawn: Vec<PatchInput> = plan.items.par_iter().map(draw).collect();
    let tags = sampling.tag_count();
    let target = |item: &Item| {
        let mut target = sampling.augment.target(dataset.tracks[item.track].genre, genres);
        target.extend(sampling.tags_of(item.track));
        target
    };
    let drawn_targets: Vec<Vec<f32>> = plan.items.iter().map(target).collect();
    let mut batch = Batch {
        frames: sampling.time_resample.unwrap_or(plan.frames),
        genres,
        tags,
        input: Vec::with_capacity(drawn.iter().map(|patch| patch.db.len()).sum()),
        features: Vec::new(),
        targets: Vec::new(),
    };
    for (i, item) in plan.items.iter().enumerate() {
        let partner = (i + 1) % drawn.len();
        let mut rng = generator(sampling.seed, Purpose::Mix, [plan.epoch as u64, item.number]);
        let share = sampling.augment.draw_share(&mut rng);
        extend_mixed(&mut batch.input, &drawn[i].db, &drawn[partner].db, share);
        extend_mixed(&mut batch.features, &drawn[i].features, &drawn[partner].features, share);
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

/// One crop, referenced to itself, varied and normalised, and its features; not yet mixed.
fn draw_patch(
    dataset: &Dataset,
    sampling: &Sampling,
    keys: &[Option<Transposition>],
    plan: &BatchPlan,
    item: &Item,
) -> PatchInput {
    let mut rng = generator(sampling.seed, Purpose::Crop, [plan.epoch as u64, item.number]);
    let (track, augment) = (&dataset.tracks[item.track], &sampling.augment);
    let bands = track.spectrogram.bands;
    let key = Key::new(track, &keys[item.key], augment.semitones()[item.key]);
    let mut db = match item.segment {
        Some(segment) => {
            let starts = segments::starts(key.spectrogram.frames(), sampling.patch_frames);
            key.spectrogram.crop(starts[segment.min(starts.len() - 1)], plan.frames)
        }
        None => augment.recording.crop(key.spectrogram, plan.frames, &mut rng),
    };
    key.transposition.into_iter().for_each(|transposition| transposition.apply(&mut db));
    augment.recording.vary(&mut db, &sampling.front_end, &mut rng);
    rereference_db(&mut db, &sampling.front_end);
    let floor = floor_of(&sampling.front_end, &db);
    shift_bands(&mut db, bands, augment.draw_shift(&mut rng), floor);
    limit_bands(&mut db, bands, augment.draw_band_limit(bands, &mut rng), floor);
    if let Some(frames) = sampling.time_resample {
        db = resample_frames(&db, bands, frames);
    }
    sampling.normalisation.apply(&mut db, bands);
    augment.vary_level(&mut db, &mut rng);
    augment.mask(&mut db, bands, sampling.patch_frames, &mut rng);
    PatchInput { db, features: features(sampling, key.vectors, item) }
}

/// The features of the item's segment, normalised.
fn features(sampling: &Sampling, vectors: &[Vec<f32>], item: &Item) -> Vec<f32> {
    let (Some(input), Some(segment)) = (&sampling.features, item.segment) else { return Vec::new() };
    let mut vector = vectors[segment].clone();
    input.normalisation.apply(&mut vector, input.columns.len());
    vector
}

/// A track in the key that it is learned from.
struct Key<'a> {
    spectrogram: &'a Spectrogram,
    vectors: &'a [Vec<f32>],
    /// What is still to be done to the levels.
    transposition: Option<&'a Transposition>,
}

impl<'a> Key<'a> {
    fn new(track: &'a Track, transposition: &'a Option<Transposition>, semitones: f64) -> Self {
        let own = Self {
            spectrogram: &track.spectrogram,
            vectors: &track.vectors,
            transposition: transposition.as_ref(),
        };
        match track.transposed.iter().find(|other| other.semitones == semitones) {
            None => own,
            Some(other) => Self {
                vectors: &other.vectors,
                spectrogram: other.spectrogram.as_ref().unwrap_or(own.spectrogram),
                transposition: own.transposition.filter(|_| other.spectrogram.is_none()),
            },
        }
    }
}

/// The level of nothing at all: the floor where levels refer to the patch, else the quietest cell.
fn floor_of(front_end: &FrontEnd, patch: &[f32]) -> f32 {
    match front_end.reference {
        Reference::Patch => front_end.floor_db,
        Reference::Clip => patch.iter().copied().fold(0.0, f32::min),
    }
}
