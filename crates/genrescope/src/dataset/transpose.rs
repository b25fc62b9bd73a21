//! Music in another key: the same levels at other bands.

use serde::{Deserialize, Serialize};

use crate::features::{FrontEnd, hz_to_mel, mel_to_hz};

/// Level of what is not known, above half the sample rate, dB: below any floor.
const NOTHING_DB: f32 = -300.0;

/// What is shifted to change the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transposing {
    /// The bands of the spectrogram.
    #[default]
    Spectrogram,
    /// The samples, before anything is computed of them; needs audio.
    Waveform,
}

/// A shift of the spectrogram along its bands: `new[b] = old` at the band of `f_b · 2^(-semitones / 12)`, interpolated
/// between neighbours in dB. Below the lowest band it is continued evenly.
#[derive(Clone, Debug, PartialEq)]
pub struct Transposition {
    /// Where in the old frame each band of the new one is, in bands.
    positions: Vec<f64>,
}

impl Transposition {
    /// For spectrograms of a front end; `semitones` up, negative down.
    pub fn new(front_end: &FrontEnd, semitones: f64) -> Self {
        let bands = front_end.mel_bands;
        let top_mel = hz_to_mel(f64::from(front_end.sample_rate_hz) / 2.0);
        let band_mel = top_mel / (bands + 1) as f64;
        let centre_hz = |band: usize| mel_to_hz(band_mel * (band + 1) as f64);
        let band_of = |hz: f64| hz_to_mel(hz) / band_mel - 1.0;
        let ratio = 2f64.powf(-semitones / 12.0);
        Self { positions: (0..bands).map(|band| band_of(centre_hz(band) * ratio)).collect() }
    }

    /// Shifts the levels of a patch in place.
    ///
    /// # Shape
    /// `[frames, bands]`, dB.
    pub fn apply(&self, db: &mut [f32]) {
        let mut old = vec![0.0; self.positions.len()];
        for frame in db.chunks_exact_mut(self.positions.len()) {
            old.copy_from_slice(frame);
            for (level, &position) in frame.iter_mut().zip(&self.positions) {
                *level = level_at(&old, position);
            }
        }
    }
}

fn level_at(frame: &[f32], position: f64) -> f32 {
    let last = frame.len() - 1;
    // The uppermost band still tells of half a band above its centre.
    if position > last as f64 + 0.5 {
        return NOTHING_DB;
    }
    let position = position.clamp(0.0, last as f64);
    let low = position as usize;
    let share = (position - low as f64) as f32;
    frame[low] + share * (frame[(low + 1).min(last)] - frame[low])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(semitones: f64, band: usize) -> f64 {
        band as f64 - Transposition::new(&FrontEnd::gtzan_mel(), semitones).positions[band]
    }

    #[test]
    fn a_semitone_is_a_fifth_of_a_band_at_100_hz_and_two_bands_from_1_khz_up() {
        let front_end = FrontEnd::gtzan_mel();
        let band_mel = hz_to_mel(f64::from(front_end.sample_rate_hz) / 2.0) / 129.0;
        let band_of = |hz: f64| (hz_to_mel(hz) / band_mel - 1.0).round() as usize;
        // The band nearest to 100 Hz is centred at 116 Hz: a semitone moves what is proportional to it.
        let at_100_hz =
            moved(1.0, band_of(100.0)) * 100.0 / mel_to_hz(band_mel * (band_of(100.0) + 1) as f64);
        assert!((at_100_hz - 0.23).abs() < 0.02, "{at_100_hz}");
        for hz in [1200.0, 3000.0, 8000.0] {
            assert!((moved(1.0, band_of(hz)) - 2.17).abs() < 0.01, "{hz} Hz: {}", moved(1.0, band_of(hz)));
        }
    }

    #[test]
    fn no_shift_changes_nothing_and_there_and_back_is_where_it_was() {
        let levels: Vec<f32> = (0..128).map(|band| -0.2 * band as f32).collect();
        let shifted = |by: &[f64]| {
            let mut frame = levels.clone();
            by.iter().for_each(|&by| Transposition::new(&FrontEnd::gtzan_mel(), by).apply(&mut frame));
            frame
        };
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3);
        assert!(close(&shifted(&[0.0]), &levels));
        assert!(close(&shifted(&[3.0, -3.0])[10..110], &levels[10..110]));
        assert!(!close(&shifted(&[3.0])[10..110], &levels[10..110]));
    }

    #[test]
    fn what_lies_above_half_the_sample_rate_is_nothing() {
        let mut frame = vec![-10.0; 128];
        Transposition::new(&FrontEnd::gtzan_mel(), -2.0).apply(&mut frame);
        let known = frame.iter().filter(|level| **level == -10.0).count();
        assert_eq!((known, frame[127], frame[0]), (124, NOTHING_DB, -10.0));
    }
}
