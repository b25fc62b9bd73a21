//! Audio files named by genre: `<genre>/<file>` or `<genre>/<artist>/<file>`.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::manifest::{self, Row};
use super::{AudioSpan, Dataset, Extraction, Skipped, Source, Track};
use crate::audio::{Waveform, audio_files};
use crate::{Error, ErrorKind, Result};

/// Reads every audio file below `<genre>/` of the source's folder; genres are the sorted names of the folders.
///
/// Tracks in one folder below a genre (`<genre>/<artist>/<file>`) share an artist. The manifest is a `tracks.csv` whose
/// rows are found by clip name (the file's name without extension) and say artist, splits and near-duplicates; a file
/// it does not list keeps what its path says.
///
/// # Errors
/// [`ErrorKind::NotFound`] without the folder; [`ErrorKind::BadManifest`] when no genre has a readable file. Single
/// unreadable files are entries of [`Dataset::skipped`].
pub fn read(source: &Source, extraction: &Extraction) -> Result<Dataset> {
    let Source { path: folder, manifest, group } = *source;
    let rows = manifest.map(|path| manifest::read(path, group)).transpose()?.unwrap_or_default();
    let rows: HashMap<String, Row> = rows.into_iter().map(|row| (row.clip.clone(), row)).collect();
    let (files, unlisted) = named_files(folder)?;
    let genres: BTreeSet<&String> = files.iter().map(|file| &file.genre).collect();
    let genres: Vec<String> = genres.into_iter().cloned().collect();
    let read_one = |file: &NamedFile| read_track(file, &genres, &rows, extraction);
    let results: Vec<Result<Track>> = files.par_iter().map(read_one).collect();
    let mut dataset = Dataset { genres: genres.clone(), tracks: Vec::new(), skipped: unlisted };
    for (result, file) in results.into_iter().zip(&files) {
        match result {
            Ok(track) => dataset.tracks.push(track),
            Err(error) => dataset.skipped.push(Skipped { path: file.path.clone(), error }),
        }
    }
    if dataset.tracks.is_empty() {
        let what = format!("{}: no readable audio in <genre>/<file>", folder.display());
        return Err(Error::new(ErrorKind::BadManifest, what));
    }
    Ok(dataset)
}

/// Clip names (file names without extension) of the audio files in a folder of genres.
///
/// # Errors
/// As [`read`].
pub fn clip_names(folder: &Path) -> Result<Vec<String>> {
    let name = |file: NamedFile| file.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(named_files(folder)?.0.into_iter().map(name).collect())
}

/// A file and what its path says of it.
struct NamedFile {
    path: PathBuf,
    /// Relative to the data set's folder.
    id: String,
    genre: String,
    artist: Option<String>,
}

/// Every audio file by genre, in the order of the paths; folders that cannot be listed.
fn named_files(folder: &Path) -> Result<(Vec<NamedFile>, Vec<Skipped>)> {
    let listing = std::fs::read_dir(folder).map_err(|e| Error::io(folder.display(), e))?;
    let mut genre_folders: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).collect();
    genre_folders.retain(|path| path.is_dir() && !name_of(path).starts_with('.'));
    genre_folders.sort();
    let (mut files, mut unlisted) = (Vec::new(), Vec::new());
    for genre_folder in genre_folders {
        for path in audio_files(&genre_folder) {
            match path {
                Ok(path) => files.push(named_file(folder, &genre_folder, path)),
                Err(error) => unlisted.push(Skipped { path: genre_folder.clone(), error }),
            }
        }
    }
    Ok((files, unlisted))
}

fn named_file(folder: &Path, genre_folder: &Path, path: PathBuf) -> NamedFile {
    let genre = name_of(genre_folder);
    let parent = path.parent().filter(|parent| *parent != genre_folder);
    NamedFile {
        id: path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned(),
        artist: parent.map(|parent| format!("{genre}/{}", name_of(parent))),
        genre,
        path,
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read_track(
    file: &NamedFile,
    genres: &[String],
    rows: &HashMap<String, Row>,
    extraction: &Extraction,
) -> Result<Track> {
    let clip = file.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let row = rows.get(&clip);
    let waveform = Waveform::decode(&file.path, extraction.front_end.sample_rate_hz)?;
    let ((spectrogram, vectors), transposed) = extraction.of_audio(&waveform)?;
    Ok(Track {
        genre: genres.iter().position(|name| *name == file.genre).unwrap_or_default(),
        artist: row.and_then(|row| row.artist.clone()).or_else(|| file.artist.clone()),
        artist_fold: row.and_then(|row| row.artist_fold),
        filtered_split: row.and_then(|row| row.filtered_split),
        near_duplicate_of: row.and_then(|row| row.near_duplicate_of.clone()),
        id: if row.is_some() { clip } else { file.id.clone() },
        audio: Some(AudioSpan {
            path: file.path.clone(),
            samples: 0..waveform.samples.len(),
            segments: extraction.spans(waveform.samples.len()),
        }),
        spectrogram,
        vectors,
        transposed,
    })
}
