//! A folder → the audio files in it and below.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Name endings, lower case, by which a folder's files are taken for audio. A file that is named outright needs none.
pub const EXTENSIONS: [&str; 24] = [
    "aac", "adts", "aif", "aifc", "aiff", "alac", "caf", "flac", "m4a", "m4b", "mka", "mkv", "mp1", "mp2",
    "mp3", "mp4", "mpga", "oga", "ogg", "opus", "rf64", "wav", "wave", "webm",
];

/// The audio files of a folder and of all folders below, sorted by path; a path to a file is listed as it is.
///
/// Links are followed, a folder that was listed is not listed again: loops of links end. What cannot be read (a folder
/// without permission, a path that is not there) is an entry of its own, an error with its path; the rest goes on.
pub fn audio_files(path: &Path) -> Vec<Result<PathBuf>> {
    walk(path, |_| false).into_iter().map(|(path, outcome)| outcome.map(|()| path)).collect()
}

/// The same, as players of a music library see it: without what lies in and below folders with a file `.nomedia`. Each
/// path with whether it could be read.
pub fn media_files(path: &Path) -> Vec<(PathBuf, Result<()>)> {
    walk(path, |folder| fs::symlink_metadata(folder.join(".nomedia")).is_ok())
}

fn walk(path: &Path, skips: impl Fn(&Path) -> bool) -> Vec<(PathBuf, Result<()>)> {
    if fs::metadata(path).is_ok_and(|m| !m.is_dir()) {
        return vec![(path.to_owned(), Ok(()))];
    }
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        if skips(&folder) {
            continue;
        }
        if let Err(error) = list(&folder, &mut seen, &mut folders, &mut found) {
            found.push((folder.clone(), Err(Error::io(folder.display(), error))));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Lists one folder: its folders to `folders`, its audio files to `found`.
fn list(
    folder: &Path,
    seen: &mut HashSet<PathBuf>,
    folders: &mut Vec<PathBuf>,
    found: &mut Vec<(PathBuf, Result<()>)>,
) -> std::io::Result<()> {
    if !seen.insert(folder.canonicalize()?) {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => folders.push(path),
            Ok(metadata) if metadata.is_file() && is_audio_name(&path) => found.push((path, Ok(()))),
            Err(error) if is_audio_name(&path) => {
                let error = Error::io(path.display(), error);
                found.push((path, Err(error)));
            }
            _ => (),
        }
    }
    Ok(())
}

fn is_audio_name(path: &Path) -> bool {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    ending.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
}
