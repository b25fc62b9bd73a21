//! Folders of results → what a page shows of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::evaluate::{Figures, FoldResult, Judgement, ResultFile};
use crate::model::Model;
use crate::report::figures::{FeatureRow, kernels};
use crate::report::picture::Scene;
use crate::train::Epoch;
use crate::{Error, ErrorKind, Result};

/// Folders are searched so deep.
const DEEPEST: usize = 6;

/// An evaluation with all that lies beside its `result.json`.
#[derive(Debug)]
pub(super) struct Experiment {
    /// Its folder below the one that was asked for: `mlfi/segment/mlfi-audio-b4`.
    pub(super) name: String,
    pub(super) result: ResultFile,
    /// What was said of every measured track; empty where the folds' files are not there.
    pub(super) answers: Vec<Judgement>,
    /// Fold by fold, every epoch.
    pub(super) histories: Vec<Vec<Epoch>>,
    /// Semitones and accuracy, percent, of the measured tracks in other keys.
    pub(super) transposition: Vec<(f64, f64)>,
    /// What is lost without each audio feature.
    pub(super) features: Vec<FeatureRow>,
    /// Its vertical kernels, where the first fold's model has any and is there.
    pub(super) kernels: Option<Scene>,
}

impl Experiment {
    /// What its folds measured, pooled: in protocol `segment` the segments, else the tracks.
    pub(super) fn measured(&self) -> &Figures {
        let segments = self.result.segments.as_ref().filter(|_| self.result.protocol == "segment");
        segments.unwrap_or(&self.result.pooled)
    }
}

/// Folds of an evaluation that has no result so far.
#[derive(Debug, PartialEq)]
pub(super) struct Unfinished {
    pub(super) name: String,
    /// Share that each measured fold has right, percent.
    pub(super) accuracies: Vec<f64>,
}

/// A number that others published: a row of `published.csv`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Published {
    pub(super) what: String,
    pub(super) protocol: String,
    pub(super) accuracy: f64,
    pub(super) source: String,
}

/// Everything found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) experiments: Vec<Experiment>,
    pub(super) unfinished: Vec<Unfinished>,
    pub(super) published: Vec<Published>,
    /// Milliseconds that a network takes for a patch, by `speed.csv`.
    pub(super) milliseconds: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct SpeedRow {
    network: String,
    milliseconds: f64,
}

#[derive(Deserialize)]
struct KeyRow {
    semitones: f64,
    accuracy_percent: f64,
}

