//! The record of every reading of a test part: `date,what,protocol,accuracy`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use crate::{Error, ErrorKind, Result};

/// Where a reading is recorded, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readings {
    /// The CSV file; made with its header row if it is not there.
    pub path: PathBuf,
    /// Day of the reading, as the caller's clock has it: `2026-11-22`.
    pub date: String,
    /// What was read: the model, in a few words.
    pub what: String,
}

impl Readings {
    /// Adds a row, unless the same reading stands there already: a run that was killed behind it measures nothing twice.
    /// `accuracy` is a share, 0 to 1, and is written in percent.
    pub(super) fn record(&self, protocol: &str, accuracy: f64) -> Result<()> {
        let fail = |e: std::io::Error| Error::io(self.path.display(), e);
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(fail)?;
        }
        let percent = format!("{:.1}", 100.0 * accuracy);
        if self.is_recorded([&self.what, protocol, &percent])? {
            return Ok(());
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path).map_err(fail)?;
        let mut rows = csv::Writer::from_writer(Vec::new());
        let bad = |e: csv::Error| Error::new(ErrorKind::Io, e.to_string());
        if file.metadata().map_err(fail)?.len() == 0 {
            rows.write_record(["date", "what", "protocol", "accuracy"]).map_err(bad)?;
        }
        rows.write_record([&self.date, &self.what, protocol, &percent]).map_err(bad)?;
        let bytes = rows.into_inner().map_err(|e| Error::new(ErrorKind::Io, e.to_string()))?;
        file.write_all(&bytes).map_err(fail)
    }

    fn is_recorded(&self, reading: [&str; 3]) -> Result<bool> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(Error::io(self.path.display(), e)),
        };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(&bytes[..]);
        Ok(reader.records().flatten().any(|row| row.iter().skip(1).eq(reading)))
    }
}
