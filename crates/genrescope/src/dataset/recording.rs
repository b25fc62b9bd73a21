//! The same music in another recording: what rooms, microphones, mastering and players do to levels.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::Spectrogram;
use super::transpose::Transposition;
use crate::features::{FrontEnd, resample_frames};
use crate::{Error, ErrorKind, Result};

/// How the recording of a patch is varied while learning. Each change is made by itself, as often as `probability` says;
/// zero switches one off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recording {
    /// Probability of each of the changes.
    pub probability: f64,
    /// Another key, by up to so many semitones up or down.
    pub semitones: f64,
    /// Another tempo, slower or faster by up to this share; of random crops.
    pub stretch: f64,
    /// An equaliser whose gains at five places of the bands are up to so many dB, up or down, and interpolated between.
    pub equaliser_db: f32,
    /// A room: every band dies away by 60 dB within up to so many seconds.
    pub reverberation_s: f64,
    /// Mastering: differences of level shrink by up to this share.
    pub compression: f32,
    /// Noise under the music whose level is drawn from these, dB under the loudest cell; the same in all bands or falling
    /// by up to 20 dB to either side.
    pub noise_db: Option<[f32; 2]>,
    /// The lowest bands fade away, up to this one.
    pub low_cut_band: usize,
}

impl Default for Recording {
    /// No change.
    fn default() -> Self {
        Self {
            probability: 0.0,
            semitones: 0.0,
            stretch: 0.0,
            equaliser_db: 0.0,
            reverberation_s: 0.0,
            compression: 0.0,
            noise_db: None,
            low_cut_band: 0,
        }
    }
}

/// Places of the bands at which an equaliser's gains are drawn.
const EQUALISER_PLACES: usize = 5;
/// How much less noise there may be at one end of the bands than at the other, dB.
const NOISE_TILT_DB: f32 = 20.0;
/// A sound that is so much softer than another adds less than 0.001 dB to it.
const UNHEARD_DB: f32 = 40.0;
/// How much every band below a low cut is softer than the one above it, dB.
const CUT_DB_PER_BAND: f32 = 6.0;

impl Recording {
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// # Errors
    /// [`ErrorKind::BadSettings`] for values that cannot be meant.
    pub(super) fn check(&self) -> Result<()> {
        let shares = [self.probability, self.stretch, f64::from(self.compression)];
        let sizes = [self.semitones, f64::from(self.equaliser_db), self.reverberation_s];
        let noise =
            self.noise_db.is_none_or(|[least, most]| least <= most && most <= 0.0 && least.is_finite());
        let size_of_a_change = Self { probability: 0.0, ..self.clone() };
        let checks = [
            (
                self.probability > 0.0 || size_of_a_change.is_none(),
                "probability is 0: no change would ever be made",
            ),
            (
                shares.iter().all(|s| (0.0..=1.0).contains(s)),
                "probability, stretch and compression lie in 0 to 1",
            ),
            (self.stretch <= 0.5, "stretch is at most 0.5"),
            (
                sizes.iter().all(|s| (0.0..=24.0).contains(s)),
                "semitones, equaliser_db and reverberation_s lie in 0 to 24",
            ),
            (noise, "noise_db is [softest, loudest], dB under the loudest cell, at most 0"),
        ];
        match checks.iter().find(|(fine, _)| !fine) {
            Some((_, what)) => Err(Error::new(ErrorKind::BadSettings, format!("augment.recording: {what}"))),
            None => Ok(()),
        }
    }

    fn happens(&self, rng: &mut impl Rng) -> bool {
        self.probability > 0.0 && rng.random_bool(self.probability)
    }

    /// Neighbouring frames from a random place, in another tempo.
    pub(super) fn crop(&self, spectrogram: &Spectrogram, frames: usize, rng: &mut impl Rng) -> Vec<f32> {
        let stretched = match self.stretch > 0.0 && self.happens(rng) {
            true => (frames as f64 * (1.0 + rng.random_range(-self.stretch..=self.stretch))).round() as usize,
            false => frames,
        };
        let last = spectrogram.frames().saturating_sub(stretched);
        let crop = spectrogram.crop(rng.random_range(0..=last), stretched.max(1));
        match stretched == frames {
            true => crop,
            false => resample_frames(&crop, spectrogram.bands, frames),
        }
    }

    /// Varies a patch that was cut.
    ///
    /// # Shape
    /// `[frames, bands]`, dB, in place; what 0 dB is changes.
    pub(super) fn vary(&self, db: &mut [f32], front_end: &FrontEnd, rng: &mut impl Rng) {
        let bands = front_end.mel_bands;
        if self.semitones > 0.0 && self.happens(rng) {
            Transposition::new(front_end, rng.random_range(-self.semitones..=self.semitones)).apply(db);
        }
        if self.equaliser_db > 0.0 && self.happens(rng) {
            let gains = [(); EQUALISER_PLACES].map(|()| self.equaliser_db * rng.random_range(-1.0..=1.0));
            add_by_band(db, &resample_frames(&gains, 1, bands));
        }
        if self.reverberation_s > 0.0 && self.happens(rng) {
            let time_s = rng.random_range(0.0..=self.reverberation_s).max(front_end.frame_period_s());
            reverberate(db, bands, (60.0 * front_end.frame_period_s() / time_s) as f32);
        }
        if self.compression > 0.0 && self.happens(rng) {
            let share = 1.0 - rng.random_range(0.0..=self.compression);
            db.iter_mut().for_each(|level| *level *= share);
        }
        if self.low_cut_band > 0 && self.happens(rng) {
            low_cut(db, bands, rng.random_range(1..=self.low_cut_band));
        }
        if let Some([least, most]) = self.noise_db.filter(|_| self.happens(rng)) {
            let loudest = db.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let level = loudest + rng.random_range(least..=most);
            let tilt = NOISE_TILT_DB * rng.random_range(-1.0..=1.0);
            add_noise(db, bands, [level - tilt.max(0.0), level + tilt.min(0.0)]);
        }
    }
}

