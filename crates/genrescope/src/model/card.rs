//! What a model says of itself: the header of its file.

use serde::{Deserialize, Serialize};

use super::{Certainty, Head, MusicGate, zoo};
use crate::error::{Error, ErrorKind, Result};
use crate::features::{FrontEnd, PatchFeatures};

/// The layout of model files that this version writes and reads.
pub const FORMAT_VERSION: u32 = 1;
/// What the network of a model is called that was made elsewhere and stands in no zoo.
pub(super) const FOREIGN: &str = "onnx";

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
    /// Frames that the network sees, interpolated from the patch's; as many as those unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_resample: Option<usize>,
    /// What its network's source leaves open; as listed unless given.
    #[serde(default, skip_serializing_if = "zoo::Choices::is_listed")]
    pub choices: zoo::Choices,
    /// Whether it also takes patches of other lengths.
    pub any_length: bool,
    /// How audio becomes its input.
    pub front_end: FrontEnd,
    /// What its labels are.
    #[serde(default, skip_serializing_if = "Vocabulary::is_genres")]
    pub vocabulary: Vocabulary,
    /// Its labels, in the order of its scores.
    pub genres: Vec<String>,
    /// Genres that follow from its tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    /// What tells music from other sound by its network's embedding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub music: Option<MusicGate>,
    /// What makes its scores mean what they say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainty: Option<Certainty>,
    /// What is done to dB values before the network sees them.
    pub normalisation: Normalisation,
    /// What it reads beside the spectrogram, if its network reads audio features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<FeatureInput>,
    /// What it learnt from.
    pub trained_on: TrainedOn,
    /// What it reached, each number with its protocol.
    pub results: Vec<ProtocolResult>,
    /// Licence of the weights.
    pub licence: String,
    /// Commit of the program that trained it.
    pub commit: String,
}

/// What labels are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vocabulary {
    /// One of them is right: scores sum to 1.
    #[default]
    Genres,
    /// Each may be right or not: scores are 0 to 1 each.
    Tags,
}

impl Vocabulary {
    /// Whether one of the labels is right.
    pub fn is_genres(&self) -> bool {
        *self == Self::Genres
    }
}

/// `(value - mean) / deviation`: one number for all columns (bands, or features) or one a column, from the training part
/// alone; no numbers at all: mean and deviation of each patch itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// Means, dB for levels.
    pub mean: Vec<f32>,
    /// Standard deviations, dB for levels.
    pub deviation: Vec<f32>,
}

/// The audio features that a network reads, and what is done to them before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureInput {
    /// How they are computed.
    pub extraction: PatchFeatures,
    /// Their names, in the order in which the network reads them.
    pub columns: Vec<String>,
    /// What is done to them before the network sees them.
    pub normalisation: Normalisation,
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

/// A patch that varies less than this, dB, is not scaled up.
pub(super) const LEAST_DEVIATION: f32 = 1e-3;

impl Normalisation {
    /// Values as they are.
    pub fn none() -> Self {
        Self { mean: vec![0.0], deviation: vec![1.0] }
    }

    /// Mean 0 and deviation 1 of every patch by itself.
    pub fn of_each_patch() -> Self {
        Self { mean: Vec::new(), deviation: Vec::new() }
    }

    /// Normalises one patch, or one vector of features, in place.
    ///
    /// # Shape
    /// `[rows, columns]` → the same, without unit.
    pub fn apply(&self, patch: &mut [f32], columns: usize) {
        let (own_mean, own_deviation);
        let (mean, deviation) = if self.mean.is_empty() {
            [own_mean, own_deviation] = mean_and_deviation(patch).map(|value| [value]);
            (&own_mean[..], &own_deviation[..])
        } else {
            (&self.mean[..], &self.deviation[..])
        };
        if let ([mean], [deviation]) = (mean, deviation) {
            patch.iter_mut().for_each(|value| *value = (*value - mean) / deviation);
            return;
        }
        for row in patch.chunks_exact_mut(columns.max(1)) {
            for ((value, mean), deviation) in row.iter_mut().zip(mean).zip(deviation) {
                *value = (*value - mean) / deviation;
            }
        }
    }

