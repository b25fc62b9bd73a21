//! JAMS, the JSON Annotated Music Specification (Humphrey et al., ISMIR 2014): one document a recording.
//!
//! Two annotations: `tag_open` holds every genre with its score for the whole, `segment_open` the timeline with the
//! leading genre's score as confidence. A failed recording has none, and its error in the sandbox.

use serde_json::{Value, json};

use super::{Entry, ModelLabel, ranked, rounded_s};
use crate::audio::Title;
use crate::predict::{Prediction, Segment};

/// The specification that is followed.
const JAMS_VERSION: &str = "0.3.5";

/// The document, with its line end; without a title the path stands in its place.
pub fn document(entry: &Entry, title: &Title, model: &ModelLabel) -> String {
    let (duration_s, annotations, sandbox) = match &entry.outcome {
        Ok(prediction) => (
            prediction.start_s + prediction.duration_s,
            vec![tags(prediction, model), segments(prediction, model)],
            json!({"path": entry.path, "genre": prediction.genre, "warnings": prediction.warnings,
                   "reason": prediction.reason.map(|reason| reason.name())}),
        ),
        Err(error) => {
            let error = json!({"kind": error.kind().name(), "message": error.to_string()});
            (0.0, Vec::new(), json!({"path": entry.path, "error": error}))
        }
    };
    let document = json!({
        "file_metadata": {
            "title": title.name.as_ref().unwrap_or(&entry.path),
            "artist": title.artist.as_deref().unwrap_or_default(),
            "release": "",
            "duration": rounded_s(duration_s),
            "identifiers": {},
            "jams_version": JAMS_VERSION,
        },
        "annotations": annotations,
        "sandbox": {"genrescope": sandbox},
    });
    format!("{document:#}\n")
}

fn tags(prediction: &Prediction, model: &ModelLabel) -> Value {
    let (time, duration) = (rounded_s(prediction.start_s), rounded_s(prediction.duration_s));
    let tag = |(index, score): (usize, f32)| json!({"time": time, "duration": duration, "value": model.genres[index], "confidence": score});
    let data: Vec<Value> = ranked(&prediction.scores).into_iter().map(tag).collect();
    annotation("tag_open", &data, prediction, model)
}

fn segments(prediction: &Prediction, model: &ModelLabel) -> Value {
    let observation = |segment: &Segment| {
        let time = rounded_s(segment.start_s);
        let duration = rounded_s(rounded_s(segment.end_s) - time);
        let score = segment.scores.iter().copied().reduce(f32::max);
        json!({"time": time, "duration": duration, "value": segment.name(), "confidence": score})
    };
    let data: Vec<Value> = prediction.segments.iter().map(observation).collect();
    annotation("segment_open", &data, prediction, model)
}

fn annotation(namespace: &str, data: &[Value], prediction: &Prediction, model: &ModelLabel) -> Value {
    json!({
        "namespace": namespace,
        "time": rounded_s(prediction.start_s),
        "duration": rounded_s(prediction.duration_s),
        "annotation_metadata": {
            "data_source": "program",
            "annotation_tools": concat!("genrescope ", env!("CARGO_PKG_VERSION")),
            "version": format!("{} {}", model.name, model.hash),
            "annotator": {},
            "corpus": "",
            "annotation_rules": "",
            "validation": "",
        },
        "data": data,
        "sandbox": {},
    })
}
