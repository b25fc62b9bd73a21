//! Rows of a library: files, recordings, models.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use genrescope::model::Model;
use genrescope::predict::Prediction;
use genrescope::{Error, Result};
use rusqlite::{OptionalExtension, params};

use crate::Library;
use crate::hear::{Heard, RecordingHash};
use crate::path_bytes::{to_bytes, to_path};

/// What tells whether a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Its length.
    pub bytes: u64,
    /// When it was last written, nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl FileState {
    /// Of the file as it is now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](genrescope::ErrorKind::NotFound), [`ErrorKind::Io`](genrescope::ErrorKind::Io).
    pub fn of(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|e| Error::io(path.display(), e))?;
        let modified = metadata.modified().map_err(|e| Error::io(path.display(), e))?;
        let mtime_ns = match modified.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
        };
        Ok(Self { bytes: metadata.len(), mtime_ns })
    }
}

/// What a recording was judged to be, and by which model.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Hash of the model.
    pub model: String,
    /// The leading genre.
    pub genre: Option<String>,
    /// Why there is none.
    pub reason: Option<String>,
    /// Score of the leading genre.
    pub score: Option<f32>,
    /// One a genre in the order of the model, sum 1; empty for silence.
    pub scores: Vec<f32>,
    /// Length of the recording, seconds.
    pub duration_s: f64,
}

/// What a library knows of a file before a scan.
pub(crate) struct KnownFile {
    pub(crate) state: FileState,
    pub(crate) missing: bool,
    pub(crate) error_kind: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) tags_read: bool,
}

impl Library {
    /// Keeps the name of a model and its genres: scores are numbers in their order.
    ///
    /// # Errors
    /// Those of the database.
    pub fn keep_model(&self, model: &Model) -> Result<()> {
        let genres = serde_json::Value::from(model.header.genres.clone()).to_string();
        self.run(
            "INSERT INTO model (hash, name, genres) VALUES (?1, ?2, ?3) ON CONFLICT (hash) DO NOTHING",
            params![model.hash(), model.header.name, genres],
        )
    }

    /// Keeps what was heard in a file, at once.
    ///
    /// # Errors
    /// Those of the database.
    pub fn keep(&mut self, path: &Path, state: FileState, heard: &Heard) -> Result<()> {
        let kept = self.connection.transaction().and_then(|transaction| {
            if let Some((prediction, model)) = &heard.judged {
                let score = prediction.scores.iter().copied().reduce(f32::max);
                let scores: Vec<u8> =
                    prediction.scores.iter().flat_map(|score| score.to_le_bytes()).collect();
                transaction.prepare_cached(KEEP_RECORDING)?.execute(params![
                    heard.recording.bytes(),
                    heard.head.bytes(),
                    prediction.duration_s,
                    model,
                    prediction.genre,
                    prediction.reason.map(|reason| reason.name()),
                    score,
                    scores,
                ])?;
            }
            transaction.prepare_cached(KEEP_FILE)?.execute(params![
                to_bytes(path),
                state.bytes as i64,
                state.mtime_ns,
                heard.recording.bytes(),
                None::<String>,
                None::<String>,
                json_of(&heard.tags),
            ])?;
            transaction.commit()
        });
        kept.map_err(|e| self.failure(&e))
    }

    /// Keeps why a file could not be judged; it is tried again when it has changed.
    ///
    /// # Errors
    /// Those of the database.
    pub fn keep_error(&self, path: &Path, state: FileState, error: &Error) -> Result<()> {
        let (kind, message) = (error.kind().name(), error.to_string());
        self.run(
            KEEP_FILE,
            params![
                to_bytes(path),
                state.bytes as i64,
                state.mtime_ns,
                None::<&[u8]>,
                kind,
                message,
                None::<String>
            ],
        )
    }

    /// Whether a recording of that beginning was judged by that model.
    pub(crate) fn knows_head(&self, head: RecordingHash, model: &str) -> Result<bool> {
        self.exists("SELECT 1 FROM recording WHERE head = ?1 AND model = ?2", params![head.bytes(), model])
    }

    /// Whether that recording was judged by that model.
    pub(crate) fn knows_recording(&self, recording: RecordingHash, model: &str) -> Result<bool> {
        self.exists(
            "SELECT 1 FROM recording WHERE hash = ?1 AND model = ?2",
            params![recording.bytes(), model],
        )
    }

