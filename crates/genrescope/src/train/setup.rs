//! What a run begins with: its network, optimiser and normalisation, measured on the training part alone.

use genrescope_nn::{Adam, Network, Sgd, ShapeError, Trainer};

use super::Assignment;
use super::settings::{FeatureScaling, Keep, Optimizer, Scaling, Settings, Train};
use super::start::Start;
use crate::dataset::{Dataset, statistics};
use crate::model::{FeatureInput, Normalisation, zoo};
use crate::{Error, ErrorKind, Result};

pub(super) fn check(assignment: &Assignment) -> Result<()> {
    let Assignment { dataset, parts, settings } = assignment;
    settings.check()?;
    let network = zoo::architecture(&settings.model.network)?;
    let bad = |what: String| Err(Error::new(ErrorKind::BadSettings, what));
    if parts.train.is_empty() {
        return bad("no track to learn from".into());
    }
    if dataset.genres.len() < 2 {
        return bad(format!("{:?}: at least two genres are needed", dataset.genres));
    }
    if settings.augment.crop_frames.is_some() && !network.any_length {
        return bad(format!("augment.crop_frames: {} takes patches of one length only", network.name));
    }
    if settings.model.time_resample.is_some() && network.any_length {
        return bad(format!("model.time_resample: {} takes patches of any length as they are", network.name));
    }
    if settings.train.keep != Keep::Last && parts.valid.is_empty() {
        return bad("train.keep: no validation track to choose an epoch by; use \"last\"".into());
    }
    Ok(())
}

/// A fresh network with an output for each genre, and for each of so many tags.
pub(super) fn new_network(dataset: &Dataset, settings: &Settings, tags: usize) -> Result<Network> {
    let input = settings.input(dataset.genres.len() + tags);
    let network = Network::new(zoo::architecture(&settings.model.network)?.graph(input)?, settings.seed);
    if let Some([shortest, _]) = settings.augment.crop_frames {
        network.graph().shapes(shortest).map_err(|e| misfit(settings, &e).at("augment.crop_frames"))?;
    }
    Ok(network)
}

pub(super) fn normalisation(
    dataset: &Dataset,
    tracks: &[usize],
    settings: &Settings,
    start: Option<&Start>,
) -> Normalisation {
    let (front_end, frames) = (&settings.features, settings.model.patch_frames);
    let of_start = || start.map_or_else(Normalisation::none, |start| start.header().normalisation.clone());
    let [mean, deviation] = match settings.model.normalisation {
        Scaling::None => return Normalisation::none(),
        Scaling::Patch => return Normalisation::of_each_patch(),
        Scaling::Pretrained => return of_start(),
        Scaling::Fixed => [vec![settings.model.mean], vec![settings.model.deviation]],
        Scaling::Global => statistics::of_all(dataset, tracks, front_end, frames),
        Scaling::Bands => statistics::of_bands(dataset, tracks, front_end, frames),
    };
    Normalisation { mean, deviation }
}

/// The features that the network reads, with statistics of the training part, or of the model that it starts from.
pub(super) fn feature_input(
    dataset: &Dataset,
    tracks: &[usize],
    settings: &Settings,
    start: Option<&Start>,
) -> Result<Option<FeatureInput>> {
    let Some(features) = settings.model.features else { return Ok(None) };
    let extraction = features.extraction();
    let columns = extraction.columns();
    let complete =
        |t: &&usize| dataset.tracks[**t].vectors.iter().any(|vector| vector.len() == columns.len());
    if let Some(&lacking) = tracks.iter().find(|t| !complete(t)) {
        let id = &dataset.tracks[lacking].id;
        return Err(Error::new(
            ErrorKind::BadSettings,
            format!("{id} was read without the features that are wanted"),
        ));
    }
    let of_start = start.filter(|_| settings.model.normalisation == Scaling::Pretrained);
    let normalisation = match of_start.and_then(|start| start.header().features.as_ref()) {
        Some(input) => input.normalisation.clone(),
        None => scaled_as(features.normalisation, dataset, tracks),
    };
    Ok(Some(FeatureInput { extraction, columns, normalisation }))
}

fn scaled_as(scaling: FeatureScaling, dataset: &Dataset, tracks: &[usize]) -> Normalisation {
    let [mean, deviation] = match scaling {
        FeatureScaling::None => return Normalisation::none(),
        FeatureScaling::Patch => return Normalisation::of_each_patch(),
        FeatureScaling::Global => statistics::of_all_features(dataset, tracks),
        FeatureScaling::Columns => statistics::of_features(dataset, tracks),
    };
    Normalisation { mean, deviation }
}

pub(super) fn trainer(network: Network, settings: &Train, tags: usize) -> Trainer {
    let &Train { momentum, weight_decay, epsilon: eps, clip_norm, .. } = settings;
    let trainer = match settings.optimizer {
        Optimizer::Adam => Trainer::new(network, Adam { weight_decay, eps, ..Adam::default() }),
        Optimizer::Sgd => Trainer::new(network, Sgd { momentum, weight_decay }),
    };
    let trainer = trainer.with_labels(tags, settings.tags_weight);
    if clip_norm > 0.0 { trainer.clipped_to(clip_norm) } else { trainer }
}

pub(super) fn misfit(settings: &Settings, error: &ShapeError) -> Error {
    Error::new(ErrorKind::BadSettings, format!("network {}: {error}", settings.model.network))
}