    fn check(&self, columns: usize) -> Result<(), String> {
        let (means, deviations) = (self.mean.len(), self.deviation.len());
        if means != deviations || ![0, 1, columns].contains(&means) {
            return Err(format!(
                "normalisation has {means} means and {deviations} deviations, expected none, 1 or {columns} of each"
            ));
        }
        let sound = self.mean.iter().all(|mean| mean.is_finite())
            && self.deviation.iter().all(|deviation| deviation.is_finite() && *deviation > 0.0);
        if sound { Ok(()) } else { Err("normalisation needs finite means and deviations above 0".into()) }
    }
}

/// Mean and deviation of all values, the latter 1 where they hardly vary.
fn mean_and_deviation(values: &[f32]) -> [f32; 2] {
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / count;
    let deviation = variance.sqrt();
    [mean, if deviation > LEAST_DEVIATION { deviation } else { 1.0 }]
}

impl FeatureInput {
    /// Refuses a file whose columns are not those that this program would compute.
    fn check(&self, front_end: &FrontEnd) -> Result<(), String> {
        self.extraction.check(front_end).map_err(|e| e.to_string())?;
        let expected = self.extraction.columns();
        if self.columns != expected {
            let set = self.extraction.set.name();
            return Err(format!(
                "it reads the features {:?}, this program's set {set} has {expected:?}",
                self.columns
            ));
        }
        self.normalisation.check(self.columns.len()).map_err(|what| format!("features: {what}"))
    }
}

impl Header {
    /// What its network is built for.
    pub fn input(&self) -> zoo::Input {
        zoo::Input {
            frames: self.time_resample.unwrap_or(self.patch_frames),
            bands: self.front_end.mel_bands,
            features: self.features.as_ref().map_or(0, |features| features.columns.len()),
            genres: self.genres.len(),
            choices: self.choices,
        }
    }

    /// Whether its features cannot be computed from a spectrogram.
    pub fn needs_audio(&self) -> bool {
        self.features.as_ref().is_some_and(|features| features.extraction.set.needs_audio())
    }

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
        self.front_end.check().map_err(|e| bad(format!("its front end is out of range: {e}")))?;
        if self.time_resample.is_some_and(|frames| frames == 0 || self.any_length) {
            return Err(bad("it interpolates frames to none, or of patches of any length"));
        }
        if self.network != FOREIGN {
            self.check_network()?;
        }
        if let Some(head) = &self.head {
            if self.vocabulary.is_genres() {
                return Err(bad("it has a head of genres on genres"));
            }
            head.check(&self.genres, self.front_end.mel_bands).map_err(bad)?;
        }
        self.music.as_ref().map_or(Ok(()), |gate| gate.check(self.front_end.mel_bands)).map_err(bad)?;
        if self.certainty.is_some() && !self.vocabulary.is_genres() {
            return Err(bad("it says what scores of genres mean and has tags"));
        }
        self.certainty.as_ref().map_or(Ok(()), Certainty::check).map_err(bad)?;
        let features = self.features.as_ref().map_or(Ok(()), |features| features.check(&self.front_end));
        features.and_then(|()| self.normalisation.check(self.front_end.mel_bands)).map_err(bad)
    }

    fn check_network(&self) -> Result<()> {
        let network = zoo::architecture(&self.network).map_err(|e| bad(e.to_string()))?;
        if self.any_length != network.any_length {
            return Err(bad(format!(
                "it says any_length = {}, its network {} does not",
                self.any_length, self.network
            )));
        }
        network.check_choices(&self.choices).map_err(|e| bad(e.to_string()))?;
        network.check_features(self.input().features).map_err(|e| bad(e.to_string()))
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
