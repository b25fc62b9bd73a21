//! Samples → the numbers that a head learns from.

use crate::audio::Waveform;
use crate::error::Result;
use crate::features::{mel_spectrogram, patch_db};
use crate::model::{Model, PatchInput};

/// Patches that the network sees at once: its convolutions give 20 MB each.
const PATCHES_AT_ONCE: usize = 2;
/// Numbers of musicnn's embedding.
pub const EMBEDDING: usize = 200;

/// What musicnn makes of samples before it names tags: the mean over patches that lie side by side. A rest that is
/// shorter than a patch is left out, but where it is all there is.
///
/// # Shape
/// `[samples]` at the front end's rate → [`EMBEDDING`] numbers.
///
/// # Errors
/// Those of [`Model::embeddings`].
pub fn embedding(model: &Model, samples: &[f32]) -> Result<Vec<f64>> {
    let front_end = &model.header.front_end;
    let waveform = Waveform { samples: samples.to_vec(), sample_rate_hz: front_end.sample_rate_hz };
    let mel = mel_spectrogram(&waveform, front_end)?;
    let length = model.header.patch_frames.min(mel.frames()).max(1);
    let rows = mel.power.chunks_exact(length * mel.bands);
    let patches: Vec<PatchInput> = rows.map(|rows| patch_db(rows, front_end, None).into()).collect();
    let mut sums = vec![0.0; EMBEDDING];
    for patches in patches.chunks(PATCHES_AT_ONCE) {
        for values in model.embeddings(patches)? {
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
        }
    }
    let count = patches.len().max(1) as f64;
    Ok(sums.into_iter().map(|sum| sum / count).collect())
}
