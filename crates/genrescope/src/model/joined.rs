//! Two networks that answer together: one that was trained on genres, and tags with a head of genres on them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::card::TrainedOn;
use super::{Certainty, Model, ProtocolResult};
use crate::error::{Error, ErrorKind, Result};
use crate::features::fill_upper_bands;

/// Scores below this count as this much: no network rules a genre out for the other.
const LEAST_SCORE: f64 = 1e-7;

/// A logistic regression of genres on mean tag scores. Travels in the header of the model that gives the tags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its labels.
    pub genres: Vec<String>,
    /// `[genres][tags]`.
    pub weights: Vec<Vec<f32>>,
    /// `[genres]`.
    pub bias: Vec<f32>,
    /// How much its logarithms count in joined scores, 0 to 1; the network's count for the rest.
    pub share: f32,
    /// Mean mel power that a window is scaled to before its tags are judged: a recording's level changes nothing.
    pub mean_power: f32,
    /// `[bands]`; mean log10 mel power of music at that mean power: windows without upper bands, which the model of tags
    /// never heard, are filled by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_spectrum: Option<Vec<f32>>,
    /// What it learnt from.
    pub trained_on: TrainedOn,
    /// What it reached, joined with the network inside.
    pub results: Vec<ProtocolResult>,
    /// What makes the joined scores mean what they say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainty: Option<Certainty>,
    /// What tells music of a kind that is none of the genres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<Foreign>,
}

/// A kind of music that is none of the genres: where its tag scores high, no genre is the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foreign {
    /// The tag, as the model of tags calls it.
    pub tag: String,
    /// A recording whose mean score of the tag is above has no genre: the model is unsure.
    pub unsure_above: f32,
    /// What it was fitted on.
    pub fitted_on: String,
}

/// What gives tags, and the head on them.
#[derive(Clone, Debug)]
pub struct Tagger {
    /// The model of tags.
    pub model: Model,
    head: Head,
}

impl Foreign {
    fn is_of(&self, tags: &[String]) -> bool {
        tags.contains(&self.tag) && (0.0..=1.0).contains(&self.unsure_above)
    }
}

impl Head {
    pub(super) fn check(&self, names: &[String], bands: usize) -> Result<(), String> {
        let (genres, tags) = (self.genres.len(), names.len());
        if let Some(foreign) = self.foreign.as_ref().filter(|foreign| !foreign.is_of(names)) {
            let Foreign { tag, unsure_above, .. } = foreign;
            return Err(format!(
                "its head is unsure of `{tag}` above {unsure_above}; it needs a tag of its own and a score from 0 to 1"
            ));
        }
        let fits = self.weights.len() == genres
            && self.bias.len() == genres
            && self.weights.iter().all(|row| row.len() == tags);
        let numbers = self.weights.iter().flatten().chain(&self.bias);
        if !fits || genres < 2 || !numbers.into_iter().all(|number| number.is_finite()) {
            return Err(format!("its head needs {genres} rows of {tags} finite weights, and as many biases"));
        }
        if !(0.0..=1.0).contains(&self.share) {
            return Err(format!("its head has a share of {}; shares are from 0 to 1", self.share));
        }
        if !(1e-9..=1e9).contains(&self.mean_power) {
            return Err("its head hears windows at an impossible mean power".into());
        }
        let of_bands =
            |spectrum: &Vec<f32>| spectrum.len() == bands && spectrum.iter().all(|x| x.is_finite());
        if !self.mean_spectrum.as_ref().is_none_or(of_bands) {
            return Err(format!("its head needs a mean spectrum of {bands} finite numbers, or none"));
        }
        self.certainty.as_ref().map_or(Ok(()), Certainty::check)
    }

    /// The mel power of a window as the tags are judged from, at the head's level and with upper bands; nothing stays
    /// nothing.
    ///
    /// # Shape
    /// `[frames, bands]` → the same.
    pub(crate) fn heard(&self, power: &[f32]) -> Vec<f32> {
        let sum: f64 = power.iter().map(|p| f64::from(*p)).sum();
        let gain = if sum > 0.0 { f64::from(self.mean_power) * power.len() as f64 / sum } else { 1.0 };
        let mut levelled: Vec<f32> = power.iter().map(|p| (f64::from(*p) * gain) as f32).collect();
        if let Some(mean_spectrum) = &self.mean_spectrum {
            fill_upper_bands(&mut levelled, mean_spectrum);
        }
        levelled
    }

