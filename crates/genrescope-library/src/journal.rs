//! Changes of music files that can be taken back, whenever the program ends: each is in the journal before the file is.
//!
//! ```text
//! row `draft` ─▶ draft beside the file, synced ─▶ verified ─▶ row `ready` with the way back ─▶ rename ─▶ row `written`
//! ```
//!
//! What a program that was killed left behind is settled by the hash of the file: it is the old one or the new one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use genrescope::{Error, ErrorKind, Result};
use rusqlite::params;

use crate::path_bytes::{to_bytes, to_path};
use crate::rows::json_of;
use crate::tags::edit::Edit;
use crate::tags::{self, genres};
use crate::{FileState, Library, RecordingHash, recording_hash};

/// How far a change is; told before the next step begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The journal knows of the draft.
    Begun,
    /// The draft is whole and on the disk.
    Drafted,
    /// It holds the genres, and the same sound and other tags.
    Verified,
    /// The journal has the way back.
    Ready,
    /// The draft is at the place of the file.
    Renamed,
    /// The journal knows it.
    Done,
}

/// What becomes of the time at which a file was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mtime {
    /// Now.
    New,
    /// As it was.
    Kept,
}

/// How files are changed.
pub struct Changes<'a> {
    /// Changes of one run are taken back together.
    pub run: i64,
    /// What becomes of the time of change.
    pub mtime: Mtime,
    /// Is told of each step.
    pub told: &'a dyn Fn(Step),
}

/// A change that can be taken back.
#[derive(Clone, Debug)]
pub struct Change {
    id: i64,
    /// The file.
    pub path: PathBuf,
    /// The genres that it was given.
    pub genres: Vec<String>,
    old_hash: Vec<u8>,
    new_hash: Vec<u8>,
    old_mtime_ns: i64,
    reverse: Vec<u8>,
}

impl Library {
    /// The number of a new run of changes.
    ///
    /// # Errors
    /// Those of the database.
    pub fn begin_run(&self) -> Result<i64> {
        let number =
            self.connection.query_row("SELECT coalesce(max(run), 0) + 1 FROM journal", [], |row| row.get(0));
        number.map_err(|e| self.failure(&e))
    }

    /// Gives a file these genres; nothing else of it changes, or it stays as it is.
    ///
    /// # Errors
    /// Those of reading and writing the file; [`ErrorKind::Corrupt`] where what was drafted is not what was wanted.
    pub fn change_genres(&self, path: &Path, genres: &[String], changes: &Changes) -> Result<()> {
        let place = place(path)?;
        let state = FileState::of(&place)?;
        let edit = tags::edit(&place, genres)?;
        let draft = draft_of(&place);
        self.sync_fully()?;
        self.run(
            "INSERT INTO journal (run, path, draft, state, old_mtime_ns, genres) VALUES (?1, ?2, ?3, 'draft', ?4, ?5)",
            params![changes.run, to_bytes(path), to_bytes(&draft), state.mtime_ns, serde_json::Value::from(genres).to_string()],
        )?;
        let id = self.connection.last_insert_rowid();
        (changes.told)(Step::Begun);
        let changed = self.write_and_verify(id, (&place, &draft, state), (&edit, genres), changes);
        if changed.is_err() {
            drop(fs::remove_file(&draft));
            self.run("DELETE FROM journal WHERE id = ?1 AND state <> 'written'", [id])?;
        }
        changed?;
        self.run("UPDATE journal SET state = 'written' WHERE id = ?1", [id])?;
        self.follow(path, &place)?;
        (changes.told)(Step::Done);
        Ok(())
    }

    fn write_and_verify(
        &self,
        id: i64,
        (place, draft, state): (&Path, &Path, FileState),
        (edit, genres): (&Edit, &[String]),
        changes: &Changes,
    ) -> Result<()> {
        let at = |e| Error::io(place.display(), e);
        let mut source = File::open(place).map_err(at)?;
        let hashes = write_draft(&mut source, draft, edit).map_err(at)?;
        (changes.told)(Step::Drafted);
        verify((place, draft), genres)?;
        (changes.told)(Step::Verified);
        let reverse = edit.reversed(&mut source).map_err(at)?.to_bytes();
        drop(source);
        if changes.mtime == Mtime::Kept {
            let modified = fs::metadata(place).and_then(|metadata| metadata.modified()).map_err(at)?;
            set_mtime(draft, modified).map_err(at)?;
        }
        self.run(
            "UPDATE journal SET state = 'ready', old_hash = ?2, new_hash = ?3, reverse = ?4 WHERE id = ?1",
            params![id, hashes.0.as_bytes(), hashes.1.as_bytes(), reverse],
        )?;
        (changes.told)(Step::Ready);
        unchanged(place, state)?;
        replace(draft, place).map_err(at)?;
        (changes.told)(Step::Renamed);
        Ok(())
    }

