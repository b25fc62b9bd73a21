//! Training that starts from a model: its weights, but for a head that does not fit; layers that stay as they are.

use std::path::Path;

use genrescope_nn::Network;

use super::settings::{
    self, Data, FeatureScaling, Features, Folds, Keep, Learn, Protocol, Scaling, Settings, Train,
};
use crate::dataset::augment::Augment;
use crate::dataset::patches::Places;
use crate::model::{Header, Model};
use crate::{Error, ErrorKind, Result};

/// Passes over the data set, and the highest learning rate, of fine-tuning.
const EPOCHS: usize = 20;
const LEARNING_RATE: f32 = 1e-3;

impl Settings {
    /// Settings to go on from a model with the genres of a folder of audio: its front end, network and normalisation;
    /// a fifth of the artists (or tracks) is held out and measured by protocol `hold_out`. `overrides` win.
    ///
    /// # Errors
    /// As [`Model::load`] and [`Settings::parse`].
    pub fn fine_tuning(model: &Path, folder: &Path, overrides: &[String]) -> Result<Self> {
        let start = Start::load(model)?;
        let header = start.header();
        let features = header.features.as_ref().map(|input| Features {
            set: input.extraction.set,
            padding: input.extraction.padding,
            normalisation: FeatureScaling::Columns,
        });
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (patches, augment) = match features {
            Some(_) => (Places::Segments, Augment::none()),
            None => (Places::Random, Augment::default()),
        };
        let settings = Self {
            seed: 1,
            data: Data {
                name: name.clone(),
                path: folder.to_owned(),
                manifest: None,
                group: None,
                twin_of: None,
                taggrams: None,
            },
            features: header.front_end.clone(),
            model: settings::Network {
                name,
                network: header.network.clone(),
                patch_frames: header.patch_frames,
                time_resample: header.time_resample,
                normalisation: Scaling::Pretrained,
                mean: 0.0,
                deviation: 1.0,
                licence: header.licence.clone(),
                features,
                choices: header.choices,
            },
            train: Train {
                from: Some(model.to_owned()),
                epochs: EPOCHS,
                learning_rate: LEARNING_RATE,
                keep: Keep::Last,
                patches,
                ..Train::default()
            },
            augment,
            folds: Folds { protocol: Protocol::HoldOut, learn: Learn::TrainAndValid, ..Folds::default() },
        };
        Self::parse(&settings.to_toml(), overrides)
    }
}

/// The layer that gives the scores; every network of the zoo has it.
const HEAD: &str = "scores.";

/// The model that training starts from.
pub(super) struct Start {
    model: Model,
}

impl Start {
    /// A model file, or, where there is no file `fast`, the model inside.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub(super) fn load(path: &Path) -> Result<Self> {
        let inside = path == Path::new("fast") && !path.is_file();
        Ok(Self { model: if inside { Model::fast()? } else { Model::load(path)? } })
    }

    pub(super) fn header(&self) -> &Header {
        &self.model.header
    }

    /// Puts the model's weights into a fresh network; gives index and numbers of what settings freeze. The head is
    /// replaced where the genres are other ones.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] when front end, features or weights do not fit, or nothing is called as `freeze` says.
    pub(super) fn put_into(
        &self,
        network: &mut Network,
        genres: &[String],
        settings: &Settings,
    ) -> Result<Vec<(usize, Vec<f32>)>> {
        self.check(settings)?;
        let stored = self.model.network()?.parameters();
        let own_head = self.header().genres != genres;
        for parameter in network.parameters_mut() {
            if own_head && parameter.name.starts_with(HEAD) {
                continue;
            }
            match stored.iter().find(|other| other.name == parameter.name && other.shape == parameter.shape) {
                Some(other) => parameter.data.clone_from(&other.data),
                None => return Err(self.misfit(&format!("has no weights for {}", parameter.name))),
            }
        }
        self.frozen(network, &settings.train.freeze)
    }

    fn check(&self, settings: &Settings) -> Result<()> {
        let header = self.header();
        let features = settings.model.features.map(|features| features.extraction());
        if header.network != settings.model.network {
            return Err(self.misfit(&format!("is a {}, not a {}", header.network, settings.model.network)));
        }
        if header.front_end != settings.features || header.patch_frames != settings.model.patch_frames {
            return Err(self.misfit("has another front end or patch; use its [features] and patch_frames"));
        }
        let model = &settings.model;
        if header.time_resample != model.time_resample || header.choices != model.choices {
            return Err(self.misfit("has another time_resample or other [model.choices]; use its own"));
        }
        if header.features.as_ref().map(|input| input.extraction) != features {
            return Err(self.misfit("reads other features"));
        }
        Ok(())
    }

    fn frozen(&self, network: &Network, names: &[String]) -> Result<Vec<(usize, Vec<f32>)>> {
        let parameters = network.parameters();
        if let Some(name) = names.iter().find(|name| !parameters.iter().any(|p| p.name.starts_with(*name))) {
            let layers: Vec<&str> =
                parameters.iter().filter_map(|p| Some(p.name.rsplit_once('.')?.0)).collect();
            return Err(self.misfit(&format!("has no layer {name} to freeze, but {}", layers.join(", "))));
        }
        let is_frozen = |name: &str| names.iter().any(|start| name.starts_with(start));
        let frozen = parameters.iter().enumerate().filter(|(_, p)| is_frozen(&p.name));
        Ok(frozen.map(|(index, p)| (index, p.data.clone())).collect())
    }

    fn misfit(&self, what: &str) -> Error {
        Error::new(ErrorKind::BadSettings, format!("train.from: the model `{}` {what}", self.header().name))
    }
}
