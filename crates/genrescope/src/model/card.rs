//! What a model says of itself: the header of its file.

use serde::{Deserialize, Serialize};

use super::zoo;
use crate::error::{Error, ErrorKind, Result};
use crate::features::FrontEnd;

/// The layout of model files that this version writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// Everything about a model but its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Layout of the file, [`FORMAT_VERSION`].
    pub format_version: u32,
    /// What the model is called.
    pub name: String,
    /// Its network in the [`zoo`].
    pub network: String,
    /// Frames of the patch it was made for.
    pub patch_frames: usize,
    /// Whether it also takes patches of other lengths.
    pub any_length: bool,
    /// How audio becomes its input.
    pub front_end: FrontEnd,
    /// Its labels, in the order of its scores.
    pub genres: Vec<String>,
    /// What is done to dB values before the network sees them.
    pub normalisation: Normalisation,
    /// What it learnt from.
    pub trained_on: TrainedOn,
    /// What it reached, each number with its protocol.
    pub results: Vec<ProtocolResult>,
    /// Licence of the weights.
    pub licence: String,
    /// Commit of the program that trained it.
    pub commit: String,
}

/// `(dB - mean) / deviation`; either one number for all bands or one a band, from the training part alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// Mean level, dB.
    pub mean: Vec<f32>,
    /// Standard deviation, dB.
    pub deviation: Vec<f32>,
}

/// What a model learnt from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedOn {
    /// The data set and which part of it.
    pub data: String,
    /// How many tracks.
    pub tracks: usize,
    /// How many epochs.
    pub epochs: usize,
    /// Seed of weights, crops and variations.
    pub seed: u64,
    /// The effective settings, as TOML.
    pub settings: String,
}

/// One measured accuracy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolResult {
    /// `segment`, `track`, `filtered`, `artist` or another named way of splitting.
    pub protocol: String,
    /// Tracks judged right, percent.
    pub accuracy_percent: f64,
    /// Its 95 % interval, percent.
    pub interval: Option<[f64; 2]>,
    /// How many tracks were judged.
    pub tracks: usize,
    /// The data set they are from.
    pub data: String,
    /// Seed of the split and the training.
    pub seed: u64,
}

impl Normalisation {
    /// Normalises a patch in place.
    ///
    /// # Shape
    /// `[frames, bands]`, dB → the same, without unit.
    pub fn apply(&self, patch: &mut [f32], bands: usize) {
        let columns = |values: &[f32]| values.iter().copied().cycle().take(bands).collect::<Vec<_>>();
        let (mean, deviation) = (columns(&self.mean), columns(&self.deviation));
        for frame in patch.chunks_exact_mut(bands.max(1)) {
            for ((value, mean), deviation) in frame.iter_mut().zip(&mean).zip(&deviation) {
                *value = (*value - mean) / deviation;
            }
        }
    }

    fn check(&self, bands: usize) -> Result<(), String> {
        let (means, deviations) = (self.mean.len(), self.deviation.len());
        if means != deviations || ![1, bands].contains(&means) {
            return Err(format!(
                "normalisation has {means} means and {deviations} deviations, expected 1 or {bands} of each"
            ));
        }
        let sound = self.mean.iter().all(|mean| mean.is_finite())
            && self.deviation.iter().all(|deviation| deviation.is_finite() && *deviation > 0.0);
        if sound { Ok(()) } else { Err("normalisation needs finite means and deviations above 0".into()) }
    }
}

impl Header {
    /// Length of the patch it was made for, seconds.
    pub fn patch_s(&self) -> f64 {
        self.patch_frames as f64 * self.front_end.frame_period_s()
    }

    /// A header from the text in a file.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|e| bad("its header is damaged").with_source(e))?;
        check_version(&value)?;
        let header: Self = serde_json::from_value(value.clone())
            .map_err(|e| bad(format!("its header does not fit format version {FORMAT_VERSION}: {e}")))?;
        header.check_complete(&value)?;
        header.check()?;
        Ok(header)
    }

    /// Settings that are not stated would be taken from this program's defaults, which may change: refused.
    fn check_complete(&self, stated: &serde_json::Value) -> Result<()> {
        let full = serde_json::to_value(&self.front_end).map_err(|e| bad("front end").with_source(e))?;
        let keys = full.as_object().into_iter().flat_map(|object| object.keys());
        match keys.into_iter().find(|key| stated["front_end"].get(key).is_none()) {
            Some(key) => Err(bad(format!("its front end does not state `{key}`"))),
            None => Ok(()),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let blank = self.genres.iter().any(|genre| genre.trim().is_empty());
        let twice = (1..self.genres.len()).find(|&i| self.genres[..i].contains(&self.genres[i]));
        if self.genres.len() < 2 || blank {
            return Err(bad(format!("its genres are {:?}, expected at least two names", self.genres)));
        }
        if let Some(i) = twice {
            return Err(bad(format!("its genres name `{}` twice", self.genres[i])));
        }
        if self.name.trim().is_empty() || self.patch_frames == 0 {
            return Err(bad("it has no name or a patch without frames"));
        }
        let network = zoo::architecture(&self.network).map_err(|e| bad(e.to_string()))?;
        if self.any_length != network.any_length {
            return Err(bad(format!(
                "it says any_length = {}, its network {} does not",
                self.any_length, self.network
            )));
        }
        self.front_end.check().map_err(|e| bad(format!("its front end is out of range: {e}")))?;
        self.normalisation.check(self.front_end.mel_bands).map_err(bad)
    }
}

fn check_version(header: &serde_json::Value) -> Result<()> {
    match header.get("format_version").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(FORMAT_VERSION) => Ok(()),
        Some(version) if version > u64::from(FORMAT_VERSION) => Err(bad(format!(
            "format version {version} is newer than this program's {FORMAT_VERSION}; update genrescope"
        ))),
        Some(version) => Err(bad(format!("format version {version} is unknown, expected {FORMAT_VERSION}"))),
        None => Err(bad("its header states no format version")),
    }
}

/// A refusal of a model file.
pub(super) fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::BadModel, message)
}
