//! How good predictions are: pure functions of scores and true genres. Shared by `train` and `evaluate`.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

mod calibration;
mod certainty;
mod classes;

pub use calibration::{BINS, Bin, Calibration, calibration, error_by_chance};
pub use certainty::certainty;
pub use classes::{ClassFigures, ConfusedPair};

/// Least probability that [`log_loss`] believes in, so that one certain mistake stays finite.
const LEAST_PROBABILITY: f32 = 1e-7;

/// Counts `[true genre][predicted genre]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confusion(pub Vec<Vec<usize>>);

/// Lower and upper bound of a share, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// How [`bootstrap`] draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Share of the drawn values that the interval holds, 0 to 1.
    pub level: f64,
    /// How often groups are drawn.
    pub draws: usize,
    /// Of the random numbers.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 95 %, two thousand draws.
    fn default() -> Self {
        Self { level: 0.95, draws: 2000, seed: 1 }
    }
}

/// The genre with the highest score; among equals the first. Scores must not be empty.
pub fn best(scores: &[f32]) -> usize {
    (1..scores.len()).fold(0, |best, genre| if scores[genre] > scores[best] { genre } else { best })
}

/// Share of predictions that are right, 0 to 1; 0 for none at all.
pub fn accuracy(truth: &[usize], predicted: &[usize]) -> f64 {
    mean(truth.iter().zip(predicted).map(|(t, p)| f64::from(u8::from(t == p))))
}

/// Mean of `-ln(score of the true genre)`; `scores` has one vector a track.
pub fn log_loss(truth: &[usize], scores: &[Vec<f32>]) -> f64 {
    mean(truth.iter().zip(scores).map(|(&t, s)| -f64::from(s[t].max(LEAST_PROBABILITY)).ln()))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1);
    values.sum::<f64>() / count as f64
}

impl Confusion {
    /// Counts of `genres` genres.
    pub fn new(truth: &[usize], predicted: &[usize], genres: usize) -> Self {
        let mut counts = vec![vec![0; genres]; genres];
        truth.iter().zip(predicted).for_each(|(&t, &p)| counts[t][p] += 1);
        Self(counts)
    }

    /// Share of each genre's tracks that were found; none where the genre has no track.
    pub fn recall(&self) -> Vec<Option<f64>> {
        let row = |(genre, row): (usize, &Vec<usize>)| share(row[genre], row.iter().sum());
        self.0.iter().enumerate().map(row).collect()
    }

