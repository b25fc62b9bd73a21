//! A music file as the tag readers see it: bytes at places, within limits.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use genrescope::{Error, ErrorKind, Result};

/// Largest tag that is read, bytes: covers in full resolution fit, a header that lies does not.
pub(crate) const MAX_TAG_BYTES: u64 = 64 << 20;

/// An open file.
pub(crate) struct Source {
    file: File,
    path: PathBuf,
    pub(crate) length: u64,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path.display(), e))?;
        let length = file.metadata().map_err(|e| Error::io(path.display(), e))?.len();
        Ok(Self { file, path: path.to_owned(), length })
    }

    /// `count` bytes at a place; all of them or an error.
    pub(crate) fn bytes(&mut self, at: u64, count: u64) -> Result<Vec<u8>> {
        if count > MAX_TAG_BYTES {
            return Err(self.refuse(ErrorKind::LimitExceeded, "its tag claims to be larger than 64 MB"));
        }
        if at.checked_add(count).is_none_or(|end| end > self.length) {
            return Err(self.damaged("its tag goes on behind the end of the file"));
        }
        let mut bytes = vec![0; count as usize];
        let read = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|e| Error::io(self.path.display(), e))?;
        Ok(bytes)
    }

    /// As many as there are, up to `count`.
    pub(crate) fn up_to(&mut self, at: u64, count: u64) -> Result<Vec<u8>> {
        self.bytes(at, count.min(self.length.saturating_sub(at)))
    }

    pub(crate) fn damaged(&self, what: &str) -> Error {
        self.refuse(ErrorKind::Corrupt, &format!("{what}; mend it with another program first"))
    }

    pub(crate) fn refuse(&self, kind: ErrorKind, what: &str) -> Error {
        Error::new(kind, format!("{}: {what}", self.path.display()))
    }
}

/// An unsigned number, high byte first.
pub(crate) fn be(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// An unsigned number, low byte first.
pub(crate) fn le(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
