//! Predictions → what people and programs read: text, JSON, CSV, Audacity's labels, JAMS; one file a format;
//! recordings → [`picture`]s of them, results → [`figures`] and a [`page`].
//!
//! *Takes* an [`Entry`] (one input, judged or failed) and the [`ModelLabel`] it was judged by. *Gives* strings;
//! opening files and terminals is the doors' business. *Never* computes a score.

pub mod audacity;
pub mod csv;
pub mod figures;
pub mod jams;
pub mod json;
pub mod live;
pub mod page;
pub mod palette;
pub mod picture;
pub mod tags;
pub mod text;

use crate::error::Error;
use crate::model::Model;
use crate::predict::Prediction;

/// One input and what became of it.
#[derive(Debug)]
pub struct Entry {
    /// The input as it is shown: its path, or `-` for standard input.
    pub path: String,
    /// The judgement, or why there is none.
    pub outcome: Result<Prediction, Error>,
}

/// The model as every record names it.
#[derive(Clone, Debug)]
pub struct ModelLabel {
    /// Its name, from the file's header.
    pub name: String,
    /// Its file's hash, see [`Model::hash`].
    pub hash: String,
    /// Its genres, or tags, in the order of every [`Prediction::scores`].
    pub genres: Vec<String>,
}

impl From<&Model> for ModelLabel {
    fn from(model: &Model) -> Self {
        Self {
            name: model.header.name.clone(),
            hash: model.hash().to_owned(),
            genres: model.header.genres.clone(),
        }
    }
}

/// Whether a report goes into the track's segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// One answer for the whole track.
    Track,
    /// The segments of the timeline too.
    Segments,
}

/// `(genre's index, score)` of every genre, best first; ties stay in the model's order.
pub fn ranked(scores: &[f32]) -> Vec<(usize, f32)> {
    let mut ranked: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked
}

/// Seconds, rounded to the millisecond.
fn rounded_s(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranking_puts_the_best_first_and_keeps_ties_in_order() {
        assert_eq!(ranked(&[0.2, 0.5, 0.2, 0.1]), [(1, 0.5), (0, 0.2), (2, 0.2), (3, 0.1)]);
    }

    #[test]
    fn times_are_rounded_to_the_millisecond() {
        assert_eq!(rounded_s(12.345_678), 12.346);
    }
}
