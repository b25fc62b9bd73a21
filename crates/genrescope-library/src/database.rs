//! The file that a library is kept in: SQLite with a write-ahead log.
//!
//! *Decides* what is a library: [`APPLICATION`] and the version in its header. An older one is brought up to date, a newer
//! one, a damaged one and another program's are refused with a remedy. *Never* replaces a file: [`set_aside`] renames.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use genrescope::{Error, ErrorKind, Result};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

/// What the header of the file says that it is of: `Gnrs`.
const APPLICATION: i32 = 0x476e_7273;
/// How long to wait for another program that writes, e.g. a second scan.
const BUSY: Duration = Duration::from_secs(30);
/// Names of the files that SQLite keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// What brings a database from one version to the next; the version is the number of steps taken.
const STEPS: [&str; 3] = [
    "
    CREATE TABLE model (
        hash TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        genres TEXT NOT NULL             -- a JSON array, in the order of scores
    ) WITHOUT ROWID;
    CREATE TABLE recording (
        hash BLOB PRIMARY KEY,           -- BLAKE3 of all decoded samples
        head BLOB NOT NULL,              -- and of the first ones
        duration_s REAL NOT NULL,
        model TEXT NOT NULL REFERENCES model,
        genre TEXT,
        reason TEXT,                     -- why there is no genre
        score REAL,
        scores BLOB NOT NULL             -- float32, low byte first
    ) WITHOUT ROWID;
    CREATE INDEX recording_head ON recording (head);
    CREATE TABLE file (
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL UNIQUE,
        bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        recording BLOB REFERENCES recording,
        error_kind TEXT,
        error TEXT,
        missing INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX file_recording ON file (recording);",
    "
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL,            -- changes of one run are taken back together
        path BLOB NOT NULL,
        draft BLOB NOT NULL,             -- the file beside it that takes its place
        state TEXT NOT NULL,             -- draft, ready, written, undoing
        old_mtime_ns INTEGER NOT NULL,
        old_hash BLOB,                   -- BLAKE3 of the file's bytes, before and after
        new_hash BLOB,
        reverse BLOB,                    -- the splices that make the old bytes of the new
        genres TEXT NOT NULL             -- a JSON array
    );",
    "
    ALTER TABLE file ADD COLUMN tags TEXT;   -- the genres of its tags, a JSON array; nothing where they were not read",
];

/// A library that is open. Several programs may have the same one open.
pub struct Library {
    pub(crate) connection: Connection,
    path: PathBuf,
}

