//! How good the network is between epochs, on whole tracks.

use rayon::prelude::*;

use super::settings::Train;
use crate::Result;
use crate::dataset::patches::Places;
use crate::dataset::{Dataset, Track, segments};
use crate::features::rereference_db;
use crate::metrics;
use crate::model::{Model, PatchInput};

/// Patches that the network sees at once; bounds memory.
const PATCHES_AT_ONCE: usize = 8;

/// Log-loss and accuracy over tracks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Validation {
    pub(crate) loss: f64,
    pub(crate) accuracy: f64,
}

/// Measures tracks by the mean of the scores of their patches: segments, or patches `patch_hop_frames` apart.
pub(crate) fn measure(
    model: &Model,
    dataset: &Dataset,
    tracks: &[usize],
    settings: &Train,
) -> Result<Validation> {
    let of_track = |&t: &usize| track_scores(model, &dataset.tracks[t], settings);
    let scores = tracks.par_iter().map(of_track).collect::<Result<Vec<_>>>()?;
    let predicted: Vec<usize> = scores.iter().map(|scores| metrics::best(scores)).collect();
    let truth = dataset.genres_of(tracks);
    Ok(Validation {
        loss: metrics::log_loss(&truth, &scores),
        accuracy: metrics::accuracy(&truth, &predicted),
    })
}

fn track_scores(model: &Model, track: &Track, settings: &Train) -> Result<Vec<f32>> {
    let (frames, of_track) = (model.header.patch_frames, track.spectrogram.frames());
    let starts: Vec<usize> = match settings.patches {
        Places::Segments => segments::starts(of_track, frames),
        Places::Random => (0..=of_track.saturating_sub(frames)).step_by(settings.patch_hop_frames).collect(),
    };
    let patches: Vec<(usize, usize)> = starts.into_iter().enumerate().collect();
    let mut sum = vec![0.0; model.header.genres.len()];
    for some in patches.chunks(PATCHES_AT_ONCE) {
        let inputs: Vec<PatchInput> = some.iter().map(|&place| patch(model, track, place)).collect();
        for scores in model.scores(&inputs)? {
            sum.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score);
        }
    }
    Ok(sum.into_iter().map(|sum| sum / patches.len() as f32).collect())
}

fn patch(model: &Model, track: &Track, (number, from): (usize, usize)) -> PatchInput {
    let mut db = track.spectrogram.crop(from, model.header.patch_frames);
    rereference_db(&mut db, &model.header.front_end);
    PatchInput { db, features: track.vectors.get(number).cloned().unwrap_or_default() }
}
