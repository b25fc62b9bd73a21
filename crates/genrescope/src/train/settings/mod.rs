//! `settings.toml`: everything that decides a training run, in one file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::dataset::Extraction;
use crate::dataset::augment::Augment;
use crate::dataset::patches::Places;
use crate::features::{FrontEnd, Reference};
use crate::model::zoo;
use crate::{Error, ErrorKind, Result};

mod experiment;
mod folds;
mod model;
mod training;

pub use experiment::Experiment;
pub use folds::{Folds, Learn, Protocol};
pub use model::{Data, FeatureScaling, Features, Network, Scaling};
pub use training::{Keep, Optimizer, Schedule, Train, Watch};

/// One experiment. Unknown keys are errors; keys left out have the defaults of each section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Of weights, folds, crops and variations.
    #[serde(default = "first_seed")]
    pub seed: u64,
    /// `[data]`: what there is to learn from; a path alone will do.
    #[serde(deserialize_with = "Data::path_or_table")]
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

fn first_seed() -> u64 {
    1
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
            toml::from_str(text).map_err(|e| bad_toml(&e))?
        } else {
            let mut table: toml::Table = toml::from_str(text).map_err(|e| bad_toml(&e))?;
            overrides.iter().try_for_each(|one| override_key(&mut table, one))?;
            table.try_into().map_err(|e| bad_toml(&e))?
        };
        settings.check()?;
        Ok(settings)
    }

    /// The settings with every default written out.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are tables of plain values")
    }

    /// What the network is built for, with so many labels.
    pub fn input(&self, labels: usize) -> zoo::Input {
        zoo::Input {
            frames: self.model.time_resample.unwrap_or(self.model.patch_frames),
            bands: self.features.mel_bands,
            features: self.model.features.map_or(0, |features| features.extraction().columns().len()),
            genres: labels,
            choices: self.model.choices,
        }
    }

    /// What is computed of every track.
    pub fn extraction(&self) -> Extraction {
        let cut = self.train.patches == Places::Segments || self.folds.protocol == Protocol::Segment;
        Extraction {
            front_end: self.features.clone(),
            segment_frames: cut.then_some(self.model.patch_frames),
            features: self.model.features.map(|features| features.extraction()),
            semitones: self.augment.semitones().to_vec(),
            transposing: self.augment.transposing,
        }
    }

    /// Frames of the segments that the protocol divides, where it divides segments.
    pub fn split_frames(&self) -> Option<usize> {
        (self.folds.protocol == Protocol::Segment).then_some(self.model.patch_frames)
    }

    /// # Errors
    /// [`ErrorKind::BadSettings`] for values that contradict each other or are out of range.
    pub fn check(&self) -> Result<()> {
        self.augment.check()?;
        self.features.check()?;
        if !self.features.compression.is_decibels() {
            let what = "features.compression: networks are trained on decibels; leave it out";
            return Err(Error::new(ErrorKind::BadSettings, what));
        }
        self.check_features()?;
        self.check_numbers()
    }

    fn check_features(&self) -> Result<()> {
        let extraction = self.model.features.map(|features| features.extraction());
        let columns = extraction.map_or(0, |extraction| extraction.columns().len());
        let network = zoo::architecture(&self.model.network)?;
        network.check_choices(&self.model.choices)?;
        network.check_features(columns)?;
        extraction.map_or(Ok(()), |extraction| extraction.check(&self.features))?;
        if extraction.is_some() && !self.augment.recording.is_none() {
            let what = "augment.recording changes spectrograms, and features would stay those of the clean recording";
            return Err(Error::new(ErrorKind::BadSettings, what));
        }
        if extraction.is_some() && self.train.patches == Places::Random {
            let what =
                "the features of [model.features] are those of segments: use train.patches = \"segments\"";
            return Err(Error::new(ErrorKind::BadSettings, what));
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<()> {
        let (train, folds) = (&self.train, &self.folds);
        let positive = |x: f32| x.is_finite() && x > 0.0;
        let checks = [
            (self.model.patch_frames > 0, "model.patch_frames must be at least 1"),
            (self.model.time_resample != Some(0), "model.time_resample must be at least 1"),
            (
                self.model.time_resample.is_none() || self.augment.crop_frames.is_none(),
                "model.time_resample is for patches of one length: leave augment.crop_frames out",
            ),
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
            (
                self.augment.recording.stretch == 0.0 || train.patches == Places::Random,
                "augment.recording.stretch is of random crops: use train.patches = \"random\"",
            ),
            (train.tags_weight >= 0.0, "train.tags_weight must be at least 0"),
            (
                (train.tags_weight > 0.0) == self.data.taggrams.is_some(),
                "train.tags_weight and data.taggrams go together",
            ),
            (
                train.tags_weight == 0.0 || train.from.is_none(),
                "train.from: what a network learns of tags begins with fresh weights",
            ),
            (folds.k() >= folds.protocol.least_k(), "folds.k is too small for the protocol"),
            (
                self.model.normalisation != Scaling::Pretrained || train.from.is_some(),
                "model.normalisation = \"pretrained\" needs train.from",
            ),
            (train.freeze.is_empty() || train.from.is_some(), "train.freeze needs train.from"),
            (
                self.features.reference == Reference::Patch || folds.protocol != Protocol::Segment,
                "features.reference = \"clip\" tells segments of one clip by its level, which protocol segment must not",
            ),
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

/// What toml says in several lines and a drawing, in one line.
fn bad_toml(error: &toml::de::Error) -> Error {
    let whole = error.to_string();
    let said: Vec<&str> = whole.lines().filter(|line| !line.contains('|')).map(str::trim).collect();
    let what = match said.split_first() {
        Some((place, what)) if place.starts_with("TOML parse error") => {
            format!("{place}: {}", what.join(" "))
        }
        _ => said.join(" "),
    };
    Error::new(ErrorKind::BadSettings, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "[data]\nname = \"x\"\npath = \"d\"\n[model]\nnetwork = \"crnn\"\n";

    fn parse(overrides: &[&str]) -> Result<Settings> {
        Settings::parse(LEAST, &overrides.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        let said = |text: &str| Settings::parse(text, &[]).unwrap_err().to_string();
        assert_eq!(
            said("seed = "),
            "TOML parse error at line 1, column 8: string values must be quoted, expected literal string"
        );
        let said = said("[data]\nname = \"x\"\npath = \"d\"\n[model]\n");
        assert!(said.contains("missing field `network`") && !said.contains('\n'), "{said}");
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
    fn a_network_without_its_features_or_that_does_not_exist_is_refused_by_its_name() {
        for (network, reason) in [("mlfi-two-way-b2", "[model.features]"), ("mlfi", "no network is called")] {
            let error = parse(&[&format!("model.network={network}")]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadSettings);
            assert!(error.to_string().contains(network) && error.to_string().contains(reason), "{error}");
        }
        assert!(parse(&["model.network=bbnn"]).is_ok());
    }

    #[test]
    fn features_are_those_of_a_network_that_reads_them_at_segments() {
        let (set, segments) = ("model.features.set=mel46", "train.patches=segments");
        let network = "model.network=mlfi-benchmark";
        let settings = parse(&[network, set, segments]).unwrap();
        assert_eq!(settings.model.features.unwrap().normalisation, FeatureScaling::Columns);
        assert_eq!(Settings::parse(&settings.to_toml(), &[]).unwrap(), settings);
        let slow = "features.sample_rate_hz=16000";
        let gtzan55 = "model.features.set=gtzan55";
        for refused in [vec![set, segments], vec![network, set], vec![network, gtzan55, segments, slow]] {
            assert_eq!(parse(&refused).unwrap_err().kind(), ErrorKind::BadSettings, "{refused:?}");
        }
    }

    #[test]
    fn data_may_be_a_path_alone() {
        let data = parse(&["data=\"music/GTZAN\""]).unwrap().data;
        assert_eq!((&*data.name, data.path.to_str()), ("GTZAN", Some("music/GTZAN")));
        assert!(parse(&["data=3"]).unwrap_err().to_string().contains("a folder, or a table"));
        assert!(parse(&["data.pth=\"x\""]).unwrap_err().to_string().contains("pth"));
    }

    #[test]
    fn the_keys_of_source_2_have_names() {
        let keys = |value: &str| parse(&[&format!("augment.transpose={value}")]);
        assert_eq!(keys("\"C\"").unwrap().augment.semitones(), [0.0]);
        assert_eq!(keys("\"C_ps\"").unwrap().augment.semitones(), [0.0, 1.0]);
        assert_eq!(keys("[-1, 0, 1]").unwrap().augment.semitones(), [-1.0, 0.0, 1.0]);
        for refused in ["\"D\"", "[]", "[30]"] {
            assert_eq!(keys(refused).unwrap_err().kind(), ErrorKind::BadSettings, "{refused}");
        }
    }

    #[test]
    fn what_a_segment_could_be_known_by_is_refused() {
        let segment = "folds.protocol=segment";
        assert!(parse(&[segment]).is_ok());
        assert!(parse(&[segment, "features.reference=clip"]).unwrap_err().to_string().contains("level"));
        assert!(parse(&[segment, "folds.k=3"]).is_err() && parse(&[segment, "folds.k=4"]).is_ok());
        assert!(parse(&["folds.protocol=filtered", "folds.k=1"]).is_ok(), "one split, whatever k is");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = Settings::parse(&format!("{LEAST}[train]\nepoch = 3\n"), &[]).unwrap_err().to_string();
        assert!(error.contains("epoch") && error.contains("line 7"), "{error}");
    }
}