impl Library {
    /// Opens a library, or begins one where there is no file.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for a damaged file and for one that is no database, [`ErrorKind::UnsupportedFormat`] for one
    /// of a newer or another program, [`ErrorKind::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|e| Error::io(folder.display(), e))?;
        }
        let connection = Connection::open(path).map_err(|e| failure(path, &e))?;
        let mut library = Self { connection, path: path.to_owned() };
        library.prepare()?;
        Ok(library)
    }

    /// Opens a library that must be there.
    ///
    /// # Errors
    /// Those of [`Library::open`]; [`ErrorKind::NotFound`] where there is no file.
    pub fn existing(path: &Path) -> Result<Self> {
        if !path.exists() {
            let message = format!(
                "{}: there is no library yet; begin one with `genrescope scan DIR`, or name one with `--db`",
                path.display()
            );
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        Self::open(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes what was written from the log into the file, so that the file alone is the library, e.g. in a backup. Closing
    /// does the same, where a program gets to it.
    pub fn write_back(&self) {
        let written = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        drop(written); // where another program reads, the log stays: nothing is lost
    }

    /// What the database said, with the library's path and a remedy.
    pub(crate) fn failure(&self, error: &rusqlite::Error) -> Error {
        failure(&self.path, error)
    }

    fn prepare(&mut self) -> Result<()> {
        self.connection.busy_timeout(BUSY).map_err(|e| self.failure(&e))?;
        usable_version(&self.connection, &self.path)?; // before a setting changes the file
        let prepared = self.settings().and_then(|()| self.check());
        prepared.map_err(|e| self.failure(&e))?;
        self.bring_up_to_date()
    }

    /// NORMAL: a program that is killed loses nothing that it was told is kept; a power cut may lose the last moments.
    fn settings(&self) -> rusqlite::Result<()> {
        self.connection.pragma_update(None, "journal_mode", "wal")?;
        self.connection.pragma_update(None, "synchronous", "normal")?;
        self.connection.pragma_update(None, "foreign_keys", true)
    }

    /// Reads all pages: damage is found now, not in the middle of a scan.
    fn check(&self) -> rusqlite::Result<()> {
        let verdict: String = self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        match verdict.as_str() {
            "ok" => Ok(()),
            _ => Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(11), Some(verdict))),
        }
    }

    fn number(&self, pragma: &str) -> Result<i32> {
        self.connection.pragma_query_value(None, pragma, |row| row.get(0)).map_err(|e| self.failure(&e))
    }

    fn bring_up_to_date(&mut self) -> Result<()> {
        if self.number("user_version")? as usize == STEPS.len()
            && self.number("application_id")? == APPLICATION
        {
            return Ok(());
        }
        let path = self.path.clone();
        let failed = |e: rusqlite::Error| failure(&path, &e);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let version = usable_version(&transaction, &path)?;
        for step in &STEPS[version..] {
            transaction.execute_batch(step).map_err(failed)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
        transaction.pragma_update(None, "user_version", STEPS.len() as i64).map_err(failed)?;
        transaction.commit().map_err(failed)
    }
}

/// The version of a library, 0 for an empty file.
fn usable_version(connection: &Connection, path: &Path) -> Result<usize> {
    let failed = |e: rusqlite::Error| failure(path, &e);
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (application, version) =
        (number("application_id").map_err(failed)?, number("user_version").map_err(failed)?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let at = path.display();
    if application != i64::from(APPLICATION) && (application, version, tables) != (0, 0, 0) {
        let message = format!("{at}: this is another program's database; name another file with `--db`");
        return Err(Error::new(ErrorKind::UnsupportedFormat, message));
    }
    usize::try_from(version).ok().filter(|version| *version <= STEPS.len()).ok_or_else(|| {
        let message = format!(
            "{at}: a newer genrescope keeps this library (version {version}, here {}); update genrescope, or name another file with `--db`",
            STEPS.len()
        );
        Error::new(ErrorKind::UnsupportedFormat, message)
    })
}

/// Renames a library, with what SQLite keeps beside it, so that a new one can begin at its place; gives the new name.
///
/// # Errors
/// [`ErrorKind::NotFound`], [`ErrorKind::Io`].
pub fn set_aside(path: &Path) -> Result<PathBuf> {
    let with_ending = |path: &Path, ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let aside = (1..)
        .map(|number| with_ending(path, &format!(".damaged-{number}")))
        .find(|aside| !aside.exists())
        .ok_or_else(|| Error::new(ErrorKind::Io, format!("{}: no free name is left", path.display())))?;
    fs::rename(path, &aside).map_err(|e| Error::io(path.display(), e))?;
    for ending in BESIDE {
        let beside = with_ending(path, ending);
        if beside.exists() {
            fs::rename(&beside, with_ending(&aside, ending)).map_err(|e| Error::io(beside.display(), e))?;
        }
    }
    Ok(aside)
}

/// What the database said, with the library's path and a remedy.
fn failure(path: &Path, error: &rusqlite::Error) -> Error {
    let at = path.display();
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (
            ErrorKind::Corrupt,
            format!(
                "{at}: this library is damaged or no library ({error}); `genrescope scan --rebuild` with the same `--db` renames it and begins anew"
            ),
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            ErrorKind::Io,
            format!("{at}: another program is writing to this library; try again when it has ended"),
        ),
        Some(ErrorCode::DiskFull) => {
            (ErrorKind::Io, format!("{at}: the disk is full; make room, or name another file with `--db`"))
        }
        _ => (
            ErrorKind::Io,
            format!(
                "{at}: {error}; check the path and that it can be written, or name another file with `--db`"
            ),
        ),
    };
    Error::new(kind, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_library_has_the_version_of_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(&folder.path().join("new/library.db")).unwrap();
        assert_eq!(library.number("user_version").unwrap() as usize, STEPS.len());
        assert_eq!(library.number("application_id").unwrap(), APPLICATION);
    }

    #[test]
    fn a_library_of_any_older_version_is_brought_up_to_date_and_keeps_its_rows() {
        for version in 1..=STEPS.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("library.db");
            let old = Connection::open(&path).unwrap();
            STEPS[..version].iter().for_each(|step| old.execute_batch(step).unwrap());
            old.pragma_update(None, "application_id", APPLICATION).unwrap();
            old.pragma_update(None, "user_version", version as i64).unwrap();
            old.execute("INSERT INTO file (path, bytes, mtime_ns) VALUES (x'61', 1, 2)", []).unwrap();
            drop(old);
            let library = Library::open(&path).unwrap();
            assert_eq!(library.number("user_version").unwrap() as usize, STEPS.len());
            let count =
                library.connection.query_row("SELECT count(*) FROM file", [], |row| row.get::<_, i64>(0));
            assert_eq!(count.unwrap(), 1, "from version {version}");
        }
    }

    #[test]
    fn a_library_of_a_newer_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("library.db");
        Library::open(&path).unwrap().connection.pragma_update(None, "user_version", 99).unwrap();
        let error = Library::open(&path).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::UnsupportedFormat);
        assert!(error.to_string().contains("version 99"), "{error}");
    }

    #[test]
    fn another_programs_database_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE photo (name TEXT)").unwrap();
        let bytes = fs::read(&path).unwrap();
        let error = Library::open(&path).err().unwrap();
        assert!(error.to_string().contains("another program"), "{error}");
        assert_eq!(error.kind(), ErrorKind::UnsupportedFormat, "what is corrupt is set aside on request");
        assert!(fs::read(&path).unwrap() == bytes);
    }

    #[test]
    fn what_is_written_back_is_in_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("library.db"), folder.path().join("copy.db"));
        let library = Library::open(&path).unwrap();
        library.run("INSERT INTO file (path, bytes, mtime_ns) VALUES (x'61', 1, 2)", []).unwrap();
        library.write_back();
        fs::copy(&path, &copy).unwrap();
        assert_eq!(Library::open(&copy).unwrap().known_files().unwrap().len(), 1);
    }
}