    /// Scores of mean tag scores.
    ///
    /// # Shape
    /// `[tags]` → `[genres]`, sum 1.
    pub fn scores(&self, tags: &[f32]) -> Vec<f32> {
        let logit = |(row, bias): (&Vec<f32>, &f32)| {
            let products = row.iter().zip(tags).map(|(weight, tag)| f64::from(*weight) * f64::from(*tag));
            f64::from(*bias) + products.sum::<f64>()
        };
        normalised(self.weights.iter().zip(&self.bias).map(logit).collect())
    }

    /// The mean of the logarithms of a network's scores and the head's, weighed by the head's share, as scores.
    ///
    /// # Shape
    /// `[genres]`, `[tags]` → `[genres]`, sum 1.
    pub fn join(&self, scores: &[f32], tags: &[f32]) -> Vec<f32> {
        let of_tags = self.scores(tags);
        let share = f64::from(self.share);
        normalised(
            scores.iter().zip(&of_tags).map(|(a, b)| (1.0 - share) * log(*a) + share * log(*b)).collect(),
        )
    }
}

/// The logarithm of a score.
pub(super) fn log(score: f32) -> f64 {
    f64::from(score).max(LEAST_SCORE).ln()
}

/// `exp`, divided by its sum.
pub(super) fn normalised(logs: Vec<f64>) -> Vec<f32> {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares: Vec<f64> = logs.into_iter().map(|log| (log - largest).exp()).collect();
    let sum: f64 = shares.iter().sum();
    shares.into_iter().map(|share| (share / sum) as f32).collect()
}

impl Tagger {
    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }
}

impl Model {
    /// The best model that comes with this crate: [`Model::fast`] joined with [`Model::musicnn`].
    ///
    /// # Errors
    /// None in a released version: a test reads it.
    pub fn best() -> Result<Self> {
        Self::fast()?.joined(Self::musicnn()?, "best")
    }

    /// A model that answers with the [weighed mean](Head::share) of the logarithms of its own scores and those of a head
    /// on tags.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] when the other model has no head, or one of other genres.
    pub fn joined(self, tags: Self, name: &str) -> Result<Self> {
        let refuse =
            |what: &str| Err(Error::new(ErrorKind::BadSettings, format!("`{}` {what}", tags.header.name)));
        let Some(head) = tags.header.head.clone() else {
            return refuse("has no head of genres to join with");
        };
        if head.genres != self.header.genres {
            return refuse("has a head of other genres");
        }
        let mut header = self.header.clone();
        header.name = name.into();
        header.licence = format!("({}) AND {}", header.licence, tags.header.licence);
        header.results.clone_from(&head.results);
        header.certainty.clone_from(&head.certainty);
        let hash = blake3::hash(format!("{}{}", self.hash, tags.hash).as_bytes()).to_hex();
        let hash = hash[..self.hash.len()].to_owned();
        let mut joined = self;
        (joined.header, joined.hash) = (header, hash);
        joined.tagger = Some(Arc::new(Tagger { model: tags, head }));
        Ok(joined)
    }

    /// What gives the tags that this model's answers depend on, if they do.
    pub fn tagger(&self) -> Option<&Tagger> {
        self.tagger.as_deref()
    }

    /// The kind of music that is none of the genres, where means over patches say so.
    ///
    /// # Shape
    /// `[genres]`, or `[genres + tags]`.
    pub(crate) fn foreign(&self, means: &[f32]) -> Option<&str> {
        let tagger = self.tagger.as_ref()?;
        let foreign = tagger.head.foreign.as_ref()?;
        let place = tagger.model.header.genres.iter().position(|tag| *tag == foreign.tag)?;
        let score = means.get(self.header.genres.len() + place)?;
        (*score > foreign.unsure_above).then_some(&*foreign.tag)
    }

