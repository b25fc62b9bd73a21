//! Variations of a patch that leave its genre alone. Pure functions of the patch and of random numbers.

use rand::{Rng, RngExt};
use rand_distr::{Beta, Distribution};
use serde::{Deserialize, Serialize};

use super::recording::Recording;
use super::transpose::Transposing;
use crate::{Error, ErrorKind, Result};

/// How patches are varied while learning. Zero switches a variation off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Keys in which every patch is learned from, semitones up: a list, or `C`, the recordings as they are, or `C_ps`,
    /// those and the same a semitone higher (source 2). What is measured is never shifted.
    pub transpose: Keys,
    /// What is shifted for that.
    pub transposing: Transposing,
    /// Shortest and longest crop, frames, one length a batch; none = always a full patch. For any-length networks.
    pub crop_frames: Option<[usize; 2]>,
    /// Probability that a batch has full patches although `crop_frames` is set.
    pub full_patch_probability: f64,
    /// Shift along the bands by up to so many, the edge filled with the floor.
    pub band_shift: usize,
    /// Probability that the uppermost bands are empty, as in recordings of a low sample rate.
    pub band_limit_probability: f64,
    /// Fewest bands that are left of such a patch.
    pub band_limit_least: usize,
    /// Levels times `1 - gain ..= 1 + gain`, after normalisation.
    pub gain: f32,
    /// Levels plus `-offset ..= offset`, after normalisation.
    pub offset: f32,
    /// Masks across all frames (SpecAugment), filled with the patch's mean.
    pub band_masks: usize,
    /// Widest such mask, bands.
    pub band_mask_width: usize,
    /// Masks across all bands, filled with the patch's mean.
    pub frame_masks: usize,
    /// Widest such mask, frames; shorter crops get masks in proportion.
    pub frame_mask_width: usize,
    /// Two patches and their targets are mixed with a share from Beta(mixup, mixup).
    pub mixup: f32,
    /// Share of every target that is spread evenly over all genres.
    pub label_smoothing: f32,
    /// What other recordings of the same music differ in.
    #[serde(skip_serializing_if = "Recording::is_none")]
    pub recording: Recording,
}

/// The keys in which patches are learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Keys {
    /// A set of source 2.
    Named(KeySet),
    /// Semitones up.
    Listed(Vec<f64>),
}

/// The sets of source 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeySet {
    /// The recordings as they are.
    C,
    /// Those, and all of them a semitone higher.
    #[serde(rename = "C_ps")]
    CPs,
}

impl Default for Keys {
    fn default() -> Self {
        Self::Named(KeySet::C)
    }
}

/// Farthest key, semitones: two octaves.
const FARTHEST_SEMITONES: f64 = 24.0;

impl Default for Augment {
    fn default() -> Self {
        Self {
            transpose: Keys::default(),
            transposing: Transposing::default(),
            crop_frames: None,
            full_patch_probability: 0.5,
            band_shift: 3,
            band_limit_probability: 0.0,
            band_limit_least: 84,
            gain: 0.1,
            offset: 0.2,
            band_masks: 2,
            band_mask_width: 20,
            frame_masks: 2,
            frame_mask_width: 20,
            mixup: 0.4,
            label_smoothing: 0.1,
            recording: Recording::default(),
        }
    }
}

impl Augment {
    /// Patches as they are.
    pub fn none() -> Self {
        Self {
            crop_frames: None,
            full_patch_probability: 1.0,
            band_shift: 0,
            gain: 0.0,
            offset: 0.0,
            band_masks: 0,
            frame_masks: 0,
            mixup: 0.0,
            label_smoothing: 0.0,
            ..Self::default()
        }
    }

    /// # Errors
    /// [`ErrorKind::BadSettings`] for values that cannot be meant.
    pub fn check(&self) -> Result<()> {
        let crops = self.crop_frames.is_none_or(|[shortest, longest]| 0 < shortest && shortest <= longest);
        let shares = [
            self.full_patch_probability,
            self.band_limit_probability,
            f64::from(self.label_smoothing),
            f64::from(self.gain),
        ];
        let keys = self.semitones();
        let checks = [
            (
                !keys.is_empty() && keys.iter().all(|key| key.abs() <= FARTHEST_SEMITONES),
                "transpose must be \"C\", \"C_ps\" or a list of semitones from -24 to 24",
            ),
            (crops, "crop_frames must be [shortest, longest] with 1 <= shortest <= longest"),
            (
                shares.iter().all(|share| (0.0..=1.0).contains(share)),
                "full_patch_probability, band_limit_probability, label_smoothing and gain must lie in 0 to 1",
            ),
            (self.offset >= 0.0 && self.offset.is_finite(), "offset must be a number >= 0"),
            (self.mixup >= 0.0 && self.mixup.is_finite(), "mixup must be a number >= 0"),
        ];
        match checks.iter().find(|(fine, _)| !fine) {
            Some((_, what)) => Err(Error::new(ErrorKind::BadSettings, format!("augment: {what}"))),
            None => self.recording.check(),
        }
    }

