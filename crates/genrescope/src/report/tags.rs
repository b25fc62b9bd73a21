//! Tags of recordings as text, JSON and CSV: `genrescope.tags/1`; `schema/tags-1.json` describes its records.
//!
//! Each tag may be right or not by itself: scores are 0 to 1 each and do not sum to 1.

use serde::Serialize;

use super::json::{Failed, ModelName};
use super::text::{Layout, clock, percent, printable};
use super::{Detail, Entry, ModelLabel, csv, ranked, rounded_s};
use crate::predict::{Prediction, Segment};

/// What every record calls itself; a change of meaning gets another number.
pub const SCHEMA: &str = "genrescope.tags/1";

/// The JSON Schema of a record.
pub const SCHEMA_TEXT: &str = include_str!("../../schema/tags-1.json");

const COLUMNS: [&str; 6] = ["path", "start_s", "end_s", "reason", "error_kind", "error"];

#[derive(Serialize)]
struct Judged<'a> {
    schema: &'static str,
    path: &'a str,
    duration_s: f64,
    model: ModelName<'a>,
    tags: Vec<TagScore<'a>>,
    unknown: bool,
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<SegmentRecord<'a>>>,
    vocabulary: &'a [String],
    warnings: &'a [String],
}

#[derive(Serialize)]
struct TagScore<'a> {
    tag: &'a str,
    score: f32,
}

#[derive(Serialize)]
struct SegmentRecord<'a> {
    start_s: f64,
    end_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    scores: &'a [f32],
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
    let tag = |(index, score): (usize, f32)| TagScore { tag: &model.genres[index], score };
    let segment = |segment: &'a Segment| SegmentRecord {
        start_s: rounded_s(segment.start_s),
        end_s: rounded_s(segment.end_s),
        reason: segment.reason.map(|reason| reason.name()),
        scores: &segment.scores,
    };
    Judged {
        schema: SCHEMA,
        path,
        duration_s: rounded_s(prediction.duration_s),
        model: ModelName { name: &model.name, hash: &model.hash },
        tags: ranked(&prediction.scores).into_iter().map(tag).collect(),
        unknown: prediction.unknown(),
        reason: prediction.reason.map(|reason| reason.name()),
        segments: (detail == Detail::Segments).then(|| prediction.cells.iter().map(segment).collect()),
        vocabulary: &model.genres,
        warnings: &prediction.warnings,
    }
}

/// The header of the rows, with its line end: `COLUMNS`, then one column a tag.
pub fn csv_header(model: &ModelLabel) -> String {
    csv::line(COLUMNS.iter().copied().chain(model.genres.iter().map(String::as_str)))
}

/// The rows of one input, each with its line end: one, or one a segment.
pub fn csv_rows(entry: &Entry, model: &ModelLabel, detail: Detail) -> String {
    match (&entry.outcome, detail) {
        (Ok(prediction), Detail::Track) => csv_row(&entry.path, &csv::whole(prediction), model),
        (Ok(prediction), Detail::Segments) => {
            prediction.cells.iter().map(|cell| csv_row(&entry.path, cell, model)).collect()
        }
        (Err(error), _) => {
            let mut fields = vec![String::new(); COLUMNS.len() + model.genres.len()];
            fields[0].clone_from(&entry.path);
            fields[4] = error.kind().name().to_owned();
            fields[5] = error.to_string();
            csv::line(fields)
        }
    }
}

fn csv_row(path: &str, segment: &Segment, model: &ModelLabel) -> String {
    let fields = [
        path.to_owned(),
        rounded_s(segment.start_s).to_string(),
        rounded_s(segment.end_s).to_string(),
        segment.reason.map(|reason| reason.name().to_owned()).unwrap_or_default(),
        String::new(),
        String::new(),
    ];
    let scores = (0..model.genres.len()).map(|i| segment.scores.get(i).copied());
    csv::line(fields.into_iter().chain(scores.map(|score| score.map(csv::score).unwrap_or_default())))
}

/// The line of one input, and one a segment if asked for; a failed one has none, its message is talk and not data.
pub fn text(entry: &Entry, model: &ModelLabel, layout: &Layout) -> String {
    let Ok(prediction) = &entry.outcome else { return String::new() };
    let reason = prediction.reason.map(|reason| reason.name());
    let best = best(&prediction.scores, reason, model, layout);
    let mut text = format!("{best}  {}\n", printable(&entry.path));
    if layout.detail == Detail::Segments {
        text.extend(prediction.cells.iter().map(|cell| {
            let best = self::best(&cell.scores, cell.reason.map(|reason| reason.name()), model, layout);
            format!("  {} – {}  {best}\n", clock(cell.start_s, 1), clock(cell.end_s, 1))
        }));
    }
    text
}

/// `rock 71 %, 80s 14 %`: as many as are asked for.
fn best(scores: &[f32], reason: Option<&str>, model: &ModelLabel, layout: &Layout) -> String {
    let named = |(index, score): (usize, f32)| format!("{} {}", model.genres[index], percent(score));
    let tags: Vec<String> = ranked(scores).into_iter().take(layout.top).map(named).collect();
    if tags.is_empty() { reason.unwrap_or("unknown").to_owned() } else { tags.join(", ") }
}
