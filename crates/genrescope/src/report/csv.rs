//! Comma-separated rows (RFC 4180, header first): one a track, or one a segment; the same columns for both.
//!
//! `path, start_s, end_s, genre, score, unknown, reason, error_kind, error`, then one column a genre in the
//! model's order, then `set` where prediction sets are asked for: the recording's genres, best first, with `;` between.
//! What does not apply is an empty field.

use super::{Detail, Entry, ModelLabel, rounded_s};
use crate::error::Error;
use crate::predict::{Prediction, Segment};

const COLUMNS: [&str; 9] =
    ["path", "start_s", "end_s", "genre", "score", "unknown", "reason", "error_kind", "error"];

/// The header, with its line end.
pub fn header(model: &ModelLabel) -> String {
    let set = model.set.map(|_| "set");
    line(COLUMNS.iter().copied().chain(model.genres.iter().map(String::as_str)).chain(set))
}

/// The rows of one input, each with its line end.
pub fn rows(entry: &Entry, model: &ModelLabel, detail: Detail) -> String {
    let prediction = match &entry.outcome {
        Ok(prediction) => prediction,
        Err(error) => return failed(&entry.path, error, model),
    };
    let set = model.set_of(prediction).map(|genres| genres.join(";"));
    let row = |segment: &Segment| row(&entry.path, segment, model, set.as_deref());
    match detail {
        Detail::Track => row(&whole(prediction)),
        Detail::Segments => prediction.segments.iter().map(row).collect(),
    }
}

pub(super) fn whole(prediction: &Prediction) -> Segment {
    Segment {
        start_s: prediction.start_s,
        end_s: prediction.start_s + prediction.duration_s,
        genre: prediction.genre.clone(),
        scores: prediction.scores.clone(),
        reason: prediction.reason,
    }
}

fn row(path: &str, segment: &Segment, model: &ModelLabel, set: Option<&str>) -> String {
    let best = segment.scores.iter().copied().reduce(f32::max);
    let fields = [
        path.to_owned(),
        rounded_s(segment.start_s).to_string(),
        rounded_s(segment.end_s).to_string(),
        segment.genre.clone().unwrap_or_default(),
        best.map(score).unwrap_or_default(),
        segment.reason.is_some().to_string(),
        segment.reason.map(|reason| reason.name().to_owned()).unwrap_or_default(),
        String::new(),
        String::new(),
    ];
    let scores =
        (0..model.genres.len()).map(|i| segment.scores.get(i).copied().map(score).unwrap_or_default());
    line(fields.into_iter().chain(scores).chain(set.map(String::from)))
}

fn failed(path: &str, error: &Error, model: &ModelLabel) -> String {
    let columns = COLUMNS.len() + model.genres.len() + usize::from(model.set.is_some());
    let mut fields = vec![String::new(); columns];
    fields[0] = path.to_owned();
    fields[7] = error.kind().name().to_owned();
    fields[8] = error.to_string();
    line(fields)
}

pub(super) fn score(score: f32) -> String {
    format!("{score:.6}")
}

/// A row of fields, quoted where they need it, with its line end.
pub fn line(fields: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields).expect("writing to memory cannot fail");
    let bytes = writer.into_inner().expect("writing to memory cannot fail");
    String::from_utf8(bytes).expect("fields that are UTF-8 stay UTF-8")
}
