//! The features that stand beside a patch's spectrogram, from the same patch.

use serde::{Deserialize, Serialize};

use super::{FeatureSet, FrontEnd, MEL_BANDS, MelLayout, Padding, SAMPLE_RATE_HZ};
use crate::{Error, ErrorKind, Result};

/// Which features a network reads beside the spectrogram of a patch. Travels in the model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchFeatures {
    /// The columns. Sets that need the audio are computed from the patch's samples, the others from its spectrogram as
    /// the network sees it before normalisation.
    pub set: FeatureSet,
    /// What stands before the first and after the last sample, for sets that need the audio.
    #[serde(default = "published")]
    pub padding: Padding,
}

/// As the published table was made.
fn published() -> Padding {
    Padding::Reflect
}

impl PatchFeatures {
    /// Names of the columns, in order.
    pub fn columns(&self) -> Vec<String> {
        self.set.columns().into_iter().map(|column| column.name).collect()
    }

    /// The features of one patch: its levels, as of [`patch_db`](super::patch_db), and its samples, as of
    /// [`FrontEnd::samples_of`], which sets of the spectrogram do not look at.
    ///
    /// # Shape
    /// `[frames, bands]` dB, `[samples]` → one number a column, in the column's unit.
    pub fn of_patch(&self, db: &[f32], samples: &[f32], front_end: &FrontEnd) -> Vec<f32> {
        let values = if self.set.needs_audio() {
            self.set.values(samples, self.padding)
        } else {
            self.set.values_of_mel(db, layout(front_end))
        };
        values.into_iter().map(|value| value as f32).collect()
    }

    /// Whether the front end gives what the set is made of.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] with what does not fit.
    pub fn check(&self, front_end: &FrontEnd) -> Result<()> {
        let (name, rate_hz, bands) = (self.set.name(), front_end.sample_rate_hz, front_end.mel_bands);
        let what = if self.set.needs_audio() && rate_hz != SAMPLE_RATE_HZ {
            format!(
                "features {name} are those of audio at {SAMPLE_RATE_HZ} Hz, the front end has {rate_hz} Hz"
            )
        } else if self.set == FeatureSet::Mel && bands != MEL_BANDS {
            format!("features {name} are of {MEL_BANDS} bands, the front end has {bands}")
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::BadSettings, what + "; choose another set"))
    }
}

fn layout(front_end: &FrontEnd) -> MelLayout {
    MelLayout { sample_rate_hz: front_end.sample_rate_hz, n_fft: front_end.n_fft, bands: front_end.mel_bands }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_segment_has_the_samples_of_its_130_frames() {
        let full = FrontEnd { frame_step: 1.0, ..FrontEnd::gtzan_mel() };
        assert_eq!(full.samples_of(0, 130), 0..66_049);
        assert_eq!(full.samples_of(10, 1), 5120..5121);
        let coarse = FrontEnd::gtzan_mel();
        assert_eq!(coarse.samples_of(0, 38), 512..125 * 512 + 1);
    }

    #[test]
    fn sets_that_the_front_end_cannot_give_are_refused() {
        let of = |set| PatchFeatures { set, padding: Padding::Reflect };
        let slow = FrontEnd { sample_rate_hz: 16_000, ..FrontEnd::gtzan_mel() };
        let few = FrontEnd { mel_bands: 64, ..FrontEnd::gtzan_mel() };
        assert!(of(FeatureSet::Gtzan55).check(&slow).is_err() && of(FeatureSet::Mel46).check(&slow).is_ok());
        assert!(of(FeatureSet::Mel).check(&few).is_err() && of(FeatureSet::Mel46).check(&few).is_ok());
    }
}
