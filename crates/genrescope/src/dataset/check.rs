//! What a person should know of a data set before it is learned from.

use std::collections::BTreeMap;

use serde::Serialize;

use super::duplicates::{Duplicate, NEAR, duplicates};
use super::folds::groups;
use super::{Dataset, Split, Track};
use crate::features::FrontEnd;

/// A track whose length differs from the median by more than this part is named.
const ODD_LENGTH: f64 = 0.1;

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Tracks that can be read.
    pub tracks: usize,
    /// How many tracks each genre has.
    pub genres: BTreeMap<String, usize>,
    /// Lengths, s.
    pub duration_s: Durations,
    /// Files that cannot be read, and why.
    pub unreadable: Vec<Unreadable>,
    /// Pairs that are the same or nearly, most alike first.
    pub duplicates: Vec<Pair>,
    /// Pairs that the manifest calls near-duplicates and that were not found to be.
    pub listed_but_not_found: Vec<[String; 2]>,
    /// Groups (one artist, near-duplicates) with tracks on both sides of a split.
    pub crossing: Vec<Crossing>,
}

/// Lengths of the tracks, s, to a frame's distance.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Durations {
    /// Of all together.
    pub total: f64,
    /// The shortest, the median and the longest track.
    pub range: [f64; 3],
    /// Tracks that are more than a tenth longer or shorter than the median.
    pub odd: Vec<(String, f64)>,
}

/// A file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The file.
    pub path: String,
    /// As errors name it.
    pub kind: &'static str,
    /// What is wrong.
    pub message: String,
}

/// Two tracks that are alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// Ids of both.
    pub tracks: [String; 2],
    /// Of their spectrograms.
    pub correlation: f64,
    /// How much later the second has what the first has, s.
    pub shift_s: f64,
    /// Whether every level is the same.
    pub exact: bool,
    /// Whether the manifest says so already.
    pub listed: bool,
    /// Whether they carry different genres.
    pub genres_differ: bool,
}

/// A group with tracks in several parts of a split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Crossing {
    /// `filtered_split` or `artist_fold`.
    pub split: &'static str,
    /// Why they belong together: the artist, or near-duplicates.
    pub group: String,
    /// Part → ids of its tracks.
    pub parts: BTreeMap<String, Vec<String>>,
}

/// Looks at all tracks; see [`Check`].
pub fn check(dataset: &Dataset, front_end: &FrontEnd) -> Check {
    let tracks = &dataset.tracks;
    let pairs = pairs(tracks, front_end);
    let mut genres: BTreeMap<String, usize> = dataset.genres.iter().map(|genre| (genre.clone(), 0)).collect();
    tracks.iter().for_each(|track| *genres.entry(dataset.genres[track.genre].clone()).or_default() += 1);
    Check {
        tracks: tracks.len(),
        genres,
        duration_s: durations(tracks, front_end),
        unreadable: dataset.skipped.iter().map(Unreadable::from).collect(),
        listed_but_not_found: not_found(tracks, &pairs),
        crossing: crossing(tracks, &pairs),
        duplicates: pairs,
    }
}

impl From<&super::Skipped> for Unreadable {
    fn from(skipped: &super::Skipped) -> Self {
        Self {
            path: skipped.path.display().to_string(),
            kind: skipped.error.kind().name(),
            message: skipped.error.to_string(),
        }
    }
}

fn durations(tracks: &[Track], front_end: &FrontEnd) -> Durations {
    let seconds = |track: &Track| track.spectrogram.frames() as f64 * front_end.frame_period_s();
    let mut sorted: Vec<f64> = tracks.iter().map(seconds).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(&first), Some(&last)) = (sorted.first(), sorted.last()) else { return Durations::default() };
    let median = sorted[sorted.len() / 2];
    let is_odd = |s: f64| (s - median).abs() > ODD_LENGTH * median;
    let named = tracks.iter().map(|track| (track.id.clone(), seconds(track)));
    Durations {
        total: sorted.iter().sum(),
        range: [first, median, last],
        odd: named.filter(|(_, s)| is_odd(*s)).collect(),
    }
}

fn pairs(tracks: &[Track], front_end: &FrontEnd) -> Vec<Pair> {
    let spectrograms: Vec<_> = tracks.iter().map(|track| &track.spectrogram).collect();
    let pair = |d: Duplicate| {
        let [a, b] = [&tracks[d.first], &tracks[d.second]];
        Pair {
            tracks: [a.id.clone(), b.id.clone()],
            correlation: d.correlation,
            shift_s: d.shift_frames as f64 * front_end.frame_period_s(),
            exact: d.exact,
            listed: says_duplicate(a, b) || says_duplicate(b, a),
            genres_differ: a.genre != b.genre,
        }
    };
    duplicates(&spectrograms, NEAR).into_iter().map(pair).collect()
}

fn says_duplicate(track: &Track, other: &Track) -> bool {
    track.near_duplicate_of.as_ref() == Some(&other.id)
}

fn not_found(tracks: &[Track], pairs: &[Pair]) -> Vec<[String; 2]> {
    let listed = tracks.iter().filter_map(|track| Some([track.id.clone(), track.near_duplicate_of.clone()?]));
    let is_found =
        |[a, b]: &[String; 2]| pairs.iter().any(|pair| pair.tracks.contains(a) && pair.tracks.contains(b));
    listed.filter(|pair| !is_found(pair)).collect()
}

/// Groups by artist and listed near-duplicates, and pairs that were found, that lie on both sides of a split.
fn crossing(tracks: &[Track], pairs: &[Pair]) -> Vec<Crossing> {
    let mut by_group: BTreeMap<usize, Vec<&Track>> = BTreeMap::new();
    for (group, track) in groups(tracks).into_iter().zip(tracks) {
        by_group.entry(group).or_default().push(track);
    }
    let named = by_group.into_values().map(|members| {
        let artist = members.iter().find_map(|track| track.artist.clone());
        (artist.map_or_else(|| "near-duplicates".into(), |artist| format!("artist {artist}")), members)
    });
    let by_id: BTreeMap<&str, &Track> = tracks.iter().map(|track| (&*track.id, track)).collect();
    let found = pairs.iter().filter(|pair| !pair.listed).map(|pair| {
        let members = pair.tracks.iter().filter_map(|id| by_id.get(&**id).copied()).collect();
        (format!("correlation {:.2}", pair.correlation), members)
    });
    let all: Vec<(String, Vec<&Track>)> = named.chain(found).collect();
    let filtered = all.iter().filter_map(|(name, members)| {
        Crossing::of("filtered_split", name, members, |t| t.filtered_split.map(split_name))
    });
    let artist = all.iter().filter_map(|(name, members)| {
        Crossing::of("artist_fold", name, members, |t| t.artist_fold.map(|fold| fold.to_string()))
    });
    filtered.chain(artist).collect()
}

fn split_name(split: Split) -> String {
    match split {
        Split::Train => "train",
        Split::Valid => "valid",
        Split::Test => "test",
    }
    .into()
}

impl Crossing {
    /// The group, when its tracks lie in more than one part.
    fn of(
        split: &'static str,
        group: &str,
        members: &[&Track],
        part: impl Fn(&Track) -> Option<String>,
    ) -> Option<Self> {
        let mut parts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for track in members {
            if let Some(part) = part(track) {
                parts.entry(part).or_default().push(track.id.clone());
            }
        }
        (parts.len() > 1).then(|| Self { split, group: group.into(), parts })
    }
}
