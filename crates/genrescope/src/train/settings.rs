//! `settings.toml`: everything that decides a training run, in one file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::dataset::augment::Augment;
use crate::features::FrontEnd;
use crate::model::zoo;
use crate::{Error, ErrorKind, Result};

/// One experiment. Unknown keys are errors; keys left out have the defaults of each section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Of weights, folds, crops and variations.
    #[serde(default = "first_seed")]
    pub seed: u64,
    /// `[data]`: what there is to learn from.
    pub data: Data,
    /// `[features]`: the front end; travels in the model file.
    #[serde(default)]
    pub features: FrontEnd,
    /// `[model]`: the network and what it sees.
    pub model: Network,
    /// `[train]`: optimiser, schedule, what is kept.
    #[serde(default)]
    pub train: Train,
    /// `[augment]`: how patches are varied.
    #[serde(default)]
    pub augment: Augment,
    /// `[folds]`: which tracks are learned from and which measured on.
    #[serde(default)]
    pub folds: Folds,
}

/// `[data]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Name of the data set in results: `gtzan-mel`.
    pub name: String,
    /// A folder of spectrograms with `tracks.csv`, or of audio files in folders named by genre.
    pub path: PathBuf,
    /// A `tracks.csv` that says artists and splits of audio files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<PathBuf>,
    /// A folder of audio in folders named by genre: protocol `twin` learns from nothing of these clips' artists and
    /// is measured on the clips.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin_of: Option<PathBuf>,
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
}

/// Where mean and deviation of the levels come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Two numbers of the settings.
    #[default]
    Fixed,
    /// One mean and deviation of the training part.
    Global,
    /// A mean and a deviation of the training part for every band.
    Bands,
}

/// `[train]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// Times that every track is seen.
    pub epochs: usize,
    /// Patches a step.
    pub batch_size: usize,
    /// Random crops of every track an epoch.
    pub crops_per_track: usize,
    /// The learning rate, or the highest of the one-cycle schedule.
    pub learning_rate: f32,
    /// What moves the weights.
    pub optimizer: Optimizer,
    /// Of gradient descent.
    pub momentum: f32,
    /// Gradients with a larger norm are shortened to it; 0 = never.
    pub clip_norm: f32,
    /// Decoupled weight decay (AdamW); 0 is Adam.
    pub weight_decay: f32,
    /// Numerical floor of Adam's denominator.
    pub epsilon: f32,
    /// How the learning rate moves.
    pub schedule: Schedule,
    /// Share of the steps in which the one-cycle schedule rises.
    pub rise_share: f32,
    /// The one-cycle schedule starts at `learning_rate / start_divisor`.
    pub start_divisor: f32,
    /// ... and ends at its start divided by this; the cosine schedule at `learning_rate / end_divisor`.
    pub end_divisor: f32,
    /// What the plateau schedule and early stopping watch.
    pub watch: Watch,
    /// The plateau schedule multiplies the rate by this.
    pub plateau_factor: f32,
    /// Epochs without improvement that the plateau schedule bears.
    pub plateau_patience: usize,
    /// Less than this is no improvement.
    pub min_delta: f64,
    /// Epochs without improvement after which training stops; 0 = never.
    pub early_stop_patience: usize,
    /// Which epoch's weights are kept.
    pub keep: Keep,
    /// Share of the running average of the weights that each step keeps; 0 = no average. The average is what is
    /// validated and kept.
    pub average: f32,
    /// Distance of the patches of a validation track, frames.
    pub patch_hop_frames: usize,
    /// Epochs between validations (the last epoch is always validated).
    pub validate_every: usize,
}

/// What moves the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Adam, or AdamW with weight decay.
    Adam,
    /// Gradient descent with momentum.
    Sgd,
}

/// How the learning rate moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Up and far down along cosines, once (Smith and Topin 2017, the shape of PyTorch's `OneCycleLR`).
    OneCycle,
    /// Down along half a cosine (Loshchilov and Hutter 2017, PyTorch's `CosineAnnealingLR`).
    Cosine,
    /// Down by a factor whenever the watched loss stays (PyTorch's `ReduceLROnPlateau`).
    Plateau,
    /// Not at all.
    Constant,
}

/// The number that says whether an epoch was an improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// Log-loss of the validation tracks.
    ValidLoss,
    /// Mean loss of the training steps.
    TrainLoss,
}

/// Which epoch's weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The last one's.
    Last,
    /// The one with the lowest validation loss.
    BestLoss,
    /// The one with the highest validation accuracy.
    BestAccuracy,
}

