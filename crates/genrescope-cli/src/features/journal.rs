//! What is finished, beside the output: a run that was killed at any moment goes on from here.
//!
//! The first line says what is computed, every other one is a recording with its rows. A line counts once its end is
//! written; what stands behind the last one is cut off.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::rows::{Cut, Row, SegmentLength};
use crate::inputs::{Input, Source};

/// An input as the journal knows it; a file that was changed is another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) path: String,
    bytes: Option<u64>,
    modified_ns: Option<u64>,
}

impl Key {
    pub(super) fn of(input: &Input) -> Self {
        let metadata = match &input.source {
            Ok(Source::File(path)) => fs::metadata(path).ok(),
            _ => None,
        };
        let modified = metadata.as_ref().and_then(|m| m.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        Self {
            path: input.name.clone(),
            bytes: metadata.map(|m| m.len()),
            modified_ns: modified.map(|since| since.as_nanos() as u64),
        }
    }

    /// Whether the same recording is there a second time: standard input is not.
    fn can_be_kept(&self) -> bool {
        self.bytes.is_some()
    }
}

/// The first line.
#[derive(PartialEq, Serialize, Deserialize)]
struct Header {
    genrescope_features: u32,
    set: String,
    segment_s: Option<f64>,
    padding: genrescope::features::Padding,
}

#[derive(Deserialize)]
struct Entry {
    key: Key,
    rows: Vec<Row>,
}

/// Where a recording's line begins, and what has to be known before the table is written.
#[derive(Clone, Copy)]
pub(super) struct Place {
    offset: u64,
    pub(super) rows: usize,
}

pub(super) struct Journal {
    path: PathBuf,
    file: File,
    end: u64,
    places: HashMap<Key, Place>,
}

impl Journal {
    /// Opens the journal of an output, or begins it.
    pub(super) fn open(output: &Path, cut: &Cut) -> Result<Self> {
        let path = beside(output, ".journal");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.with_context(|| format!("{}: cannot be written", path.display()))?;
        let mut journal = Self { path, file, end: 0, places: HashMap::new() };
        journal.read(&header(cut))?;
        Ok(journal)
    }

    fn read(&mut self, expected: &Header) -> Result<()> {
        let mut lines = BufReader::new(&self.file);
        let mut line = Vec::new();
        let mut is_begun = false;
        while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            if !is_begun {
                let found: Header = serde_json::from_slice(&line).with_context(|| self.foreign())?;
                if found != *expected {
                    bail!("{}", self.foreign());
                }
                is_begun = true;
            } else {
                let Ok(entry) = serde_json::from_slice::<Entry>(&line) else { break };
                self.places.insert(entry.key, Place { offset: self.end, rows: entry.rows.len() });
            }
            self.end += line.len() as u64;
            line.clear();
        }
        self.file.set_len(self.end).with_context(|| self.name())?;
        if !is_begun {
            self.append(&(serde_json::to_string(expected)? + "\n"))?;
        }
        Ok(())
    }

    fn name(&self) -> String {
        format!("{}: cannot be written", self.path.display())
    }

    fn foreign(&self) -> String {
        format!(
            "{}: holds work that was begun with other settings; finish it with those, or delete it",
            self.path.display()
        )
    }

    fn append(&mut self, line: &str) -> Result<()> {
        self.file.seek(SeekFrom::Start(self.end)).with_context(|| self.name())?;
        self.file.write_all(line.as_bytes()).with_context(|| self.name())?;
        self.end += line.len() as u64;
        Ok(())
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        key.can_be_kept() && self.places.contains_key(key)
    }

    pub(super) fn place(&self, key: &Key) -> Option<Place> {
        self.places.get(key).copied()
    }

    pub(super) fn add(&mut self, key: &Key, rows: &[Row]) -> Result<()> {
        #[derive(Serialize)]
        struct Line<'a> {
            key: &'a Key,
            rows: &'a [Row],
        }
        self.places.insert(key.clone(), Place { offset: self.end, rows: rows.len() });
        self.append(&(serde_json::to_string(&Line { key, rows })? + "\n"))
    }

    /// The rows of a recording that is done.
    pub(super) fn rows(&mut self, place: Place) -> Result<Vec<Row>> {
        self.file.seek(SeekFrom::Start(place.offset))?;
        let mut line = Vec::new();
        BufReader::new(&self.file).read_until(b'\n', &mut line)?;
        Ok(serde_json::from_slice::<Entry>(&line).with_context(|| self.path.display().to_string())?.rows)
    }

    /// Forgets the work when all of it is in the table; keeps it while an input is still missing.
    pub(super) fn close(self, is_complete: bool) -> Result<()> {
        if is_complete {
            fs::remove_file(&self.path).with_context(|| self.name())?;
        }
        Ok(())
    }
}

fn header(cut: &Cut) -> Header {
    let segment_s = match cut.segment {
        SegmentLength::Whole => None,
        SegmentLength::Seconds(seconds) => Some(seconds),
    };
    Header { genrescope_features: 1, set: cut.set.name().into(), segment_s, padding: cut.padding }
}

/// The output's path with something behind its name.
pub(super) fn beside(output: &Path, ending: &str) -> PathBuf {
    let mut path = OsString::from(output);
    path.push(ending);
    PathBuf::from(path)
}
