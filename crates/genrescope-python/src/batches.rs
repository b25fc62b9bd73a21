//! A batch of Arrow → recordings; judgements → a batch with the columns of `genrescope analyze`.

use std::path::PathBuf;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use genrescope::report::{Entry, ModelLabel};
use genrescope_arrow::Row;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatch;

use crate::failure::unlocked;
use crate::judging::Judge;
use crate::recording::Recording;

/// The columns that are read.
struct Columns<'a> {
    path: Option<&'a ArrayRef>,
    audio: Option<&'a ArrayRef>,
    track_id: Option<&'a ArrayRef>,
}

/// Judges a batch, see `Classifier.analyze_batch`.
pub(crate) fn analyze<'py>(
    py: Python<'py>,
    judge: &Judge,
    batch: &RecordBatch,
) -> PyResult<Bound<'py, PyAny>> {
    let columns = Columns::of(batch).map_err(PyValueError::new_err)?;
    let rows = unlocked(py, || {
        let recordings: Vec<Recording> = (0..batch.num_rows()).map(|row| columns.recording(row)).collect();
        let outcomes = judge.judge_all(&recordings)?.into_iter().enumerate();
        let row = |(row, outcome)| {
            let path = columns.name(row);
            Row { track_id: columns.track_id(row, &path), entry: Entry { path, outcome } }
        };
        Ok(outcomes.map(row).collect::<Vec<_>>())
    })?;
    let table = genrescope_arrow::batch(&rows, &ModelLabel::from(&judge.model));
    let table = table.map_err(|error| PyValueError::new_err(error.to_string()))?;
    PyRecordBatch::new(table).into_pyarrow(py)
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> std::result::Result<Self, String> {
        let column = |name: &str, types: &[DataType]| match batch.column_by_name(name) {
            Some(column) if types.contains(column.data_type()) => Ok(Some(column)),
            Some(column) => Err(format!("column {name} is {}; cast it to {}", column.data_type(), types[0])),
            None => Ok(None),
        };
        let columns = Self {
            path: column("path", &[DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View])?,
            audio: column("audio", &[DataType::Binary, DataType::LargeBinary, DataType::BinaryView])?,
            track_id: column("track_id", &[DataType::Int64])?,
        };
        if columns.path.is_none() && columns.audio.is_none() {
            return Err(
                "the batch has neither a column `path` nor a column `audio`; name one of them so".into()
            );
        }
        Ok(columns)
    }

    /// The bytes where there are some, otherwise the file.
    fn recording(&self, row: usize) -> Recording {
        let path = self.path.and_then(|path| text(path, row));
        match (self.audio.and_then(|audio| bytes(audio, row)), path) {
            (Some(bytes), path) => Recording::Bytes(path.unwrap_or("bytes").to_owned(), bytes.to_vec()),
            (None, Some(path)) => Recording::File(PathBuf::from(path)),
            (None, None) => Recording::Missing,
        }
    }

    fn name(&self, row: usize) -> String {
        self.path.and_then(|path| text(path, row)).unwrap_or_default().to_owned()
    }

    /// As it is given, otherwise that of the path.
    fn track_id(&self, row: usize, path: &str) -> i64 {
        let given = self.track_id.filter(|ids| ids.is_valid(row));
        let given = given.map(|ids| ids.as_primitive::<Int64Type>().value(row));
        given.unwrap_or_else(|| genrescope_arrow::track_id(path.as_bytes()))
    }
}

fn text(column: &ArrayRef, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| match column.data_type() {
        DataType::LargeUtf8 => column.as_string::<i64>().value(row),
        DataType::Utf8View => column.as_string_view().value(row),
        _ => column.as_string::<i32>().value(row),
    })
}

fn bytes(column: &ArrayRef, row: usize) -> Option<&[u8]> {
    column.is_valid(row).then(|| match column.data_type() {
        DataType::LargeBinary => column.as_binary::<i64>().value(row),
        DataType::BinaryView => column.as_binary_view().value(row),
        _ => column.as_binary::<i32>().value(row),
    })
}

/// The number of a track by its path, as `genrescope analyze` gives it.
#[pyfunction]
pub(crate) fn track_id(path: &str) -> i64 {
    genrescope_arrow::track_id(path.as_bytes())
}
