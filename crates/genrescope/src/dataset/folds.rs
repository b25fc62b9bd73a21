//! Which tracks to learn from, choose by and measure on. Whole tracks and artists, before any patch exists.
//!
//! In GTZAN's `tracks.csv` 947 of the 999 clips carry an artist. The other 52 are those left out of the published
//! artist-disjoint partition: 26 nearly repeat another clip and so belong to its group; the remaining 26 are by
//! nobody known and each is a group of its own.

use std::collections::{BTreeMap, HashMap, HashSet};

use rand::seq::SliceRandom;

use super::draw::{Purpose, generator};
use super::{Dataset, Split, Track};
use crate::{Error, ErrorKind, Result};

/// Indices of tracks to learn from, to choose by and to measure on; no track twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// To learn from; normalisation statistics come from here.
    pub train: Vec<usize>,
    /// To choose epochs and settings by.
    pub valid: Vec<usize>,
    /// To be read once.
    pub test: Vec<usize>,
}

/// The inner validation part of [`artist`] is one of so many folds of the training part.
pub const INNER_FOLDS: usize = 5;

/// Group of every track: tracks of one artist and near-duplicates share one. Numbers count from 0 by first appearance.
pub fn groups(tracks: &[Track]) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..tracks.len()).collect();
    let by_id: HashMap<&str, usize> = tracks.iter().enumerate().map(|(t, track)| (&*track.id, t)).collect();
    let mut first_of: HashMap<&str, usize> = HashMap::new();
    for (t, track) in tracks.iter().enumerate() {
        if let Some(artist) = &track.artist {
            let first = *first_of.entry(artist).or_insert(t);
            unite(&mut parent, first, t);
        }
        if let Some(&original) = track.near_duplicate_of.as_ref().and_then(|id| by_id.get(&**id)) {
            unite(&mut parent, original, t);
        }
    }
    let roots: Vec<usize> = (0..tracks.len()).map(|t| root(&parent, t)).collect();
    let mut number = HashMap::new();
    roots
        .into_iter()
        .map(|r| {
            let next = number.len();
            *number.entry(r).or_insert(next)
        })
        .collect()
}

fn root(parent: &[usize], mut t: usize) -> usize {
    while parent[t] != t {
        t = parent[t];
    }
    t
}

fn unite(parent: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(parent, a), root(parent, b));
    parent[a.max(b)] = a.min(b);
}

/// The fault-filtered split (Kereliuk, Sturm, Larsen 2015): 442, 197 and 290 of the tracks at hand.
///
/// # Errors
/// [`ErrorKind::BadManifest`] when the data set says nothing of that split.
pub fn filtered(dataset: &Dataset) -> Result<Partition> {
    let part = |split| select(&dataset.tracks, |track| track.filtered_split == Some(split));
    let partition =
        Partition { train: part(Split::Train), valid: part(Split::Valid), test: part(Split::Test) };
    if partition.train.is_empty() || partition.test.is_empty() {
        return Err(missing("filtered_split"));
    }
    Ok(partition)
}

/// One of the three artist-disjoint folds (Foleiss and Tavares 2020) as test part; a fifth of the other two, by
/// artist groups, as validation part. One of two near-duplicates that lie in different folds is left out.
///
/// # Errors
/// [`ErrorKind::BadManifest`] when no track lies in fold `test_fold` (1 to 3).
pub fn artist(dataset: &Dataset, test_fold: u8, seed: u64) -> Result<Partition> {
    let fold_of: HashMap<&str, Option<u8>> =
        dataset.tracks.iter().map(|track| (&*track.id, track.artist_fold)).collect();
    let kept = |track: &Track| {
        let original = track.near_duplicate_of.as_deref().and_then(|id| fold_of.get(id));
        original.is_none_or(|&fold| fold.is_none() || fold == track.artist_fold)
    };
    let test = select(&dataset.tracks, |t| kept(t) && t.artist_fold == Some(test_fold));
    let rest = select(&dataset.tracks, |t| kept(t) && t.artist_fold.is_some_and(|fold| fold != test_fold));
    if test.is_empty() || rest.is_empty() {
        return Err(missing("artist_fold"));
    }
    let valid = grouped_k_fold(dataset, &rest, INNER_FOLDS, seed)?.swap_remove(0);
    Ok(Partition { train: without(&rest, &valid), valid, test })
}

/// Tracks that a twin may learn from: neither one of `excluded`, nor by an artist of theirs, nor a near-duplicate,
/// nor by somebody unknown, who could be one of those artists.
///
/// Of GTZAN without the 101 clips that are at hand as audio 773 remain: 774 by artist, less reggae.00054, which nearly
/// repeats one of the 101 under another artist's name.
pub fn twin(dataset: &Dataset, excluded: &[usize]) -> Vec<usize> {
    let groups = groups(&dataset.tracks);
    let taken: HashSet<usize> = excluded.iter().map(|&t| groups[t]).collect();
    let kept = |&t: &usize| !taken.contains(&groups[t]) && dataset.tracks[t].artist.is_some();
    (0..dataset.tracks.len()).filter(kept).collect()
}

