//! `tracks.csv`: which recordings there are, and what is known of each.

use std::path::Path;

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// A part of a published split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose by.
    Valid,
    /// To be read once.
    Test,
}

/// One row of `tracks.csv`. Only `clip` is required; columns that are not named here are ignored.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Name of the clip: the file's name without extension.
    pub clip: String,
    /// Where the spectrogram is, relative to the manifest's folder.
    #[serde(default)]
    pub path: String,
    /// Name of the genre.
    #[serde(default)]
    pub genre: String,
    /// Step of the quantised levels, dB.
    #[serde(default)]
    pub db_step: Option<f32>,
    /// Part of the fault-filtered split; empty = excluded.
    #[serde(default)]
    pub filtered_split: Option<Split>,
    /// Who plays; empty = not known.
    #[serde(default)]
    pub artist: Option<String>,
    /// Fold of the artist-disjoint partition.
    #[serde(default)]
    pub artist_fold: Option<u8>,
    /// Clip that this one nearly repeats.
    #[serde(default)]
    pub near_duplicate_of: Option<String>,
}

/// All rows of a manifest; `group` names the column that says what belongs together, instead of `artist`.
///
/// # Errors
/// [`ErrorKind::NotFound`], [`ErrorKind::Io`], or [`ErrorKind::BadManifest`] with the line that is wrong.
pub fn read(path: &Path, group: Option<&str>) -> Result<Vec<Row>> {
    let text = std::fs::read(path).map_err(|e| Error::io(path.display(), e))?;
    let mut reader = csv::Reader::from_reader(&text[..]);
    let headers = reader.headers().map_err(|e| bad(path, &e.to_string()))?.clone();
    let headers = match group {
        Some(group) => grouped_by(&headers, group).ok_or_else(|| bad(path, &format!("no column {group}")))?,
        None => headers,
    };
    let row = |record: csv::Result<StringRecord>| record?.deserialize(Some(&headers));
    let rows = reader.records().map(row).collect::<csv::Result<Vec<Row>>>();
    let rows = rows.map_err(|e| bad(path, &e.to_string()).with_source(e))?;
    let mut clips: Vec<&str> = rows.iter().map(|row| row.clip.as_str()).collect();
    clips.sort_unstable();
    match clips.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(bad(path, &format!("clip {} is listed twice", pair[0]))),
        None => Ok(rows),
    }
}

/// The headers with one column in the place of `artist`.
fn grouped_by(headers: &StringRecord, group: &str) -> Option<StringRecord> {
    headers.iter().find(|name| *name == group)?;
    let renamed = headers.iter().map(|name| match name {
        name if name == group => "artist",
        "artist" => "",
        name => name,
    });
    Some(renamed.collect())
}

fn bad(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::BadManifest, format!("{}: {what}", path.display()))
}