    /// The keys in which every patch is learned from, semitones up.
    pub fn semitones(&self) -> &[f64] {
        match &self.transpose {
            Keys::Named(KeySet::C) => &[0.0],
            Keys::Named(KeySet::CPs) => &[0.0, 1.0],
            Keys::Listed(semitones) => semitones,
        }
    }

    /// Frames of the patches of one batch.
    pub fn draw_frames(&self, patch_frames: usize, rng: &mut impl Rng) -> usize {
        match self.crop_frames {
            Some([shortest, longest]) if !rng.random_bool(self.full_patch_probability) => {
                rng.random_range(shortest..=longest)
            }
            _ => patch_frames,
        }
    }

    /// Shift drawn from `-band_shift ..= band_shift`.
    pub fn draw_shift(&self, rng: &mut impl Rng) -> i64 {
        let most = self.band_shift as i64;
        rng.random_range(-most..=most)
    }

    /// Bands that are left of a patch: all, or, as often as settings say, any number from `band_limit_least` on.
    pub fn draw_band_limit(&self, bands: usize, rng: &mut impl Rng) -> usize {
        if self.band_limit_probability > 0.0 && rng.random_bool(self.band_limit_probability) {
            rng.random_range(self.band_limit_least.min(bands)..=bands)
        } else {
            bands
        }
    }

    /// Gain and offset of a normalised patch.
    pub fn vary_level(&self, patch: &mut [f32], rng: &mut impl Rng) {
        if self.gain == 0.0 && self.offset == 0.0 {
            return;
        }
        let gain = 1.0 + self.gain * rng.random_range(-1.0f32..=1.0);
        let offset = self.offset * rng.random_range(-1.0f32..=1.0);
        patch.iter_mut().for_each(|level| *level = *level * gain + offset);
    }

    /// Masks of a normalised patch `[frames, bands]`.
    pub fn mask(&self, patch: &mut [f32], bands: usize, full_frames: usize, rng: &mut impl Rng) {
        let frames = patch.len() / bands;
        if self.band_masks + self.frame_masks == 0 {
            return;
        }
        let mean = patch.iter().sum::<f32>() / patch.len() as f32;
        for _ in 0..self.band_masks {
            let [from, to] = draw_span(bands, self.band_mask_width, rng);
            patch.chunks_exact_mut(bands).for_each(|frame| frame[from..to].fill(mean));
        }
        let widest = self.frame_mask_width * frames.min(full_frames) / full_frames.max(1);
        for _ in 0..self.frame_masks {
            let [from, to] = draw_span(frames, widest, rng);
            patch[from * bands..to * bands].fill(mean);
        }
    }

    /// The share that a patch keeps when it is mixed with another: at least a half, 1 without mixup.
    pub fn draw_share(&self, rng: &mut impl Rng) -> f32 {
        match Beta::new(self.mixup, self.mixup) {
            Ok(beta) if self.mixup > 0.0 => {
                let share: f32 = beta.sample(rng);
                share.max(1.0 - share)
            }
            _ => 1.0,
        }
    }

    /// Target of a genre: one, with a share spread evenly over all.
    pub fn target(&self, genre: usize, genres: usize) -> Vec<f32> {
        let mut target = vec![self.label_smoothing / genres as f32; genres];
        target[genre] += 1.0 - self.label_smoothing;
        target
    }
}

/// Where a mask lies: width 0 to `widest`, anywhere.
fn draw_span(length: usize, widest: usize, rng: &mut impl Rng) -> [usize; 2] {
    let width = rng.random_range(0..=widest.min(length));
    let from = rng.random_range(0..=length - width);
    [from, from + width]
}