impl Found {
    /// Searches folders for results; other JSON files are passed over.
    pub(super) fn read(roots: &[PathBuf]) -> Result<Self> {
        let mut found = Self::default();
        for root in roots {
            let folder = fs::metadata(root).map_err(|e| Error::io(root.display(), e))?.is_dir();
            if !folder {
                let what =
                    format!("{}: not a folder; name one with a result.json in it or below", root.display());
                return Err(Error::new(ErrorKind::NotFound, what));
            }
            found.folder(root, root, DEEPEST)?;
        }
        found.experiments.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn folder(&mut self, root: &Path, folder: &Path, depth: usize) -> Result<()> {
        self.experiment(root, folder)?;
        self.published.extend(rows::<Published>(&folder.join("published.csv"))?);
        let speeds = rows::<SpeedRow>(&folder.join("speed.csv"))?;
        self.milliseconds.extend(speeds.into_iter().map(|row| (row.network, row.milliseconds)));
        if depth == 0 {
            return Ok(());
        }
        let entries = fs::read_dir(folder).map_err(|e| Error::io(folder.display(), e))?;
        let mut folders: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
        folders.sort();
        folders.iter().try_for_each(|below| self.folder(root, below, depth - 1))
    }

    fn experiment(&mut self, root: &Path, folder: &Path) -> Result<()> {
        let folds = folds(folder)?;
        let name = name(root, folder);
        let path = folder.join("result.json");
        if !is_evaluation(&path) {
            if !folds.is_empty() {
                let accuracies = folds.iter().map(share_right).collect();
                self.unfinished.push(Unfinished { name, accuracies });
            }
            return Ok(());
        }
        let result = ResultFile::read(&path)?;
        let numbers = result.folds.iter().map(|fold| folder.join(format!("fold-{}", fold.fold)));
        let histories = numbers.chain([folder.to_owned()]).map(|of| rows(&of.join("history.csv")));
        let histories: Vec<Vec<Epoch>> = histories.collect::<Result<_>>()?;
        let keys = rows::<KeyRow>(&folder.join("transposition.csv"))?;
        let features: Vec<Vec<String>> = rows(&folder.join("features.csv"))?;
        self.experiments.push(Experiment {
            name,
            result,
            answers: folds.into_iter().flat_map(answers).collect(),
            histories: histories.into_iter().filter(|history| !history.is_empty()).collect(),
            transposition: keys.into_iter().map(|row| (row.semitones, row.accuracy_percent)).collect(),
            features: features.iter().filter_map(|row| feature_row(row)).collect(),
            kernels: kernels_of(&folder.join("fold-1").join("model.safetensors"))?,
        });
        Ok(())
    }
}

/// `network,variant,feature,segments,accuracy_percent,fall`, then the fall of each genre.
fn feature_row(row: &[String]) -> Option<FeatureRow> {
    let number = |field: &String| field.parse().ok();
    let feature = row.get(2).filter(|feature| !feature.is_empty())?.clone();
    let by_genre = row.iter().skip(6).map(number).collect::<Option<Vec<f64>>>()?;
    Some(FeatureRow { feature, fall: number(row.get(5)?)?, by_genre })
}

/// The picture of a model's vertical kernels; none where there is no model, as in results that are kept without it.
fn kernels_of(path: &Path) -> Result<Option<Scene>> {
    Ok(if path.is_file() { kernels(&Model::load(path)?) } else { None })
}

/// What a fold measured, each answer by itself: in protocol `segment`, whose tracks lie in several folds, segments.
fn answers(fold: FoldResult) -> Vec<Judgement> {
    match is_of_segments(&fold.settings) {
        true => fold.segments,
        false => fold.tracks,
    }
}

/// Of those answers, percent.
fn share_right(fold: &FoldResult) -> f64 {
    let measured = if is_of_segments(&fold.settings) { &fold.segments } else { &fold.tracks };
    let right = measured.iter().filter(|answer| answer.is_right()).count();
    100.0 * right as f64 / measured.len().max(1) as f64
}

fn is_of_segments(settings: &str) -> bool {
    settings.lines().any(|line| line.trim() == "protocol = \"segment\"")
}

/// The folder's place below the root; of the root itself, its name.
fn name(root: &Path, folder: &Path) -> String {
    let below = folder.strip_prefix(root).unwrap_or(folder);
    if below.as_os_str().is_empty() {
        return root.file_name().map_or("result".into(), |name| name.to_string_lossy().into_owned());
    }
    below.display().to_string()
}

/// Whether a file is a result of `evaluate`, of this or of another version: `experiments/` holds other results too.
fn is_evaluation(path: &Path) -> bool {
    #[derive(Deserialize)]
    struct Schema {
        schema: String,
    }
    let schema = fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Schema>(&bytes).ok());
    schema.is_some_and(|Schema { schema }| schema.starts_with("genrescope.result/"))
}

/// The measured folds in a folder, in order.
fn folds(folder: &Path) -> Result<Vec<FoldResult>> {
    let mut folds = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| Error::io(folder.display(), e))?.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("fold-")?.strip_suffix(".json"));
        if number.is_none_or(|number| number.parse::<usize>().is_err()) {
            continue;
        }
        let bytes = fs::read(entry.path()).map_err(|e| Error::io(entry.path().display(), e))?;
        let fold: FoldResult = serde_json::from_slice(&bytes).map_err(|e| {
            Error::new(ErrorKind::Corrupt, format!("{}: {e}; measure it again", entry.path().display()))
        })?;
        folds.push(fold);
    }
    folds.sort_by_key(|fold| fold.fold);
    Ok(folds)
}

/// The rows of a CSV file; none where there is no file.
fn rows<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let corrupt = |e: csv::Error| Error::new(ErrorKind::Corrupt, format!("{}: {e}", path.display()));
    csv::Reader::from_path(path).map_err(corrupt)?.deserialize().map(|row| row.map_err(corrupt)).collect()
}
