//! What one fold came to, track by track; the file that lets an evaluation go on after a kill.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::metrics;
use crate::{Error, ErrorKind, Result};

/// One fold, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldResult {
    /// Counted from 1.
    pub fold: usize,
    /// The effective settings, as TOML: what the file is compared by.
    pub settings: String,
    /// Tracks learned from.
    pub train_tracks: usize,
    /// Tracks that the epoch was chosen by.
    pub valid_tracks: usize,
    /// The epoch that was kept.
    pub epochs: usize,
    /// The measured tracks, judged by their stored spectrograms (or by their audio, if that is what there is).
    pub tracks: Vec<Judgement>,
    /// The same clips judged from their audio files (protocol `twin`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from_audio: Vec<Judgement>,
}

/// What a model said of one track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Name of the clip.
    pub id: String,
    /// Index of the true genre.
    pub genre: usize,
    /// One score a genre, sum 1; empty when the track was silence to the model.
    pub scores: Vec<f32>,
}

impl Judgement {
    /// Whether the highest score is the true genre's. Silence never is.
    pub fn is_right(&self) -> bool {
        !self.scores.is_empty() && metrics::best(&self.scores) == self.genre
    }
}

impl FoldResult {
    /// Share of the tracks that are right, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        let right = self.tracks.iter().filter(|track| track.is_right()).count();
        right as f64 / self.tracks.len().max(1) as f64
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::new(ErrorKind::Io, "fold result").with_source(e))
    }

    /// The file's result; none when there is no file.
    pub(super) fn read(path: &Path, settings: &str) -> Result<Option<Self>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io(path.display(), e)),
        };
        let fold: Self = serde_json::from_slice(&bytes)
            .map_err(|e| Error::new(ErrorKind::Corrupt, format!("{}: {e}", path.display())))?;
        if fold.settings != settings {
            let what = "a fold of other settings; use them, or another folder";
            return Err(Error::new(ErrorKind::BadSettings, format!("{}: {what}", path.display())));
        }
        Ok(Some(fold))
    }
}