    /// Mean over genres of the harmonic mean of precision and recall; a genre that neither occurs nor is predicted is
    /// left out, one that is never right counts 0 (scikit-learn's `f1_score(average="macro")`).
    pub fn macro_f1(&self) -> f64 {
        let f1 = |genre: usize| {
            let occurs: usize = self.0[genre].iter().sum();
            let predicted: usize = self.0.iter().map(|row| row[genre]).sum();
            share(2 * self.0[genre][genre], occurs + predicted)
        };
        let present: Vec<f64> = (0..self.0.len()).filter_map(f1).collect();
        mean(present.into_iter())
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Percentile interval of the accuracy when whole groups (artists) are drawn with replacement: tracks of one artist
/// are not independent, so drawing tracks would promise too much.
///
/// `right[t]` says whether track `t` was right, `groups[t]` its group, any numbers.
pub fn bootstrap(right: &[bool], groups: &[usize], settings: &Bootstrap) -> Interval {
    let counts = counts_by_group(right, groups);
    if counts.is_empty() {
        return Interval { low: 0.0, high: 1.0 };
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(settings.seed);
    let mut draw = || {
        let drawn = (0..counts.len()).map(|_| counts[rng.random_range(0..counts.len())]);
        let (right, all) = drawn.fold((0, 0), |sum, group| (sum.0 + group.0, sum.1 + group.1));
        right as f64 / all as f64
    };
    let mut values: Vec<f64> = (0..settings.draws.max(1)).map(|_| draw()).collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[(share * (values.len() - 1) as f64).round() as usize];
    let tail = (1.0 - settings.level) / 2.0;
    Interval { low: at(tail), high: at(1.0 - tail) }
}

/// Right and all tracks of every group, in an order that does not depend on the order of the tracks.
fn counts_by_group(right: &[bool], groups: &[usize]) -> Vec<(usize, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for (&right, group) in right.iter().zip(groups) {
        let entry: &mut (usize, usize) = counts.entry(group).or_default();
        *entry = (entry.0 + usize::from(right), entry.1 + 1);
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_unstable();
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_prediction_is_one_everywhere() {
        let truth = [0, 1, 2, 1];
        let confusion = Confusion::new(&truth, &truth, 3);
        assert_eq!(accuracy(&truth, &truth), 1.0);
        assert_eq!(confusion.macro_f1(), 1.0);
        assert_eq!(confusion.recall(), [Some(1.0); 3]);
        let certain =
            vec![vec![1.0, 0.0, 0.0], vec![0.0, 1.0, 0.0], vec![0.0, 0.0, 1.0], vec![0.0, 1.0, 0.0]];
        assert_eq!(log_loss(&truth, &certain), 0.0);
        let interval = bootstrap(&[true; 4], &[0, 1, 1, 2], &Bootstrap::default());
        assert_eq!(interval, Interval { low: 1.0, high: 1.0 });
    }

    #[test]
    fn known_counts_give_known_metrics() {
        // sklearn.metrics: accuracy 0.6, f1_score(average="macro") = (0.8 + 0.5 + 0) / 3
        let (truth, predicted) = ([0, 0, 1, 1, 2], [0, 0, 1, 0, 1]);
        let confusion = Confusion::new(&truth, &predicted, 3);
        assert_eq!(confusion.0, [[2, 0, 0], [1, 1, 0], [0, 1, 0]]);
        assert!((accuracy(&truth, &predicted) - 0.6).abs() < 1e-12);
        assert!((confusion.macro_f1() - (0.8 + 0.5) / 3.0).abs() < 1e-12);
        assert_eq!(confusion.recall(), [Some(1.0), Some(0.5), Some(0.0)]);
    }

    #[test]
    fn even_scores_lose_the_logarithm_of_the_number_of_genres() {
        assert!((log_loss(&[3, 9], &[vec![0.1; 10], vec![0.1; 10]]) - 10f64.ln()).abs() < 1e-6);
        assert!(log_loss(&[0], &[vec![0.0, 1.0]]).is_finite());
    }

    #[test]
    fn permuting_tracks_changes_nothing() {
        let truth: Vec<usize> = (0..60).map(|t| t * 7 % 5).collect();
        let predicted: Vec<usize> = (0..60).map(|t| t * t % 5).collect();
        let groups: Vec<usize> = (0..60).map(|t| t / 4).collect();
        let measure = |order: &[usize]| {
            let pick = |from: &[usize]| -> Vec<usize> { order.iter().map(|&t| from[t]).collect() };
            let (truth, predicted) = (pick(&truth), pick(&predicted));
            let right: Vec<bool> = truth.iter().zip(&predicted).map(|(t, p)| t == p).collect();
            let interval = bootstrap(&right, &pick(&groups), &Bootstrap::default());
            (accuracy(&truth, &predicted), Confusion::new(&truth, &predicted, 5), interval)
        };
        let forward: Vec<usize> = (0..60).collect();
        let mixed: Vec<usize> = (0..60).map(|t| t * 23 % 60).collect();
        assert_eq!(measure(&forward), measure(&mixed));
    }

    #[test]
    fn intervals_of_groups_of_one_match_the_binomial_and_larger_groups_widen_them() {
        let right: Vec<bool> = (0..400).map(|t| t % 4 != 0).collect();
        let alone: Vec<usize> = (0..400).collect();
        let interval = bootstrap(&right, &alone, &Bootstrap::default());
        let half = 1.96 * (0.75f64 * 0.25 / 400.0).sqrt();
        assert!((interval.low - (0.75 - half)).abs() < 0.008, "{interval:?}");
        assert!((interval.high - (0.75 + half)).abs() < 0.008, "{interval:?}");
        let by_outcome: Vec<usize> = (0..400).map(|t| t % 4 * 100 + t / 40).collect();
        let wide = bootstrap(&right, &by_outcome, &Bootstrap::default());
        assert!(wide.high - wide.low > 2.0 * (interval.high - interval.low), "{wide:?}");
    }

    #[test]
    fn nothing_measured_says_nothing() {
        assert_eq!(accuracy(&[], &[]), 0.0);
        assert_eq!(bootstrap(&[], &[], &Bootstrap::default()), Interval { low: 0.0, high: 1.0 });
        assert_eq!(best(&[0.2, 0.5, 0.5]), 1);
    }
}
