//! Rows → Parquet; the unit of each column is metadata of its field.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;

use super::rows::Row;
use super::table::{Shape, Sink};

/// Rows that are gathered before they are written.
const BATCH_ROWS: usize = 4096;

pub(super) struct Parquet {
    writer: ArrowWriter<BufWriter<File>>,
    schema: SchemaRef,
    waiting: Vec<(String, Row)>,
}

impl Parquet {
    pub(super) fn begin(file: BufWriter<File>, shape: &Shape) -> Result<Self> {
        let schema = Arc::new(schema(shape));
        Ok(Self { writer: ArrowWriter::try_new(file, schema.clone(), None)?, schema, waiting: Vec::new() })
    }

    fn write_waiting(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        let numbers = |value: &dyn Fn(&Row) -> f64| -> ArrayRef {
            Arc::new(rows.iter().map(|(_, row)| value(row)).collect::<Float64Array>())
        };
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|(path, _)| Some(path)).collect::<StringArray>()),
            Arc::new(rows.iter().map(|(_, row)| row.segment).collect::<UInt64Array>()),
            numbers(&|row| row.start_s),
            numbers(&|row| row.end_s),
        ];
        columns.extend((0..self.schema.fields().len() - 4).map(|i| numbers(&|row| row.values[i])));
        Ok(self.writer.write(&RecordBatch::try_new(self.schema.clone(), columns)?)?)
    }
}

fn schema(shape: &Shape) -> Schema {
    let number = |name: &str, unit: &str| {
        Field::new(name, DataType::Float64, false)
            .with_metadata(HashMap::from([("unit".into(), unit.into())]))
    };
    let mut fields = vec![
        Field::new("path", DataType::Utf8, false),
        Field::new("segment", DataType::UInt64, false),
        number("start_s", "s"),
        number("end_s", "s"),
    ];
    fields.extend(shape.set.columns().iter().map(|column| number(&column.name, &column.unit)));
    Schema::new(fields)
}

impl Sink for Parquet {
    fn add(&mut self, path: &str, rows: &[Row]) -> Result<()> {
        self.waiting.extend(rows.iter().map(|row| (path.to_owned(), row.clone())));
        if self.waiting.len() >= BATCH_ROWS { self.write_waiting() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.write_waiting()?;
        self.writer.close()?;
        Ok(())
    }
}