/// Cuts `subset` into `k` parts of whole groups with near-equal numbers of every genre; each part held out once.
///
/// Greedy: groups in order of falling size (ties shuffled by `seed`), each to the part where its genres are fewest.
/// The result depends on the tracks and the seed, not on the order of `subset`.
///
/// # Errors
/// [`ErrorKind::BadSettings`] when there are fewer groups than parts, or fewer than two parts.
pub fn grouped_k_fold(dataset: &Dataset, subset: &[usize], k: usize, seed: u64) -> Result<Vec<Vec<usize>>> {
    let mut members = groups_of(dataset, subset);
    if k < 2 || members.len() < k {
        let what = format!("{k} folds of {} groups: at least 2 folds, and a group for each", members.len());
        return Err(Error::new(ErrorKind::BadSettings, what));
    }
    members.shuffle(&mut generator(seed, Purpose::Folds, [k as u64, 0]));
    members.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let mut parts = vec![Vec::new(); k];
    let mut counts = vec![vec![0usize; dataset.genres.len()]; k];
    for group in members {
        let part = emptiest(&counts, &histogram(dataset, &group));
        group.iter().for_each(|&t| counts[part][dataset.tracks[t].genre] += 1);
        parts[part].extend(group);
    }
    parts.iter_mut().for_each(|part| part.sort_unstable());
    Ok(parts)
}

/// Cuts `subset` into `k` random parts with near-equal numbers of every genre; groups are not looked at.
///
/// The result depends on the tracks and the seed, not on the order of `subset`.
///
/// # Errors
/// [`ErrorKind::BadSettings`] when there are fewer tracks than parts, or fewer than two parts.
pub fn stratified_k_fold(
    dataset: &Dataset,
    subset: &[usize],
    k: usize,
    seed: u64,
) -> Result<Vec<Vec<usize>>> {
    if k < 2 || subset.len() < k {
        let what = format!("{k} folds of {}: at least 2 folds, and one to measure in each", subset.len());
        return Err(Error::new(ErrorKind::BadSettings, what));
    }
    let mut parts = vec![Vec::new(); k];
    let mut next = 0;
    for (genre, mut members) in by_genre(dataset, subset).into_iter().enumerate() {
        members.shuffle(&mut generator(seed, Purpose::Folds, [k as u64, 1 + genre as u64]));
        for track in members {
            parts[next % k].push(track);
            next += 1;
        }
    }
    parts.iter_mut().for_each(|part| part.sort_unstable());
    Ok(parts)
}

/// Each of the parts measured once: test = part `k`, validation = the next two, training = the others.
pub fn rotated(parts: &[Vec<usize>]) -> Vec<Partition> {
    let part = |number: usize| &parts[number % parts.len()];
    let partition = |k: usize| {
        let mut train: Vec<usize> = (k + 3..k + parts.len()).flat_map(part).copied().collect();
        train.sort_unstable();
        Partition { train, valid: [&part(k + 1)[..], part(k + 2)].concat(), test: part(k).clone() }
    };
    (0..parts.len()).map(partition).collect()
}

/// Random partitions of the same tracks with the same number of every genre in every part: every track changes places
/// with another one of its genre, the same one in all partitions.
pub fn random_twins(dataset: &Dataset, partitions: &[Partition], seed: u64) -> Vec<Partition> {
    let all: Vec<usize> =
        partitions.iter().flat_map(|p| [&p.train, &p.valid, &p.test]).flatten().copied().collect();
    let mut place_of = HashMap::new();
    for (genre, members) in by_genre(dataset, &all).into_iter().enumerate() {
        let mut places = members.clone();
        places.shuffle(&mut generator(seed, Purpose::Folds, [0, 1 + genre as u64]));
        place_of.extend(members.into_iter().zip(places));
    }
    let moved = |part: &[usize]| {
        let mut part: Vec<usize> = part.iter().map(|t| place_of[t]).collect();
        part.sort_unstable();
        part
    };
    let twin =
        |p: &Partition| Partition { train: moved(&p.train), valid: moved(&p.valid), test: moved(&p.test) };
    partitions.iter().map(twin).collect()
}

/// The tracks of each genre once, by their ids.
fn by_genre(dataset: &Dataset, subset: &[usize]) -> Vec<Vec<usize>> {
    let mut sorted = subset.to_vec();
    sorted.sort_by(|&a, &b| dataset.tracks[a].id.cmp(&dataset.tracks[b].id));
    sorted.dedup();
    let mut genres = vec![Vec::new(); dataset.genres.len()];
    sorted.into_iter().for_each(|t| genres[dataset.tracks[t].genre].push(t));
    genres
}

