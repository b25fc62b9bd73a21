//! Tags that a network learns beside its genres: what a tagger that heard more music says of the same clips.

use genrescope_nn::Network;

use super::settings::Settings;
use crate::dataset::{Dataset, taggrams};
use crate::{Error, ErrorKind, Result};

/// The mean tag scores of each track of the data set, empty for a track without; nothing where none are to be learned.
///
/// # Errors
/// Those of [`taggrams::read`]; [`ErrorKind::BadManifest`] when the file has scores of none of the tracks.
pub(super) fn of_tracks(dataset: &Dataset, settings: &Settings) -> Result<Vec<Vec<f32>>> {
    let Some(path) = &settings.data.taggrams else { return Ok(Vec::new()) };
    let windows = taggrams::read(path)?;
    let mean = |id: &str| windows.get(id).map_or_else(Vec::new, |windows| mean(windows));
    let tags: Vec<Vec<f32>> = dataset.tracks.iter().map(|track| mean(&track.id)).collect();
    if tags.iter().all(Vec::is_empty) {
        let what = format!("{}: no taggram of any of these tracks", path.display());
        return Err(Error::new(ErrorKind::BadManifest, what));
    }
    Ok(tags)
}

fn mean(windows: &[Vec<f32>]) -> Vec<f32> {
    let mut sums = vec![0.0; windows.first().map_or(0, Vec::len)];
    windows.iter().for_each(|scores| sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score));
    sums.into_iter().map(|sum: f32| sum / windows.len() as f32).collect()
}

/// The trained weights in a network that has the first outputs alone.
pub(super) fn cut_off(trained: &Network, mut plain: Network) -> Network {
    for parameter in plain.parameters_mut() {
        let whole = trained.parameters().iter().find(|other| other.name == parameter.name);
        let whole = whole.expect("both networks are built alike");
        let (kept, all) = (parameter.shape.last(), whole.shape.last());
        let (kept, all) = (kept.copied().unwrap_or(1), all.copied().unwrap_or(1));
        parameter.data = whole.data.chunks_exact(all).flat_map(|row| row[..kept].iter().copied()).collect();
    }
    plain
}
