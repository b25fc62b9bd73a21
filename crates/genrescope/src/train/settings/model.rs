//! `[data]` and `[model]`: what there is to learn from, and what learns.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::features::{FeatureSet, Padding, PatchFeatures};
use crate::model::zoo::Choices;

/// `[data]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Name of the data set in results: `gtzan-mel`.
    pub name: String,
    /// A folder of spectrograms with `tracks.csv`, or of audio files in folders named by genre.
    pub path: PathBuf,
    /// A `tracks.csv` that says artists and splits of audio files, by their names without extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<PathBuf>,
    /// The manifest's column that says which tracks belong together, instead of `artist`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// A folder of audio in folders named by genre: protocol `twin` learns from nothing of these clips' artists and
    /// is measured on the clips.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin_of: Option<PathBuf>,
    /// Published tag scores of clips, an `.npz`: the network learns each clip's mean beside its genre, see
    /// `train.tags_weight`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taggrams: Option<PathBuf>,
}

impl Data {
    /// `data = "PATH"` is short for a table with this path and the folder's name.
    pub(super) fn path_or_table<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(PathOrTable)
    }
}

struct PathOrTable;

impl<'de> Visitor<'de> for PathOrTable {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a folder, or a table with name and path")
    }

    fn visit_str<E>(self, path: &str) -> Result<Data, E> {
        let name =
            Path::new(path).file_name().map_or("data".into(), |name| name.to_string_lossy()).into_owned();
        Ok(Data { name, path: path.into(), manifest: None, group: None, twin_of: None, taggrams: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Data, A::Error> {
        Data::deserialize(MapAccessDeserializer::new(map))
    }
}

/// `[model]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Name of the model that is made.
    #[serde(default = "model_name")]
    pub name: String,
    /// Name in the zoo: `residual`, `crnn`, ...
    pub network: String,
    /// Frames of a full patch.
    #[serde(default = "patch_frames")]
    pub patch_frames: usize,
    /// Frames that the network sees, interpolated from those of the patch; as many as those unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_resample: Option<usize>,
    /// Where the mean and the deviation of `(db - mean) / deviation` come from.
    #[serde(default)]
    pub normalisation: Scaling,
    /// Mean of `normalisation = "fixed"`, dB.
    #[serde(default = "fixed_mean")]
    pub mean: f32,
    /// Deviation of `normalisation = "fixed"`, dB.
    #[serde(default = "fixed_deviation")]
    pub deviation: f32,
    /// Licence of the weights.
    #[serde(default = "licence")]
    pub licence: String,
    /// The audio features that the network reads beside the spectrogram, if it reads some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,
    /// What the source of the network leaves open.
    #[serde(default, skip_serializing_if = "Choices::is_listed")]
    pub choices: Choices,
}

/// `[model.features]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// Which: `gtzan55` and `gtzan57` need audio, `mel46`, `mfcc` and `mel` come from the spectrogram of the patch.
    pub set: FeatureSet,
    /// Edges of a patch's samples; `reflect` as in the published table.
    #[serde(default = "reflect")]
    pub padding: Padding,
    /// What is done to them before the network sees them.
    #[serde(default)]
    pub normalisation: FeatureScaling,
}

/// Where mean and deviation of the features come from. Features have different units: all but `Columns` let the largest rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureScaling {
    /// Nowhere: features in their units.
    None,
    /// One mean and deviation of the training part.
    Global,
    /// A mean and a deviation of the training part for every column.
    #[default]
    Columns,
    /// Each patch's own vector.
    Patch,
}

impl Features {
    /// How they are computed.
    pub fn extraction(&self) -> PatchFeatures {
        PatchFeatures { set: self.set, padding: self.padding }
    }
}

fn reflect() -> Padding {
    Padding::Reflect
}

/// Where mean and deviation of the levels come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Two numbers of the settings.
    #[default]
    Fixed,
    /// Nowhere: levels in dB.
    None,
    /// One mean and deviation of the training part.
    Global,
    /// A mean and a deviation of the training part for every band.
    Bands,
    /// The patch itself.
    Patch,
    /// The model that training starts from, see `train.from`.
    Pretrained,
}

fn model_name() -> String {
    "unnamed".into()
}

fn licence() -> String {
    "MIT OR Apache-2.0".into()
}

fn patch_frames() -> usize {
    128
}

fn fixed_mean() -> f32 {
    -40.0
}

fn fixed_deviation() -> f32 {
    20.0
}
