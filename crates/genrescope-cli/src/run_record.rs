//! `run.json`: when folds were trained, how long that took, by which code. Results hold none of this. Every fold has its
//! own in its folder, so that processes at different folds do not disturb each other; they are joined beside the result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use genrescope::evaluate::Event;
use genrescope::train::Progress;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The file of one experiment: folds by their numbers.
#[derive(Default, Serialize, Deserialize)]
struct RunFile {
    folds: BTreeMap<usize, FoldRecord>,
}

/// What one fold took.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct FoldRecord {
    /// Commit of the code that went on with it last.
    commit: String,
    /// Version of the program.
    version: String,
    /// Threads that worked on it.
    threads: usize,
    /// When it began, UTC.
    begun: String,
    /// When it was measured, UTC; none while it is not.
    finished: Option<String>,
    /// How often it was begun or gone on with.
    sessions: usize,
    /// Epochs so far.
    epochs: usize,
    /// Time of those epochs, validation included, s; what a killed session did of an epoch is not counted.
    training_s: f64,
    /// Time that measuring took, s.
    measuring_s: f64,
}

/// Follows evaluations and writes their `run.json`s.
pub(crate) struct RunRecord {
    out: PathBuf,
    commit: String,
    folder: PathBuf,
    fold: usize,
    record: FoldRecord,
    last: Instant,
}

impl RunRecord {
    pub(crate) fn new(out: &Path, commit: &str) -> Self {
        Self {
            out: out.to_owned(),
            commit: commit.to_owned(),
            folder: out.to_owned(),
            fold: 0,
            record: FoldRecord::default(),
            last: Instant::now(),
        }
    }

    /// Notes what an event says of times.
    pub(crate) fn observe(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Experiment { name, .. } => self.folder = self.out.join(name),
            Event::Fold { number, .. } => {
                self.fold = *number;
                self.record = FoldRecord { begun: now(), ..FoldRecord::default() };
                self.last = Instant::now();
            }
            Event::Training(Progress::Begin { .. }) => {
                self.begin()?;
                self.last = Instant::now();
            }
            Event::Training(Progress::Epoch { row, .. }) => {
                self.record.epochs = row.epoch;
                self.record.training_s += self.lap_s();
                self.write()?;
            }
            Event::Measured { before: false, .. } => {
                if self.record.sessions == 0 {
                    self.begin()?; // a classifier of vectors, or a network that was trained before
                }
                self.record.measuring_s += self.lap_s();
                self.record.finished = Some(now());
                self.write()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        let kept: Option<FoldRecord> = read(&self.path());
        if let Some(kept) = kept.filter(|fold| fold.finished.is_none()) {
            self.record = kept;
        }
        self.record.sessions += 1;
        self.record.commit.clone_from(&self.commit);
        self.record.version = env!("CARGO_PKG_VERSION").into();
        self.record.threads = rayon::current_num_threads();
        self.write()
    }

    fn lap_s(&mut self) -> f64 {
        let seconds = (self.last.elapsed().as_secs_f64() * 100.0).round() / 100.0;
        self.last = Instant::now();
        seconds
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("fold-{}", self.fold)).join("run.json")
    }

    fn write(&self) -> Result<()> {
        let path = self.path();
        std::fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        write(&path, &self.record)
    }

    /// Joins the folds' records of an experiment beside its result; those that stand there already stay where a fold has
    /// no record of its own any more.
    pub(crate) fn join(&self, experiment: &str) -> Result<()> {
        let folder = self.out.join(experiment);
        let joined = folder.join("run.json");
        let record = |fold: usize| Some((fold, read(&folder.join(format!("fold-{fold}/run.json")))?));
        let RunFile { mut folds } = read(&joined).unwrap_or_default();
        folds.extend((1..=LARGEST_FOLD).filter_map(record));
        if folds.is_empty() { Ok(()) } else { write(&joined, &RunFile { folds }) }
    }
}

/// Folds that are looked for.
const LARGEST_FOLD: usize = 100;

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Writes in one piece.
fn write(path: &Path, content: &impl Serialize) -> Result<()> {
    let part = path.with_extension(format!("json.{}.part", std::process::id()));
    std::fs::write(&part, serde_json::to_string_pretty(content)? + "\n")?;
    Ok(std::fs::rename(&part, path)?)
}

/// Now in UTC, `YYYY-MM-DDThh:mm:ssZ`.
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
    let [year, month, day] = date_of(since / 86_400);
    let [hour, minute, second] = [since / 3600 % 24, since / 60 % 60, since % 60];
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Civil date of a day counted from 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn date_of(days: i64) -> [i64; 3] {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    [year_of_era + era * 400 + i64::from(month <= 2), month, day]
}

#[cfg(test)]
mod tests {
    use genrescope::evaluate::FoldResult;

    use super::*;

    #[test]
    fn records_of_folds_whose_folders_are_gone_stay() {
        let out = tempfile::TempDir::new().unwrap();
        let record = |commit: &str| FoldRecord { commit: commit.into(), ..FoldRecord::default() };
        let folder = out.path().join("one");
        std::fs::create_dir_all(folder.join("fold-2")).unwrap();
        let old = RunFile { folds: [(1, record("a")), (2, record("a"))].into() };
        write(&folder.join("run.json"), &old).unwrap();
        write(&folder.join("fold-2/run.json"), &record("b")).unwrap();
        RunRecord::new(out.path(), "b").join("one").unwrap();
        let joined: RunFile = read(&folder.join("run.json")).unwrap();
        let commits: Vec<_> = joined.folds.values().map(|fold| &*fold.commit).collect();
        assert_eq!(commits, ["a", "b"]);
    }

    #[test]
    fn a_fold_without_epochs_is_on_record_with_its_commit() {
        let out = tempfile::TempDir::new().unwrap();
        let mut record = RunRecord::new(out.path(), "c");
        let fold = r#"{"fold": 1, "folds": 2, "genres": [], "settings": "", "train_tracks": 1, "valid_tracks": 0, "epochs": 0}"#;
        let fold: FoldResult = serde_json::from_str(fold).unwrap();
        for number in 1..=2 {
            record.observe(&Event::Fold { number, folds: 2, tracks: 1 }).unwrap();
            record.observe(&Event::Measured { accuracy: 0.5, before: false, fold: &fold }).unwrap();
        }
        for number in 1..=2 {
            let written: FoldRecord = read(&out.path().join(format!("fold-{number}/run.json"))).unwrap();
            assert_eq!((&*written.commit, written.sessions, written.begun.len()), ("c", 1, 20));
            assert!(written.finished.is_some() && written.threads > 0);
        }
    }

    #[test]
    fn days_are_dates() {
        let cases =
            [(0, [1970, 1, 1]), (11_016, [2000, 2, 29]), (20_779, [2026, 11, 22]), (-1, [1969, 12, 31])];
        for (days, date) in cases {
            assert_eq!(date_of(days), date, "{days}");
        }
    }
}