/// Whether the data set has the published artist-disjoint folds.
pub fn has_artist_folds(dataset: &Dataset) -> bool {
    dataset.tracks.iter().any(|track| track.artist_fold.is_some())
}

/// For those who need groups that somebody stated.
///
/// # Errors
/// [`ErrorKind::BadManifest`] when no two tracks are said to belong together.
pub fn refuse_without_groups(dataset: &Dataset) -> Result<()> {
    if dataset.tracks.iter().any(|track| track.artist.is_some()) {
        return Ok(());
    }
    let what = "nothing says which tracks belong together: put them into <genre>/<artist>/<file>, give a \
                data.manifest with a column artist (or another one, data.group), or use protocol track";
    Err(Error::new(ErrorKind::BadManifest, what))
}

/// For parts that must not divide what belongs together.
///
/// # Errors
/// [`ErrorKind::BadSettings`] with the first group that stands in two parts.
pub fn refuse_crossing(dataset: &Dataset, partition: &Partition) -> Result<()> {
    let groups = groups(&dataset.tracks);
    let parts = [("train", &partition.train), ("valid", &partition.valid), ("test", &partition.test)];
    let mut first: HashMap<usize, (&str, usize)> = HashMap::new();
    for (name, part) in parts {
        for &track in part {
            let &mut (other_name, other) = first.entry(groups[track]).or_insert((name, track));
            if other_name != name {
                let [a, b] = [other, track].map(|t| &dataset.tracks[t].id);
                let what = format!(
                    "{a} in {other_name} and {b} in {name} belong together (one artist, or near-duplicates); put \
                     them into one part, or use protocol track or segment, which say that they leak"
                );
                return Err(Error::new(ErrorKind::BadSettings, what));
            }
        }
    }
    Ok(())
}

/// Refuses parts that are called `filtered` and put a track on another side than the published split has it on.
///
/// # Errors
/// [`ErrorKind::BadSettings`] with the track, or as [`filtered`].
pub fn refuse_unfiltered(dataset: &Dataset, partition: &Partition) -> Result<()> {
    let published = filtered(dataset)?;
    let learned = |part: &Partition| [&part.train[..], &part.valid].concat();
    let elsewhere =
        [without(&learned(partition), &learned(&published)), without(&partition.test, &published.test)]
            .concat();
    let Some(&track) = elsewhere.first() else { return Ok(()) };
    let what = format!(
        "{} is not on that side of the filtered split; put it where the split has it, or name another protocol",
        dataset.tracks[track].id
    );
    Err(Error::new(ErrorKind::BadSettings, what))
}

/// Members of every group of `subset`, by the smallest track id of the group.
fn groups_of(dataset: &Dataset, subset: &[usize]) -> Vec<Vec<usize>> {
    let groups = groups(&dataset.tracks);
    let mut sorted = subset.to_vec();
    sorted.sort_by(|&a, &b| dataset.tracks[a].id.cmp(&dataset.tracks[b].id));
    sorted.dedup();
    let mut first: HashMap<usize, &str> = HashMap::new();
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for t in sorted {
        let name = *first.entry(groups[t]).or_insert(&dataset.tracks[t].id);
        members.entry(name).or_default().push(t);
    }
    members.into_values().collect()
}

/// The part where the genres of a group are rarest so far; among equals the smallest part, then the first.
fn emptiest(counts: &[Vec<usize>], group: &[usize]) -> usize {
    let load = |part: &Vec<usize>| {
        let same: usize = part.iter().zip(group).map(|(have, add)| have * add).sum();
        (same, part.iter().sum::<usize>())
    };
    (0..counts.len()).min_by_key(|&part| load(&counts[part])).unwrap_or(0)
}

fn histogram(dataset: &Dataset, tracks: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; dataset.genres.len()];
    tracks.iter().for_each(|&t| counts[dataset.tracks[t].genre] += 1);
    counts
}

/// `all` without `removed`, in the order of `all`.
pub fn without(all: &[usize], removed: &[usize]) -> Vec<usize> {
    let removed: HashSet<usize> = removed.iter().copied().collect();
    all.iter().copied().filter(|t| !removed.contains(t)).collect()
}

fn select(tracks: &[Track], keep: impl Fn(&Track) -> bool) -> Vec<usize> {
    (0..tracks.len()).filter(|&t| keep(&tracks[t])).collect()
}

fn missing(column: &str) -> Error {
    let what = format!("no track of the data set has the column {column} that this protocol needs");
    Error::new(ErrorKind::BadManifest, what)
}
