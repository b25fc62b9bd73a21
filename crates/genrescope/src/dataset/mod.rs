//! Tracks to learn from and to measure on.
//!
//! Takes a folder of spectrograms (`gtzan-mel`) or of audio files named by genre; gives [`Dataset`]: every readable
//! track as dB over time, with what is known of its artist, its duplicates and its published splits.
//! Decides which tracks share a group ([`folds`]), how patches are cut and varied ([`patches`],
//! [`segments`], [`augment`], [`transpose`]),
//! and what should be known of the set before ([`check`], [`duplicates`]).
//! Never trains, never prints; what cannot be read is listed in [`Dataset::skipped`].

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::features::FrontEnd;

pub mod augment;
pub mod check;
mod draw;
pub mod duplicates;
pub mod fold_file;
pub mod folder;
pub mod folds;
pub mod gtzan;
pub mod manifest;
pub mod patches;
pub mod recording;
pub mod segments;
pub mod statistics;
pub mod taggrams;
pub mod transpose;

pub use manifest::Split;
pub use segments::Extraction;

/// Decibels over time, `[frames, bands]` row-major, band 0 lowest, relative to the loudest cell of the track.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrogram {
    /// Mel bands a frame.
    pub bands: usize,
    /// `frames * bands` levels, dB, all ≤ 0.
    pub db: Vec<f32>,
}

impl Spectrogram {
    /// Kept frames, see [`FrontEnd::frame_step`].
    pub fn frames(&self) -> usize {
        self.db.len() / self.bands.max(1)
    }

    /// `frames` neighbouring frames from `from` on, `[frames, bands]`; a track that is shorter starts over at its end.
    pub fn crop(&self, from: usize, frames: usize) -> Vec<f32> {
        let behind = self.db[from * self.bands..].iter().chain(self.db.iter().cycle());
        behind.take(frames * self.bands).copied().collect()
    }
}

/// One recording with its genre.
#[derive(Clone, Debug)]
pub struct Track {
    /// Name of the clip, unique in the data set: `blues.00042`.
    pub id: String,
    /// Index into [`Dataset::genres`].
    pub genre: usize,
    /// Who plays, where that is known.
    pub artist: Option<String>,
    /// Fold of the published artist-disjoint partition, 1 to 3.
    pub artist_fold: Option<u8>,
    /// Part of the published fault-filtered split; none = excluded there.
    pub filtered_split: Option<Split>,
    /// Id of the track that this one nearly repeats.
    pub near_duplicate_of: Option<String>,
    /// Where its audio lies; none for a stored spectrogram.
    pub audio: Option<AudioSpan>,
    /// What a network learns from.
    pub spectrogram: Spectrogram,
    /// The features of each of its segments, in their units; empty where none are wanted.
    pub vectors: Vec<Vec<f32>>,
    /// The track in other keys.
    pub transposed: Vec<Transposed>,
}

/// Samples of an audio file at the front end's rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioSpan {
    /// The file.
    pub path: PathBuf,
    /// Which of its samples.
    pub samples: Range<usize>,
    /// Which of them each segment has, where the track was cut.
    pub segments: Vec<Range<usize>>,
}

/// A track in another key.
#[derive(Clone, Debug, PartialEq)]
pub struct Transposed {
    /// How much higher.
    pub semitones: f64,
    /// None: the track's own levels, shifted when they are needed.
    pub spectrogram: Option<Spectrogram>,
    /// As [`Track::vectors`].
    pub vectors: Vec<Vec<f32>>,
}

/// A file that could not be used, and why.
#[derive(Debug)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// What was wrong with it.
    pub error: Error,
}

/// Where a data set is.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// A folder of spectrograms with its `tracks.csv`, or of audio named by genre.
    pub path: &'a Path,
    /// Says artists and splits of audio files, by clip name.
    pub manifest: Option<&'a Path>,
    /// The manifest's column that says which tracks belong together, instead of `artist`.
    pub group: Option<&'a str>,
}

/// Readable tracks, and the names of their genres.
#[derive(Debug)]
pub struct Dataset {
    /// Names of the genres, in the order of [`Track::genre`].
    pub genres: Vec<String>,
    /// The tracks, in the order of the manifest or of their paths.
    pub tracks: Vec<Track>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
}

impl Dataset {
    /// Reads `path`: spectrograms when `tracks.csv` there lists `.npy` files, else audio named by genre.
    ///
    /// `manifest`, when given, says artists and splits of audio files (by clip name); see [`folder::read`].
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] and [`crate::ErrorKind::BadManifest`] when nothing can be read at all;
    /// single unreadable files are listed in [`Dataset::skipped`] instead.
    pub fn read(path: &Path, manifest: Option<&Path>, front_end: &FrontEnd) -> crate::Result<Self> {
        Self::read_for(&Source { path, manifest, group: None }, &Extraction::whole(front_end))
    }

    /// As [`Dataset::read`], with features and versions in other keys.
    ///
    /// # Errors
    /// As [`Dataset::read`]; [`crate::ErrorKind::BadSettings`] when spectrograms cannot give what is wanted.
    pub fn read_for(source: &Source, extraction: &Extraction) -> crate::Result<Self> {
        if gtzan::is_spectrogram_folder(source.path) {
            extraction.check_without_audio().map_err(|e| e.at(source.path.display()))?;
            gtzan::read(source, extraction)
        } else {
            folder::read(source, extraction)
        }
    }

    /// Indices of the tracks with these ids; ids that are not there are ignored.
    pub fn indices_of(&self, ids: &[String]) -> Vec<usize> {
        let wanted: std::collections::HashSet<&str> = ids.iter().map(String::as_str).collect();
        (0..self.tracks.len()).filter(|&t| wanted.contains(self.tracks[t].id.as_str())).collect()
    }

    /// Genres of these tracks.
    pub fn genres_of(&self, tracks: &[usize]) -> Vec<usize> {
        tracks.iter().map(|&t| self.tracks[t].genre).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small made-up data set: two genres told apart by the band that sounds, `tracks` tracks, two an artist.
    pub(crate) fn toy(tracks: usize, frames: usize, bands: usize) -> Dataset {
        let tracks = (0..tracks).map(|t| toy_track(t, frames, bands)).collect();
        Dataset { genres: vec!["low".into(), "high".into()], tracks, skipped: Vec::new() }
    }

    fn toy_track(index: usize, frames: usize, bands: usize) -> Track {
        let genre = index % 2;
        let loud = genre * (bands / 2)..(genre + 1) * (bands / 2);
        let level = |cell: usize| {
            let ripple = ((cell * 7 + index * 13) % 11) as f32;
            if loud.contains(&(cell % bands)) { -ripple } else { -45.0 - ripple }
        };
        Track {
            id: format!("{}.{index:05}", ["low", "high"][genre]),
            genre,
            artist: Some(format!("{genre}-{}", index / 4)),
            artist_fold: None,
            filtered_split: None,
            near_duplicate_of: None,
            audio: None,
            spectrogram: Spectrogram { bands, db: (0..frames * bands).map(level).collect() },
            vectors: Vec::new(),
            transposed: Vec::new(),
        }
    }
}
