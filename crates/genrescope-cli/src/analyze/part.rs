//! Rows → a Parquet file that is at its place only when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use genrescope::report::ModelLabel;
use genrescope_arrow::{Row, batch, schema};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// Rows that are gathered before they become columns.
const BATCH_ROWS: usize = 256;
/// Rows of a row group: readers skip and share out whole ones, and the writer holds one in memory.
const GROUP_ROWS: usize = 16_384;

/// What a part was made of; stands in the file, so that a finished one is known again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin(pub(super) Vec<(&'static str, String)>);

/// A part that is being written, beside its place.
pub(super) struct Part {
    place: PathBuf,
    draft: PathBuf,
    writer: ArrowWriter<BufWriter<File>>,
    waiting: Vec<Row>,
    model: ModelLabel,
}

impl Origin {
    /// Whether the part is there already.
    ///
    /// # Errors
    /// When it is another one of the same name, or no Parquet.
    pub(super) fn is_finished(&self, place: &Path) -> Result<bool> {
        let name = || place.display().to_string();
        let file = match File::open(place) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            file => file.with_context(name)?,
        };
        let remedy = "choose another --out, or delete it";
        let reader = SerializedFileReader::new(file)
            .with_context(|| format!("{}: is no part of genrescope; {remedy}", name()))?;
        let found = reader.metadata().file_metadata().key_value_metadata();
        let value =
            |key: &str| found.and_then(|all| all.iter().find(|pair| pair.key == key)?.value.as_deref());
        match self.0.iter().find(|(key, expected)| value(key) != Some(expected)) {
            None => Ok(true),
            Some((key, expected)) => bail!(
                "{}: was made with another {} (then {}, now {expected}); {remedy}",
                name(),
                key.trim_start_matches("genrescope."),
                value(key).unwrap_or("none")
            ),
        }
    }

    fn key_values(&self) -> Vec<KeyValue> {
        self.0.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone())).collect()
    }
}

impl Part {
    /// Begins a part; a place that cannot be written is found before any work.
    pub(super) fn begin(place: PathBuf, origin: &Origin, model: ModelLabel) -> Result<Self> {
        let draft = draft_of(&place);
        let file = OpenOptions::new().write(true).create_new(true).open(&draft);
        let file = BufWriter::new(file.with_context(|| cannot_write(&place))?);
        let properties = WriterProperties::builder()
            .set_key_value_metadata(Some(origin.key_values()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let writer = ArrowWriter::try_new(file, schema(&model), Some(properties))?;
        Ok(Self { place, draft, writer, waiting: Vec::new(), model })
    }

    pub(super) fn add(&mut self, row: Row) -> Result<()> {
        self.waiting.push(row);
        if self.waiting.len() < BATCH_ROWS {
            return Ok(());
        }
        self.write_waiting()
    }

    fn write_waiting(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        self.writer.write(&batch(&rows, &self.model)?).with_context(|| cannot_write(&self.place))
    }

    /// Puts the file at its place. What killed runs of the same shard have left beside it goes.
    pub(super) fn finish(mut self) -> Result<()> {
        let cannot = cannot_write(&self.place);
        self.write_waiting()?;
        self.writer.finish().with_context(|| cannot.clone())?;
        let file = self.writer.inner().get_ref();
        file.sync_all().with_context(|| cannot.clone())?;
        match fs::rename(&self.draft, &self.place) {
            // Another run of this shard was faster, and took this one for a killed one.
            Err(error) if error.kind() == ErrorKind::NotFound && self.place.exists() => {}
            moved => moved.with_context(|| cannot)?,
        }
        remove_drafts(&self.place);
        Ok(())
    }
}

impl Drop for Part {
    /// After the move there is nothing left to remove; before it, a failed run leaves no litter.
    fn drop(&mut self) {
        drop(fs::remove_file(&self.draft));
    }
}

/// `.NAME.PID-NANOSECONDS.part` in the same folder: hidden from readers of the folder, and of this run alone, on
/// whichever machine it is.
fn draft_of(place: &Path) -> PathBuf {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    place.with_file_name(format!("{}{}-{}.part", draft_prefix(place), process::id(), since.as_nanos()))
}

fn draft_prefix(place: &Path) -> String {
    format!(".{}.", place.file_name().unwrap_or_default().display())
}

fn remove_drafts(place: &Path) {
    let prefix = draft_prefix(place);
    for entry in place.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(&prefix) && name.ends_with(".part")) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

fn cannot_write(place: &Path) -> String {
    format!("{}: cannot be written", place.display())
}
