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
    /// The measured tracks, judged by their stored spectrograms (or by their audio, if that is what there is). None in
    /// protocol `segment`, where the segments of one track lie in several folds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<Judgement>,
    /// What protocol `segment` measures: segments by themselves, `blues.00000#3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Judgement>,
    /// In every other protocol, every segment of those tracks by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segment_answers: Vec<Answer>,
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
    /// One score a genre, sum 1, four significant digits; empty when the track was silence to the model.
    pub scores: Vec<f32>,
}

/// As much of a [`Judgement`] as figures need.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Index of the true genre.
    pub genre: usize,
    /// What is drawn together for an interval.
    pub group: usize,
    /// Index of the genre with the highest score; none for silence.
    pub called: Option<usize>,
    /// Score of the true genre.
    pub score: f32,
}

/// Significant digits of a score in a file: enough that no two genres are mixed up.
const DIGITS: usize = 4;

fn rounded(score: f32) -> f32 {
    format!("{score:.*e}", DIGITS - 1).parse().unwrap_or(score)
}

impl Judgement {
    /// A judgement with its scores as files hold them.
    pub(super) fn new(id: String, [genre, group]: [usize; 2], scores: Vec<f32>) -> Self {
        Self { id, genre, group, scores: scores.into_iter().map(rounded).collect() }
    }

    /// In short. Of silence, the score is as if evenly unsure of `genres`.
    pub fn answer(&self, genres: usize) -> Answer {
        let called = (!self.scores.is_empty()).then(|| metrics::best(&self.scores));
        let score = self.scores.get(self.genre).copied().unwrap_or(1.0 / genres as f32);
        Answer { genre: self.genre, group: self.group, called, score }
    }

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
        track.scores.iter_mut().for_each(|sum| *sum = rounded(*sum / count));
        track
    };
    tracks.into_iter().map(mean).collect()
}

impl FoldResult {
    /// What the protocol measures: segments or tracks.
    pub fn measured(&self, protocol: Protocol) -> &[Judgement] {
        if protocol == Protocol::Segment { &self.segments } else { &self.tracks }
    }

    /// Every segment by itself, in short.
    pub(super) fn answers_of_segments(&self) -> impl Iterator<Item = Answer> {
        let genres = self.genres.len();
        let judged = self.segments.iter().map(move |segment| segment.answer(genres));
        judged.chain(self.segment_answers.iter().copied())
    }

    /// Share of the tracks (of protocol `segment`: of the segments) that are right, 0 to 1.
    pub fn accuracy(&self, protocol: Protocol) -> f64 {
        let measured = self.measured(protocol);
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
    fn scores_keep_four_digits_and_answers_what_figures_need() {
        let judged = Judgement::new("a#0".into(), [1, 7], vec![0.876_54, 0.000_012_344_9, 0.123_45]);
        assert_eq!(judged.scores, [0.8765, 1.234e-5, 0.1235]);
        assert_eq!(judged.answer(3), Answer { genre: 1, group: 7, called: Some(0), score: 1.234e-5 });
        let silence = Judgement::new("b".into(), [1, 7], vec![]);
        assert_eq!(silence.answer(4), Answer { genre: 1, group: 7, called: None, score: 0.25 });
    }

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
