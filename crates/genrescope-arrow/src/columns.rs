//! Rows → their columns.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, Float32Builder, Float64Builder, ListBuilder, StringBuilder, StructBuilder,
};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use genrescope::predict::{Prediction, Reason, Segment};
use genrescope::report::ModelLabel;

use crate::Row;
use crate::schema::{schema, segment_fields};

/// Rows as a batch of [`schema`](crate::schema), in their order.
///
/// # Errors
/// Those of Arrow: above 2 GB of text in a column.
pub fn batch(rows: &[Row], model: &ModelLabel) -> Result<RecordBatch, ArrowError> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.track_id).collect::<Int64Array>()),
        texts(rows, |row| Some(&row.entry.path)),
        Arc::new(judged(rows, |prediction| prediction.duration_s).collect::<Float64Array>()),
        texts(rows, |row| row.entry.outcome.as_ref().ok()?.genre.as_ref()),
        Arc::new(judged(rows, Prediction::unknown).collect::<BooleanArray>()),
        texts(rows, |row| row.entry.outcome.as_ref().ok()?.reason.map(Reason::name)),
        scores(rows),
        segments(rows),
        warnings(rows),
        texts(rows, |row| Some(row.entry.outcome.as_ref().err()?.kind().name())),
        texts(rows, |row| Some(row.entry.outcome.as_ref().err()?.to_string())),
        texts(rows, |_| Some(&model.name)),
        texts(rows, |_| Some(&model.hash)),
    ];
    RecordBatch::try_new(schema(model), columns)
}

fn judged<'a, T>(
    rows: &'a [Row],
    value: impl Fn(&'a Prediction) -> T + 'a,
) -> impl Iterator<Item = Option<T>> + 'a {
    rows.iter().map(move |row| row.entry.outcome.as_ref().ok().map(&value))
}

fn texts<'a, T: AsRef<str>>(rows: &'a [Row], text: impl Fn(&'a Row) -> Option<T>) -> ArrayRef {
    Arc::new(rows.iter().map(text).collect::<StringArray>())
}

fn scores(rows: &[Row]) -> ArrayRef {
    lists(rows, Float32Builder::new(), |values, prediction| values.append_slice(&prediction.scores))
}

fn warnings(rows: &[Row]) -> ArrayRef {
    lists(rows, StringBuilder::new(), |values, prediction| {
        prediction.warnings.iter().for_each(|warning| values.append_value(warning));
    })
}

fn segments(rows: &[Row]) -> ArrayRef {
    let values = StructBuilder::from_fields(segment_fields(), rows.len());
    lists(rows, values, |values, prediction| {
        prediction.segments.iter().for_each(|segment| append_segment(values, segment));
    })
}

/// A list a row, null for one that failed.
fn lists<B: ArrayBuilder>(rows: &[Row], values: B, append: impl Fn(&mut B, &Prediction)) -> ArrayRef {
    let mut lists = ListBuilder::with_capacity(values, rows.len());
    for row in rows {
        if let Ok(prediction) = &row.entry.outcome {
            append(lists.values(), prediction);
        }
        lists.append(row.entry.outcome.is_ok());
    }
    Arc::new(lists.finish())
}

fn append_segment(values: &mut StructBuilder, segment: &Segment) {
    for (column, time_s) in [segment.start_s, segment.end_s].into_iter().enumerate() {
        let builder = values.field_builder::<Float64Builder>(column);
        builder.expect("times are float64").append_value(time_s);
    }
    let texts = [segment.genre.as_deref(), segment.reason.map(Reason::name)];
    for (column, text) in texts.into_iter().enumerate() {
        let builder = values.field_builder::<StringBuilder>(2 + column);
        builder.expect("names are utf8").append_option(text);
    }
    values.append(true);
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float32Type, Float64Type};
    use arrow_array::{Array, types::Int64Type};
    use genrescope::report::Entry;
    use genrescope::{Error, ErrorKind};

    use super::*;

    fn prediction(genre: Option<&str>, scores: &[f32]) -> Prediction {
        let reason = genre.is_none().then_some(Reason::Silence);
        let segment = Segment { start_s: 1.0, end_s: 4.0, genre: None, scores: vec![], reason };
        Prediction {
            start_s: 0.0,
            duration_s: 4.0,
            genre: genre.map(String::from),
            scores: scores.to_vec(),
            reason,
            cells: vec![],
            segments: vec![segment.clone(), segment],
            warnings: vec!["short".into()],
        }
    }

    fn row(track_id: i64, outcome: Result<Prediction, Error>) -> Row {
        Row { track_id, entry: Entry { path: format!("{track_id}.wav"), outcome } }
    }

    fn label() -> ModelLabel {
        ModelLabel {
            name: "m".into(),
            hash: "h".into(),
            genres: vec!["blues".into(), "rock".into()],
            set: None,
        }
    }

    fn table() -> RecordBatch {
        let broken = Error::new(ErrorKind::Corrupt, "-2.wav: no packet could be decoded");
        let rows = [
            row(7, Ok(prediction(Some("rock"), &[0.25, 0.75]))),
            row(-2, Err(broken)),
            row(3, Ok(prediction(None, &[]))),
        ];
        batch(&rows, &label()).unwrap()
    }

    #[test]
    fn a_judged_recording_is_a_row_with_its_scores_and_its_timeline() {
        let table = table();
        let scores = table["scores"].as_list::<i32>().value(0);
        assert_eq!(scores.as_primitive::<Float32Type>().values(), &[0.25, 0.75]);
        let segments = table["segments"].as_list::<i32>().value(0);
        let starts = segments.as_struct().column_by_name("start_s").unwrap();
        assert_eq!(starts.as_primitive::<Float64Type>().values(), &[1.0, 1.0]);
        assert_eq!(table["track_id"].as_primitive::<Int64Type>().values(), &[7, -2, 3]);
        assert_eq!(table["genre"].as_string::<i32>().value(0), "rock");
        assert!(table["error"].is_null(0) && !table["unknown"].as_boolean().value(0));
    }

    #[test]
    fn a_failed_recording_is_a_row_of_nulls_with_its_error() {
        let table = table();
        for column in ["duration_s", "genre", "unknown", "reason", "scores", "segments", "warnings"] {
            assert!(table[column].is_null(1), "{column}");
        }
        assert_eq!(table["error"].as_string::<i32>().value(1), "corrupt");
        let message = table["error_message"].as_string::<i32>().value(1);
        assert_eq!(message, "-2.wav: no packet could be decoded");
        assert_eq!(table["model_hash"].as_string::<i32>().value(1), "h");
    }

    #[test]
    fn silence_has_no_scores_and_is_no_failure() {
        let table = table();
        let scores = table["scores"].as_list::<i32>();
        assert!(!scores.is_null(2) && scores.value_length(2) == 0);
        assert!(table["genre"].is_null(2) && table["unknown"].as_boolean().value(2));
        assert_eq!(table["reason"].as_string::<i32>().value(2), "silence");
    }

    #[test]
    fn the_schema_says_whose_scores_they_are_and_fits_a_table_without_rows() {
        let empty = batch(&[], &label()).unwrap();
        assert_eq!(empty.schema_ref().metadata()["genrescope.genres"], r#"["blues","rock"]"#);
        assert_eq!((empty.num_rows(), empty.schema()), (0, table().schema()));
    }
}
