//! Mean and deviation of the levels that a network sees, from the training part alone.

use rayon::prelude::*;

use super::Dataset;
use crate::features::{FrontEnd, rereference_db};

/// Sums per band: count, sum, sum of squares.
type Sums = Vec<[f64; 3]>;

/// Mean and deviation of every band over `tracks`, cut into whole patches that stand side by side and are referenced
/// as a network sees them. A band that never changes gets deviation 1.
///
/// # Shape
/// Two vectors `[bands]`, dB.
pub fn of_bands(
    dataset: &Dataset,
    tracks: &[usize],
    front_end: &FrontEnd,
    patch_frames: usize,
) -> [Vec<f32>; 2] {
    let bands = front_end.mel_bands;
    let of_track = |&t: &usize| sums_of(&dataset.tracks[t].spectrogram.db, front_end, patch_frames);
    // Collected before they are added: the order of the sum must not depend on the threads.
    let each: Vec<Sums> = tracks.par_iter().map(of_track).collect();
    let total = each.iter().fold(vec![[0.0; 3]; bands], |total, sums| add(total, sums));
    split(&total)
}

/// One mean and one deviation of all bands together, as [`of_bands`].
pub fn of_all(
    dataset: &Dataset,
    tracks: &[usize],
    front_end: &FrontEnd,
    patch_frames: usize,
) -> [Vec<f32>; 2] {
    let of_track = |&t: &usize| sums_of(&dataset.tracks[t].spectrogram.db, front_end, patch_frames);
    let each: Vec<Sums> = tracks.par_iter().map(of_track).collect();
    let total = each.iter().flatten().fold(vec![[0.0; 3]], |total, sums| add(total, &[*sums]));
    split(&total)
}

/// Mean and deviation of every feature over the segments of `tracks`; a feature that never changes gets deviation 1.
///
/// # Shape
/// Two vectors `[columns]`, in the columns' units.
pub fn of_features(dataset: &Dataset, tracks: &[usize]) -> [Vec<f32>; 2] {
    let columns = vectors(dataset, tracks).next().map_or(0, Vec::len);
    let of_column = |column: usize| standard(vectors(dataset, tracks).map(move |vector| vector[column]));
    let (means, deviations) = (0..columns).map(of_column).unzip();
    [means, deviations]
}

/// One mean and one deviation of all features together, as [`of_features`].
pub fn of_all_features(dataset: &Dataset, tracks: &[usize]) -> [Vec<f32>; 2] {
    let (mean, deviation) = standard(vectors(dataset, tracks).flatten().copied());
    [vec![mean], vec![deviation]]
}

fn vectors<'a>(dataset: &'a Dataset, tracks: &'a [usize]) -> impl Iterator<Item = &'a Vec<f32>> + Clone {
    tracks.iter().flat_map(|&t| &dataset.tracks[t].vectors)
}

/// Mean and deviation. Features have any unit: what varies in its last digits alone is a constant, with deviation 1.
fn standard(values: impl Iterator<Item = f32> + Clone) -> (f32, f32) {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().map(f64::from).sum::<f64>() / count;
    let deviation = (values.map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count).sqrt();
    let varies = deviation > 1e-6 * mean.abs() && deviation > 0.0;
    (mean as f32, if varies { deviation as f32 } else { 1.0 })
}

fn sums_of(db: &[f32], front_end: &FrontEnd, patch_frames: usize) -> Sums {
    let bands = front_end.mel_bands;
    let cells = (patch_frames * bands).min(db.len()).max(1);
    let mut sums = vec![[0.0; 3]; bands];
    for patch in db.chunks_exact(cells) {
        let mut patch = patch.to_vec();
        rereference_db(&mut patch, front_end);
        for frame in patch.chunks_exact(bands) {
            for (sum, &level) in sums.iter_mut().zip(frame) {
                let level = f64::from(level);
                *sum = [sum[0] + 1.0, sum[1] + level, sum[2] + level * level];
            }
        }
    }
    sums
}

fn add(mut total: Sums, sums: &[[f64; 3]]) -> Sums {
    for (total, sum) in total.iter_mut().zip(sums) {
        (0..3).for_each(|i| total[i] += sum[i]);
    }
    total
}

fn split(sums: &[[f64; 3]]) -> [Vec<f32>; 2] {
    let mean = |[count, sum, _]: &[f64; 3]| sum / count.max(1.0);
    let deviation = |sums: &[f64; 3]| (sums[2] / sums[0].max(1.0) - mean(sums).powi(2)).max(0.0).sqrt();
    let or_one = |deviation: f64| if deviation > 1e-3 { deviation as f32 } else { 1.0 };
    [sums.iter().map(|s| mean(s) as f32).collect(), sums.iter().map(|s| or_one(deviation(s))).collect()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::toy;

    fn front_end() -> FrontEnd {
        FrontEnd { mel_bands: 4, ..FrontEnd::gtzan_mel() }
    }

    #[test]
    fn statistics_are_those_written_out() {
        let mut dataset = toy(1, 2, 4);
        dataset.tracks[0].spectrogram.db = vec![0.0, -10.0, -80.0, -5.0, -2.0, -10.0, -90.0, -15.0];
        let [mean, deviation] = of_bands(&dataset, &[0], &front_end(), 2);
        assert_eq!(mean, [-1.0, -10.0, -60.0, -10.0]);
        assert_eq!(deviation, [1.0, 1.0, 1.0, 5.0]);
        let [mean, deviation] = of_all(&dataset, &[0], &front_end(), 2);
        assert!(
            (mean[0] + 20.25).abs() < 1e-5 && (deviation[0] - 23.381).abs() < 1e-2,
            "{mean:?} {deviation:?}"
        );
    }

    #[test]
    fn features_are_standardised_column_by_column() {
        let mut dataset = toy(3, 2, 4);
        dataset.tracks[0].vectors = vec![vec![1.0, 5e6, 7.0], vec![3.0, 5e6, -7.0]];
        dataset.tracks[1].vectors = vec![vec![5.0, 5e6, 0.0]];
        dataset.tracks[2].vectors = vec![vec![-99.0, 0.0, 0.0]];
        let [mean, deviation] = of_features(&dataset, &[0, 1]);
        assert_eq!(mean, [3.0, 5e6, 0.0]);
        assert!((deviation[0] - 1.632_993).abs() < 1e-6 && (deviation[2] - 5.715_476).abs() < 1e-6);
        assert_eq!(deviation[1], 1.0);

        dataset.tracks[0].vectors = vec![vec![1.0, 3.0]];
        dataset.tracks[1].vectors = vec![vec![5.0, 7.0]];
        let [mean, deviation] = of_all_features(&dataset, &[0, 1]);
        assert_eq!(mean, [4.0]);
        assert!((deviation[0] - 5f32.sqrt()).abs() < 1e-6, "{deviation:?}");
    }

    #[test]
    fn test_tracks_do_not_matter() {
        let mut dataset = toy(8, 40, 4);
        let before = of_bands(&dataset, &[0, 1, 2, 3], &front_end(), 16);
        dataset.tracks[6].spectrogram.db.iter_mut().for_each(|level| *level *= 0.1);
        assert_eq!(before, of_bands(&dataset, &[0, 1, 2, 3], &front_end(), 16));
        assert_ne!(before, of_bands(&dataset, &[0, 1, 2, 6], &front_end(), 16));
    }
}
