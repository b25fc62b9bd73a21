//! How good the network is between epochs, on whole tracks.

use rayon::prelude::*;

use crate::Result;
use crate::dataset::{Dataset, Spectrogram};
use crate::features::rereference_db;
use crate::metrics;
use crate::model::Model;

/// Patches that the network sees at once; bounds memory.
const PATCHES_AT_ONCE: usize = 8;

/// Log-loss and accuracy over tracks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Validation {
    pub(crate) loss: f64,
    pub(crate) accuracy: f64,
}

/// Measures tracks by the mean of the scores of their patches, `hop_frames` apart.
pub(crate) fn measure(
    model: &Model,
    dataset: &Dataset,
    tracks: &[usize],
    hop_frames: usize,
) -> Result<Validation> {
    let of_track = |&t: &usize| track_scores(model, &dataset.tracks[t].spectrogram, hop_frames);
    let scores = tracks.par_iter().map(of_track).collect::<Result<Vec<_>>>()?;
    let predicted: Vec<usize> = scores.iter().map(|scores| metrics::best(scores)).collect();
    let truth = dataset.genres_of(tracks);
    Ok(Validation {
        loss: metrics::log_loss(&truth, &scores),
        accuracy: metrics::accuracy(&truth, &predicted),
    })
}

fn track_scores(model: &Model, spectrogram: &Spectrogram, hop_frames: usize) -> Result<Vec<f32>> {
    let frames = model.header.patch_frames;
    let last = spectrogram.frames().saturating_sub(frames);
    let starts: Vec<usize> = (0..=last).step_by(hop_frames).collect();
    let mut sum = vec![0.0; model.header.genres.len()];
    for starts in starts.chunks(PATCHES_AT_ONCE) {
        let patches: Vec<Vec<f32>> = starts.iter().map(|&from| patch(model, spectrogram, from)).collect();
        for scores in model.scores(&patches)? {
            sum.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score);
        }
    }
    Ok(sum.into_iter().map(|sum| sum / starts.len() as f32).collect())
}

fn patch(model: &Model, spectrogram: &Spectrogram, from: usize) -> Vec<f32> {
    let mut patch = spectrogram.crop(from, model.header.patch_frames);
    rereference_db(&mut patch, &model.header.front_end);
    patch
}