/// `[folds]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Folds {
    /// How tracks are divided.
    pub protocol: Protocol,
    /// Whether the validation part is learned from as well.
    pub learn: Learn,
    /// Parts of `cross_validation` and `groups`, and of inner validation.
    pub k: usize,
    /// Fold of `artist` that `train` leaves out, 1 to 3.
    pub artist_fold: u8,
}

/// How tracks are divided into those learned from and those measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// The fault-filtered split: its test part is measured.
    Filtered,
    /// Three artist-disjoint folds, each measured once.
    Artist,
    /// `k` folds of whole artists inside the fault-filtered split's training and validation parts: to decide by.
    CrossValidation,
    /// `k` folds of whole artists of all tracks: any data set.
    Groups,
    /// Learns from nothing of the artists of `data.twin_of`, is measured on that audio and its spectrograms.
    Twin,
}

impl Protocol {
    /// The name as results and settings write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Filtered => "filtered",
            Self::Artist => "artist",
            Self::CrossValidation => "cross_validation",
            Self::Groups => "groups",
            Self::Twin => "twin",
        }
    }
}

/// Whether the validation part is learned from as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Learn {
    /// The validation part chooses the epoch.
    #[serde(rename = "train")]
    Train,
    /// Both parts are learned from; the last epoch is kept.
    #[serde(rename = "train+valid")]
    TrainAndValid,
}

impl Learn {
    /// The name as settings write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::TrainAndValid => "train+valid",
        }
    }
}

impl Default for Train {
    fn default() -> Self {
        Self {
            epochs: 60,
            batch_size: 32,
            crops_per_track: 3,
            learning_rate: 3e-3,
            optimizer: Optimizer::Adam,
            momentum: 0.9,
            clip_norm: 0.0,
            weight_decay: 0.05,
            epsilon: 1e-8,
            schedule: Schedule::OneCycle,
            rise_share: 0.3,
            start_divisor: 25.0,
            end_divisor: 1e4,
            watch: Watch::ValidLoss,
            plateau_factor: 0.1,
            plateau_patience: 10,
            min_delta: 1e-4,
            early_stop_patience: 0,
            keep: Keep::Last,
            average: 0.0,
            patch_hop_frames: 37,
            validate_every: 1,
        }
    }
}

impl Default for Folds {
    fn default() -> Self {
        Self { protocol: Protocol::Filtered, learn: Learn::Train, k: 5, artist_fold: 1 }
    }
}

fn first_seed() -> u64 {
    1
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

impl Settings {
    /// Reads a file; `overrides` are `section.key=value` and win over the file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or [`ErrorKind::BadSettings`] with the place of an unknown key or a wrong value.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path.display(), e))?;
        Self::parse(&text, overrides).map_err(|e| e.at(path.display()))
    }

    /// As [`Settings::read`], of a text.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`].
    pub fn parse(text: &str, overrides: &[String]) -> Result<Self> {
        // Without overrides the text is parsed directly, so that errors show the line.
        let settings: Self = if overrides.is_empty() {
            toml::from_str(text).map_err(bad_toml)?
        } else {
            let mut table: toml::Table = toml::from_str(text).map_err(bad_toml)?;
            overrides.iter().try_for_each(|one| override_key(&mut table, one))?;
            table.try_into().map_err(bad_toml)?
        };
        settings.check()?;
        Ok(settings)
    }

    /// The settings with every default written out.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are tables of plain values")
    }

    /// # Errors
    /// [`ErrorKind::BadSettings`] for values that contradict each other or are out of range.
    pub fn check(&self) -> Result<()> {
        self.augment.check()?;
        zoo::architecture(&self.model.network)?.refuse_without_features()?;
        let (train, folds) = (&self.train, &self.folds);
        let positive = |x: f32| x.is_finite() && x > 0.0;
        let checks = [
            (self.model.patch_frames > 0, "model.patch_frames must be at least 1"),
            (positive(self.model.deviation), "model.deviation must be a number > 0"),
            (train.epochs > 0, "train.epochs must be at least 1"),
            (train.batch_size > 0, "train.batch_size must be at least 1"),
            (train.crops_per_track > 0, "train.crops_per_track must be at least 1"),
            (train.patch_hop_frames > 0, "train.patch_hop_frames must be at least 1"),
            (train.validate_every > 0, "train.validate_every must be at least 1"),
            (positive(train.learning_rate), "train.learning_rate must be a number > 0"),
            (positive(train.start_divisor), "train.start_divisor must be a number > 0"),
            (positive(train.end_divisor), "train.end_divisor must be a number > 0"),
            ((0.0..=1.0).contains(&train.rise_share), "train.rise_share must lie in 0 to 1"),
            ((0.0..1.0).contains(&train.average), "train.average must be at least 0 and below 1"),
            ((0.0..1.0).contains(&train.momentum), "train.momentum must be at least 0 and below 1"),
            (train.clip_norm >= 0.0, "train.clip_norm must be at least 0"),
            (train.weight_decay >= 0.0, "train.weight_decay must be at least 0"),
            (folds.k >= 2, "folds.k must be at least 2"),
            (folds.learn == Learn::Train || train.keep == Keep::Last, NOTHING_TO_CHOOSE_BY),
            (
                folds.protocol != Protocol::Twin || self.data.twin_of.is_some(),
                "folds.protocol = \"twin\" needs data.twin_of",
            ),
        ];
        match checks.iter().find(|(fine, _)| !fine) {
            Some((_, what)) => Err(Error::new(ErrorKind::BadSettings, *what)),
            None => Ok(()),
        }
    }
}

