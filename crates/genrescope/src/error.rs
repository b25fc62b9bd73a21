//! What can go wrong, in kinds that a caller can act on.

use std::fmt;

/// Result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can tell apart: command-line exit codes and HTTP statuses are mapped from it, once per door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The path is not there.
    NotFound,
    /// The bytes are no container or codec that can be read.
    UnsupportedFormat,
    /// The format is known, the content is damaged.
    Corrupt,
    /// Less audio than the shortest that can be judged.
    TooShort,
    /// One of the limits that keep time and memory bounded.
    LimitExceeded,
    /// A list of tracks, or a data set, that is not as it should be.
    BadManifest,
    /// A model file that is refused.
    BadModel,
    /// Settings that contradict each other or are out of range.
    BadSettings,
    /// The operating system said no: permission, full disk, broken pipe.
    Io,
}

impl ErrorKind {
    /// The kind as machine output names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::UnsupportedFormat => "unsupported_format",
            Self::Corrupt => "corrupt",
            Self::TooShort => "too_short",
            Self::LimitExceeded => "limit_exceeded",
            Self::BadManifest => "bad_manifest",
            Self::BadModel => "bad_model",
            Self::BadSettings => "bad_settings",
            Self::Io => "io",
        }
    }
}

/// A failure: its kind, and one line that says what, where and what to do about it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with its message: lower case, no full stop, what + where + remedy.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// The same error with the one that caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// An operating-system error at `place` (a path, or what was being done).
    pub fn io(place: impl fmt::Display, source: std::io::Error) -> Self {
        let (kind, what) = match source.kind() {
            std::io::ErrorKind::NotFound => {
                (ErrorKind::NotFound, "there is no such file or folder; check the path".into())
            }
            std::io::ErrorKind::PermissionDenied => {
                (ErrorKind::Io, "permission denied; allow your user to read or write it".into())
            }
            _ => (ErrorKind::Io, format!("{source}; check the path and its disk")),
        };
        Self::new(kind, format!("{place}: {what}")).with_source(source)
    }

    /// The same error with `place` (a path, a track) in front of its message.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.context = format!("{place}: {}", self.context);
        self
    }

    /// What a caller can act on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|s| &**s as _)
    }
}
