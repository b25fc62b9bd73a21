//! Whether one network is better than another, or only luckier: pure functions.

/// Tracks that one of two networks judges rightly and the other wrongly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct McNemar {
    /// Only the first is right.
    pub only_first: usize,
    /// Only the second is right.
    pub only_second: usize,
    /// Chance of a split at least as uneven if both were equally good; exact, two-sided.
    pub p: f64,
}

/// A paired test over folds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedT {
    /// Mean of the differences.
    pub mean: f64,
    /// Student's t; none where all differences are the same.
    pub t: Option<f64>,
    /// Chance of a t at least as far from 0 if there were no difference; two-sided.
    pub p: f64,
}

/// McNemar's exact test on the same tracks: `first[t]` and `second[t]` say who is right on track `t`.
pub fn mcnemar(first: &[bool], second: &[bool]) -> McNemar {
    let only = |a: bool, b: bool| first.iter().zip(second).filter(|pair| pair == &(&a, &b)).count();
    let (only_first, only_second) = (only(true, false), only(false, true));
    McNemar { only_first, only_second, p: fair_coin(only_first.min(only_second), only_first + only_second) }
}

/// Chance that of `tosses` of a fair coin one side comes up at most `fewest` times.
fn fair_coin(fewest: usize, tosses: usize) -> f64 {
    let mut term = -(tosses as f64) * std::f64::consts::LN_2;
    let mut sum = 0.0;
    for heads in 0..=fewest {
        sum += term.exp();
        term += ((tosses - heads) as f64 / (heads + 1) as f64).ln();
    }
    (2.0 * sum).min(1.0)
}

/// The corrected resampled t-test (Nadeau and Bengio 2003): training parts of cross-validation overlap, so the variance
/// of the differences is scaled by `1/folds + test/train` in place of `1/folds`.
///
/// `differences` are of the same folds (and seeds), `test_over_train` the ratio of the parts' sizes. None for fewer than
/// two differences.
pub fn corrected_t(differences: &[f64], test_over_train: f64) -> Option<PairedT> {
    let count = differences.len();
    if count < 2 {
        return None;
    }
    let mean = differences.iter().sum::<f64>() / count as f64;
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (count - 1) as f64;
    if variance == 0.0 {
        return Some(PairedT { mean, t: None, p: if mean == 0.0 { 1.0 } else { 0.0 } });
    }
    let t = mean / ((1.0 / count as f64 + test_over_train) * variance).sqrt();
    Some(PairedT { mean, t: Some(t), p: student_two_sided(t, count - 1) })
}

/// Chance of a Student's t at least as far from 0, by the finite series for whole degrees of freedom (Abramowitz and
/// Stegun 26.7.3 and 26.7.4).
fn student_two_sided(t: f64, degrees: usize) -> f64 {
    let theta = (t.abs() / (degrees as f64).sqrt()).atan();
    let (sin, cos) = theta.sin_cos();
    let odd = degrees % 2 == 1;
    let mut term = if odd { cos } else { 1.0 };
    let mut sum = if degrees == 1 { 0.0 } else { term };
    let mut power = if odd { 3 } else { 2 };
    while power < degrees {
        term *= cos * cos * (power - 1) as f64 / power as f64;
        sum += term;
        power += 2;
    }
    let within = if odd { std::f64::consts::FRAC_2_PI * (theta + sin * sum) } else { sin * sum };
    (1.0 - within).clamp(0.0, 1.0)
}

/// Holm's correction: p-values of a family of tests, raised so that the chance of any false finding stays what it says.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut corrected = vec![0.0; p.len()];
    let mut highest = 0.0f64;
    for (rank, &test) in order.iter().enumerate() {
        highest = highest.max((p.len() - rank) as f64 * p[test]).min(1.0);
        corrected[test] = highest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_tell_apart_tells_nothing() {
        assert_eq!(mcnemar(&[true, false], &[true, false]).p, 1.0);
        assert_eq!(corrected_t(&[1.0], 0.1), None);
        assert_eq!(corrected_t(&[0.0; 3], 0.1).unwrap().p, 1.0);
        assert_eq!(corrected_t(&[2.0; 3], 0.1).unwrap().p, 0.0);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn who_is_first_changes_only_the_sign() {
        let (a, b) = ([true, true, true, false, true], [false, true, false, false, true]);
        let (one, other) = (mcnemar(&a, &b), mcnemar(&b, &a));
        assert_eq!((one.only_first, one.only_second, one.p), (other.only_second, other.only_first, other.p));
        let (one, other) = (corrected_t(&[1.0, 2.0], 0.1).unwrap(), corrected_t(&[-1.0, -2.0], 0.1).unwrap());
        assert_eq!((one.mean, one.p), (-other.mean, other.p));
    }
}