    /// Scores of means over patches, which of joined models have the tags behind them; they mean what they say where the
    /// model was fitted to that.
    ///
    /// # Shape
    /// `[genres]`, or `[genres + tags]` → `[genres]`; nothing stays nothing.
    pub(crate) fn settled(&self, means: Vec<f32>) -> Vec<f32> {
        if means.is_empty() {
            return means;
        }
        let scores = match &self.tagger {
            Some(tagger) => {
                let (scores, tags) = means.split_at(self.header.genres.len());
                tagger.head.join(scores, tags)
            }
            None => means,
        };
        self.header.certainty.as_ref().map_or_else(|| scores.clone(), |certainty| certainty.applied(&scores))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            genres: ["jazz", "rock"].map(String::from).to_vec(),
            weights: vec![vec![2.0, 0.0, 1.0], vec![0.0, 2.0, 1.0]],
            bias: vec![0.0, 1.0],
            share: 0.5,
            mean_power: 0.4,
            mean_spectrum: None,
            trained_on: TrainedOn::default(),
            results: Vec::new(),
            certainty: None,
            foreign: None,
        }
    }

    fn names() -> [String; 3] {
        ["guitar", "electronic", "sad"].map(String::from)
    }

    #[test]
    fn a_head_is_a_logistic_regression() {
        let [jazz, rock] = head().scores(&[1.0, 0.5, 0.3])[..] else { panic!("two genres") };
        // Logits 2.3 and 2.3.
        assert!((jazz - 0.5).abs() < 1e-6 && (rock - 0.5).abs() < 1e-6);
        let odds = head().scores(&[1.0, 0.0, 0.0]);
        assert!((odds[0] / odds[1] - 1f32.exp()).abs() < 1e-5);
    }

    #[test]
    fn joining_is_the_weighed_geometric_mean_of_both() {
        let joined = head().join(&[0.9, 0.1], &[1.0, 0.5, 0.3]);
        assert!((joined[0] / joined[1] - 3.0).abs() < 1e-5, "{joined:?}");
        assert!((joined.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        // Three parts of the head, which is undecided, and one of the network.
        let unequal = Head { share: 0.75, ..head() }.join(&[0.9, 0.1], &[1.0, 0.5, 0.3]);
        assert!((unequal[0] / unequal[1] - 3f32.sqrt()).abs() < 1e-5, "{unequal:?}");
        let never = head().join(&[1.0, 0.0], &[0.0, 9.0, 0.0]);
        assert!(never[1] > 0.0 && never.iter().all(|score| score.is_finite()));
    }

    #[test]
    fn a_level_changes_nothing() {
        let power: Vec<f32> = (0..8).map(|i| i as f32).collect();
        let head = head();
        let softer: Vec<f32> = power.iter().map(|p| 1e-4 * p).collect();
        let (loud, soft) = (head.heard(&power), head.heard(&softer));
        assert!((loud.iter().sum::<f32>() / 8.0 - 0.4).abs() < 1e-6);
        assert!(loud.iter().zip(&soft).all(|(a, b)| (a - b).abs() < 1e-5), "{loud:?} {soft:?}");
        assert_eq!(head.heard(&[0.0; 3]), [0.0; 3]);
        assert!(Head { mean_power: f32::NAN, ..head }.check(&names(), 1).is_err());
    }

    #[test]
    fn a_head_of_another_number_of_tags_or_an_impossible_share_is_refused() {
        assert!(head().check(&names(), 1).is_ok() && head().check(&names()[1..], 1).is_err());
        assert!(Head { bias: vec![f32::NAN, 0.0], ..head() }.check(&names(), 1).is_err());
        assert!(
            [-0.1, 1.1, f32::NAN]
                .iter()
                .all(|share| Head { share: *share, ..head() }.check(&names(), 1).is_err())
        );
        let foreign = |tag: &str, unsure_above| {
            let foreign = Foreign { tag: tag.into(), unsure_above, fitted_on: String::new() };
            Head { foreign: Some(foreign), ..head() }.check(&names(), 1)
        };
        assert!(foreign("electronic", 0.2).is_ok() && foreign("electronic", f32::NAN).is_err());
        assert!(foreign("house", 0.2).unwrap_err().contains("house"));
        let spectrum = |spectrum| Head { mean_spectrum: Some(spectrum), ..head() }.check(&names(), 1);
        assert!(spectrum(vec![0.0]).is_ok());
        assert!([vec![], vec![f32::NAN]].map(spectrum).iter().all(Result::is_err));
    }
}
