//! Tracks through the path that ships.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::Judgement;
use crate::Result;
use crate::audio::{AudioStream, audio_files};
use crate::dataset::Dataset;
use crate::model::Model;
use crate::predict::{self, Decoding};

/// Judges tracks by their spectrograms.
pub(super) fn spectrograms(model: &Model, dataset: &Dataset, tracks: &[usize]) -> Result<Vec<Judgement>> {
    let judge = |&t: &usize| {
        let track = &dataset.tracks[t];
        let prediction =
            predict::classify_frames(model, &track.spectrogram.db, &predict::Settings::default())
                .map_err(|e| e.at(&track.id))?;
        Ok(Judgement { id: track.id.clone(), genre: track.genre, scores: prediction.scores })
    };
    tracks.par_iter().map(judge).collect()
}

/// Judges those of the tracks whose audio lies in `folder`, from that audio.
pub(super) fn audio(
    model: &Model,
    dataset: &Dataset,
    tracks: &[usize],
    folder: &Path,
) -> Result<Vec<Judgement>> {
    let files = audio_files(folder).into_iter().collect::<Result<Vec<PathBuf>>>()?;
    let track_of = |path: &PathBuf| {
        let clip = path.file_stem()?.to_str()?;
        tracks.iter().copied().find(|&t| dataset.tracks[t].id == clip)
    };
    let known: Vec<(usize, &PathBuf)> =
        files.iter().filter_map(|path| Some((track_of(path)?, path))).collect();
    let settings = predict::Settings { decoding: Decoding::Inline, ..predict::Settings::default() };
    let judge = |&(t, path): &(usize, &PathBuf)| {
        let stream = AudioStream::open(path, model.header.front_end.sample_rate_hz)?;
        let prediction = predict::classify(model, stream, &settings)?;
        let track = &dataset.tracks[t];
        Ok(Judgement { id: track.id.clone(), genre: track.genre, scores: prediction.scores })
    };
    known.par_iter().map(judge).collect()
}