/// Moves every frame up by `shift` bands (down when negative); bands that come free get `floor`.
pub fn shift_bands(patch: &mut [f32], bands: usize, shift: i64, floor: f32) {
    let by = (shift.unsigned_abs() as usize).min(bands);
    if by == 0 {
        return;
    }
    for frame in patch.chunks_exact_mut(bands) {
        if shift > 0 {
            frame.copy_within(..bands - by, by);
            frame[..by].fill(floor);
        } else {
            frame.copy_within(by.., 0);
            frame[bands - by..].fill(floor);
        }
    }
}

/// Fills all but the lowest `left` bands with `floor`.
pub fn limit_bands(patch: &mut [f32], bands: usize, left: usize, floor: f32) {
    if left >= bands {
        return;
    }
    patch.chunks_exact_mut(bands).for_each(|frame| frame[left..].fill(floor));
}

/// `share * own + (1 - share) * other`, in place.
pub fn mix(own: &mut [f32], other: &[f32], share: f32) {
    own.iter_mut().zip(other).for_each(|(a, b)| *a = share * *a + (1.0 - share) * b);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::draw::{Purpose, generator};

    #[test]
    fn bands_shift_both_ways_and_the_edge_gets_the_floor() {
        let cases: [(i64, [f32; 6]); 4] = [
            (0, [1., 2., 3., 4., 5., 6.]),
            (1, [-9., 1., 2., -9., 4., 5.]),
            (-2, [3., -9., -9., 6., -9., -9.]),
            (7, [-9.; 6]),
        ];
        for (shift, expected) in cases {
            let mut patch = [1., 2., 3., 4., 5., 6.];
            shift_bands(&mut patch, 3, shift, -9.0);
            assert_eq!(patch, expected, "shift {shift}");
        }
    }

    #[test]
    fn the_upper_bands_are_emptied_as_often_as_settings_say() {
        let mut patch = [1., 2., 3., 4., 5., 6.];
        limit_bands(&mut patch, 3, 1, -9.0);
        assert_eq!(patch, [1., -9., -9., 4., -9., -9.]);
        let augment = Augment { band_limit_probability: 0.25, band_limit_least: 100, ..Augment::default() };
        let mut rng = generator(3, Purpose::Crop, [0, 0]);
        let left: Vec<usize> = (0..4000).map(|_| augment.draw_band_limit(128, &mut rng)).collect();
        let limited = left.iter().filter(|&&left| left < 128).count();
        // 4000 * 0.25 * 28 / 29, five standard deviations either way
        assert!((830..=1101).contains(&limited), "{limited}");
        assert_eq!(left.iter().min(), Some(&100));
    }

    #[test]
    fn masks_keep_the_mean_and_the_range() {
        let mut rng = generator(1, Purpose::Crop, [0, 0]);
        for seed in 0..50 {
            let mut patch: Vec<f32> = (0..32 * 16).map(|i| ((i * 31 + seed) % 17) as f32).collect();
            let before = patch.clone();
            let mean = before.iter().sum::<f32>() / before.len() as f32;
            Augment::default().mask(&mut patch, 16, 32, &mut rng);
            assert!(patch.iter().zip(&before).all(|(a, b)| a == b || *a == mean));
        }
    }

    #[test]
    fn targets_sum_to_one_and_the_larger_share_stays() {
        let augment = Augment::default();
        assert!((augment.target(3, 10).iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((augment.target(3, 10)[3] - 0.91).abs() < 1e-6);
        let mut rng = generator(1, Purpose::Mix, [0, 0]);
        let shares: Vec<f32> = (0..1000).map(|_| augment.draw_share(&mut rng)).collect();
        assert!(shares.iter().all(|share| (0.5..=1.0).contains(share)));
        // E[max(x, 1 - x)] of Beta(0.4, 0.4), by numerical integration
        assert!((shares.iter().sum::<f32>() / 1000.0 - 0.83).abs() < 0.03);
        assert_eq!(Augment::none().draw_share(&mut rng), 1.0);
    }

    #[test]
    fn crop_lengths_stay_in_their_range() {
        let augment =
            Augment { crop_frames: Some([5, 9]), full_patch_probability: 0.5, ..Augment::default() };
        let mut rng = generator(2, Purpose::Length, [0, 0]);
        let lengths: Vec<usize> = (0..300).map(|_| augment.draw_frames(128, &mut rng)).collect();
        assert!(lengths.iter().all(|&n| n == 128 || (5..=9).contains(&n)));
        assert!((5..=9).chain([128]).all(|n| lengths.contains(&n)));
    }
}
