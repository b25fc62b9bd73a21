//! Which columns a row has.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use genrescope::report::ModelLabel;

/// What tables of these rows call themselves, in the schema's metadata under `genrescope.schema`; a change of meaning
/// gets another number.
pub const SCHEMA: &str = "genrescope.tracks/1";

/// The columns of all rows that a model judged.
///
/// | column | type | what |
/// |---|---|---|
/// | `track_id` | int64 | see [`track_id`](crate::track_id) |
/// | `path` | utf8 | as the manifest gives it |
/// | `duration_s` | float64 | length of the judged part, s |
/// | `genre` | utf8 | null: none, see `reason` or `error` |
/// | `unknown` | bool | whether it was judged and has no genre |
/// | `reason` | utf8 | why it has none: `silence`, `gap`, `not_music`, `unsure` |
/// | `scores` | list of float32 | one a genre, sum 1, in the order of the metadata's `genrescope.genres`; empty for silence and gaps |
/// | `segments` | list of structs | the timeline: `start_s`, `end_s`, `genre`, `reason` |
/// | `warnings` | list of utf8 | what was repaired, left out or stretched |
/// | `error` | utf8 | kind of the failure; all columns of a judgement are null then |
/// | `error_message` | utf8 | what failed, where, and the remedy |
/// | `model`, `model_hash` | utf8 | who judged |
///
/// Scores are a list of any length, not one of a fixed size: Spark reads the first only.
pub fn schema(model: &ModelLabel) -> SchemaRef {
    let column = |(name, data_type): (&str, DataType)| {
        let is_required = ["track_id", "path", "model", "model_hash"].contains(&name);
        Field::new(name, data_type, !is_required)
    };
    let fields: Vec<Field> = columns().into_iter().map(column).collect();
    let genres = serde_json::to_string(&model.genres).expect("strings always serialise");
    let metadata = [("genrescope.schema", SCHEMA.to_owned()), ("genrescope.genres", genres)];
    let metadata: HashMap<String, String> = metadata.map(|(key, value)| (key.to_owned(), value)).into();
    Arc::new(Schema::new(fields).with_metadata(metadata))
}

fn columns() -> [(&'static str, DataType); 13] {
    [
        ("track_id", DataType::Int64),
        ("path", DataType::Utf8),
        ("duration_s", DataType::Float64),
        ("genre", DataType::Utf8),
        ("unknown", DataType::Boolean),
        ("reason", DataType::Utf8),
        ("scores", list_of(DataType::Float32)),
        ("segments", list_of(DataType::Struct(segment_fields()))),
        ("warnings", list_of(DataType::Utf8)),
        ("error", DataType::Utf8),
        ("error_message", DataType::Utf8),
        ("model", DataType::Utf8),
        ("model_hash", DataType::Utf8),
    ]
}

/// The columns of a segment.
pub(crate) fn segment_fields() -> Fields {
    let fields = [
        ("start_s", DataType::Float64),
        ("end_s", DataType::Float64),
        ("genre", DataType::Utf8),
        ("reason", DataType::Utf8),
    ];
    fields.map(|(name, data_type)| Field::new(name, data_type, true)).into_iter().collect()
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}