fn add_by_band(db: &mut [f32], gains: &[f32]) {
    for frame in db.chunks_exact_mut(gains.len()) {
        frame.iter_mut().zip(gains).for_each(|(level, gain)| *level += gain);
    }
}

/// Every level is what sounds now and what is left of the frame before, which is softer by `decay_db`.
fn reverberate(db: &mut [f32], bands: usize, decay_db: f32) {
    for at in bands..db.len() {
        db[at] = sum_of_powers(db[at], db[at - bands] - decay_db);
    }
}

/// Bands below `cut` are softer the farther they are from it.
fn low_cut(db: &mut [f32], bands: usize, cut: usize) {
    let gains: Vec<f32> = (0..bands).map(|band| -CUT_DB_PER_BAND * cut.saturating_sub(band) as f32).collect();
    add_by_band(db, &gains);
}

/// Adds noise of a level that goes evenly from the lowest band's to the highest's.
fn add_noise(db: &mut [f32], bands: usize, ends: [f32; 2]) {
    let noise = resample_frames(&ends, 1, bands);
    for frame in db.chunks_exact_mut(bands) {
        frame.iter_mut().zip(&noise).for_each(|(level, noise)| *level = sum_of_powers(*level, *noise));
    }
}

/// Level of two sounds together, dB.
fn sum_of_powers(a: f32, b: f32) -> f32 {
    let (loud, soft) = (a.max(b), a.min(b));
    if loud - soft > UNHEARD_DB {
        return loud;
    }
    loud + 10.0 * (1.0 + 10f32.powf((soft - loud) / 10.0)).log10()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::draw::{Purpose, generator};

    #[test]
    fn powers_add_in_db() {
        assert!((sum_of_powers(-10.0, -10.0) + 6.9897).abs() < 1e-3);
        assert!((sum_of_powers(0.0, -60.0)).abs() < 1e-5);
        assert_eq!(sum_of_powers(-300.0, -5.0), -5.0);
    }

    #[test]
    fn a_room_lets_a_knock_die_away_evenly() {
        let mut db = vec![-100.0; 5];
        db[1] = 0.0;
        reverberate(&mut db, 1, 10.0);
        let expected = [-100.0, 0.0, -10.0, -20.0, -30.0];
        assert!(db.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01), "{db:?}");
    }

    #[test]
    fn a_low_cut_falls_evenly_and_noise_fills_what_is_softer() {
        let mut db = vec![0.0; 4];
        low_cut(&mut db, 4, 2);
        assert_eq!(db, [-12.0, -6.0, 0.0, 0.0]);
        let mut db = vec![-90.0, 0.0, -90.0];
        add_noise(&mut db, 3, [-30.0, -50.0]);
        assert!(db.iter().zip([-30.0, 0.0, -50.0]).all(|(a, b)| (a - b).abs() < 0.01), "{db:?}");
    }

    #[test]
    fn every_change_happens_as_often_as_settings_say_and_none_by_default() {
        let front_end = FrontEnd { mel_bands: 8, ..FrontEnd::default() };
        let patch: Vec<f32> = (0..8 * 16).map(|n| -((n * 37 % 60) as f32)).collect();
        let changed = |recording: &Recording| {
            let mut rng = generator(1, Purpose::Crop, [0, 0]);
            let one = |_| {
                let mut db = patch.clone();
                recording.vary(&mut db, &front_end, &mut rng);
                assert!(db.iter().all(|level| level.is_finite()));
                usize::from(db != patch)
            };
            (0..1000).map(one).sum::<usize>()
        };
        let half = |recording: Recording| Recording { probability: 0.5, ..recording };
        let base = Recording::default;
        let each = [
            Recording { semitones: 2.0, ..base() },
            Recording { equaliser_db: 6.0, ..base() },
            Recording { reverberation_s: 0.8, ..base() },
            Recording { compression: 0.4, ..base() },
            Recording { noise_db: Some([-40.0, -10.0]), ..base() },
            Recording { low_cut_band: 6, ..base() },
        ];
        for recording in each {
            assert_eq!(changed(&recording), 0, "never");
            let count = changed(&half(recording.clone()));
            assert!((420..=580).contains(&count), "{recording:?}: {count}");
        }
    }

    #[test]
    fn another_tempo_fills_the_patch_all_the_same() {
        let spectrogram = Spectrogram { bands: 1, db: (0..100).map(|n| n as f32).collect() };
        let recording = Recording { probability: 1.0, stretch: 0.1, ..Recording::default() };
        let mut rng = generator(1, Purpose::Crop, [0, 0]);
        let mut steps: Vec<f32> = Vec::new();
        for _ in 0..200 {
            let crop = recording.crop(&spectrogram, 41, &mut rng);
            assert_eq!(crop.len(), 41);
            steps.push((crop[40] - crop[0]) / 40.0);
        }
        assert!(steps.iter().all(|step| (0.89..=1.11).contains(step)));
        assert!(steps.iter().any(|step| *step < 0.95) && steps.iter().any(|step| *step > 1.05));
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused() {
        let base = Recording::default;
        assert!(base().check().is_ok());
        let wrong = [
            Recording { probability: 1.5, ..base() },
            Recording { stretch: 0.6, ..base() },
            Recording { semitones: f64::NAN, ..base() },
            Recording { noise_db: Some([-10.0, -40.0]), ..base() },
            Recording { noise_db: Some([-10.0, 3.0]), ..base() },
        ];
        assert!(wrong.iter().all(|recording| recording.check().is_err()));
    }
}
