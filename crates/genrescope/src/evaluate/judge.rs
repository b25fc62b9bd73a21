//! Tracks through the path that ships.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::Judgement;
use crate::Result;
use crate::audio::{AudioStream, audio_files};
use crate::dataset::{AudioSpan, Dataset, Track, segments};
use crate::model::Model;
use crate::predict::{self, Decoding, Prediction};

/// The tracks of a data set, with what is drawn together when an interval is estimated.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) model: &'a Model,
    pub(super) dataset: &'a Dataset,
    /// One number a track.
    pub(super) groups: &'a [usize],
}

impl Judge<'_> {
    /// Judges tracks: from their audio, or, where there is none, by their stored spectrograms.
    pub(super) fn tracks(&self, tracks: &[usize]) -> Result<Vec<Judgement>> {
        let judge = |&t: &usize| self.judgement(t, &self.dataset.tracks[t]);
        tracks.par_iter().map(judge).collect()
    }

    /// Judges every segment of tracks by itself.
    pub(super) fn segments(&self, tracks: &[usize]) -> Result<Vec<Judgement>> {
        let frames = self.model.header.patch_frames;
        let judge = |&t: &usize| -> Result<Vec<Judgement>> {
            let segments = segments::segments_of(&self.dataset.tracks[t], frames);
            segments.iter().map(|segment| self.judgement(t, segment)).collect()
        };
        Ok(tracks.par_iter().map(judge).collect::<Result<Vec<_>>>()?.concat())
    }

    /// Judges tracks by their spectrograms, each changed before.
    pub(super) fn changed(
        &self,
        tracks: &[usize],
        change: &(impl Fn(&mut [f32]) + Sync),
    ) -> Result<Vec<Judgement>> {
        let judge = |&t: &usize| {
            let track = &self.dataset.tracks[t];
            let mut db = track.spectrogram.db.clone();
            change(&mut db);
            let prediction = predict::classify_frames(self.model, &db, &predict::Settings::default());
            Ok(self.of(t, track, prediction.map_err(|e| e.at(&track.id))?))
        };
        tracks.par_iter().map(judge).collect()
    }

    /// Judges those of the tracks whose audio lies in `folder`, from that audio.
    pub(super) fn audio_in(&self, folder: &Path, tracks: &[usize]) -> Result<Vec<Judgement>> {
        let files = audio_files(folder).into_iter().collect::<Result<Vec<PathBuf>>>()?;
        let track_of = |path: &PathBuf| {
            let clip = path.file_stem()?.to_str()?;
            tracks.iter().copied().find(|&t| self.dataset.tracks[t].id == clip)
        };
        let known: Vec<(usize, &PathBuf)> =
            files.iter().filter_map(|path| Some((track_of(path)?, path))).collect();
        let judge = |&(t, path): &(usize, &PathBuf)| {
            let prediction = classify(self.model, path, None)?;
            Ok(self.of(t, &self.dataset.tracks[t], prediction))
        };
        known.par_iter().map(judge).collect()
    }

    fn judgement(&self, number: usize, track: &Track) -> Result<Judgement> {
        let prediction = match &track.audio {
            Some(span) => classify(self.model, &span.path, Some(span)),
            None => {
                predict::classify_frames(self.model, &track.spectrogram.db, &predict::Settings::default())
            }
        };
        Ok(self.of(number, track, prediction.map_err(|e| e.at(&track.id))?))
    }

    fn of(&self, number: usize, track: &Track, prediction: Prediction) -> Judgement {
        Judgement::new(track.id.clone(), [track.genre, self.groups[number]], prediction.scores)
    }
}

fn classify(model: &Model, path: &Path, span: Option<&AudioSpan>) -> Result<Prediction> {
    let rate_hz = model.header.front_end.sample_rate_hz;
    let seconds = |samples: usize| samples as f64 / f64::from(rate_hz);
    let settings = predict::Settings {
        decoding: Decoding::Inline,
        from_s: span.map_or(0.0, |span| seconds(span.samples.start)),
        to_s: span.map(|span| seconds(span.samples.end)),
        ..predict::Settings::default()
    };
    predict::classify(model, AudioStream::open(path, rate_hz)?, &settings)
}
