//! Which tracks a training run learns from and which it chooses its epoch by.

use super::settings::{Learn, Protocol, Settings};
use crate::Result;
use crate::dataset::folds::{self, Partition};
use crate::dataset::{Dataset, fold_file, folder};

/// The parts of one model that is to be used, not of a fold that is to be measured: nothing but the published test
/// part (and, for a twin, what it is measured on) is left out for good.
///
/// # Errors
/// As [`folds::filtered`] and its neighbours.
pub fn for_training(dataset: &Dataset, settings: &Settings) -> Result<Partition> {
    if settings.folds.file.is_some() {
        return Ok(for_evaluation(dataset, settings)?.swap_remove(0));
    }
    match settings.folds.protocol {
        Protocol::Filtered => Ok(join(folds::filtered(dataset)?, settings)),
        Protocol::Artist if folds::has_artist_folds(dataset) => {
            Ok(join(folds::artist(dataset, settings.folds.artist_fold, settings.seed)?, settings))
        }
        Protocol::FilteredRandom | Protocol::ArtistRandom | Protocol::HoldOut => {
            Ok(for_evaluation(dataset, settings)?.swap_remove(0))
        }
        Protocol::Segment | Protocol::Track | Protocol::Splits => {
            let all = all(dataset);
            let valid = folds::stratified_k_fold(dataset, &all, TENTHS, settings.seed)?.swap_remove(0);
            Ok(join(Partition { train: folds::without(&all, &valid), valid, test: Vec::new() }, settings))
        }
        Protocol::CrossValidation => inner(dataset, &within(dataset)?, Vec::new(), settings),
        Protocol::Groups | Protocol::Artist => inner(dataset, &all(dataset), Vec::new(), settings),
        Protocol::Twin => {
            let test = measured_by_twin(dataset, settings)?;
            inner(dataset, &folds::twin(dataset, &test), test, settings)
        }
    }
}

/// A split is 80/10/10.
const TENTHS: usize = 10;

/// Every partition that a protocol measures, in the order of its folds. Where an epoch must be chosen, an inner
/// validation part comes out of the training part, never out of the held-out one.
///
/// # Errors
/// As [`for_training`]; [`crate::ErrorKind::BadSettings`] when parts that were given divide what belongs together.
pub fn for_evaluation(dataset: &Dataset, settings: &Settings) -> Result<Vec<Partition>> {
    let partitions = match &settings.folds.file {
        Some(path) => fold_file::read(path, dataset)?,
        None => by_protocol(dataset, settings)?,
    };
    for partition in &partitions {
        check(dataset, partition, settings).map_err(|error| match &settings.folds.file {
            Some(path) => error.at(path.display()),
            None => error,
        })?;
    }
    Ok(partitions.into_iter().map(|partition| join(partition, settings)).collect())
}

/// Refuses parts that are not what the protocol's name says of them.
fn check(dataset: &Dataset, partition: &Partition, settings: &Settings) -> Result<()> {
    match settings.folds.protocol {
        Protocol::Filtered if settings.folds.file.is_some() => folds::refuse_unfiltered(dataset, partition),
        Protocol::Filtered => Ok(()),
        protocol if protocol.keeps_groups() => folds::refuse_crossing(dataset, partition),
        _ => Ok(()),
    }
}

fn by_protocol(dataset: &Dataset, settings: &Settings) -> Result<Vec<Partition>> {
    let (seed, k) = (settings.seed, settings.folds.k());
    match settings.folds.protocol {
        Protocol::Segment | Protocol::Track => {
            Ok(folds::rotated(&folds::stratified_k_fold(dataset, &all(dataset), k, seed)?))
        }
        Protocol::Splits => (0..k as u64).map(|split| random_split(dataset, seed + split)).collect(),
        Protocol::Filtered => Ok(vec![folds::filtered(dataset)?]),
        Protocol::FilteredRandom => Ok(folds::random_twins(dataset, &[folds::filtered(dataset)?], seed)),
        Protocol::Artist if folds::has_artist_folds(dataset) => published(dataset, seed),
        Protocol::ArtistRandom => Ok(folds::random_twins(dataset, &published(dataset, seed)?, seed)),
        Protocol::CrossValidation => cross(dataset, &within(dataset)?, settings),
        Protocol::Artist => {
            folds::refuse_without_groups(dataset)?;
            cross(dataset, &all(dataset), settings)
        }
        Protocol::Groups => cross(dataset, &all(dataset), settings),
        Protocol::HoldOut => Ok(cross(dataset, &all(dataset), settings)?.into_iter().take(1).collect()),
        Protocol::Twin => Ok(vec![for_training(dataset, settings)?]),
    }
}

fn published(dataset: &Dataset, seed: u64) -> Result<Vec<Partition>> {
    (1..=3).map(|fold| folds::artist(dataset, fold, seed)).collect()
}

fn random_split(dataset: &Dataset, seed: u64) -> Result<Partition> {
    let all = all(dataset);
    let mut tenths = folds::stratified_k_fold(dataset, &all, TENTHS, seed)?;
    let (test, valid) = (tenths.swap_remove(0), tenths.swap_remove(0));
    let train = folds::without(&folds::without(&all, &test), &valid);
    Ok(Partition { train, valid, test })
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
    let held_out = folds::grouped_k_fold(dataset, subset, settings.folds.k(), settings.seed)?;
    let partition = |test: Vec<usize>| inner(dataset, &folds::without(subset, &test), test, settings);
    held_out.into_iter().map(partition).collect()
}

/// `learned` with one of several parts of whole groups as validation part, unless that is learned from as well.
fn inner(dataset: &Dataset, learned: &[usize], test: Vec<usize>, settings: &Settings) -> Result<Partition> {
    if settings.folds.learn == Learn::TrainAndValid {
        return Ok(Partition { train: learned.to_vec(), valid: Vec::new(), test });
    }
    let parts = match settings.folds.protocol {
        Protocol::Artist => folds::INNER_FOLDS,
        _ => settings.folds.k(),
    };
    let valid = folds::grouped_k_fold(dataset, learned, parts, settings.seed)?.swap_remove(0);
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
