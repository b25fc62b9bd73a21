//! What makes scores mean what they say, and says when they mean too little.

use serde::{Deserialize, Serialize};

use super::Model;
use super::joined::{log, normalised};
use crate::error::{Error, ErrorKind, Result};

/// Percents of tracks that prediction sets are made for.
const SET_PERCENTS: std::ops::RangeInclusive<u8> = 50..=99;

/// Fitted on answers to recordings that the answering network had not learnt from. Travels in the header of the model whose
/// scores it is about, for joined models in the [`Head`](super::Head).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certainty {
    /// Scores are raised to this power and divided by their sum: one over the temperature of Guo et al. (2017): On
    /// calibration of modern neural networks, section 4.2.
    pub exponent: f64,
    /// A recording whose highest score is below has no genre: the model is unsure.
    pub unsure_below: f32,
    /// Least score of a member of a prediction set, of sets that hold the true genre of 50, 51, … 99 % of recordings
    /// (split conformal prediction, Sadinle, Lei and Wasserman 2019: Least ambiguous set-valued classifiers).
    pub set_least_scores: Vec<f32>,
    /// What it was fitted on.
    pub fitted_on: String,
}

impl Certainty {
    /// Least and largest exponent.
    pub const EXPONENTS: [f64; 2] = [0.2, 5.0];

    /// The percents whose sets [`Certainty::set_least_scores`] are of, in its order.
    pub fn set_percents() -> impl Iterator<Item = u8> {
        SET_PERCENTS
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let least = &self.set_least_scores;
        let are_scores = least.iter().chain([&self.unsure_below]).all(|score| (0.0..=1.0).contains(score));
        let fits = least.len() == SET_PERCENTS.len() && least.windows(2).all(|pair| pair[0] >= pair[1]);
        let [least_power, most_power] = Self::EXPONENTS;
        match are_scores && fits && (least_power..=most_power).contains(&self.exponent) {
            true => Ok(()),
            false => Err(format!(
                "its certainty needs an exponent from {least_power} to {most_power} and {} falling scores from 0 to 1",
                SET_PERCENTS.len()
            )),
        }
    }

    /// Scores that mean what they say.
    ///
    /// # Shape
    /// `[genres]` → `[genres]`, sum 1, in the same order of preference.
    pub fn applied(&self, scores: &[f32]) -> Vec<f32> {
        normalised(scores.iter().map(|score| self.exponent * log(*score)).collect())
    }

    /// The least score of a genre in the sets that hold the true one of so many percent of recordings.
    pub fn least_score(&self, percent: u8) -> Option<f32> {
        let index = SET_PERCENTS.clone().position(|known| known == percent)?;
        self.set_least_scores.get(index).copied()
    }
}

impl Model {
    /// What makes this model's scores mean what they say, for sets of so many percent.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] for other percents than 50 to 99, and for a model that was not fitted.
    pub fn set_least_score(&self, percent: u8) -> Result<f32> {
        let refuse = |what: String| Error::new(ErrorKind::BadSettings, what);
        let unfitted = || {
            let name = &self.header.name;
            refuse(format!(
                "`{name}` does not say how sure it is; sets need a model that was fitted, see `genrescope inspect`"
            ))
        };
        let (least, most) = SET_PERCENTS.into_inner();
        let certainty = self.header.certainty.as_ref().ok_or_else(unfitted)?;
        let out_of_range = || refuse(format!("sets of {percent} %; possible are {least} to {most} %"));
        certainty.least_score(percent).ok_or_else(out_of_range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certainty(exponent: f64) -> Certainty {
        let set_least_scores = (50..=99).map(|percent| (100 - percent) as f32 / 100.0).collect();
        Certainty { exponent, unsure_below: 0.3, set_least_scores, fitted_on: "a test".into() }
    }

    #[test]
    fn a_power_of_one_changes_nothing_and_larger_ones_sharpen() {
        let scores = [0.5, 0.3, 0.2];
        let same = certainty(1.0).applied(&scores);
        assert!(same.iter().zip(scores).all(|(a, b)| (a - b).abs() < 1e-6), "{same:?}");
        let [a, b, c] = certainty(2.0).applied(&scores)[..] else { panic!("three genres") };
        assert!((a / b - 25.0 / 9.0).abs() < 1e-4 && (a + b + c - 1.0).abs() < 1e-6 && b > c);
        assert_eq!(certainty(3.0).applied(&[1.0, 0.0]).iter().sum::<f32>(), 1.0);
    }

    #[test]
    fn sets_are_found_by_their_percent() {
        assert_eq!(certainty(1.0).least_score(90), Some(0.1));
        assert_eq!([49, 100].map(|percent| certainty(1.0).least_score(percent)), [None, None]);
    }

    #[test]
    fn certainty_that_is_none_is_refused() {
        assert!(certainty(1.0).check().is_ok());
        let short = Certainty { set_least_scores: vec![0.5], ..certainty(1.0) };
        let rising =
            Certainty { set_least_scores: (1..=50).map(|n| n as f32 / 100.0).collect(), ..certainty(1.0) };
        for wrong in [certainty(0.0), certainty(1e300), certainty(f64::NAN), short, rising] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
        assert!(Certainty { unsure_below: f32::NAN, ..certainty(1.0) }.check().is_err());
    }
}
