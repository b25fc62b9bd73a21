//! Which tracks a training run learns from and which it chooses its epoch by.

use super::settings::{Learn, Protocol, Settings};
use crate::Result;
use crate::dataset::folds::{self, Partition};
use crate::dataset::{Dataset, folder};

/// The parts of one model that is to be used, not of a fold that is to be measured: nothing but the published test
/// part (and, for a twin, what it is measured on) is left out for good.
///
/// # Errors
/// As [`folds::filtered`] and its neighbours.
pub fn for_training(dataset: &Dataset, settings: &Settings) -> Result<Partition> {
    match settings.folds.protocol {
        Protocol::Filtered => {
            let Partition { train, valid, test } = folds::filtered(dataset)?;
            Ok(join(Partition { train, valid, test }, settings))
        }
        Protocol::Artist => {
            let partition = folds::artist(dataset, settings.folds.artist_fold, settings.seed)?;
            Ok(join(partition, settings))
        }
        Protocol::CrossValidation => inner(dataset, &within(dataset)?, Vec::new(), settings),
        Protocol::Groups => inner(dataset, &all(dataset), Vec::new(), settings),
        Protocol::Twin => {
            let test = measured_by_twin(dataset, settings)?;
            inner(dataset, &folds::twin(dataset, &test), test, settings)
        }
    }
}

/// Every partition that a protocol measures, in the order of its folds. Where an epoch must be chosen, an inner
/// validation part of whole groups comes out of the training part, never out of the held-out one.
///
/// # Errors
/// As [`for_training`].
pub fn for_evaluation(dataset: &Dataset, settings: &Settings) -> Result<Vec<Partition>> {
    match settings.folds.protocol {
        Protocol::Filtered | Protocol::Twin => Ok(vec![for_training(dataset, settings)?]),
        Protocol::Artist => {
            let fold = |fold| Ok(join(folds::artist(dataset, fold, settings.seed)?, settings));
            (1..=3).map(fold).collect()
        }
        Protocol::CrossValidation => cross(dataset, &within(dataset)?, settings),
        Protocol::Groups => cross(dataset, &all(dataset), settings),
    }
}

/// Tracks of the filtered split's training and validation parts.
fn within(dataset: &Dataset) -> Result<Vec<usize>> {
    let Partition { train, valid, .. } = folds::filtered(dataset)?;
    Ok([train, valid].concat())
}

fn all(dataset: &Dataset) -> Vec<usize> {
    (0..dataset.tracks.len()).collect()
}

/// The tracks whose audio lies in `data.twin_of`.
fn measured_by_twin(dataset: &Dataset, settings: &Settings) -> Result<Vec<usize>> {
    let clips = settings.data.twin_of.as_deref().map(folder::clip_names).transpose()?;
    Ok(dataset.indices_of(&clips.unwrap_or_default()))
}

fn cross(dataset: &Dataset, subset: &[usize], settings: &Settings) -> Result<Vec<Partition>> {
    let held_out = folds::grouped_k_fold(dataset, subset, settings.folds.k, settings.seed)?;
    let partition = |test: Vec<usize>| inner(dataset, &folds::without(subset, &test), test, settings);
    held_out.into_iter().map(partition).collect()
}

/// `learned` with one of `k` parts as validation part, unless that is learned from as well.
fn inner(dataset: &Dataset, learned: &[usize], test: Vec<usize>, settings: &Settings) -> Result<Partition> {
    if settings.folds.learn == Learn::TrainAndValid {
        return Ok(Partition { train: learned.to_vec(), valid: Vec::new(), test });
    }
    let valid = folds::grouped_k_fold(dataset, learned, settings.folds.k, settings.seed)?.swap_remove(0);
    Ok(Partition { train: folds::without(learned, &valid), valid, test })
}

fn join(partition: Partition, settings: &Settings) -> Partition {
    match settings.folds.learn {
        Learn::Train => partition,
        Learn::TrainAndValid => {
            let Partition { train, valid, test } = partition;
            Partition { train: [train, valid].concat(), valid: Vec::new(), test }
        }
    }
}
