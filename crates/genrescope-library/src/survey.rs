//! Folders against a library → what is to be heard, what is gone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use genrescope::audio::media_files;
use genrescope::{Error, ErrorKind, Result};

use crate::Library;
use crate::rows::{FileState, KnownFile};
use crate::tags::genres;

/// Files whose tags are kept at once: another scan may write in between.
const TAGS_AT_ONCE: usize = 500;

/// What becomes of files that another model judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// They keep their judgement and are shown as stale.
    No,
    /// They are judged again.
    Stale,
}

/// What a scan found before it hears anything.
#[derive(Debug, Default)]
pub struct Survey {
    /// Files to be heard, sorted by path.
    pub work: Vec<PathBuf>,
    /// Files that have not changed.
    pub unchanged: usize,
    /// Of those, files that could not be judged.
    pub failed: usize,
    /// Of those, files that another model judged.
    pub stale: usize,
    /// Files that were there at the last scan and are gone.
    pub gone: usize,
    /// Folders and links that could not be read.
    pub errors: Vec<Error>,
}

/// Looks through folders: files that are new or changed since the library knew them, those that could not be read
/// then, and with [`Refresh::Stale`] those of another model than `model` (its hash). Files that are gone are marked; their
/// rows stay, so that a file that was moved is known again. Nothing is marked below what could not be read.
///
/// # Errors
/// Those of the database. What cannot be read is in [`Survey::errors`].
pub fn survey(library: &mut Library, folders: &[PathBuf], model: &str, refresh: Refresh) -> Result<Survey> {
    let mut known = library.known_files()?;
    let mut survey = Survey::default();
    let (found, read, unread) = survey.walk(folders);
    let (mut back, mut untagged) = (Vec::new(), Vec::new());
    for path in found {
        match known.remove(&path) {
            Some(file) => {
                let tags_wanted = !file.tags_read && file.error_kind.is_none();
                if survey.look(&path, &file, (model, refresh), &mut back) && tags_wanted {
                    untagged.push(path);
                }
            }
            None => survey.work.push(path),
        }
    }
    let within = |path: &Path, folders: &[PathBuf]| folders.iter().any(|folder| path.starts_with(folder));
    let gone: Vec<PathBuf> = known
        .into_iter()
        .filter(|(path, file)| !file.missing && within(path, &read) && !within(path, &unread))
        .map(|(path, _)| path)
        .collect();
    survey.gone = gone.len();
    library.mark_missing(&gone, &back)?;
    read_tags(library, &untagged)?;
    Ok(survey)
}

/// An older program did not keep what tags say.
fn read_tags(library: &mut Library, files: &[PathBuf]) -> Result<()> {
    for files in files.chunks(TAGS_AT_ONCE) {
        let read = |path: &PathBuf| (path.clone(), genres(path).unwrap_or_default());
        library.keep_tags(&files.iter().map(read).collect::<Vec<_>>())?;
    }
    Ok(())
}

impl Survey {
    /// The audio files of folders, each once and sorted; the folders that were read, and what in them could not be.
    fn walk(&mut self, folders: &[PathBuf]) -> (BTreeSet<PathBuf>, Vec<PathBuf>, Vec<PathBuf>) {
        let (mut found, mut read, mut unread) = (BTreeSet::new(), Vec::new(), Vec::new());
        for folder in folders {
            let root = match folder.canonicalize() {
                Ok(root) => root,
                Err(error) => {
                    self.errors.push(Error::io(folder.display(), error));
                    continue;
                }
            };
            for (path, entry) in media_files(&root) {
                match entry {
                    Ok(()) => drop(found.insert(path)),
                    Err(error) => {
                        self.errors.push(error);
                        unread.push(path);
                    }
                }
            }
            read.push(root);
        }
        (found, read, unread)
    }

    /// A file that the library knows, and whether it is as it was; `back` takes those that were gone.
    fn look(
        &mut self,
        path: &Path,
        known: &KnownFile,
        (model, refresh): (&str, Refresh),
        back: &mut Vec<PathBuf>,
    ) -> bool {
        // A file that cannot be read need not change to become readable: its permissions may, or its disk.
        let unreadable = known.error_kind.as_deref() == Some(ErrorKind::Io.name());
        let stale = known.model.as_deref().is_some_and(|judge| judge != model);
        let changed = FileState::of(path).map_or(true, |state| state != known.state);
        if changed || unreadable || (stale && refresh == Refresh::Stale) {
            self.work.push(path.to_owned());
            return false;
        }
        self.unchanged += 1;
        self.failed += usize::from(known.error_kind.is_some());
        self.stale += usize::from(stale);
        if known.missing {
            back.push(path.to_owned());
        }
        true
    }
}
