//! Counts over a library: by genre, by folder, by confidence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use genrescope::Result;

use crate::Library;
use crate::listing::{Wanted, list};

/// Steps of confidence that are counted: 0 to 0.1, …, 0.9 to 1.
pub const CONFIDENCE_STEPS: usize = 10;

/// What a library holds, counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Files that are there.
    pub files: usize,
    /// Different recordings among them.
    pub recordings: usize,
    /// Their length, seconds; a copy counts.
    pub duration_s: f64,
    /// Files of each genre, most first; without a genre by the reason.
    pub genres: Vec<(String, usize)>,
    /// Files of each folder, with its most frequent genre.
    pub folders: Vec<FolderCount>,
    /// Files by the score of their genre.
    pub confidence: [usize; CONFIDENCE_STEPS],
    /// Files that could not be judged.
    pub failed: usize,
    /// Files that another model judged.
    pub stale: usize,
    /// Files that are known and gone.
    pub gone: usize,
}

/// A folder and what is right in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FolderCount {
    /// The folder.
    pub folder: PathBuf,
    /// Its files.
    pub files: usize,
    /// The genre that most of them have.
    pub genre: Option<String>,
}

/// Counts what is wanted of a library; what was not judged by `model` (its hash) is stale.
///
/// # Errors
/// Those of the database.
pub fn summary(library: &Library, wanted: &Wanted, model: &str) -> Result<Summary> {
    let mut summary = Summary::default();
    let mut genres = BTreeMap::new();
    let mut folders: BTreeMap<PathBuf, (usize, BTreeMap<String, usize>)> = BTreeMap::new();
    let mut recordings = std::collections::HashSet::new();
    list(library, wanted, &mut |item| {
        summary.files += 1;
        summary.failed += usize::from(item.error.is_some());
        summary.stale += usize::from(item.model.as_deref().is_some_and(|judge| judge != model));
        summary.duration_s += item.duration_s.unwrap_or_default();
        recordings.extend(item.recording);
        let folder = item.path.parent().unwrap_or(Path::new("")).to_owned();
        let counted = folders.entry(folder).or_default();
        counted.0 += 1;
        if let (Some(genre), Some(score)) = (&item.genre, item.score) {
            *counted.1.entry(genre.clone()).or_default() += 1;
            summary.confidence[((score * 10.0) as usize).min(CONFIDENCE_STEPS - 1)] += 1;
        }
        if let Some(name) = item.genre.or(item.reason) {
            *genres.entry(name).or_default() += 1;
        }
        Ok(())
    })?;
    summary.recordings = recordings.len();
    summary.genres = most_first(genres);
    summary.folders = folders
        .into_iter()
        .map(|(folder, (files, genres))| FolderCount {
            folder,
            files,
            genre: most_first(genres).into_iter().next().map(|(genre, _)| genre),
        })
        .collect();
    summary.gone = gone(library)?;
    Ok(summary)
}

fn most_first(counts: BTreeMap<String, usize>) -> Vec<(String, usize)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, files)| std::cmp::Reverse(*files));
    counts
}

fn gone(library: &Library) -> Result<usize> {
    let count = library
        .connection
        .query_row("SELECT count(*) FROM file WHERE missing", [], |row| row.get::<_, i64>(0));
    count.map(|count| count as usize).map_err(|e| library.failure(&e))
}
