//! What the server says of itself: health, models, their cards, the description of the API.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use genrescope::audio::EXTENSIONS;
use genrescope::report::json;
use genrescope::report::palette::{Rgb, UNKNOWN, colour, ink};
use serde_json::{Value, json};

use crate::limits::MAX_UPLOAD_BYTES;
use crate::recordings::named;
use crate::refusal::{Refusal, json_response};
use crate::{App, Judge};

const OPENAPI: &str = include_str!("../openapi.json");

/// The API in OpenAPI's words; records are described by the library's own schema.
pub fn description() -> Value {
    let mut api: Value = serde_json::from_str(OPENAPI).expect("a test reads it");
    let records = json::SCHEMA_TEXT.replace("#/$defs/", "#/components/schemas/");
    let records: Value = serde_json::from_str(&records).expect("a test reads it");
    for (name, schema) in records["$defs"].as_object().into_iter().flatten() {
        api["components"]["schemas"][name] = schema.clone();
    }
    api
}

pub(crate) async fn health(State(app): State<Arc<App>>) -> Response {
    let body = json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "upload_bytes": MAX_UPLOAD_BYTES,
        "extensions": EXTENSIONS,
        "library": app.library.is_there(),
    });
    json_response(StatusCode::OK, body.to_string())
}

pub(crate) async fn openapi() -> Response {
    json_response(StatusCode::OK, description().to_string())
}

/// The models that may be asked, the first unless another is named; with the colours of their genres.
pub(crate) async fn models(State(app): State<Arc<App>>) -> Response {
    let models: Vec<Value> = app.judges.iter().map(|judge| model(judge)).collect();
    let body = json!({"models": models, "unknown_colour": hex(UNKNOWN)});
    json_response(StatusCode::OK, body.to_string())
}

/// All that a model says of itself.
pub(crate) async fn card(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    Ok(json_response(StatusCode::OK, json::card(&app.judge(Some(&named(name)?))?.model)))
}

fn model(judge: &Judge) -> Value {
    let header = &judge.model.header;
    let genre = |(index, name): (usize, &String)| {
        let colour = colour(name, index);
        json!({"name": name, "colour": hex(colour), "ink": hex(ink(colour))})
    };
    json!({
        "name": judge.label.name,
        "hash": judge.label.hash,
        "network": header.network,
        "patch_s": header.patch_s(),
        "genres": header.genres.iter().enumerate().map(genre).collect::<Vec<_>>(),
    })
}

pub(crate) fn hex([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
