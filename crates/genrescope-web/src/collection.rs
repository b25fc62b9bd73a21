//! The music library that the page shows: read once, and again when another program has written to it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::http::StatusCode;
use genrescope::{Error, ErrorKind, Result};
use genrescope_library::{Catalogue, Library};
use tokio::task::spawn_blocking;

use crate::App;
use crate::limits::LIBRARY_PAUSE;
use crate::refusal::Refusal;

/// Where it is, and what was read of it.
pub(crate) struct Collection {
    path: Option<PathBuf>,
    opened: Mutex<Option<Opened>>,
}

struct Opened {
    library: Library,
    version: i64,
    read_at: Instant,
    catalogue: Arc<Catalogue>,
}

impl Opened {
    fn new(library: Library) -> Result<Self> {
        // The version first: what is written while it is read is read again.
        let version = library.version()?;
        let catalogue = Arc::new(Catalogue::read(&library)?);
        Ok(Self { library, version, read_at: Instant::now(), catalogue })
    }
}

impl Collection {
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        Self { path, opened: Mutex::new(None) }
    }

    /// Whether there is one.
    pub(crate) fn is_there(&self) -> bool {
        self.path.as_ref().is_some_and(|path| path.exists())
    }

    /// As it is now, or was a moment ago: a scan writes all the time.
    fn catalogue(&self) -> Result<Arc<Catalogue>> {
        let Some(path) = &self.path else {
            let message = "no library is shown; start `genrescope serve` with `--db FILE`";
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let library = match opened.take().filter(|_| path.exists()) {
            Some(known)
                if known.read_at.elapsed() < LIBRARY_PAUSE || known.library.version()? == known.version =>
            {
                let catalogue = Arc::clone(&known.catalogue);
                *opened = Some(known);
                return Ok(catalogue);
            }
            Some(known) => known.library,
            None => Library::existing(path)?,
        };
        let read = opened.insert(Opened::new(library)?);
        Ok(Arc::clone(&read.catalogue))
    }
}

impl App {
    /// What the library holds, for a request.
    pub(crate) async fn catalogue(self: &Arc<Self>) -> std::result::Result<Arc<Catalogue>, Refusal> {
        let app = Arc::clone(self);
        let read = spawn_blocking(move || app.library.catalogue()).await.map_err(|_| Refusal::internal())?;
        read.map_err(|error| match error.kind() {
            ErrorKind::NotFound => Refusal::new(StatusCode::NOT_FOUND, "not_found", error.to_string()),
            _ => {
                (self.log)(&error.to_string());
                Refusal::internal()
            }
        })
    }
}
