//! What a library holds, one item a file; and which files sound alike.

use std::path::PathBuf;

use genrescope::Result;
use rusqlite::{Row, params};

use crate::path_bytes::to_path;
use crate::rows::floats;
use crate::{FileState, Library, RecordingHash};

/// Scores below count as this much: logarithms stay finite, and what a network finds impossible is no finer than that.
const SCORE_FLOOR: f32 = 1e-4;

/// A file, with what is known of its recording.
#[derive(Clone, Debug)]
pub struct Item {
    /// Where it is.
    pub path: PathBuf,
    /// As it was when it was heard.
    pub state: FileState,
    /// Its recording: copies have the same.
    pub recording: Option<RecordingHash>,
    /// The leading genre.
    pub genre: Option<String>,
    /// Its score.
    pub score: Option<f32>,
    /// Why there is no genre.
    pub reason: Option<String>,
    /// One score a genre in the order of the model.
    pub scores: Vec<f32>,
    /// Length, seconds.
    pub duration_s: Option<f64>,
    /// Hash of the model that judged it.
    pub model: Option<String>,
    /// Kind and message, where the file could not be judged.
    pub error: Option<(String, String)>,
}

/// Which files are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of this leading genre.
    pub genre: Option<String>,
    /// With a leading score of at least this.
    pub min: Option<f32>,
}

/// Calls `each` with the files that are wanted, sorted by path; those that are gone are left out.
///
/// # Errors
/// Those of the database, and those of `each`.
pub fn list(library: &Library, wanted: &Wanted, each: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
    let failed = |e: rusqlite::Error| library.failure(&e);
    let mut statement = library.connection.prepare_cached(LIST).map_err(failed)?;
    let mut rows = statement.query(params![wanted.genre, wanted.min]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        each(item(row).map_err(failed)?)?;
    }
    Ok(())
}

const LIST: &str = "
    SELECT path, recording, genre, score, reason, scores, duration_s, model, error_kind, error, bytes, mtime_ns
    FROM file LEFT JOIN recording ON recording.hash = file.recording
    WHERE NOT missing AND (?1 IS NULL OR genre = ?1) AND (?2 IS NULL OR score >= ?2)
    ORDER BY path";

fn item(row: &Row) -> rusqlite::Result<Item> {
    let kind: Option<String> = row.get(8)?;
    let message: Option<String> = row.get(9)?;
    Ok(Item {
        path: to_path(row.get_ref(0)?.as_blob()?),
        state: FileState { bytes: row.get::<_, i64>(10)? as u64, mtime_ns: row.get(11)? },
        recording: row.get_ref(1)?.as_blob_or_null()?.and_then(RecordingHash::from_bytes),
        genre: row.get(2)?,
        score: row.get(3)?,
        reason: row.get(4)?,
        scores: row.get_ref(5)?.as_blob_or_null()?.map(floats).unwrap_or_default(),
        duration_s: row.get(6)?,
        model: row.get(7)?,
        error: kind.zip(message),
    })
}

/// Files that sound like a recording, the nearest first, each with its distance: 0 the same, 2 the opposite. It is the
/// cosine distance of the scores' logarithms around their mean (the centred log-ratio of Aitchison 1982). Files of another
/// model, or without a genre, cannot be compared and are left out.
///
/// # Errors
/// Those of the database.
pub fn like(library: &Library, scores: &[f32], model: &str, wanted: &Wanted) -> Result<Vec<(f32, Item)>> {
    let here = direction(scores);
    let mut found = Vec::new();
    list(library, wanted, &mut |item| {
        if item.model.as_deref() == Some(model) && item.scores.len() == scores.len() && !scores.is_empty() {
            let cosine: f32 = here.iter().zip(direction(&item.scores)).map(|(a, b)| a * b).sum();
            found.push((1.0 - cosine, item));
        }
        Ok(())
    })?;
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(found)
}

/// Where scores point, length 1; equal scores point nowhere.
pub(crate) fn direction(scores: &[f32]) -> Vec<f32> {
    let logs: Vec<f32> = scores.iter().map(|score| score.max(SCORE_FLOOR).ln()).collect();
    let mean = logs.iter().sum::<f32>() / logs.len().max(1) as f32;
    let length = logs.iter().map(|log| (log - mean).powi(2)).sum::<f32>().sqrt();
    logs.iter().map(|log| if length > 0.0 { (log - mean) / length } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_does_not_depend_on_how_sure_a_judgement_is_and_its_opposite_is_two_away() {
        let dot =
            |a: &[f32], b: &[f32]| -> f32 { direction(a).iter().zip(direction(b)).map(|(a, b)| a * b).sum() };
        let sure = [0.81, 0.09, 0.1];
        let unsure: Vec<f32> = sure.iter().map(|s: &f32| s.sqrt()).collect();
        assert!((dot(&sure, &unsure) - 1.0).abs() < 1e-5);
        let opposite: Vec<f32> = sure.iter().map(|s| 0.01 / s).collect();
        assert!((dot(&sure, &opposite) + 1.0).abs() < 1e-4);
        assert_eq!(direction(&[0.5, 0.5]), [0.0, 0.0]);
    }
}
