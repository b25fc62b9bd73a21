//! Answers and truths → what makes scores mean what they say.

use super::{best, mean};
use crate::model::Certainty;

/// How often that range is halved.
const HALVINGS: usize = 60;
/// Scores below count as this much: one certain mistake does not decide alone.
const LEAST_SCORE: f32 = 1e-7;
/// Share of recordings like those fitted on that are left without a genre.
const LEFT_UNSURE: f64 = 0.05;

/// Fits [`Certainty`] to answers of a model that had not learnt from their recordings, one vector of scores each, none
/// empty.
pub fn certainty(truth: &[usize], scores: &[Vec<f32>], fitted_on: String) -> Certainty {
    let exponent = exponent(truth, scores);
    let unfitted =
        Certainty { exponent, unsure_below: 0.0, set_least_scores: Vec::new(), fitted_on: String::new() };
    let scores: Vec<Vec<f32>> = scores.iter().map(|scores| unfitted.applied(scores)).collect();
    let highest = sorted(scores.iter().map(|scores| scores[best(scores)]));
    let of_truth = sorted(truth.iter().zip(&scores).map(|(&truth, scores)| scores[truth]));
    let unsure = (LEFT_UNSURE * highest.len() as f64) as usize;
    Certainty {
        unsure_below: highest.get(unsure).copied().unwrap_or_default(),
        set_least_scores: Certainty::set_percents().map(|percent| least_score(&of_truth, percent)).collect(),
        fitted_on,
        ..unfitted
    }
}

/// The least score of a member of sets that hold the truth of so many percent: of `n` scores of the truth, the one that
/// `⌈(n + 1) · percent⌉` are not below, so that the share holds for the next recording as well.
fn least_score(of_truth: &[f32], percent: u8) -> f32 {
    let held = ((of_truth.len() + 1) * usize::from(percent)).div_ceil(100);
    of_truth.len().checked_sub(held).map_or(0.0, |index| of_truth[index])
}

fn sorted(scores: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut scores: Vec<f32> = scores.collect();
    scores.sort_by(f32::total_cmp);
    scores
}

/// The power that the scores must be raised to for the least log loss. That is convex in it: its slope, the expected
/// logarithm less that of the truth, is halved to 0.
fn exponent(truth: &[usize], scores: &[Vec<f32>]) -> f64 {
    let logs: Vec<Vec<f64>> =
        scores.iter().map(|s| s.iter().map(|&s| f64::from(s.max(LEAST_SCORE)).ln()).collect()).collect();
    // One more answer that may be of any genre: where all are right, larger powers are not better without end (Platt 1999).
    let even = 1.0 / logs.len().max(1) as f64;
    let slope = |exponent: f64| {
        mean(truth.iter().zip(&logs).map(|(&truth, logs)| {
            let expected = expected(logs, exponent);
            expected - logs[truth] + even * (expected - mean(logs.iter().copied()))
        }))
    };
    let [mut low, mut high] = Certainty::EXPONENTS;
    for _ in 0..HALVINGS {
        let middle = (low * high).sqrt();
        if slope(middle) < 0.0 { low = middle } else { high = middle }
    }
    (low * high).sqrt()
}

/// The mean of logarithms, weighted by the scores that they make at an exponent.
fn expected(logs: &[f64], exponent: f64) -> f64 {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = logs.iter().map(|log| (exponent * (log - largest)).exp());
    let (sum, weighted) = weights
        .zip(logs)
        .fold((0.0, 0.0), |(sum, weighted), (weight, log)| (sum + weight, weighted + weight * log));
    weighted / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of two genres whose first has `score` and is right `right` times of ten.
    fn answers(score: f32, right: usize) -> (Vec<usize>, Vec<Vec<f32>>) {
        let truth = (0..1000).map(|n| usize::from(n % 10 >= right)).collect();
        (truth, vec![vec![score, 1.0 - score]; 1000])
    }

    #[test]
    fn scores_come_to_say_how_often_they_are_right() {
        for (score, right) in [(0.6, 8), (0.99, 8), (0.7, 7)] {
            let (truth, scores) = answers(score, right);
            let fitted = certainty(&truth, &scores, "a test".into()).applied(&scores[0]);
            assert!((fitted[0] - right as f32 / 10.0).abs() < 1e-3, "{score} {right} {fitted:?}");
        }
    }

    #[test]
    fn sets_hold_the_truth_as_often_as_they_say_and_few_are_unsure() {
        let scores: Vec<Vec<f32>> =
            (0..999).map(|n| 0.5 + n as f32 / 2000.0).map(|s| vec![s, 1.0 - s]).collect();
        let truth: Vec<usize> = (0..999).map(|n| usize::from(n % 10 == 0)).collect();
        let fitted = certainty(&truth, &scores, "a test".into());
        let scores: Vec<Vec<f32>> = scores.iter().map(|scores| fitted.applied(scores)).collect();
        for percent in [50, 80, 90, 95] {
            let least = fitted.least_score(percent).unwrap();
            let held = truth.iter().zip(&scores).filter(|(truth, scores)| scores[**truth] >= least).count();
            assert!(held.abs_diff(10 * usize::from(percent)) <= 2, "{percent} {held}");
        }
        let unsure = scores.iter().filter(|scores| scores[best(scores)] < fitted.unsure_below).count();
        assert!((45..=50).contains(&unsure), "{unsure}");
    }

    #[test]
    fn answers_that_are_all_right_are_not_taken_for_certain() {
        let scores: Vec<Vec<f32>> =
            (0..60).map(|n| 0.65 + n as f32 / 200.0).map(|s| vec![s, 1.0 - s]).collect();
        let fitted = certainty(&[0; 60], &scores, "a test".into());
        let [low, high] = Certainty::EXPONENTS;
        assert!(fitted.exponent > low && fitted.exponent < 0.9 * high, "{}", fitted.exponent);
        assert!(fitted.applied(&[0.65, 0.35])[0] < 0.97, "{:?}", fitted.applied(&[0.65, 0.35]));
    }

    #[test]
    fn few_answers_make_sets_of_everything() {
        let fitted = certainty(&[0, 1], &[vec![0.9, 0.1], vec![0.4, 0.6]], "a test".into());
        assert_eq!(fitted.least_score(90), Some(0.0));
        assert!(certainty(&[], &[], String::new()).exponent.is_finite());
    }
}
