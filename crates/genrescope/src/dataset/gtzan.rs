//! The published log-mel spectrograms of GTZAN: `tracks.csv` and one `uint8 [bands, frames]` array a clip.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use rayon::prelude::*;

use super::manifest::{self, Row};
use super::{Dataset, Extraction, Skipped, Source, Spectrogram, Track};
use crate::genres::GTZAN;
use crate::{Error, ErrorKind, Result};

/// Longest stored spectrogram that is read, frames (two hours at 77.5 ms): keeps memory bounded.
const MAX_FRAMES: usize = 100_000;

/// Whether `folder` holds a `tracks.csv` that lists spectrograms.
pub fn is_spectrogram_folder(folder: &Path) -> bool {
    manifest::read(&folder.join("tracks.csv"), None)
        .is_ok_and(|rows| rows.first().is_some_and(|row| row.path.ends_with(".npy")))
}

/// Reads a `gtzan-mel` folder: levels `(q + 0.5 - 256) * db_step`, dB relative to the clip's maximum.
///
/// # Errors
/// [`ErrorKind::BadManifest`] when `tracks.csv` cannot be read. A clip that is missing or damaged is no error but
/// an entry of [`Dataset::skipped`].
pub fn read(source: &Source, extraction: &Extraction) -> Result<Dataset> {
    let folder = source.path;
    let rows = manifest::read(&folder.join("tracks.csv"), source.group)?;
    let mut dataset =
        Dataset { genres: GTZAN.map(String::from).to_vec(), tracks: Vec::new(), skipped: Vec::new() };
    let read_one = |row: Row| {
        let path = folder.join(&row.path);
        let track = read_track(&path, row, extraction);
        track.map_err(|error| Skipped { error: error.at(path.display()), path })
    };
    let tracks: Vec<Result<Track, Skipped>> = rows.into_par_iter().map(read_one).collect();
    for track in tracks {
        match track {
            Ok(track) => dataset.tracks.push(track),
            Err(skipped) => dataset.skipped.push(skipped),
        }
    }
    Ok(dataset)
}

fn read_track(path: &Path, row: Row, extraction: &Extraction) -> Result<Track> {
    let genre = GTZAN.iter().position(|&name| name == row.genre);
    let genre = genre.ok_or_else(|| bad(format!("unknown genre {:?}", row.genre)))?;
    let db_step = row.db_step.filter(|step| step.is_finite() && *step > 0.0);
    let db_step = db_step.ok_or_else(|| bad("db_step must be a positive number".into()))?;
    let spectrogram = read_spectrogram(path, extraction.front_end.mel_bands, db_step)?;
    let (vectors, transposed) = extraction.of_spectrogram(&spectrogram);
    Ok(Track {
        id: row.clip,
        genre,
        artist: row.artist,
        artist_fold: row.artist_fold,
        filtered_split: row.filtered_split,
        near_duplicate_of: row.near_duplicate_of,
        audio: None,
        spectrogram,
        vectors,
        transposed,
    })
}

fn read_spectrogram(path: &Path, bands: usize, db_step: f32) -> Result<Spectrogram> {
    let file = File::open(path).map_err(|e| Error::io("cannot open", e))?;
    let npy = npyz::NpyFile::new(BufReader::new(file)).map_err(corrupt)?;
    let shape = npy.shape().to_vec();
    let [stored_bands, frames] = shape[..] else {
        return Err(Error::new(ErrorKind::Corrupt, format!("expected [bands, frames], found {shape:?}")));
    };
    if stored_bands != bands as u64 || frames == 0 || frames > MAX_FRAMES as u64 {
        let what = format!("expected [{bands}, 1 to {MAX_FRAMES}], found {shape:?}");
        return Err(Error::new(ErrorKind::Corrupt, what));
    }
    let levels: Vec<u8> = npy.into_vec().map_err(corrupt)?;
    Ok(from_levels(&levels, bands, db_step))
}

/// Quantised levels `[bands, frames]` as dB `[frames, bands]`.
fn from_levels(levels: &[u8], bands: usize, db_step: f32) -> Spectrogram {
    let frames = levels.len() / bands;
    let level = |cell: usize| f32::from(levels[(cell % bands) * frames + cell / bands]);
    let db = (0..frames * bands).map(|cell| (level(cell) + 0.5 - 256.0) * db_step).collect();
    Spectrogram { bands, db }
}

fn corrupt(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Corrupt, format!("not a spectrogram of bytes: {error}")).with_source(error)
}

fn bad(what: String) -> Error {
    Error::new(ErrorKind::BadManifest, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_transposed_and_scaled() {
        let spectrogram = from_levels(&[255, 0, 1, 2, 3, 4], 2, 0.5);
        assert_eq!(spectrogram.frames(), 3);
        assert_eq!(spectrogram.db, [-0.25, -126.75, -127.75, -126.25, -127.25, -125.75]);
    }
}
