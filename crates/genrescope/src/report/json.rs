//! Machine records: `genrescope.prediction/1`, one object an input; `schema/prediction-1.json` describes it.

use serde::Serialize;

use super::{Detail, Entry, ModelLabel, ranked, rounded_s};
use crate::error::Error;
use crate::model::{Header, Model};
use crate::predict::{Prediction, Segment};

/// What every record calls itself; a change of meaning gets another number.
pub const SCHEMA: &str = "genrescope.prediction/1";

/// The JSON Schema of a record.
pub const SCHEMA_TEXT: &str = include_str!("../../schema/prediction-1.json");

#[derive(Serialize)]
struct Judged<'a> {
    schema: &'static str,
    path: &'a str,
    duration_s: f64,
    model: ModelName<'a>,
    genre: Option<&'a str>,
    scores: Vec<GenreScore<'a>>,
    unknown: bool,
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<SetRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<SegmentRecord<'a>>>,
    genres: &'a [String],
    warnings: &'a [String],
}

#[derive(Serialize)]
pub(super) struct ModelName<'a> {
    pub(super) name: &'a str,
    pub(super) hash: &'a str,
}

#[derive(Serialize)]
struct GenreScore<'a> {
    genre: &'a str,
    score: f32,
}

#[derive(Serialize)]
struct SetRecord<'a> {
    percent: u8,
    genres: Vec<&'a str>,
}

#[derive(Serialize)]
struct SegmentRecord<'a> {
    start_s: f64,
    end_s: f64,
    genre: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    scores: &'a [f32],
}

/// The record of an input that failed, of any schema.
#[derive(Serialize)]
pub(super) struct Failed<'a> {
    schema: &'static str,
    path: &'a str,
    error: ErrorRecord,
}

#[derive(Serialize)]
struct ErrorRecord {
    kind: &'static str,
    message: String,
}

/// All that a model says of itself.
#[derive(Serialize)]
struct Card<'a> {
    hash: &'a str,
    parameters: usize,
    trainable: usize,
    /// The model of tags that a joined model's answers depend on as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    joined_with: Option<ModelName<'a>>,
    #[serde(flatten)]
    header: &'a Header,
}

/// The card of a model, for reading: what `genrescope inspect --json` writes, without a line end.
pub fn card(model: &Model) -> String {
    let counts = model.parameter_counts();
    let (parameters, trainable) = (counts.all, counts.trainable);
    let tags = model.tagger().map(|tagger| &tagger.model);
    let joined_with = tags.map(|tags| ModelName { name: &tags.header.name, hash: tags.hash() });
    let card = Card { hash: model.hash(), parameters, trainable, joined_with, header: &model.header };
    serde_json::to_string_pretty(&card).expect("strings and finite numbers always serialise")
}

/// Segments as they stand in a record, as an array on one line.
pub fn segments(segments: &[Segment]) -> String {
    let records: Vec<SegmentRecord> = segments.iter().map(segment).collect();
    serde_json::to_string(&records).expect("strings and finite numbers always serialise")
}

/// One record, on one line, without a line end.
pub fn record(entry: &Entry, model: &ModelLabel, detail: Detail) -> String {
    let json = match &entry.outcome {
        Ok(prediction) => serde_json::to_string(&judged(&entry.path, prediction, model, detail)),
        Err(error) => serde_json::to_string(&Failed::new(SCHEMA, &entry.path, error)),
    };
    json.expect("strings and finite numbers always serialise")
}

fn judged<'a>(
    path: &'a str,
    prediction: &'a Prediction,
    model: &'a ModelLabel,
    detail: Detail,
) -> Judged<'a> {
    let score = |(index, score): (usize, f32)| GenreScore { genre: &model.genres[index], score };
    Judged {
        schema: SCHEMA,
        path,
        duration_s: rounded_s(prediction.duration_s),
        model: ModelName { name: &model.name, hash: &model.hash },
        genre: prediction.genre.as_deref(),
        scores: ranked(&prediction.scores).into_iter().map(score).collect(),
        unknown: prediction.unknown(),
        reason: prediction.reason.map(|reason| reason.name()),
        set: set(prediction, model),
        segments: (detail == Detail::Segments).then(|| prediction.segments.iter().map(segment).collect()),
        genres: &model.genres,
        warnings: &prediction.warnings,
    }
}

fn set<'a>(prediction: &Prediction, model: &'a ModelLabel) -> Option<SetRecord<'a>> {
    Some(SetRecord { percent: model.set?.percent, genres: model.set_of(prediction)? })
}

fn segment(segment: &Segment) -> SegmentRecord<'_> {
    SegmentRecord {
        start_s: rounded_s(segment.start_s),
        end_s: rounded_s(segment.end_s),
        genre: segment.genre.as_deref(),
        reason: segment.reason.map(|reason| reason.name()),
        scores: &segment.scores,
    }
}

impl<'a> Failed<'a> {
    pub(super) fn new(schema: &'static str, path: &'a str, error: &Error) -> Self {
        let error = ErrorRecord { kind: error.kind().name(), message: error.to_string() };
        Self { schema, path, error }
    }
}