    /// The changes of the last run that has any, last first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn last_changes(&self) -> Result<Vec<Change>> {
        let read = || {
            let mut statement = self.connection.prepare(
                "SELECT id, path, genres, old_hash, new_hash, old_mtime_ns, reverse FROM journal
                 WHERE state = 'written' AND run = (SELECT max(run) FROM journal WHERE state = 'written')
                 ORDER BY id DESC",
            )?;
            let rows = statement.query_map([], |row| {
                let genres: String = row.get(2)?;
                Ok(Change {
                    id: row.get(0)?,
                    path: to_path(row.get_ref(1)?.as_blob()?),
                    genres: serde_json::from_str(&genres).unwrap_or_default(),
                    old_hash: row.get(3)?,
                    new_hash: row.get(4)?,
                    old_mtime_ns: row.get(5)?,
                    reverse: row.get(6)?,
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<Change>>>()
        };
        read().map_err(|e| self.failure(&e))
    }

    /// Gives a file its original bytes and time back; one that has these bytes is only forgotten.
    ///
    /// # Errors
    /// [`ErrorKind::BadManifest`] where the file is not as the change left it; those of writing.
    pub fn take_back(&self, change: &Change, told: &dyn Fn(Step)) -> Result<()> {
        let place = place(&change.path)?;
        let at = |e| Error::io(place.display(), e);
        let state = FileState::of(&place)?;
        let hash = hash_of(&place)?;
        if hash == change.old_hash {
            self.run("DELETE FROM journal WHERE id = ?1", [change.id])?;
            return self.follow(&change.path, &place);
        }
        if hash != change.new_hash {
            let what = "it was changed since by another program, so its tags stay as they are; undo would lose that change";
            return Err(Error::new(ErrorKind::BadManifest, format!("{}: {what}", place.display())));
        }
        let damaged = || {
            Error::new(ErrorKind::Corrupt, format!("{}: the journal's way back is damaged", place.display()))
        };
        let edit = Edit::from_bytes(&change.reverse).ok_or_else(damaged)?;
        let draft = draft_of(&place);
        self.sync_fully()?;
        self.run(
            "UPDATE journal SET state = 'undoing', draft = ?2 WHERE id = ?1",
            params![change.id, to_bytes(&draft)],
        )?;
        told(Step::Begun);
        let written =
            File::open(&place).and_then(|mut source| write_draft(&mut source, &draft, &edit)).map_err(at);
        let taken_back = written.and_then(|(_, hash)| {
            told(Step::Drafted);
            if hash.as_bytes().as_slice() != change.old_hash {
                return Err(damaged());
            }
            set_mtime(&draft, time_of(change.old_mtime_ns)).map_err(at)?;
            told(Step::Ready);
            unchanged(&place, state)?;
            replace(&draft, &place).map_err(at)
        });
        if taken_back.is_err() {
            drop(fs::remove_file(&draft));
            self.run("UPDATE journal SET state = 'written' WHERE id = ?1", [change.id])?;
        }
        taken_back?;
        told(Step::Renamed);
        self.run("DELETE FROM journal WHERE id = ?1", [change.id])?;
        self.follow(&change.path, &place)?;
        told(Step::Done);
        Ok(())
    }

    /// Settles what a program that was killed left: drafts go, and the journal says what the files are. To be called while
    /// no other program changes files of this library.
    ///
    /// # Errors
    /// Those of the database.
    pub fn settle(&self) -> Result<()> {
        type Row = (i64, Vec<u8>, Vec<u8>, String, Option<Vec<u8>>, Option<Vec<u8>>);
        let read = || {
            let mut statement = self.connection.prepare(
                "SELECT id, path, draft, state, old_hash, new_hash FROM journal WHERE state <> 'written'",
            )?;
            let rows = statement.query_map([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<Row>>>()
        };
        for (id, path, draft, state, old_hash, new_hash) in read().map_err(|e| self.failure(&e))? {
            let path = to_path(&path);
            let hash = hash_of(&path).ok();
            drop(fs::remove_file(to_path(&draft)));
            // Of a file that cannot be read just now, e.g. on a disk that is not there, the way back is kept.
            let written = match state.as_str() {
                "ready" => hash.is_none() || hash == new_hash,
                "undoing" => hash.is_none() || hash != old_hash,
                _ => false,
            };
            let settled = if written {
                "UPDATE journal SET state = 'written' WHERE id = ?1"
            } else {
                "DELETE FROM journal WHERE id = ?1"
            };
            self.run(settled, [id])?;
            if hash.is_some() {
                self.follow(&path, &path)?;
            }
        }
        Ok(())
    }

    /// The state and tags of a file after a change of ours: the next scan need not hear it.
    fn follow(&self, path: &Path, place: &Path) -> Result<()> {
        let state = FileState::of(place)?;
        let tags = json_of(&genres(place).unwrap_or_default());
        self.run(
            "UPDATE file SET bytes = ?2, mtime_ns = ?3, tags = ?4 WHERE path = ?1",
            params![to_bytes(path), state.bytes as i64, state.mtime_ns, tags],
        )
    }

    /// What the journal holds must survive a power cut too: the file is renamed right after.
    fn sync_fully(&self) -> Result<()> {
        self.connection.pragma_update(None, "synchronous", "full").map_err(|e| self.failure(&e))
    }
}

/// The file itself where the path is a link; one that may not be written is refused: renaming over it would ask only
/// whether its folder may be.
fn place(path: &Path) -> Result<PathBuf> {
    let place = path.canonicalize().map_err(|e| Error::io(path.display(), e))?;
    let metadata = fs::metadata(&place).map_err(|e| Error::io(path.display(), e))?;
    if metadata.permissions().readonly() {
        let message = format!("{}: it is read-only; allow writing to have it tagged", path.display());
        return Err(Error::new(ErrorKind::Io, message));
    }
    File::options().write(true).open(&place).map_err(|e| Error::io(path.display(), e))?;
    Ok(place)
}

/// Whether a file is still the one that a draft was made of.
fn unchanged(place: &Path, state: FileState) -> Result<()> {
    if FileState::of(place)? == state {
        return Ok(());
    }
    let what = "another program changed it meanwhile, so it stays as that left it; scan and try again";
    Err(Error::new(ErrorKind::BadManifest, format!("{}: {what}", place.display())))
}

/// Beside the file, under a name of its own: that of the file may be as long as names can be.
fn draft_of(place: &Path) -> PathBuf {
    place.with_file_name(format!(".{}.genrescope-part", std::process::id()))
}

fn write_draft(
    source: &mut File,
    draft: &Path,
    edit: &Edit,
) -> std::io::Result<(blake3::Hash, blake3::Hash)> {
    drop(fs::remove_file(draft)); // of a program with this number that was killed
    let mut file = File::create_new(draft)?;
    let hashes = edit.apply(source, &mut file)?;
    let metadata = source.metadata()?;
    file.set_permissions(metadata.permissions())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let _ = std::os::unix::fs::fchown(&file, Some(metadata.uid()), Some(metadata.gid())); // only root may give files away
    }
    file.sync_all()?;
    Ok(hashes)
}

/// Whether a draft has the genres, and the sound and all other tags of the original.
fn verify((place, draft): (&Path, &Path), wanted: &[String]) -> Result<()> {
    let differs = |what: &str| {
        let message =
            format!("{}: {what}, so it stays as it was; tag it with another program", place.display());
        Err(Error::new(ErrorKind::Corrupt, message))
    };
    if genres(draft)? != wanted {
        return differs("the genres cannot be read back");
    }
    if tags::others(draft)? != tags::others(place)? {
        return differs("another tag would change");
    }
    let sound = |path: &Path| -> Result<RecordingHash> {
        genrescope::audio::contained("sound", || recording_hash(path))
    };
    if sound(draft)? != sound(place)? {
        return differs("its sound would change");
    }
    Ok(())
}

/// Renames, and makes that last where the file system can: once renamed the change is made, whatever syncing says.
fn replace(draft: &Path, place: &Path) -> std::io::Result<()> {
    fs::rename(draft, place)?;
    #[cfg(unix)]
    if let Some(folder) = place.parent() {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

fn hash_of(path: &Path) -> Result<Vec<u8>> {
    let mut hasher = blake3::Hasher::new();
    let read = File::open(path).and_then(|mut file| std::io::copy(&mut file, &mut hasher));
    read.map_err(|e| Error::io(path.display(), e))?;
    Ok(hasher.finalize().as_bytes().to_vec())
}

fn set_mtime(path: &Path, modified: SystemTime) -> std::io::Result<()> {
    File::options().write(true).open(path)?.set_modified(modified)
}

fn time_of(mtime_ns: i64) -> SystemTime {
    let since = std::time::Duration::from_nanos(mtime_ns.unsigned_abs());
    if mtime_ns < 0 { SystemTime::UNIX_EPOCH - since } else { SystemTime::UNIX_EPOCH + since }
}
