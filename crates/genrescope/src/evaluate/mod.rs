//! How good a way of training is, by a protocol: every fold trained, judged and kept; then one result.
//!
//! Takes the [`Experiment`]s of a settings file, gives a [`ResultFile`] of each and leaves `result.json`. Judges tracks
//! by [`predict`](crate::predict), so the measured path is the shipped one. Decides what counts as reading a test part
//! and has every such reading recorded. A run that was killed goes on: folds that are done are not done again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::dataset::segments::track_id;
use crate::dataset::{Dataset, Extraction, fold_file, folds};
use crate::model::Model;
use crate::train::settings::{Data, Protocol};
use crate::train::{self, Experiment, Progress, Settings, parts, write_atomically};
use crate::{Error, ErrorKind, Result};

mod certainty;
mod ensemble;
mod fold;
mod importance;
mod joined;
mod judge;
mod measure;
mod other_audio;
mod perturb;
mod readings;
mod result;
pub mod significance;
mod vectors;

pub use certainty::{Answered, CertaintyResult, ScoreFigures, SetFigures};
pub use ensemble::ensemble;
pub use fold::{Answer, FoldResult, Judgement, tracks_of};
pub use importance::{Importance, ImportanceResult, importance};
pub use joined::evaluate_joined;
pub use other_audio::{RecordingResult, measure_recordings, recordings_csv};
pub use perturb::{Perturbation, PerturbationKind, PerturbedResult, perturb};
pub use readings::Readings;
pub use result::{Figures, FoldFigures, ResultFile};
pub use vectors::{Classifier, Judge, Learner, VectorSource};

use measure::Evaluation;

/// Which part of an evaluation is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All folds, and the result.
    #[default]
    All,
    /// So many folds from the first one on, and their result.
    First(usize),
    /// One fold, counted from 1, and no result.
    Fold(usize),
    /// The result of folds that are there.
    Collect,
}

/// Where evaluations are kept, and what they are called.
#[derive(Clone, Debug, Default)]
pub struct EvaluateOptions {
    /// Folder for the folds, `folds.csv`, `result.json` and, where the protocol trains one model and its fold still has it,
    /// `model.safetensors`; of several experiments each has its own folder below.
    pub out: PathBuf,
    /// Commit of the code, for the models' headers.
    pub commit: String,
    /// What is done.
    pub part: Part,
    /// What learns.
    pub learner: Learner,
    /// Where readings of a test part are recorded; published test parts are not read without.
    pub readings: Option<Readings>,
    /// Results of other protocols that the model's header lists as well; the first of the same network and genres that
    /// was fitted to says what its scores mean, if the own one was not.
    pub other_results: Vec<PathBuf>,
}

impl EvaluateOptions {
    /// The same for one of several experiments: its folder, and its name in the record of readings.
    fn of(&self, experiment: &str) -> Self {
        let mut own = self.clone();
        if !experiment.is_empty() {
            own.out.push(experiment);
            own.readings.iter_mut().for_each(|readings| readings.what += &format!(": {experiment}"));
        }
        own
    }
}

/// What is happening, as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// One of several experiments begins.
    Experiment {
        /// Its name, empty when there is one alone.
        name: &'a str,
        /// Counted from 1.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// Something of the training of a fold, or of reading the data.
    Training(Progress<'a>),
    /// A fold begins.
    Fold {
        /// Counted from 1.
        number: usize,
        /// Folds in all.
        folds: usize,
        /// Tracks that are measured.
        tracks: usize,
    },
    /// A fold is measured.
    Measured {
        /// What it came to.
        fold: &'a FoldResult,
        /// Share of its tracks (of protocol `segment`: of its segments) that are right, 0 to 1.
        accuracy: f64,
        /// Whether that was done in a run before.
        before: bool,
    },
    /// The measured tracks were judged once more, changed.
    Perturbed {
        /// What was changed, and by how much.
        change: String,
        /// What the folds come to.
        figures: &'a Figures,
    },
}

/// Trains and measures the folds of all experiments, one after the other; gives the results of those whose folds that
/// are asked for are all there. Experiments with the same data read it once.
///
/// # Errors
/// As [`train::train`]; [`ErrorKind::BadSettings`] when a folder holds folds of other settings, a fold is asked for
/// that there is not, or a test part would be read without a record; [`ErrorKind::NotFound`] for folds to collect.
pub fn evaluate(
    experiments: &[Experiment],
    options: &EvaluateOptions,
    progress: &mut dyn FnMut(Event),
) -> Result<Vec<ResultFile>> {
    let mut results = Vec::new();
    let mut data = LastRead::default();
    for (number, Experiment { name, settings }) in (1..).zip(experiments) {
        progress(Event::Experiment { name, number, count: experiments.len() });
        let options = options.of(name);
        let named = options.learner.named(settings)?;
        let result = match options.part {
            Part::Collect => Some(collect(&named, &options)?),
            _ => run(&named, &options, data.of(settings, progress)?, progress)?,
        };
        results.extend(result);
    }
    Ok(results)
}

/// The data set that was read last.
#[derive(Default)]
struct LastRead(Option<(ReadBy, Dataset)>);

/// What decides how a data set is read.
type ReadBy = (Data, Extraction, Option<usize>);

impl LastRead {
    fn of(&mut self, settings: &Settings, progress: &mut dyn FnMut(Event)) -> Result<&Dataset> {
        let by = (settings.data.clone(), settings.extraction(), settings.split_frames());
        if self.0.as_ref().is_none_or(|(last, _)| *last != by) {
            self.0 = None; // before the next one takes as much memory
            let dataset = train::read(settings, &mut |event| progress(Event::Training(event)))?;
            self.0 = Some((by, dataset));
        }
        let last = self.0.as_ref().map(|(_, dataset)| dataset);
        last.ok_or_else(|| Error::new(ErrorKind::NotFound, "the data set"))
    }
}

/// The folds that are asked for, and the result where all are.
fn run(
    settings: &Settings,
    options: &EvaluateOptions,
    dataset: &Dataset,
    progress: &mut dyn FnMut(Event),
) -> Result<Option<ResultFile>> {
    refuse_unrecorded(dataset, settings, options)?;
    let partitions = parts::for_evaluation(dataset, settings)?;
    if let Part::Fold(fold) = options.part
        && !(1..=partitions.len()).contains(&fold)
    {
        let what = format!("there is no fold {fold}; the protocol has folds 1 to {}", partitions.len());
        return Err(Error::new(ErrorKind::BadSettings, what));
    }
    std::fs::create_dir_all(&options.out).map_err(|e| Error::io(options.out.display(), e))?;
    keep_folds(&options.out.join("folds.csv"), &fold_file::to_csv(dataset, &partitions)?)?;
    let groups = groups(dataset, settings.folds.protocol);
    let mut done = Vec::new();
    for (number, partition) in (1..).zip(&partitions) {
        let left_out = match options.part {
            Part::Fold(fold) => number != fold,
            Part::First(count) => number > count,
            Part::All | Part::Collect => false,
        };
        if left_out {
            continue;
        }
        let evaluation =
            Evaluation { dataset, settings, options, groups: &groups, number, folds: partitions.len() };
        done.push(evaluation.fold(partition, progress)?);
    }
    match options.part {
        Part::Fold(_) => Ok(None),
        _ => finish(settings, options, &done).map(Some),
    }
}

/// Writes which track is in which part; a run goes on only where that is as it was.
fn keep_folds(path: &Path, csv: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|before| before != csv) {
        let what = "these folds are of other tracks than are there now; use another folder for new ones";
        return Err(Error::new(ErrorKind::BadSettings, format!("{}: {what}", path.display())));
    }
    write_atomically(path, csv)
}

