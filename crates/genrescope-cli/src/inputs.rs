//! Arguments → the list of recordings: files, folders, lists of paths, standard input.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use genrescope::audio::{AudioStream, audio_files};
use genrescope::report::text::printable;
use genrescope::{Error, ErrorKind};

/// A recording to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    Stdin,
}

/// A recording, or a place where one was looked for in vain.
pub(crate) struct Input {
    /// As it is shown; not always as it is: see [`Input::warning`].
    pub(crate) name: String,
    pub(crate) source: Result<Source, Error>,
}

impl Source {
    pub(crate) fn open(&self, sample_rate_hz: u32) -> genrescope::Result<AudioStream> {
        match self {
            Self::File(path) => AudioStream::open(path, sample_rate_hz),
            Self::Stdin => AudioStream::from_reader(Box::new(std::io::stdin()), "-", sample_rate_hz),
        }
    }
}

impl Input {
    pub(crate) fn file(path: PathBuf) -> Self {
        Self { name: path.to_string_lossy().into_owned(), source: Ok(Source::File(path)) }
    }

    /// What a person should know about the name that is shown.
    pub(crate) fn warning(&self) -> Option<String> {
        match &self.source {
            Ok(Source::File(path)) if path.to_str().is_none() => {
                Some("its name is not UTF-8; it is shown with replacement characters".into())
            }
            _ => None,
        }
    }
}

/// Every recording that is named, in order; folders give theirs sorted.
pub(crate) fn gather(paths: &[PathBuf], list: Option<&Path>) -> Result<Vec<Input>> {
    let dash = |path: &Path| path == Path::new("-");
    let dashes = paths.iter().filter(|path| dash(path)).count() + usize::from(list.is_some_and(dash));
    if dashes > 1 {
        bail!("standard input (`-`) can be read only once; name it once");
    }
    let listed = list.map(read_list).transpose()?.unwrap_or_default();
    Ok(paths.iter().cloned().chain(listed).flat_map(expand).collect())
}

fn expand(path: PathBuf) -> Vec<Input> {
    if path == Path::new("-") {
        return vec![Input { name: "-".into(), source: Ok(Source::Stdin) }];
    }
    if !path.is_dir() {
        return vec![Input::file(path)];
    }
    let found = audio_files(&path);
    if found.is_empty() {
        let name = path.to_string_lossy().into_owned();
        let message =
            format!("{name}: no audio files in this folder; name a file to have it tried whatever its name");
        return vec![Input { name, source: Err(Error::new(ErrorKind::NotFound, message)) }];
    }
    found.into_iter().map(|entry| entry.map_or_else(|error| unreadable(&path, error), Input::file)).collect()
}

/// The message of a folder's entry begins with the entry's path.
fn unreadable(folder: &Path, error: Error) -> Input {
    let message = error.to_string();
    let name = message
        .split_once(": ")
        .map_or_else(|| folder.to_string_lossy().into_owned(), |(path, _)| path.to_owned());
    Input { name, source: Err(error) }
}

/// Paths, one a line; between NUL bytes where there are any (`find -print0`).
fn read_list(list: &Path) -> Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    let read = match list == Path::new("-") {
        true => std::io::stdin().read_to_end(&mut bytes).map(|_| ()),
        false => std::fs::read(list).map(|content| bytes = content),
    };
    read.with_context(|| printable(&list.to_string_lossy()))?;
    let separator = if bytes.contains(&0) { 0 } else { b'\n' };
    let lines = bytes.split(|&byte| byte == separator).map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    Ok(lines.filter(|line| !line.is_empty()).map(|line| PathBuf::from(os_string(line))).collect())
}

#[cfg(unix)]
pub(crate) fn os_string(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(bytes).to_owned()
}

#[cfg(not(unix))]
pub(crate) fn os_string(bytes: &[u8]) -> OsString {
    OsStr::new(&*String::from_utf8_lossy(bytes)).to_owned()
}
