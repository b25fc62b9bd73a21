//! Whether scores mean what they say: of all answers with score 0.7, are seven in ten right?

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::{Bootstrap, best, log_loss, mean};

/// Bins of equal width that answers are sorted into by their highest score.
pub const BINS: usize = 10;

/// Answers whose highest score lies in `(number / 10, (number + 1) / 10]`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Mean of their highest scores, 0 to 1.
    pub confidence: f64,
    /// Share of them that is right, 0 to 1.
    pub accuracy: f64,
    /// How many there are.
    pub count: usize,
}

/// How far scores are from shares of right answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The reliability curve; bins without answers have a count of 0.
    pub bins: [Bin; BINS],
    /// Expected calibration error: mean distance of confidence and accuracy over answers (Guo et al. 2017), 0 to 1.
    pub expected_error: f64,
    /// Mean of the squared distance of the scores from certainty of the true genre, 0 to 2 (Brier 1950).
    pub brier: f64,
    /// Mean of `-ln(score of the true genre)`.
    pub log_loss: f64,
}

/// Calibration of `scores`, one vector an answer, none empty.
pub fn calibration(truth: &[usize], scores: &[Vec<f32>]) -> Calibration {
    let mut sums = [(0.0, 0, 0); BINS];
    for (&truth, scores) in truth.iter().zip(scores) {
        let predicted = best(scores);
        let (confidence, right, count) = &mut sums[bin_of(scores[predicted])];
        *confidence += f64::from(scores[predicted]);
        *right += usize::from(predicted == truth);
        *count += 1;
    }
    let bins = sums.map(|(confidence, right, count)| Bin {
        confidence: confidence / count.max(1) as f64,
        accuracy: right as f64 / count.max(1) as f64,
        count,
    });
    let gap = |bin: &Bin| bin.count as f64 * (bin.confidence - bin.accuracy).abs();
    let expected_error = bins.iter().map(gap).sum::<f64>() / truth.len().max(1) as f64;
    Calibration {
        bins,
        expected_error,
        brier: mean(truth.iter().zip(scores).map(|(&t, s)| squared_distance(t, s))),
        log_loss: log_loss(truth, scores),
    }
}

/// The expected calibration error that scores which mean what they say stay below in 95 % of samples of this size: right
/// and wrong are drawn by the highest scores themselves. `scores` has one vector an answer, none empty.
pub fn error_by_chance(scores: &[Vec<f32>]) -> f64 {
    let Bootstrap { level, draws, seed } = Bootstrap::default();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let highest: Vec<f32> = scores.iter().map(|scores| scores[best(scores)]).collect();
    let mut draw = || {
        let mut gaps = [0.0; BINS];
        for &confidence in &highest {
            let right = rng.random::<f32>() < confidence;
            gaps[bin_of(confidence)] += f64::from(confidence) - f64::from(u8::from(right));
        }
        gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / highest.len().max(1) as f64
    };
    let mut errors: Vec<f64> = (0..draws).map(|_| draw()).collect();
    errors.sort_by(f64::total_cmp);
    errors[(level * (draws - 1) as f64).round() as usize]
}

fn bin_of(confidence: f32) -> usize {
    let above = (0..BINS - 1).filter(|&bin| f64::from(confidence) > (bin + 1) as f64 / BINS as f64);
    above.count()
}

fn squared_distance(truth: usize, scores: &[f32]) -> f64 {
    let certain = |genre| f64::from(u8::from(genre == truth));
    scores.iter().enumerate().map(|(genre, &score)| (f64::from(score) - certain(genre)).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certain_right_answers_are_calibrated_and_certain_wrong_ones_are_not() {
        let certain = vec![vec![1.0, 0.0]; 4];
        let right = calibration(&[0; 4], &certain);
        assert_eq!((right.expected_error, right.brier, right.log_loss), (0.0, 0.0, 0.0));
        let wrong = calibration(&[1; 4], &certain);
        assert_eq!((wrong.expected_error, wrong.brier), (1.0, 2.0));
        assert_eq!(wrong.bins[9], Bin { confidence: 1.0, accuracy: 0.0, count: 4 });
    }

    #[test]
    fn chance_alone_makes_an_error_that_shrinks_with_the_root_of_the_answers() {
        let errors = [100, 10_000].map(|count| error_by_chance(&vec![vec![0.75, 0.25]; count]));
        // One bin: 1.96 standard deviations of a share of 0.75.
        let expected = [100.0, 10_000.0].map(|count: f64| 1.96 * (0.75 * 0.25 / count).sqrt());
        assert!(errors.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.1 * b), "{errors:?} {expected:?}");
        assert_eq!(error_by_chance(&[]), 0.0);
    }

    #[test]
    fn nothing_measured_is_not_a_number_of_nothing() {
        assert_eq!(calibration(&[], &[]).expected_error, 0.0);
    }
}