/// Published test parts are read on record alone.
fn refuse_unrecorded(dataset: &Dataset, settings: &Settings, options: &EvaluateOptions) -> Result<()> {
    let protocol = settings.folds.protocol;
    let published = match protocol {
        Protocol::Filtered => true,
        Protocol::Artist => folds::has_artist_folds(dataset),
        _ => false,
    };
    if published && options.readings.is_none() {
        let what = format!("protocol {} reads a test part: say where to record that", protocol.name());
        return Err(Error::new(ErrorKind::BadSettings, what));
    }
    Ok(())
}

/// What is drawn together for an interval: artists, or tracks where artists are on both sides anyway.
fn groups(dataset: &Dataset, protocol: Protocol) -> Vec<usize> {
    if protocol.leak().is_none() {
        return folds::groups(&dataset.tracks);
    }
    let mut number = HashMap::new();
    let ids = dataset.tracks.iter().map(|track| track_id(&track.id));
    ids.map(|id| {
        let next = number.len();
        *number.entry(id).or_insert(next)
    })
    .collect()
}

/// Joins folds that were measured one by one; the data is not read.
fn collect(settings: &Settings, options: &EvaluateOptions) -> Result<ResultFile> {
    let toml = settings.to_toml();
    let read = |number: usize| FoldResult::read(&measure::result_path(options, number), &toml);
    let missing = |number: usize| {
        let path = measure::result_path(options, number);
        let remedy = format!("measure it with --fold {number}");
        Error::new(ErrorKind::NotFound, format!("{}: not there; {remedy}", path.display()))
    };
    let mut done = Vec::new();
    // Any fold says how many there are; the first one that is there is asked.
    let any = (1..=LARGEST_FOLD).find_map(|number| read(number).transpose()).transpose()?;
    let folds = any.map(|fold| fold.folds).ok_or_else(|| missing(1))?;
    for number in 1..=folds {
        done.push(read(number)?.ok_or_else(|| missing(number))?);
    }
    finish(settings, options, &done)
}

/// Folds that are looked for when nothing says how many there are.
const LARGEST_FOLD: usize = 100;

fn finish(settings: &Settings, options: &EvaluateOptions, done: &[FoldResult]) -> Result<ResultFile> {
    let result = ResultFile::new(settings, done);
    result.write(&options.out.join("result.json"))?;
    if let ([only @ FoldResult { folds: 1, .. }], Learner::Network) = (done, &options.learner) {
        stamp(options, only.fold, &result)?;
    }
    Ok(result)
}

/// Writes the one model of the protocol, where the fold's is still there, with its results, and what its scores mean, in
/// the header.
fn stamp(options: &EvaluateOptions, fold: usize, result: &ResultFile) -> Result<()> {
    let trained = measure::fold_folder(options, fold).join("model.safetensors");
    if !trained.exists() {
        return Ok(());
    }
    let mut model = Model::load(&trained)?;
    let mut results = vec![result.clone()];
    for path in &options.other_results {
        results.push(ResultFile::read(path)?);
    }
    model.header.results = results.iter().flat_map(ResultFile::for_header).collect();
    let alike = |other: &&ResultFile| other.network == result.network && other.genres == result.genres;
    model.header.certainty = results.iter().filter(alike).find_map(ResultFile::fitted_certainty).cloned();
    model.save(&options.out.join("model.safetensors"))
}
