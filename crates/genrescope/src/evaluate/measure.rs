//! One fold of one evaluation: trained, measured, kept.

use std::path::PathBuf;

use super::fold::{Answer, FoldResult, Judgement};
use super::judge::Judge;
use super::{EvaluateOptions, Event, Learner, vectors};
use crate::dataset::Dataset;
use crate::dataset::folds::Partition;
use crate::model::Model;
use crate::train::settings::Protocol;
use crate::train::{self, Assignment, Progress, Resume, Settings, TrainOptions, Trained, write_atomically};
use crate::{Error, Result};

/// What one fold is made of.
pub(super) struct Evaluation<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) settings: &'a Settings,
    pub(super) options: &'a EvaluateOptions,
    /// What is drawn together for an interval: one number a track.
    pub(super) groups: &'a [usize],
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) folds: usize,
}

/// Where a fold's model and checkpoint are.
pub(super) fn fold_folder(options: &EvaluateOptions, number: usize) -> PathBuf {
    options.out.join(format!("fold-{number}"))
}

/// Where a fold's judgements are.
pub(super) fn result_path(options: &EvaluateOptions, number: usize) -> PathBuf {
    options.out.join(format!("fold-{number}.json"))
}

impl Evaluation<'_> {
    /// The fold's result: read if it is there, else trained and measured.
    pub(super) fn fold(&self, partition: &Partition, progress: &mut dyn FnMut(Event)) -> Result<FoldResult> {
        progress(Event::Fold { number: self.number, folds: self.folds, tracks: partition.test.len() });
        let path = result_path(self.options, self.number);
        let kept = FoldResult::read(&path, &self.settings.to_toml())?;
        let before = kept.is_some();
        let fold = match kept {
            Some(fold) => fold,
            None => {
                let fold = match &self.options.learner {
                    Learner::Network => self.train_and_measure(partition, progress)?,
                    Learner::Vectors { classifier, source } => {
                        vectors::fold(self, (classifier.as_ref(), source), partition)?
                    }
                };
                write_atomically(&path, &fold.to_json()?)?;
                fold
            }
        };
        // Behind the fold's file: a run that is killed in between does this when it goes on.
        record(self.options, self.settings.folds.protocol, &fold)?;
        self.remove_checkpoint()?;
        let accuracy = fold.accuracy(self.settings.folds.protocol);
        progress(Event::Measured { accuracy, before, fold: &fold });
        Ok(fold)
    }

    fn train_and_measure(
        &self,
        partition: &Partition,
        progress: &mut dyn FnMut(Event),
    ) -> Result<FoldResult> {
        let options = TrainOptions {
            out: Some(fold_folder(self.options, self.number)),
            resume: Resume::Continue,
            stop_after: None,
            commit: self.options.commit.clone(),
        };
        let mut show = |event: Progress| progress(Event::Training(event));
        let assignment = Assignment { dataset: self.dataset, parts: partition, settings: self.settings };
        let trained = train::train_on(&assignment, &options, &mut show)?;
        self.measure(partition, &trained)
    }

    fn remove_checkpoint(&self) -> Result<()> {
        let checkpoint = fold_folder(self.options, self.number).join("checkpoint.safetensors");
        match std::fs::remove_file(&checkpoint) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(checkpoint.display(), e)),
            _ => Ok(()),
        }
    }

    fn measure(&self, partition: &Partition, trained: &Trained) -> Result<FoldResult> {
        let (model, test) = (&trained.model, &partition.test);
        let judge = Judge { model, dataset: self.dataset, groups: self.groups };
        let (tracks, segments, segment_answers) = match self.settings.folds.protocol {
            Protocol::Segment => (Vec::new(), judge.tracks(test)?, Vec::new()),
            _ => (judge.tracks(test)?, Vec::new(), self.answers(&judge.segments(test)?)),
        };
        let from_audio = match (&self.settings.data.twin_of, self.settings.folds.protocol) {
            (Some(folder), Protocol::Twin) => judge.audio_in(folder, test)?,
            _ => Vec::new(),
        };
        let epochs = model.header.trained_on.epochs;
        Ok(FoldResult {
            fold: self.number,
            folds: self.folds,
            genres: self.dataset.genres.clone(),
            settings: self.settings.to_toml(),
            train_tracks: partition.train.len(),
            valid_tracks: partition.valid.len(),
            epochs,
            valid_accuracy: valid_accuracy(model, trained),
            tracks,
            segments,
            segment_answers,
            from_audio,
        })
    }

    pub(super) fn answers(&self, segments: &[Judgement]) -> Vec<Answer> {
        segments.iter().map(|segment| segment.answer(self.dataset.genres.len())).collect()
    }
}

/// Adds the reading of a test part to the record of such.
pub(super) fn record(options: &EvaluateOptions, protocol: Protocol, fold: &FoldResult) -> Result<()> {
    let Some(readings) = options.readings.as_ref().filter(|_| protocol.reads_test_part()) else {
        return Ok(());
    };
    let name = match fold.folds {
        1 => protocol.name().into(),
        _ => format!("{} fold {}", protocol.name(), fold.fold),
    };
    readings.record(&name, fold.accuracy(protocol))
}

/// Of the epoch that was kept.
fn valid_accuracy(model: &Model, trained: &Trained) -> Option<f64> {
    let kept = model.header.trained_on.epochs;
    trained.history.iter().find(|row| row.epoch == kept)?.valid_accuracy
}
