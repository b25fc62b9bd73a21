//! Classifiers of feature vectors that networks are compared with: a support vector machine, logistic regression.

use genrescope::evaluate::{Classifier, Judge};
use genrescope::{Error, ErrorKind, Result};
use linfa::dataset::{DatasetBase, Pr};
use linfa::traits::{Fit, Predict};
use linfa_logistic::MultiLogisticRegression;
use linfa_svm::Svm;
use ndarray::{Array1, Array2};
use rayon::prelude::*;

/// Iterations of [`coupled`] at most; it is near its end after a dozen.
const COUPLING_STEPS: usize = 100;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Baseline {
    /// Support vector machine with a Gaussian kernel of width 1/columns, C = 10
    Svm,
    /// Logistic regression, L2 penalty 1
    Logistic,
}

impl Classifier for Baseline {
    fn name(&self) -> &str {
        match self {
            Self::Svm => "svm",
            Self::Logistic => "logistic",
        }
    }

    fn fit(&self, rows: &[Vec<f64>], genres: &[usize], count: usize) -> Result<Judge> {
        match self {
            Self::Svm => support_vectors(rows, genres, count),
            Self::Logistic => logistic(rows, genres, count),
        }
    }
}

fn failed(e: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::BadSettings, format!("the classifier finds no solution: {e}; check the features"))
}

fn matrix<'a>(rows: impl ExactSizeIterator<Item = &'a Vec<f64>>) -> Result<Array2<f64>> {
    let count = rows.len();
    let numbers: Vec<f64> = rows.flatten().copied().collect();
    Array2::from_shape_vec((count, numbers.len() / count.max(1)), numbers).map_err(failed)
}

fn logistic(rows: &[Vec<f64>], genres: &[usize], count: usize) -> Result<Judge> {
    let learned = DatasetBase::new(matrix(rows.iter())?, Array1::from(genres.to_vec()));
    let fitted =
        MultiLogisticRegression::default().alpha(1.0).max_iterations(1000).fit(&learned).map_err(failed)?;
    Ok(Box::new(move |row| {
        let row = Array2::from_shape_fn((1, row.len()), |(_, column)| row[column]);
        let mut scores = vec![0.0; count];
        for (&genre, share) in fitted.classes().iter().zip(fitted.predict_probabilities(&row)) {
            scores[genre] = share as f32;
        }
        scores
    }))
}

/// One machine for each pair of genres (as LIBSVM), their answers as probabilities by Platt's scaling.
fn support_vectors(rows: &[Vec<f64>], genres: &[usize], count: usize) -> Result<Judge> {
    let pairs: Vec<[usize; 2]> = (0..count).flat_map(|a| (a + 1..count).map(move |b| [a, b])).collect();
    let machines = pairs.par_iter().map(|pair| machine(rows, genres, *pair)).collect::<Result<Vec<_>>>()?;
    Ok(Box::new(move |row| {
        let row = Array1::from(row.to_vec());
        let mut first_wins = vec![vec![0.0; count]; count];
        for (&[a, b], machine) in pairs.iter().zip(&machines) {
            let share = *machine.predict(row.view());
            first_wins[a][b] = f64::from(share).clamp(1e-7, 1.0 - 1e-7);
            first_wins[b][a] = 1.0 - first_wins[a][b];
        }
        coupled(&first_wins).into_iter().map(|share| share as f32).collect()
    }))
}

fn machine(rows: &[Vec<f64>], genres: &[usize], pair: [usize; 2]) -> Result<Svm<f64, Pr>> {
    let of_pair: Vec<usize> = (0..rows.len()).filter(|&row| pair.contains(&genres[row])).collect();
    let records = matrix(of_pair.iter().map(|&row| &rows[row]).collect::<Vec<_>>().into_iter())?;
    let is_first: Array1<bool> = of_pair.iter().map(|&row| genres[row] == pair[0]).collect();
    let width = records.ncols() as f64;
    let params = Svm::<f64, Pr>::params().pos_neg_weights(10.0, 10.0).gaussian_kernel(width);
    params.fit(&DatasetBase::new(records, is_first)).map_err(failed)
}

/// Probabilities of all genres from those of every pair: the second method of Wu, Lin and Weng (2004), as LIBSVM has it.
fn coupled(first_wins: &[Vec<f64>]) -> Vec<f64> {
    let count = first_wins.len();
    let quadratic = |t: usize, j: usize| match t == j {
        true => (0..count).filter(|&i| i != t).map(|i| first_wins[i][t].powi(2)).sum::<f64>(),
        false => -first_wins[j][t] * first_wins[t][j],
    };
    let q: Vec<Vec<f64>> = (0..count).map(|t| (0..count).map(|j| quadratic(t, j)).collect()).collect();
    let mut p = vec![1.0 / count as f64; count];
    let times = |p: &[f64], t: usize| -> f64 { q[t].iter().zip(p).map(|(q, p)| q * p).sum() };
    for _ in 0..COUPLING_STEPS {
        let energy: f64 = (0..count).map(|t| p[t] * times(&p, t)).sum();
        if (0..count).all(|t| (times(&p, t) - energy).abs() < 0.005 / count as f64) {
            break;
        }
        for t in 0..count {
            let energy: f64 = (0..count).map(|i| p[i] * times(&p, i)).sum();
            p[t] += (energy - times(&p, t)) / q[t][t];
            let sum: f64 = p.iter().sum();
            p.iter_mut().for_each(|share| *share /= sum);
        }
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three clouds on a plane, thirty rows each.
    fn clouds() -> (Vec<Vec<f64>>, Vec<usize>) {
        let row = |i: usize| {
            let (genre, turn) = (i % 3, i as f64 * 2.4);
            let (x, y) = [(-1.5, 0.0), (1.5, 0.0), (0.0, 2.0)][genre];
            (vec![x + 0.5 * turn.sin(), y + 0.5 * turn.cos()], genre)
        };
        (0..90).map(row).unzip()
    }

    #[test]
    fn both_find_clouds_that_lie_apart_and_their_scores_sum_to_one() {
        let (rows, genres) = clouds();
        for baseline in [Baseline::Svm, Baseline::Logistic] {
            let judge = baseline.fit(&rows, &genres, 3).unwrap();
            for (row, &genre) in rows.iter().zip(&genres) {
                let scores = judge(row);
                assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                assert_eq!(genrescope::metrics::best(&scores), genre, "{baseline:?} {row:?} {scores:?}");
            }
        }
    }

    #[test]
    fn coupled_probabilities_are_those_that_the_pairs_were_made_of() {
        let p = [0.6, 0.3, 0.1];
        let pairs: Vec<Vec<f64>> =
            p.iter().map(|a| p.iter().map(|b| if a == b { 0.0 } else { a / (a + b) }).collect()).collect();
        for (found, expected) in coupled(&pairs).iter().zip(p) {
            assert!((found - expected).abs() < 0.01, "{found} {expected}");
        }
    }
}
