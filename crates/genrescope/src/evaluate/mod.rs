//! How good a way of training is, by a protocol: every fold trained, judged and kept; then one result.
//!
//! Takes [`Settings`], gives a [`ResultFile`] and leaves `result.json`. Judges tracks by [`predict`](crate::predict),
//! so the measured path is the shipped one. Decides what counts as reading a test part and has every such reading
//! recorded. A run that was killed goes on: folds that are done are not done again.

use std::path::PathBuf;

use crate::dataset::Dataset;
use crate::dataset::folds::Partition;
use crate::model::Model;
use crate::train::settings::Protocol;
use crate::train::{self, Assignment, Progress, Resume, Settings, TrainOptions, parts, write_atomically};
use crate::{Error, ErrorKind, Result};

mod fold;
mod judge;
mod readings;
mod result;
pub mod significance;
mod vectors;

pub use fold::{FoldResult, Judgement};
pub use readings::Readings;
pub use result::{Figures, FoldFigures, ResultFile};
pub use vectors::{Classifier, Judge, VectorSource, evaluate_vectors};

/// Where an evaluation is kept, and what it is called.
#[derive(Clone, Debug)]
pub struct EvaluateOptions {
    /// Folder for the folds, `result.json` and, where the protocol trains one model, `model.safetensors`.
    pub out: PathBuf,
    /// Commit of the code.
    pub commit: String,
    /// Only this fold, counted from 1; no `result.json` until all folds are there.
    pub fold: Option<usize>,
    /// Where readings of a test part are recorded; protocols with a test part refuse to run without.
    pub readings: Option<Readings>,
    /// Results of other protocols that the model's header lists as well.
    pub other_results: Vec<PathBuf>,
}

/// What is happening, as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
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
    /// A fold is measured, now or in a run before.
    Measured {
        /// What it came to.
        fold: &'a FoldResult,
        /// Share of its tracks that are right, 0 to 1.
        accuracy: f64,
    },
}

/// Trains and measures every fold of the settings' protocol; the result once all folds are there.
///
/// # Errors
/// As [`train::train`]; [`ErrorKind::BadSettings`] when the folder holds folds of other settings, or when a test part
/// would be read without a record.
pub fn evaluate(
    settings: &Settings,
    options: &EvaluateOptions,
    progress: &mut dyn FnMut(Event),
) -> Result<Option<ResultFile>> {
    if reads_test_part(settings.folds.protocol) && options.readings.is_none() {
        let what = format!(
            "protocol {} reads a test part: say where to record that",
            settings.folds.protocol.name()
        );
        return Err(Error::new(ErrorKind::BadSettings, what));
    }
    let dataset = train::read(settings, &mut |event| progress(Event::Training(event)))?;
    let partitions = parts::for_evaluation(&dataset, settings)?;
    let chosen = |number: usize| options.fold.is_none_or(|fold| fold == number);
    let mut done = Vec::new();
    for (number, partition) in (1..).zip(&partitions) {
        let evaluation = Evaluation { dataset: &dataset, settings, options, number, folds: partitions.len() };
        let kept =
            if chosen(number) { Some(evaluation.fold(partition, progress)?) } else { evaluation.read()? };
        done.extend(kept);
    }
    if done.len() < partitions.len() {
        return Ok(None);
    }
    finish(&dataset, settings, options, &done).map(Some)
}

/// Whether a protocol measures a part that nothing may be chosen by.
fn reads_test_part(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Filtered | Protocol::Artist)
}

fn finish(
    dataset: &Dataset,
    settings: &Settings,
    options: &EvaluateOptions,
    done: &[FoldResult],
) -> Result<ResultFile> {
    let result = ResultFile::new(settings, &options.commit, dataset, done);
    result.write(&options.out.join("result.json"))?;
    if let [only] = done {
        stamp(options, only.fold, &result)?;
    }
    Ok(result)
}

/// Writes the one model of the protocol with its results in the header.
fn stamp(options: &EvaluateOptions, fold: usize, result: &ResultFile) -> Result<()> {
    let mut model = Model::load(&fold_folder(options, fold).join("model.safetensors"))?;
    model.header.results = result.for_header();
    for path in &options.other_results {
        model.header.results.extend(ResultFile::read(path)?.for_header());
    }
    model.save(&options.out.join("model.safetensors"))
}

fn fold_folder(options: &EvaluateOptions, number: usize) -> PathBuf {
    options.out.join(format!("fold-{number}"))
}

/// One fold of one evaluation.
struct Evaluation<'a> {
    dataset: &'a Dataset,
    settings: &'a Settings,
    options: &'a EvaluateOptions,
    number: usize,
    folds: usize,
}

impl Evaluation<'_> {
    /// The fold's result: read if it is there, else trained and measured.
    fn fold(&self, partition: &Partition, progress: &mut dyn FnMut(Event)) -> Result<FoldResult> {
        progress(Event::Fold { number: self.number, folds: self.folds, tracks: partition.test.len() });
        let fold = match self.read()? {
            Some(fold) => fold,
            None => self.train_and_measure(partition, progress)?,
        };
        progress(Event::Measured { accuracy: fold.accuracy(), fold: &fold });
        Ok(fold)
    }

    fn read(&self) -> Result<Option<FoldResult>> {
        FoldResult::read(&self.result_path(), &self.settings.to_toml())
    }

    fn train_and_measure(
        &self,
        partition: &Partition,
        progress: &mut dyn FnMut(Event),
    ) -> Result<FoldResult> {
        let out = fold_folder(self.options, self.number);
        let options = TrainOptions {
            out: Some(out.clone()),
            resume: Resume::Continue,
            stop_after: None,
            commit: self.options.commit.clone(),
        };
        let mut show = |event: Progress| progress(Event::Training(event));
        let assignment = Assignment { dataset: self.dataset, parts: partition, settings: self.settings };
        let trained = train::train_on(&assignment, &options, &mut show)?;
        let fold = self.measure(partition, &trained.model)?;
        self.record(&fold)?;
        write_atomically(&self.result_path(), &fold.to_json()?)?;
        // The fold is done; what remains is its model.
        let checkpoint = out.join("checkpoint.safetensors");
        std::fs::remove_file(&checkpoint).map_err(|e| Error::io(checkpoint.display(), e))?;
        Ok(fold)
    }

    fn measure(&self, partition: &Partition, model: &Model) -> Result<FoldResult> {
        let tracks = judge::spectrograms(model, self.dataset, &partition.test)?;
        let from_audio = match (&self.settings.data.twin_of, self.settings.folds.protocol) {
            (Some(folder), Protocol::Twin) => judge::audio(model, self.dataset, &partition.test, folder)?,
            _ => Vec::new(),
        };
        Ok(FoldResult {
            fold: self.number,
            settings: self.settings.to_toml(),
            train_tracks: partition.train.len(),
            valid_tracks: partition.valid.len(),
            epochs: model.header.trained_on.epochs,
            tracks,
            from_audio,
        })
    }

    fn record(&self, fold: &FoldResult) -> Result<()> {
        let protocol = self.settings.folds.protocol;
        let Some(readings) = self.options.readings.as_ref().filter(|_| reads_test_part(protocol)) else {
            return Ok(());
        };
        let name = if self.folds > 1 {
            format!("{} fold {}", protocol.name(), fold.fold)
        } else {
            protocol.name().into()
        };
        readings.append(&name, fold.accuracy())
    }

    fn result_path(&self) -> PathBuf {
        self.options.out.join(format!("fold-{}.json", self.number))
    }
}
