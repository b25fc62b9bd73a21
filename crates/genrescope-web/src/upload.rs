//! A form with a file → a file without a name in the private folder: it is gone with its last reader, also when the
//! client goes away or the program is killed.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::time::Instant;

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::http::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::App;
use crate::limits::{LEAST_BYTES_A_SECOND, MAX_UPLOAD_BYTES, UPLOAD_GRACE, UPLOAD_PAUSE};
use crate::refusal::Refusal;

/// The field that holds the file.
const FIELD: &str = "file";

/// A recording that was sent.
pub(crate) struct Upload {
    /// What the client calls it, without folders.
    pub(crate) name: String,
    pub(crate) file: File,
    /// Its place among those that may wait.
    _place: OwnedSemaphorePermit,
}

impl Upload {
    /// Reads the form to its end; it must hold one file.
    pub(crate) async fn receive(
        app: &App,
        form: Result<Multipart, MultipartRejection>,
    ) -> Result<Self, Refusal> {
        let mut form = form.map_err(|e| Refusal::bad_request(format!("{}; {NEEDED}", e.body_text())))?;
        let place = app.uploads.clone().try_acquire_owned();
        let place =
            place.map_err(|_| Refusal::busy("too many uploads at once; try again in some seconds"))?;
        let mut received = None;
        while let Some(field) = in_time(form.next_field()).await? {
            if field.name() == Some(FIELD) && received.is_none() {
                let name = file_name(&field);
                received = Some((name, app.spooled(field).await?));
            }
        }
        let (name, file) = received.ok_or_else(|| Refusal::bad_request(NEEDED))?;
        Ok(Self { name, file, _place: place })
    }
}

const NEEDED: &str = "send a form (multipart/form-data) with the recording in field `file`";

/// The last part of the name that the client gives.
fn file_name(field: &Field) -> String {
    let name = field.file_name().unwrap_or_default();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.is_empty() { "upload".into() } else { name.to_owned() }
}

impl App {
    async fn spooled(&self, mut field: Field<'_>) -> Result<File, Refusal> {
        let file = tempfile::tempfile_in(self.folder.path()).map_err(|e| self.disk_failed(&e))?;
        let mut file = tokio::fs::File::from_std(file);
        let (started, mut bytes) = (Instant::now(), 0);
        while let Some(chunk) = in_time(field.chunk()).await? {
            bytes += chunk.len();
            if bytes > MAX_UPLOAD_BYTES {
                return Err(Refusal::too_large());
            }
            let late_s = (started.elapsed().saturating_sub(UPLOAD_GRACE)).as_secs_f64();
            if late_s * LEAST_BYTES_A_SECOND > bytes as f64 {
                return Err(Refusal::too_slow("the upload is too slow; send it over a faster connection"));
            }
            file.write_all(&chunk).await.map_err(|e| self.disk_failed(&e))?;
        }
        file.flush().await.map_err(|e| self.disk_failed(&e))?;
        let mut file = file.into_std().await;
        file.seek(SeekFrom::Start(0)).map_err(|e| self.disk_failed(&e))?;
        Ok(file)
    }

    fn disk_failed(&self, error: &std::io::Error) -> Refusal {
        (self.log)(&format!("{}: an upload cannot be stored: {error}", self.folder.path().display()));
        Refusal::internal()
    }
}

async fn in_time<T>(part: impl Future<Output = Result<T, MultipartError>>) -> Result<T, Refusal> {
    let part = timeout(UPLOAD_PAUSE, part).await;
    let part = part.map_err(|_| Refusal::too_slow("the upload has stopped; send it again"))?;
    part.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large(),
        _ => Refusal::bad_request(format!("the form cannot be read: {}; {NEEDED}", error.body_text())),
    })
}
