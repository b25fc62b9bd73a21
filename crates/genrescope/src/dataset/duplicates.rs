//! Tracks that repeat each other, found by the correlation of their spectrograms at any shift in time.

use rayon::prelude::*;

use super::Spectrogram;
use crate::features::{Planes, RealTransform};

/// Correlation from which two tracks are called near-duplicates. The 28 pairs of GTZAN that are published have 0.93 and
/// more; remixes and other takes of one piece lie between, and unrelated tracks below 0.8.
pub const NEAR: f64 = 0.85;
/// Groups of neighbouring bands that are compared.
const GROUPS: usize = 16;
/// Frames of the beginning that are compared: 40 s of frames 77.5 ms apart.
const FRAMES: usize = 512;
/// Length of the transform: no shift wraps around.
const LENGTH: usize = 2 * FRAMES;
/// Levels below this count as this, dB: noise floors differ where music does not.
const FLOOR_DB: f32 = -60.0;

/// Two tracks that are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Duplicate {
    /// Index of the first track.
    pub first: usize,
    /// Index of the second track.
    pub second: usize,
    /// Correlation of their spectrograms, -1 to 1.
    pub correlation: f64,
    /// How many frames later the second track has what the first has.
    pub shift_frames: isize,
    /// Whether every level is the same.
    pub exact: bool,
}

/// All pairs with a correlation of at least `least`, most alike first. Half of the shorter track must overlap.
pub fn duplicates(spectrograms: &[&Spectrogram], least: f64) -> Vec<Duplicate> {
    let prints: Vec<Print> = spectrograms.par_iter().map(|s| Print::of(s)).collect();
    let of_first = |first: usize| {
        let mut correlator = Correlator::new();
        let pairs = first + 1..prints.len();
        let alike = pairs.filter_map(|second| {
            let (correlation, shift_frames) = correlator.best(&prints[first], &prints[second]);
            let exact = spectrograms[first] == spectrograms[second];
            let duplicate = Duplicate { first, second, correlation, shift_frames, exact };
            Some(duplicate).filter(|d| d.correlation >= least || d.exact)
        });
        alike.collect::<Vec<_>>()
    };
    let mut found: Vec<Duplicate> = (0..prints.len()).into_par_iter().flat_map_iter(of_first).collect();
    found.sort_by(|a, b| b.correlation.total_cmp(&a.correlation).then(a.first.cmp(&b.first)));
    found
}

/// What is compared of a track.
struct Print {
    frames: usize,
    /// Spectra over time of the groups of bands, one behind the other.
    spectra: Planes,
    /// Energy of all groups up to each frame.
    energy: Vec<f64>,
}

impl Print {
    fn of(spectrogram: &Spectrogram) -> Self {
        let frames = spectrogram.frames().min(FRAMES);
        let groups = groups_over_time(spectrogram, frames);
        let mut transform = RealTransform::new(LENGTH);
        let bins = transform.bins();
        let mut spectra = Planes::new(GROUPS * bins);
        let mut padded = vec![0.0; LENGTH];
        for (group, levels) in groups.iter().enumerate() {
            padded[..frames].copy_from_slice(levels);
            let place = group * bins..(group + 1) * bins;
            transform.forward(&padded, &ONES, &mut spectra.re[place.clone()], &mut spectra.im[place]);
        }
        let at = |t: usize| groups.iter().map(|levels| f64::from(levels[t]).powi(2)).sum::<f64>();
        let mut energy = vec![0.0];
        (0..frames).for_each(|t| energy.push(energy[t] + at(t)));
        Self { frames, spectra, energy }
    }
}

static ONES: [f32; LENGTH] = [1.0; LENGTH];

/// Mean level of each group of bands over time, about its mean.
fn groups_over_time(spectrogram: &Spectrogram, frames: usize) -> Vec<Vec<f32>> {
    let bands = spectrogram.bands;
    let group = |group: usize| {
        let range =
            group * bands / GROUPS..((group + 1) * bands / GROUPS).max(group * bands / GROUPS + 1).min(bands);
        let level = |frame: &[f32]| {
            let levels = frame.get(range.clone()).unwrap_or_default();
            levels.iter().map(|db| db.max(FLOOR_DB)).sum::<f32>() / levels.len().max(1) as f32
        };
        let levels: Vec<f32> = spectrogram.db.chunks_exact(bands).take(frames).map(level).collect();
        let mean = levels.iter().sum::<f32>() / frames.max(1) as f32;
        levels.iter().map(|level| level - mean).collect()
    };
    (0..GROUPS).map(group).collect()
}