    /// Whether the file, as it is, was judged by that model: another scan may have been here meanwhile.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_current(&self, path: &Path, state: FileState, model: &str) -> Result<bool> {
        self.exists(
            "SELECT 1 FROM file JOIN recording ON recording.hash = file.recording
             WHERE path = ?1 AND bytes = ?2 AND mtime_ns = ?3 AND model = ?4 AND NOT missing",
            params![to_bytes(path), state.bytes as i64, state.mtime_ns, model],
        )
    }

    /// All files that a library knows, by path.
    pub(crate) fn known_files(&self) -> Result<HashMap<PathBuf, KnownFile>> {
        let read = || {
            let mut statement = self.connection.prepare(
                "SELECT path, bytes, mtime_ns, missing, error_kind, model, tags IS NOT NULL
                 FROM file LEFT JOIN recording ON recording.hash = file.recording",
            )?;
            let rows = statement.query_map([], |row| {
                let path = to_path(row.get_ref(0)?.as_blob()?);
                let state = FileState { bytes: row.get::<_, i64>(1)? as u64, mtime_ns: row.get(2)? };
                let (missing, error_kind) = (row.get(3)?, row.get(4)?);
                let (model, tags_read) = (row.get(5)?, row.get(6)?);
                Ok((path, KnownFile { state, missing, error_kind, model, tags_read }))
            })?;
            rows.collect::<rusqlite::Result<HashMap<PathBuf, KnownFile>>>()
        };
        read().map_err(|e| self.failure(&e))
    }

    /// Notes which files are gone, and which of those are there again.
    pub(crate) fn mark_missing(&mut self, gone: &[PathBuf], back: &[PathBuf]) -> Result<()> {
        let marked = self.connection.transaction().and_then(|transaction| {
            let mut statement = transaction.prepare("UPDATE file SET missing = ?2 WHERE path = ?1")?;
            for (paths, missing) in [(gone, true), (back, false)] {
                for path in paths {
                    statement.execute(params![to_bytes(path), missing])?;
                }
            }
            drop(statement);
            transaction.commit()
        });
        marked.map_err(|e| self.failure(&e))
    }

    /// Keeps the genres of files' tags.
    pub(crate) fn keep_tags(&mut self, files: &[(PathBuf, Vec<String>)]) -> Result<()> {
        let kept = self.connection.transaction().and_then(|transaction| {
            let mut statement = transaction.prepare("UPDATE file SET tags = ?2 WHERE path = ?1")?;
            for (path, tags) in files {
                statement.execute(params![to_bytes(path), json_of(tags)])?;
            }
            drop(statement);
            transaction.commit()
        });
        kept.map_err(|e| self.failure(&e))
    }

    /// The judgement of a recording.
    ///
    /// # Errors
    /// Those of the database.
    pub fn judgement(&self, recording: RecordingHash) -> Result<Option<Judgement>> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT model, genre, reason, score, scores, duration_s FROM recording WHERE hash = ?1",
            )
            .map_err(|e| self.failure(&e))?;
        let found = statement.query_row([recording.bytes()], |row| {
            let scores = row.get_ref(4)?.as_blob()?;
            Ok(Judgement {
                model: row.get(0)?,
                genre: row.get(1)?,
                reason: row.get(2)?,
                score: row.get(3)?,
                scores: floats(scores),
                duration_s: row.get(5)?,
            })
        });
        found.optional().map_err(|e| self.failure(&e))
    }

    pub(crate) fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<()> {
        let ran = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values));
        ran.map(drop).map_err(|e| self.failure(&e))
    }

    fn exists(&self, sql: &str, values: impl rusqlite::Params) -> Result<bool> {
        let found = self.connection.prepare_cached(sql).and_then(|mut statement| statement.exists(values));
        found.map_err(|e| self.failure(&e))
    }
}

/// Genres as they are kept.
pub(crate) fn json_of(genres: &[String]) -> String {
    serde_json::Value::from(genres).to_string()
}

/// Numbers as they are kept: float32, low byte first.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

const KEEP_RECORDING: &str = "
    INSERT INTO recording (hash, head, duration_s, model, genre, reason, score, scores)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (hash) DO UPDATE SET duration_s = ?3, model = ?4, genre = ?5, reason = ?6, score = ?7, scores = ?8";

const KEEP_FILE: &str = "
    INSERT INTO file (path, bytes, mtime_ns, recording, error_kind, error, tags, missing)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)
    ON CONFLICT (path) DO UPDATE
    SET bytes = ?2, mtime_ns = ?3, recording = ?4, error_kind = ?5, error = ?6, tags = ?7, missing = 0";

/// What was heard, by which model.
pub(crate) type Judged = (Prediction, String);
