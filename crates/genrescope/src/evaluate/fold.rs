//! What one fold came to, track by track; the file that lets an evaluation go on after a kill.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::dataset::segments::track_id;
use crate::metrics;
use crate::train::settings::Protocol;
use crate::{Error, ErrorKind, Result};

/// One fold, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldResult {
    /// Counted from 1.
    pub fold: usize,
    /// Folds of the protocol.
    pub folds: usize,
    /// Genres in the order of all scores.
    pub genres: Vec<String>,
    /// The effective settings, as TOML: what the file is compared by.
    pub settings: String,
    /// Tracks learned from.
    pub train_tracks: usize,
    /// Tracks that the epoch was chosen by.
    pub valid_tracks: usize,
    /// The epoch that was kept.
    pub epochs: usize,
    /// Share of validation tracks that were right in that epoch, 0 to 1; none where nothing was validated.
    pub valid_accuracy: Option<f64>,
    /// The measured tracks, judged by their stored spectrograms (or by their audio, if that is what there is). Of
    /// protocol `segment`, the means of the segments of each track that this fold measures.
    pub tracks: Vec<Judgement>,
    /// Every segment of those tracks by itself, `blues.00000#3`.
    pub segments: Vec<Judgement>,
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
    /// What is drawn together for an interval: tracks of one artist, or one track.
    pub group: usize,
    /// One score a genre, sum 1; empty when the track was silence to the model.
    pub scores: Vec<f32>,
}

impl Judgement {
    /// Whether the highest score is the true genre's. Silence never is.
    pub fn is_right(&self) -> bool {
        !self.scores.is_empty() && metrics::best(&self.scores) == self.genre
    }
}

/// Tracks by the mean of their segments' scores, in the order of their first segments; segments without scores are left
/// out.
pub fn tracks_of(segments: &[Judgement]) -> Vec<Judgement> {
    let mut number: HashMap<&str, usize> = HashMap::new();
    let mut tracks: Vec<(Judgement, f32)> = Vec::new();
    for segment in segments {
        let id = track_id(&segment.id);
        let n = *number.entry(id).or_insert(tracks.len());
        if n == tracks.len() {
            tracks.push((Judgement { id: id.into(), scores: Vec::new(), ..segment.clone() }, 0.0));
        }
        let (track, count) = &mut tracks[n];
        if !segment.scores.is_empty() {
            track.scores.resize(segment.scores.len(), 0.0);
            track.scores.iter_mut().zip(&segment.scores).for_each(|(sum, score)| *sum += score);
            *count += 1.0;
        }
    }
    let mean = |(mut track, count): (Judgement, f32)| {
        track.scores.iter_mut().for_each(|sum| *sum /= count);
        track
    };
    tracks.into_iter().map(mean).collect()
}

impl FoldResult {
    /// Share of the tracks (of protocol `segment`: of the segments) that are right, 0 to 1.
    pub fn accuracy(&self, protocol: Protocol) -> f64 {
        let measured = if protocol == Protocol::Segment { &self.segments } else { &self.tracks };
        let right = measured.iter().filter(|track| track.is_right()).count();
        right as f64 / measured.len().max(1) as f64
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_is_the_mean_of_its_segments_wherever_they_were_measured() {
        let of = |id: &str, scores: &[f32]| Judgement {
            id: id.into(),
            genre: 1,
            group: 0,
            scores: scores.to_vec(),
        };
        let tracks =
            tracks_of(&[of("a#0", &[1.0, 0.0]), of("b#3", &[]), of("a#7", &[0.2, 0.8]), of("a#2", &[])]);
        assert_eq!(tracks, [of("a", &[0.6, 0.4]), of("b", &[])]);
    }
}