const NOTHING_TO_CHOOSE_BY: &str =
    "folds.learn = \"train+valid\" leaves nothing to choose an epoch by: use train.keep = \"last\"";

/// `section.key=value`: the value as TOML, else as text.
fn override_key(table: &mut toml::Table, one: &str) -> Result<()> {
    let bad = || Error::new(ErrorKind::BadSettings, format!("{one:?}: expected section.key=value"));
    let (path, value) = one.split_once('=').ok_or_else(bad)?;
    let (sections, key) = path.trim().rsplit_once('.').map_or((None, path.trim()), |(s, k)| (Some(s), k));
    let value = toml::from_str::<toml::Table>(&format!("value = {value}"))
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.trim().to_owned()));
    let mut place = table;
    for section in sections.into_iter().flat_map(|sections| sections.split('.')) {
        let entry = place.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = entry.as_table_mut().ok_or_else(bad)?;
    }
    place.insert(key.to_owned(), value);
    Ok(())
}

fn bad_toml(error: toml::de::Error) -> Error {
    let what = error.to_string();
    Error::new(ErrorKind::BadSettings, what.trim_end().to_owned()).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "[data]\nname = \"x\"\npath = \"d\"\n[model]\nnetwork = \"crnn\"\n";

    fn parse(overrides: &[&str]) -> Result<Settings> {
        Settings::parse(LEAST, &overrides.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_least_settings_have_the_documented_defaults() {
        let settings = parse(&[]).unwrap();
        assert_eq!(settings.train, Train::default());
        assert_eq!(settings.features, FrontEnd::gtzan_mel());
        assert_eq!((settings.seed, settings.model.patch_frames), (1, 128));
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let settings = parse(&["augment.crop_frames=[13, 128]", "seed=7"]).unwrap();
        assert_eq!(Settings::parse(&settings.to_toml(), &[]).unwrap(), settings);
    }

    #[test]
    fn overrides_win_and_wrong_ones_are_refused() {
        let settings =
            parse(&["train.epochs=3", "folds.learn=train+valid", "features.floor_db=-50.0"]).unwrap();
        assert_eq!((settings.train.epochs, settings.features.floor_db), (3, -50.0));
        assert_eq!(settings.folds.learn, Learn::TrainAndValid);
        let refused = [
            "train.epoch=3",
            "train.epochs=0",
            "train.epochs=many",
            "nothing",
            "seed.deeper=1",
            "optimiser.kind=sgd",
            "train.average=1.0",
            "folds.protocol=twin",
            "augment.label_smoothing=1.5",
            "augment.crop_frames=[9, 3]",
        ];
        for one in refused {
            let error = parse(&[one]).expect_err(one);
            assert_eq!(error.kind(), ErrorKind::BadSettings, "{one}");
        }
        assert!(parse(&["folds.learn=train+valid", "train.keep=best_loss"]).is_err());
    }

    #[test]
    fn a_network_that_needs_features_or_does_not_exist_is_refused_by_its_name() {
        for (network, reason) in [("mlfi-two-way-b2", "audio features"), ("mlfi", "no network is called")] {
            let error = parse(&[&format!("model.network={network}")]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadSettings);
            assert!(error.to_string().contains(network) && error.to_string().contains(reason), "{error}");
        }
        assert!(parse(&["model.network=bbnn"]).is_ok());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = Settings::parse(&format!("{LEAST}[train]\nepoch = 3\n"), &[]).unwrap_err().to_string();
        assert!(error.contains("epoch") && error.contains("line 7"), "{error}");
    }
}
