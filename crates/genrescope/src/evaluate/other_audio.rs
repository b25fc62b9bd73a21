//! How well trained folds do on other recordings of what they measured: encoded, mastered, played faster, heard by a
//! telephone.
//!
//! Takes a folder whose folders hold audio files named by the measured clips, gives a [`RecordingResult`] for each of them
//! and leaves `audio.csv` beside `result.json`. Never trains.

use std::path::{Path, PathBuf};

use super::judge::Judge;
use super::perturb::TrainedFolds;
use super::{Answer, EvaluateOptions, Event, Figures, Judgement, groups};
use crate::dataset::Dataset;
use crate::train::settings::Protocol;
use crate::train::{self, Settings, parts, write_atomically};
use crate::{Error, ErrorKind, Result};

/// What one folder of recordings comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingResult {
    /// The folder's name.
    pub name: String,
    /// What is right.
    pub figures: Figures,
    /// Share of the clips with the leading genre of the original audio, percent.
    pub kept_percent: f64,
}

/// Measures the test clips of all folds that are trained from other recordings: those below each folder of `recordings`,
/// found by clip name. What is kept is against the clips' own audio in `data.twin_of`.
///
/// # Errors
/// As [`perturb`](super::perturb); [`ErrorKind::BadSettings`] for another protocol than `twin`, and for a folder without a recording of
/// every clip.
pub fn measure_recordings(
    settings: &Settings,
    options: &EvaluateOptions,
    recordings: &Path,
    progress: &mut dyn FnMut(Event),
) -> Result<Vec<RecordingResult>> {
    let originals = settings.data.twin_of.as_ref().filter(|_| settings.folds.protocol == Protocol::Twin);
    let Some(originals) = originals else {
        let what = "recordings are measured against the clips' own audio: set data.twin_of, and folds.protocol = \"twin\"";
        return Err(Error::new(ErrorKind::BadSettings, what));
    };
    let trained = TrainedFolds::read(settings, options)?;
    let dataset = train::read(settings, &mut |event| progress(Event::Training(event)))?;
    let original = judged(&trained, &dataset, originals)?;
    let mut results = Vec::new();
    for folder in folders(recordings)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let found = judged(&trained, &dataset, &folder)?;
        let result =
            compared(name, &original, &found, dataset.genres.len()).map_err(|e| e.at(folder.display()))?;
        progress(Event::Perturbed { change: result.name.clone(), figures: &result.figures });
        results.push(result);
    }
    write_atomically(&options.out.join("audio.csv"), recordings_csv(&results).as_bytes())?;
    Ok(results)
}

/// `recordings,tracks,accuracy_percent,low,high,kept_percent`: a row a folder.
pub fn recordings_csv(results: &[RecordingResult]) -> String {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut row = |fields: [String; 6]| csv.write_record(fields).expect("memory takes every row");
    row(["recordings", "tracks", "accuracy_percent", "low", "high", "kept_percent"].map(String::from));
    for RecordingResult { name, figures, kept_percent } in results {
        let [low, high] = figures.interval_percent;
        let numbers = [figures.accuracy_percent, low, high, *kept_percent].map(|percent| percent.to_string());
        let [percent, low, high, kept] = numbers;
        row([name.clone(), figures.tracks.to_string(), percent, low, high, kept]);
    }
    String::from_utf8(csv.into_inner().expect("memory takes every row")).expect("fields are text")
}

fn folders(recordings: &Path) -> Result<Vec<PathBuf>> {
    let listing = std::fs::read_dir(recordings).map_err(|e| Error::io(recordings.display(), e))?;
    let mut folders: Vec<PathBuf> =
        listing.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

/// The test clips of all trained folds, in the order of their names.
fn judged(trained: &TrainedFolds, dataset: &Dataset, folder: &Path) -> Result<Vec<Judgement>> {
    let partitions = parts::for_evaluation(dataset, trained.settings)?;
    let groups = groups(dataset, trained.settings.folds.protocol);
    let mut judged = Vec::new();
    for (number, model) in &trained.folds {
        let judge = Judge { model, dataset, groups: &groups };
        judged.extend(judge.audio_in(folder, &partitions[number - 1].test)?);
    }
    judged.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(judged)
}

fn compared(
    name: String,
    original: &[Judgement],
    found: &[Judgement],
    genres: usize,
) -> Result<RecordingResult> {
    if !original.iter().map(|clip| &clip.id).eq(found.iter().map(|clip| &clip.id)) {
        let what = format!("recordings of {} clips, expected one of each of {}", found.len(), original.len());
        return Err(Error::new(ErrorKind::BadSettings, what));
    }
    let answers =
        |judged: &[Judgement]| judged.iter().map(|clip| clip.answer(genres)).collect::<Vec<Answer>>();
    let (before, after) = (answers(original), answers(found));
    let kept = before.iter().zip(&after).filter(|(before, after)| before.called == after.called).count();
    let kept_percent = (10_000.0 * kept as f64 / after.len().max(1) as f64).round() / 100.0;
    Ok(RecordingResult { name, figures: Figures::new(&after, genres), kept_percent })
}
