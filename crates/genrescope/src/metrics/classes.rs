//! What a confusion matrix says of each genre.

use super::{Confusion, share};

/// How well one genre is told from the others; none where nothing was there to be counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassFigures {
    /// Share of what was called so that is so, 0 to 1.
    pub precision: Option<f64>,
    /// Share of the genre's own that was found, 0 to 1.
    pub recall: Option<f64>,
    /// Harmonic mean of the two.
    pub f1: Option<f64>,
    /// How many there are of the genre.
    pub support: usize,
}

/// One genre taken for another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfusedPair {
    /// The true genre.
    pub truth: usize,
    /// What it was taken for.
    pub predicted: usize,
    /// How often.
    pub count: usize,
    /// That as a share of the true genre's own, 0 to 1.
    pub share: f64,
}

impl Confusion {
    /// Precision, recall and F1 of every genre (scikit-learn's `precision_recall_fscore_support`).
    pub fn classes(&self) -> Vec<ClassFigures> {
        (0..self.0.len()).map(|genre| self.class(genre)).collect()
    }

    fn class(&self, genre: usize) -> ClassFigures {
        let (right, support) = (self.0[genre][genre], self.0[genre].iter().sum());
        let predicted: usize = self.0.iter().map(|row| row[genre]).sum();
        ClassFigures {
            precision: share(right, predicted),
            recall: share(right, support),
            f1: share(2 * right, support + predicted),
            support,
        }
    }

    /// The pairs that are confused most often, as shares of the true genre; at most `count`, none that never happened.
    pub fn most_confused(&self, count: usize) -> Vec<ConfusedPair> {
        let cells = (0..self.0.len()).flat_map(|t| (0..self.0.len()).map(move |p| (t, p)));
        let pair = |(truth, predicted): (usize, usize)| {
            let (count, all) = (self.0[truth][predicted], self.0[truth].iter().sum());
            Some(ConfusedPair { truth, predicted, count, share: share(count, all)? })
        };
        let wrong = cells.filter(|(truth, predicted)| truth != predicted);
        let mut pairs: Vec<ConfusedPair> = wrong.filter_map(pair).filter(|pair| pair.count > 0).collect();
        pairs.sort_by(|a, b| b.share.total_cmp(&a.share));
        pairs.truncate(count);
        pairs
    }

    /// The sum of two matrices of the same genres.
    pub fn plus(&self, other: &Self) -> Self {
        let row = |(a, b): (&Vec<usize>, &Vec<usize>)| a.iter().zip(b).map(|(a, b)| a + b).collect();
        Self(self.0.iter().zip(&other.0).map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_ordered_by_the_share_of_the_true_genre() {
        let confusion = Confusion(vec![vec![2, 2, 0], vec![3, 7, 0], vec![0, 0, 0]]);
        let pairs = confusion.most_confused(9);
        let expected = [
            ConfusedPair { truth: 0, predicted: 1, count: 2, share: 0.5 },
            ConfusedPair { truth: 1, predicted: 0, count: 3, share: 0.3 },
        ];
        assert_eq!(pairs, expected);
        assert_eq!(confusion.most_confused(1), expected[..1]);
        assert_eq!(
            confusion.classes()[2],
            ClassFigures { precision: None, recall: None, f1: None, support: 0 }
        );
    }

    #[test]
    fn a_sum_counts_both() {
        let one = Confusion(vec![vec![1, 2], vec![3, 4]]);
        assert_eq!(one.plus(&one).0, [[2, 4], [6, 8]]);
    }
}