/// Correlates prints by their spectra.
struct Correlator {
    transform: RealTransform,
    product: Planes,
    shifts: Vec<f32>,
}

impl Correlator {
    fn new() -> Self {
        let transform = RealTransform::new(LENGTH);
        Self { product: Planes::new(transform.bins()), shifts: vec![0.0; LENGTH], transform }
    }

    /// The largest correlation, and the shift in frames that has it.
    fn best(&mut self, a: &Print, b: &Print) -> (f64, isize) {
        self.correlate(a, b);
        let overlap_least = (a.frames.min(b.frames) / 2).max(1) as isize;
        let shifts = overlap_least - a.frames as isize..=b.frames as isize - overlap_least;
        let of_shift = |shift: isize| {
            let (from_a, from_b) = ((-shift).max(0) as usize, shift.max(0) as usize);
            let overlap = (a.frames - from_a.min(a.frames)).min(b.frames - from_b.min(b.frames));
            let energy = |print: &Print, from: usize| print.energy[from + overlap] - print.energy[from];
            let scale = (energy(a, from_a) * energy(b, from_b)).sqrt();
            let product = f64::from(self.shifts[shift.rem_euclid(LENGTH as isize) as usize]);
            (if scale > 0.0 { product / scale } else { 0.0 }, shift)
        };
        shifts.map(of_shift).max_by(|x, y| x.0.total_cmp(&y.0)).unwrap_or((0.0, 0))
    }

    /// Σ a(t)·b(t + shift) over time and groups, for all shifts.
    fn correlate(&mut self, a: &Print, b: &Print) {
        let Planes { re, im } = &mut self.product;
        re.fill(0.0);
        im.fill(0.0);
        let bins = re.len();
        let rows = |print: &'_ Print| -> Vec<(usize, usize)> {
            (0..print.spectra.re.len() / bins).map(|g| (g * bins, (g + 1) * bins)).collect()
        };
        for (from, to) in rows(a) {
            let (ar, ai) = (&a.spectra.re[from..to], &a.spectra.im[from..to]);
            let (br, bi) = (&b.spectra.re[from..to], &b.spectra.im[from..to]);
            for k in 0..bins {
                re[k] += ar[k] * br[k] + ai[k] * bi[k];
                im[k] += ar[k] * bi[k] - ai[k] * br[k];
            }
        }
        self.transform.inverse(re, im, &mut self.shifts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(frames: usize, seed: u32) -> Spectrogram {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            -((state >> 16) as f32) / 2000.0
        };
        Spectrogram { bands: 32, db: std::iter::repeat_with(next).take(frames * 32).collect() }
    }

    #[test]
    fn a_copy_is_exact_a_louder_one_near_and_a_later_one_is_found_at_its_shift() {
        let original = noise(300, 1);
        let copy = original.clone();
        let mut other_step = original.clone();
        other_step.db.iter_mut().for_each(|db| *db = (*db / 3.0).round() * 3.0);
        let later = Spectrogram { bands: 32, db: original.db[40 * 32..].to_vec() };
        let unrelated = noise(300, 77);
        let found = duplicates(&[&original, &copy, &other_step, &later, &unrelated], NEAR);
        let pair = |a, b| found.iter().find(|d| (d.first, d.second) == (a, b));
        assert!(pair(0, 1).unwrap().exact && pair(0, 1).unwrap().correlation > 0.9999);
        assert!(!pair(0, 2).unwrap().exact && pair(0, 2).unwrap().correlation > 0.95);
        assert_eq!(pair(0, 3).unwrap().shift_frames, -40);
        assert!(found.iter().all(|d| d.second != 4), "{found:?}");
    }

    #[test]
    fn silence_and_the_shortest_tracks_are_like_nothing_else() {
        let silent = Spectrogram { bands: 32, db: vec![-80.0; 320] };
        let short = Spectrogram { bands: 32, db: vec![-1.0; 32] };
        let few_bands = Spectrogram { bands: 4, db: vec![-3.0; 40] };
        assert_eq!(duplicates(&[&silent, &short, &few_bands, &noise(50, 3)], NEAR), []);
    }
}
