//! Rows of numbers → places on a plane, by principal components (Pearson 1901; Hotelling 1933): the plane on which they
//! lie widest apart, so that no other keeps more of their distances.

/// Sweeps of rotations after which any small matrix has long become diagonal.
const MAX_SWEEPS: usize = 50;
/// Less variance than that is the rounding of equal rows.
const LEAST_VARIANCE: f64 = 1e-12;

/// A plane through rows of numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Projection {
    mean: Vec<f64>,
    axes: [Vec<f64>; 2],
    /// The parts of the rows' variance that lie along its two axes.
    pub(crate) explained: [f64; 2],
}

impl Projection {
    /// Through `rows`, all of one length; they are walked through twice.
    pub(crate) fn of<'a>(rows: impl Iterator<Item = &'a [f32]> + Clone) -> Self {
        let (count, width) = (rows.clone().count(), rows.clone().next().map_or(0, <[f32]>::len));
        if width < 2 {
            return Self { mean: vec![0.0; width], ..Self::default() };
        }
        let mut mean = vec![0.0; width];
        for row in rows.clone() {
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value) / count as f64);
        }
        let (mut values, vectors) = eigen(covariance(rows, &mean, count));
        values.iter_mut().for_each(|value| *value = value.max(0.0));
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        let total: f64 = values.iter().sum();
        let part = |value: f64| if total > LEAST_VARIANCE { value / total } else { 0.0 };
        let axis = |place: usize| facing_up(vectors.iter().map(|row| row[order[place]]).collect());
        Self { mean, axes: [axis(0), axis(1)], explained: [0, 1].map(|place| part(values[order[place]])) }
    }

    /// Where a row lies, in its own unit; the middle of all rows is 0, 0.
    pub(crate) fn place(&self, row: &[f32]) -> [f32; 2] {
        let along = |axis: &Vec<f64>| -> f64 {
            axis.iter()
                .zip(row)
                .zip(&self.mean)
                .map(|((axis, value), mean)| axis * (f64::from(*value) - mean))
                .sum()
        };
        [along(&self.axes[0]) as f32, along(&self.axes[1]) as f32]
    }
}

/// The same rows give the same picture, never its mirror image: the largest part of an axis is positive.
fn facing_up(axis: Vec<f64>) -> Vec<f64> {
    let largest = axis.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or_default();
    axis.into_iter().map(|part| if largest < 0.0 { -part } else { part }).collect()
}

fn covariance<'a>(rows: impl Iterator<Item = &'a [f32]>, mean: &[f64], count: usize) -> Vec<Vec<f64>> {
    let mut sums = vec![vec![0.0; mean.len()]; mean.len()];
    for row in rows {
        let centred: Vec<f64> = row.iter().zip(mean).map(|(value, mean)| f64::from(*value) - mean).collect();
        for (sums, a) in sums.iter_mut().zip(&centred) {
            sums.iter_mut().zip(&centred).for_each(|(sum, b)| *sum += a * b / count as f64);
        }
    }
    sums
}

/// Eigenvalues of a symmetric matrix, and its eigenvectors as columns, by cyclic rotations (Jacobi 1846; Golub and Van
/// Loan, Matrix Computations, 8.5).
fn eigen(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let width = matrix.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..width).map(|i| (0..width).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let size: f64 = matrix.iter().flatten().map(|value| value * value).sum();
    for _ in 0..MAX_SWEEPS {
        let pairs = || (0..width).flat_map(|p| (p + 1..width).map(move |q| (p, q)));
        if pairs().map(|(p, q)| matrix[p][q].powi(2)).sum::<f64>() <= 1e-24 * size {
            break;
        }
        pairs().for_each(|(p, q)| rotate(&mut matrix, &mut vectors, (p, q)));
    }
    ((0..width).map(|i| matrix[i][i]).collect(), vectors)
}

/// Makes the element `p, q` zero; `p` is the smaller.
fn rotate(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], (p, q): (usize, usize)) {
    if matrix[p][q] == 0.0 {
        return;
    }
    let ratio = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
    let tangent = ratio.signum() / (ratio.abs() + ratio.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turned = |a: f64, b: f64| (cosine * a - sine * b, sine * a + cosine * b);
    for row in matrix.iter_mut().chain(vectors.iter_mut()) {
        (row[p], row[q]) = turned(row[p], row[q]);
    }
    let (above, below) = matrix.split_at_mut(q);
    for (a, b) in above[p].iter_mut().zip(&mut below[0]) {
        (*a, *b) = turned(*a, *b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows on a plane within five dimensions, three times as wide along one of its axes.
    fn on_a_plane() -> Vec<[f32; 5]> {
        let place = |n: usize| (3.0 * (n as f32).sin(), (2.7 * n as f32).cos());
        let row = |(u, v): (f32, f32)| [0.6 * u + 1.0, 0.8 * u, 0.8 * v - 2.0, 0.6 * v, 7.0];
        (0..500).map(|n| row(place(n))).collect()
    }

    fn of(rows: &[[f32; 5]]) -> Projection {
        Projection::of(rows.iter().map(<[f32; 5]>::as_slice))
    }

    #[test]
    fn rows_of_a_plane_keep_their_distances() {
        let rows = on_a_plane();
        let plane = of(&rows);
        assert!((plane.explained.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{:?}", plane.explained);
        assert!((plane.explained[0] - 0.9).abs() < 0.02, "variances as 9 to 1: {:?}", plane.explained);
        let distance =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        for pair in rows.windows(2) {
            let places = [plane.place(&pair[0]), plane.place(&pair[1])];
            assert!((distance(&pair[0], &pair[1]) - distance(&places[0], &places[1])).abs() < 1e-4);
        }
    }

    #[test]
    fn the_widest_direction_is_the_first_axis_and_order_does_not_turn_the_picture() {
        let mut rows = on_a_plane();
        let plane = of(&rows);
        assert!((plane.axes[0][0] - 0.6).abs() < 0.01 && (plane.axes[0][1] - 0.8).abs() < 0.01, "{plane:?}");
        rows.reverse();
        let (a, b) = (plane.place(&rows[3]), of(&rows).place(&rows[3]));
        assert!((a[0] - b[0]).abs() < 1e-3 && (a[1] - b[1]).abs() < 1e-3, "{a:?} {b:?}");
    }

    #[test]
    fn no_row_one_row_and_equal_rows_lie_in_the_middle() {
        assert_eq!(of(&[]).place(&[1.0]), [0.0, 0.0]);
        assert_eq!(of(&[[0.5; 5]]).place(&[0.5; 5]), [0.0, 0.0]);
        let equal = of(&[[0.25; 5]; 9]);
        assert_eq!(equal.explained, [0.0, 0.0]);
        assert!(equal.place(&[0.25; 5]).iter().all(|place| place.abs() < 1e-6));
    }
}
