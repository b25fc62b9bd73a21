//! Finished rows → a table: CSV, NumPy or Parquet; the failed inputs beside it.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use genrescope::Error;

use super::column_set::ColumnSet;
use super::journal::{Journal, Key, beside};
use super::npy;
use super::rows::Row;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A header and a row a segment
    Csv,
    /// Parquet, units in the schema
    Parquet,
    /// NumPy, an array of records
    Npy,
}

impl Format {
    /// Refuses what cannot be written, before any work.
    pub(super) fn check(self, has_output: bool) -> Result<()> {
        if self == Self::Parquet && cfg!(not(feature = "parquet")) {
            bail!(
                "this build does not write Parquet; build it with `--features parquet`, or choose csv or npy"
            );
        }
        if self != Self::Csv && !has_output {
            bail!("only csv goes to standard output; name a file with -o");
        }
        Ok(())
    }
}

/// A table that is about to be written.
pub(super) struct Shape {
    pub(super) set: ColumnSet,
    pub(super) rows: usize,
    /// Of the longest path, characters.
    pub(super) path_chars: usize,
}

/// What a table's rows are given to.
pub(super) trait Sink {
    fn add(&mut self, path: &str, rows: &[Row]) -> Result<()>;
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Writes the rows of all inputs that are done, in the order of the inputs. The table is at its place only when it is
/// whole.
pub(super) fn write(
    output: &Path,
    format: Format,
    set: &ColumnSet,
    journal: &mut Journal,
    keys: &[Key],
) -> Result<()> {
    let draft = beside(output, ".part");
    let cannot = || format!("{}: cannot be written", output.display());
    let file = BufWriter::new(File::create(&draft).with_context(cannot)?);
    let places: Vec<_> = keys.iter().filter_map(|key| Some((key, journal.place(key)?))).collect();
    let shape = Shape {
        set: set.clone(),
        rows: places.iter().map(|(_, place)| place.rows).sum(),
        path_chars: places.iter().map(|(key, _)| key.path.chars().count()).max().unwrap_or(0),
    };
    let mut sink = sink(format, file, &shape).with_context(cannot)?;
    for (key, place) in places {
        let rows = journal.rows(place)?;
        sink.add(&key.path, &rows).with_context(cannot)?;
    }
    sink.finish().and_then(|()| Ok(fs::rename(&draft, output)?)).with_context(cannot)
}

fn sink(format: Format, mut file: BufWriter<File>, shape: &Shape) -> Result<Box<dyn Sink>> {
    Ok(match format {
        Format::Csv => {
            file.write_all(csv_header(&shape.set).as_bytes())?;
            Box::new(Csv(file))
        }
        Format::Npy => Box::new(npy::Npy::begin(file, shape)?),
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(super::parquet::Parquet::begin(file, shape)?),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => bail!("this build does not write Parquet"),
    })
}

struct Csv(BufWriter<File>);

impl Sink for Csv {
    fn add(&mut self, path: &str, rows: &[Row]) -> Result<()> {
        rows.iter().try_for_each(|row| Ok(self.0.write_all(csv_row(path, row).as_bytes())?))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        Ok(self.0.flush()?)
    }
}

/// The header, with its line end.
pub(super) fn csv_header(set: &ColumnSet) -> String {
    let features = set.columns().into_iter().map(|column| column.name);
    let names = ["path", "segment", "start_s", "end_s"].map(String::from);
    names.into_iter().chain(features).collect::<Vec<_>>().join(",") + "\n"
}

/// A row, with its line end.
pub(super) fn csv_row(path: &str, row: &Row) -> String {
    let values: String = row.values.iter().map(|value| format!(",{value}")).collect();
    format!("{},{},{},{}{values}\n", csv_field(path), row.segment, row.start_s, row.end_s)
}

/// RFC 4180: quoted where it must be.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into()
    }
}

/// Inputs that failed.
#[derive(Default)]
pub(super) struct Errors(String);

impl Errors {
    pub(super) fn add(&mut self, path: &str, error: &Error) {
        let message = error.to_string();
        self.0 += &format!("{},{},{}\n", csv_field(path), error.kind().name(), csv_field(&message));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes `OUTPUT.errors.csv`, or removes an old one when nothing failed.
    pub(super) fn write(&self, output: &Path) -> Result<()> {
        let path = beside(output, ".errors.csv");
        if self.is_empty() {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            };
        }
        let text = format!("path,kind,message\n{}", self.0);
        fs::write(&path, text).with_context(|| format!("{}: cannot be written", path.display()))
    }
}
