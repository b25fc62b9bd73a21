//! Learning a model from tracks.
//!
//! Takes [`Settings`] (one `settings.toml`), gives a [`Model`] and the run's history; reports by callback.
//! With an output folder every epoch leaves a checkpoint, and a run that was killed goes on with the same result.
//! Never sees a test part: which tracks it is given is decided in [`parts`].

use std::path::{Path, PathBuf};

use crate::dataset::folds::Partition;
use crate::dataset::{Dataset, Skipped, Source, segments};
use crate::model::Model;
use crate::{Error, Result};

mod checkpoint;
pub mod history;
pub mod parts;
mod run;
mod schedule;
pub mod settings;
mod setup;
mod start;
mod tags;
pub mod toy;
mod validate;

pub(crate) use checkpoint::write_atomically;
pub use history::Epoch;
pub use settings::{Experiment, Settings};

use checkpoint::Checkpoint;
use run::Run;

/// Whether a run that was begun goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resume {
    /// From the start, in place of what is there.
    #[default]
    Afresh,
    /// From the last checkpoint, if there is one.
    Continue,
}

/// What one model is made of.
#[derive(Clone, Copy, Debug)]
pub struct Assignment<'a> {
    /// All tracks.
    pub dataset: &'a Dataset,
    /// Which of them are learned from and chosen by.
    pub parts: &'a Partition,
    /// How.
    pub settings: &'a Settings,
}

/// Where a run is kept, and how far it goes.
#[derive(Clone, Debug, Default)]
pub struct TrainOptions {
    /// Folder for `settings.toml`, `history.csv`, `checkpoint.safetensors` and `model.safetensors`; none = nothing is
    /// written.
    pub out: Option<PathBuf>,
    /// Whether a run that was begun goes on.
    pub resume: Resume,
    /// Stop after so many epochs in all, as if killed there.
    pub stop_after: Option<usize>,
    /// Commit of the code, for the model's header.
    pub commit: String,
}

/// What a run came to.
#[derive(Debug)]
pub struct Trained {
    /// The model of the epoch that was kept.
    pub model: Model,
    /// One row an epoch.
    pub history: Vec<Epoch>,
}

/// What is happening, as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The data set was read.
    Read {
        /// Readable tracks.
        tracks: usize,
        /// Files that could not be read.
        skipped: &'a [Skipped],
    },
    /// Training begins, or goes on behind `epochs_done`.
    Begin {
        /// Tracks to learn from.
        tracks: usize,
        /// Tracks to choose by.
        valid_tracks: usize,
        /// Trained parameters.
        trainable: usize,
        /// Epochs that a checkpoint holds already.
        epochs_done: usize,
        /// Epochs in all.
        epochs: usize,
    },
    /// A step was taken; sums are over the epoch so far.
    Step {
        /// Counted from 1.
        epoch: usize,
        /// Counted from 1.
        step: usize,
        /// Steps of the epoch.
        steps: usize,
        /// Patches seen in the epoch.
        samples: usize,
        /// Mean loss.
        loss: f64,
        /// Share of patches whose larger share was found, 0 to 1.
        accuracy: f64,
    },
    /// An epoch is over.
    Epoch {
        /// What it came to.
        row: &'a Epoch,
        /// Epochs in all.
        epochs: usize,
    },
}

/// Reads the data and trains one model on the parts that [`parts::for_training`] gives.
///
/// # Errors
/// What the data, the settings or the checkpoint are refused for; see [`Dataset::read`] and [`Settings::check`].
pub fn train(
    settings: &Settings,
    options: &TrainOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Trained> {
    let dataset = read(settings, progress)?;
    let parts = parts::for_training(&dataset, settings)?;
    train_on(&Assignment { dataset: &dataset, parts: &parts, settings }, options, progress)
}

/// Reads the data set of the settings and reports what was skipped; for protocol `segment` its tracks are segments.
pub(crate) fn read(settings: &Settings, progress: &mut dyn FnMut(Progress)) -> Result<Dataset> {
    settings.check()?;
    let data = &settings.data;
    let source =
        Source { path: &data.path, manifest: data.manifest.as_deref(), group: data.group.as_deref() };
    let dataset = Dataset::read_for(&source, &settings.extraction())?;
    progress(Progress::Read { tracks: dataset.tracks.len(), skipped: &dataset.skipped });
    Ok(match settings.split_frames() {
        Some(frames) => segments::split(dataset, frames),
        None => dataset,
    })
}

/// Trains one model on the training part; the validation part chooses the epoch, the test part is not touched.
///
/// # Errors
/// As [`train`].
pub fn train_on(
    assignment: &Assignment,
    options: &TrainOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Trained> {
    let Assignment { parts, settings, .. } = *assignment;
    let mut run = begin(assignment, options)?;
    progress(Progress::Begin {
        tracks: parts.train.len(),
        valid_tracks: parts.valid.len(),
        trainable: run.trainable(),
        epochs_done: run.state.history.len(),
        epochs: settings.train.epochs,
    });
    let stop = options.stop_after.unwrap_or(usize::MAX);
    while !run.state.finished && run.state.history.len() < stop {
        run.epoch(progress)?;
        save(&run, settings, options)?;
    }
    let model = run.model(options.commit.clone())?;
    if let Some(out) = options.out.as_ref().filter(|_| run.state.finished) {
        model.save(&out.join("model.safetensors"))?;
    }
    Ok(Trained { model, history: run.state.history })
}

fn begin<'a>(assignment: &Assignment<'a>, options: &TrainOptions) -> Result<Run<'a>> {
    let settings = assignment.settings;
    let mut run = Run::new(assignment)?;
    let Some(out) = &options.out else { return Ok(run) };
    std::fs::create_dir_all(out).map_err(|e| Error::io(out.display(), e))?;
    if options.resume == Resume::Continue
        && let Some(checkpoint) = Checkpoint::load(&checkpoint_path(out), &settings.to_toml())?
    {
        run.restore(checkpoint).map_err(|e| e.at(out.display()))?;
    }
    write_atomically(&out.join("settings.toml"), settings.to_toml().as_bytes())?;
    Ok(run)
}

fn save(run: &Run, settings: &Settings, options: &TrainOptions) -> Result<()> {
    let Some(out) = &options.out else { return Ok(()) };
    run.checkpoint().save(&checkpoint_path(out), &settings.to_toml())?;
    history::write(&out.join("history.csv"), &run.state.history)
}

fn checkpoint_path(out: &Path) -> PathBuf {
    out.join("checkpoint.safetensors")
}
