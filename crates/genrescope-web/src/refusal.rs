//! Why a request has no answer: an HTTP status and `{"error": {"kind", "message"}}`, in the words of `classify`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use genrescope::report::{Detail, Entry, ModelLabel, json};
use genrescope::{Error, ErrorKind};

use crate::limits::MAX_UPLOAD_BYTES;

/// A request that is not answered.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", message)
    }

    pub(crate) fn too_slow(message: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
    }

    pub(crate) fn too_large() -> Self {
        let megabytes = MAX_UPLOAD_BYTES >> 20;
        let message = format!("the upload is larger than {megabytes} MiB; use `genrescope classify` for it");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorKind::LimitExceeded.name(), message)
    }

    /// What went wrong is the server's affair; whoever runs it is told.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; its owner was told why")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = serde_json::json!({"error": {"kind": self.kind, "message": self.message}});
        let mut response = json_response(self.status, error.to_string());
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("5"));
            }
            _ => (),
        }
        response
    }
}

/// JSON that is text already.
pub(crate) fn json_response(status: StatusCode, json: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// The one place where kinds of errors become statuses: 4xx for what a user's file is, 5xx for the rest.
pub(crate) fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::UnsupportedFormat => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::Corrupt | ErrorKind::TooShort => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::LimitExceeded => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::BadSettings => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A recording that cannot be judged: the record that `classify --format json` writes.
pub(crate) fn failed(name: &str, error: Error, label: &ModelLabel) -> (StatusCode, String) {
    let entry = Entry { path: name.to_owned(), outcome: Err(error) };
    let kind = entry.outcome.as_ref().err().map_or(ErrorKind::Io, Error::kind);
    (status(kind), json::record(&entry, label, Detail::Track))
}
