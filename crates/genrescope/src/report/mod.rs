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
use crate::predict::{Prediction, Reason};

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
    /// Which genres belong to a recording's prediction set, where sets are asked for.
    pub set: Option<SetLimit>,
}

/// What makes prediction sets: genres with at least a score, see [`Certainty`](crate::model::Certainty).
#[derive(Clone, Copy, Debug)]
pub struct SetLimit {
    /// Of how many percent of recordings like those fitted on the sets hold the true genre.
    pub percent: u8,
    /// The least score of a member; the leading genre always is one.
    pub least_score: f32,
}

impl ModelLabel {
    /// The label of a model that also gives prediction sets of so many percent, if any are asked for.
    ///
    /// # Errors
    /// Those of [`Model::set_least_score`].
    pub fn with_sets(model: &Model, percent: Option<u8>) -> crate::Result<Self> {
        let limit =
            |percent| model.set_least_score(percent).map(|least_score| SetLimit { percent, least_score });
        Ok(Self { set: percent.map(limit).transpose()?, ..Self::from(model) })
    }

    /// The genres of a recording's prediction set, best first; empty where there is no music; none where no sets are asked
    /// for.
    pub fn set_of(&self, prediction: &Prediction) -> Option<Vec<&str>> {
        let least = self.set?.least_score;
        let is_music = matches!(prediction.reason, None | Some(Reason::Unsure));
        let ranked = ranked(if is_music { &prediction.scores } else { &[] }).into_iter().enumerate();
        let members = ranked.filter(|(place, (_, score))| *place == 0 || *score >= least);
        Some(members.map(|(_, (genre, _))| self.genres[genre].as_str()).collect())
    }
}

impl From<&Model> for ModelLabel {
    fn from(model: &Model) -> Self {
        Self {
            name: model.header.name.clone(),
            hash: model.hash().to_owned(),
            genres: model.header.genres.clone(),
            set: None,
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
    fn a_set_has_the_leading_genre_and_all_with_the_least_score() {
        let genres = ["blues", "disco", "jazz", "rock"].map(String::from).to_vec();
        let set_of = |least_score, reason| {
            let set = Some(SetLimit { percent: 90, least_score });
            let label = ModelLabel { name: "m".into(), hash: "h".into(), genres: genres.clone(), set };
            let prediction = Prediction {
                start_s: 0.0,
                duration_s: 1.0,
                genre: None,
                scores: vec![0.2, 0.5, 0.1, 0.2],
                reason,
                cells: Vec::new(),
                segments: Vec::new(),
                warnings: Vec::new(),
            };
            label.set_of(&prediction).unwrap().join(" ")
        };
        assert_eq!(set_of(0.2, None), "disco blues rock");
        assert_eq!(set_of(0.2, Some(Reason::Unsure)), "disco blues rock");
        assert_eq!(set_of(0.9, None), "disco");
        assert_eq!(set_of(0.2, Some(Reason::NotMusic)), "");
    }

    #[test]
    fn times_are_rounded_to_the_millisecond() {
        assert_eq!(rounded_s(12.345_678), 12.346);
    }
}
