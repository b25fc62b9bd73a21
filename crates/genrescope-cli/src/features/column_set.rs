//! What the columns of a table are, and how they are computed of a segment.

use std::sync::Arc;

use genrescope::audio::Waveform;
use genrescope::features::{Column, FeatureSet, Padding, SAMPLE_RATE_HZ, mel_spectrogram, patch_db};
use genrescope::model::{Model, PatchInput};

/// Patches that the network sees at once: its convolutions give 20 MB each.
const PATCHES_AT_ONCE: usize = 2;
/// Numbers of musicnn's embedding.
const EMBEDDING: usize = 200;

#[derive(Clone)]
pub(super) enum ColumnSet {
    Features(FeatureSet),
    /// Of musicnn: the mean over patches that lie side by side.
    Embedding(Arc<Model>),
}

impl ColumnSet {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Features(set) => set.name(),
            Self::Embedding(_) => "embedding",
        }
    }

    pub(super) fn columns(&self) -> Vec<Column> {
        let unit = || "1".to_owned();
        match self {
            Self::Features(set) => set.columns(),
            Self::Embedding(_) => {
                let column = |n| Column { name: format!("embedding_{n}"), unit: unit() };
                (1..=EMBEDDING).map(column).collect()
            }
        }
    }

    pub(super) fn sample_rate_hz(&self) -> u32 {
        match self {
            Self::Features(_) => SAMPLE_RATE_HZ,
            Self::Embedding(model) => model.header.front_end.sample_rate_hz,
        }
    }

    /// One number a column, of the samples of a segment.
    pub(super) fn values(&self, samples: &[f32], padding: Padding) -> genrescope::Result<Vec<f64>> {
        match self {
            Self::Features(set) => Ok(set.values(samples, padding)),
            Self::Embedding(model) => embedding(model, samples),
        }
    }
}

/// A rest that is shorter than a patch is left out, but where it is all there is.
fn embedding(model: &Model, samples: &[f32]) -> genrescope::Result<Vec<f64>> {
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
