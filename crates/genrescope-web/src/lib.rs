//! Genrescope as a page and an HTTP API: recordings go in, genres and timelines come out, nothing leaves the machine.
//!
//! *Takes* models and who may ask. *Gives* a router ([`app`]), and serves it within limits of time, memory and number
//! ([`serve`]). *Decides* who may ask, what waits, and which status a failure has; judging and writing are the
//! library's. *Never* keeps a recording: an upload is a file without a name in a private folder.
//!
//! ```text
//! connections ─▶ access ─▶ upload ─▶ recordings ─▶ hearing (genrescope::predict) ─▶ documents (genrescope::report)
//!                      ├─▶ live   ─────────────────▶ hearing
//!                      └─▶ library · playing ──────▶ collection (genrescope_library)
//! ```
#![forbid(unsafe_code)]

mod about;
mod access;
mod collection;
mod connections;
mod documents;
mod hearing;
mod library;
mod limits;
mod live;
mod page;
mod playing;
mod recordings;
mod refusal;
mod upload;
mod waveform;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use genrescope::model::Model;
use genrescope::report::ModelLabel;
use tempfile::TempDir;
use tokio::sync::Semaphore;

pub use about::description;
pub use access::{Access, Token};
pub use connections::serve;
pub use limits::MAX_UPLOAD_BYTES;
pub use page::FILES;

use collection::Collection;
use limits::{FORM_BYTES, LIVE_CHUNK_BYTES, MAX_UPLOADS, SPARE_JOBS};
use live::Microphones;
use refusal::Refusal;

/// Takes what whoever runs the server should know.
pub type Log = Box<dyn Fn(&str) + Send + Sync>;

/// What a server is made of.
pub struct Settings {
    /// The models that may be asked, at least one; the first judges unless another is named.
    pub models: Vec<Model>,
    /// Who may ask.
    pub access: Access,
    /// Threads that judge: about as many recordings are worked on at once, others wait for their turn.
    pub threads: usize,
    /// Where the private folder for uploads is made.
    pub scratch: PathBuf,
    /// The music library that is shown; it may begin to exist later.
    pub library: Option<PathBuf>,
    /// Where failures of the server itself are told.
    pub log: Log,
}

/// A model, and how records name it.
struct Judge {
    model: Model,
    label: ModelLabel,
}

/// What all requests share.
struct App {
    judges: Vec<Arc<Judge>>,
    folder: TempDir,
    uploads: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    microphones: Microphones,
    library: Collection,
    log: Log,
}

impl App {
    fn judge(&self, name: Option<&str>) -> Result<Arc<Judge>, Refusal> {
        let found = self.judges.iter().find(|judge| name.is_none_or(|name| judge.label.name == name));
        let unknown = || Refusal::not_found("no model of that name is served; see /api/v1/models");
        found.cloned().ok_or_else(unknown)
    }

    /// Failures of the server are told to whoever runs it, and hidden from whoever asks.
    fn hidden(&self, (status, body): (StatusCode, String)) -> (StatusCode, String) {
        if !status.is_server_error() {
            return (status, body);
        }
        (self.log)(&body);
        let error =
            serde_json::json!({"kind": "internal", "message": "the server failed; its owner was told why"});
        (status, serde_json::json!({"error": error}).to_string())
    }
}

/// The page and the API. Dropping it removes the folder of uploads.
///
/// # Errors
/// Where that folder cannot be made.
pub fn app(settings: Settings) -> io::Result<Router> {
    let judge = |model: Model| Arc::new(Judge { label: ModelLabel::from(&model), model });
    let app = App {
        judges: settings.models.into_iter().map(judge).collect(),
        folder: private_folder(&settings.scratch)?,
        uploads: Arc::new(Semaphore::new(MAX_UPLOADS)),
        turns: Arc::new(Semaphore::new(settings.threads + SPARE_JOBS)),
        microphones: Microphones::default(),
        library: Collection::new(settings.library),
        log: settings.log,
    };
    let uploads = DefaultBodyLimit::max(MAX_UPLOAD_BYTES + FORM_BYTES);
    let router = Router::new()
        .route("/api/v1/classify", post(recordings::classify).layer(uploads))
        .route("/api/v1/timeline", post(recordings::timeline).layer(uploads))
        .route("/api/v1/live", post(live::open))
        .route(
            "/api/v1/live/{id}",
            post(live::listen).delete(live::close).layer(DefaultBodyLimit::max(LIVE_CHUNK_BYTES)),
        )
        .route("/api/v1/library", get(library::overview))
        .route("/api/v1/library/files", get(library::files))
        .route("/api/v1/library/files/{id}", get(library::file))
        .route("/api/v1/library/files/{id}/audio", get(playing::audio))
        .route("/api/v1/library/map", get(library::map))
        .route("/api/v1/health", get(about::health))
        .route("/api/v1/models", get(about::models))
        .route("/api/v1/models/{name}", get(about::card))
        .route("/api/v1/openapi.json", get(about::openapi))
        .merge(page::routes())
        .fallback(async || Refusal::not_found("there is no such page; see /api/v1/openapi.json"))
        .method_not_allowed_fallback(async || {
            let message = "this path has no such method; see /api/v1/openapi.json";
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        })
        .layer(axum::middleware::from_fn_with_state(Arc::new(settings.access), access::guard));
    Ok(router.with_state(Arc::new(app)))
}

/// A folder that nobody else may look into.
fn private_folder(scratch: &std::path::Path) -> io::Result<TempDir> {
    let mut folder = tempfile::Builder::new();
    folder.prefix("genrescope-");
    #[cfg(unix)]
    folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    folder.tempdir_in(scratch)
}
