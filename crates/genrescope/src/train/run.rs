//! One training run: its network, optimiser and history, epoch by epoch.

use std::collections::HashMap;

use genrescope_nn::{Moments, Network, Parameter, Trainer};

use super::checkpoint::{Checkpoint, State};
use super::history::Epoch;
use super::schedule::LearningRate;
use super::settings::{Keep, Settings, Watch};
use super::setup::{check, feature_input, misfit, new_network, normalisation, trainer};
use super::start::Start;
use super::tags;
use super::{Assignment, Progress, validate};
use crate::dataset::Dataset;
use crate::dataset::folds::Partition;
use crate::dataset::patches::{Batch, BatchPlan, Sampling, build_batch, plan_epoch};
use crate::metrics::best;
use crate::model::{FORMAT_VERSION, Header, Model, TrainedOn, Vocabulary, zoo};
use crate::{Error, ErrorKind, Result};

/// Values of all parameters of a network, in its order.
type Weights = Vec<Vec<f32>>;

/// A run between two epochs.
pub(crate) struct Run<'a> {
    dataset: &'a Dataset,
    parts: &'a Partition,
    settings: &'a Settings,
    sampling: Sampling,
    rate: LearningRate,
    trainer: Trainer,
    /// Running average of the weights; empty when there is none.
    average: Weights,
    /// Parameters that stay as they are: index and numbers.
    frozen: Vec<(usize, Vec<f32>)>,
    /// Weights of the epoch that is kept so far; empty when that is the last one.
    best: Weights,
    pub(crate) state: State,
}

/// Sums over the steps of an epoch.
#[derive(Default)]
struct Tally {
    loss: f64,
    right: usize,
    samples: usize,
    rate: f32,
}

impl<'a> Run<'a> {
    /// A run before its first epoch. Normalisation is measured here, on the training part alone.
    pub(crate) fn new(assignment: &Assignment<'a>) -> Result<Self> {
        let Assignment { dataset, parts, settings } = *assignment;
        check(assignment)?;
        let start = settings.train.from.as_deref().map(Start::load).transpose()?;
        let sampling = Sampling {
            front_end: settings.features.clone(),
            normalisation: normalisation(dataset, &parts.train, settings, start.as_ref()),
            features: feature_input(dataset, &parts.train, settings, start.as_ref())?,
            augment: settings.augment.clone(),
            patch_frames: settings.model.patch_frames,
            time_resample: settings.model.time_resample,
            places: settings.train.patches,
            crops_per_track: settings.train.crops_per_track,
            batch_size: settings.train.batch_size,
            seed: settings.seed,
            tags: tags::of_tracks(dataset, settings)?,
        };
        let tags = sampling.tag_count();
        let mut network = new_network(dataset, settings, tags)?;
        let frozen = match &start {
            Some(start) => start.put_into(&mut network, &dataset.genres, settings)?,
            None => Vec::new(),
        };
        let average = if settings.train.average > 0.0 { weights_of(&network) } else { Weights::new() };
        let steps = plan_epoch(dataset, &sampling, &parts.train, 0).len() * settings.train.epochs;
        Ok(Self {
            rate: LearningRate::new(&settings.train, steps),
            trainer: trainer(network, &settings.train, tags),
            best: Weights::new(),
            state: State::default(),
            dataset,
            parts,
            settings,
            sampling,
            average,
            frozen,
        })
    }

    /// One epoch: every step, validation, and what is kept of it.
    pub(crate) fn epoch(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<()> {
        let epoch = self.state.history.len() + 1;
        let plans = plan_epoch(self.dataset, &self.sampling, &self.parts.train, epoch - 1);
        let mut tally = Tally::default();
        for (step, plan) in plans.iter().enumerate() {
            self.step(plan, &mut tally)?;
            progress(Progress::Step {
                epoch,
                step: step + 1,
                steps: plans.len(),
                samples: tally.samples,
                loss: tally.loss / tally.samples as f64,
                accuracy: tally.right as f64 / tally.samples as f64,
            });
        }
        let row = self.row(epoch, &tally)?;
        self.observe(&row);
        progress(Progress::Epoch { row: &row, epochs: self.settings.train.epochs });
        self.state.history.push(row);
        Ok(())
    }

    fn step(&mut self, plan: &BatchPlan, tally: &mut Tally) -> Result<()> {
        let batch = build_batch(self.dataset, &self.sampling, plan);
        let rate = self.rate.at(self.state.steps as usize, self.state.patience.reduction);
        let inputs = [&batch.input[..], &batch.features];
        let inputs = &inputs[..1 + usize::from(self.sampling.features.is_some())];
        let result = self.trainer.step(inputs, plan.samples(), batch.frames, &batch.targets, rate);
        let result = result.map_err(|e| misfit(self.settings, &e))?;
        if !(result.loss + result.label_loss).is_finite() {
            let what = format!(
                "the loss is no longer finite at step {}: lower train.learning_rate",
                self.state.steps + 1
            );
            return Err(Error::new(ErrorKind::BadSettings, what));
        }
        self.state.steps += 1;
        self.hold_frozen();
        self.follow();
        tally.add(&batch, &result.logits, result.loss, rate);
        Ok(())
    }

    /// Puts frozen parameters back, running statistics included.
    fn hold_frozen(&mut self) {
        let parameters = self.trainer.network_mut().parameters_mut();
        self.frozen.iter().for_each(|(index, numbers)| parameters[*index].data.copy_from_slice(numbers));
    }

    /// Moves the running average; young averages forget faster, so that they do not remember the start.
    fn follow(&mut self) {
        let steps = self.state.steps as f32;
        let kept = self.settings.train.average.min((1.0 + steps) / (10.0 + steps));
        for (average, parameter) in self.average.iter_mut().zip(self.trainer.network().parameters()) {
            let pairs = average.iter_mut().zip(&parameter.data);
            pairs.for_each(|(average, weight)| *average += (1.0 - kept) * (weight - *average));
        }
    }

    fn row(&self, epoch: usize, tally: &Tally) -> Result<Epoch> {
        let train = &self.settings.train;
        let due = epoch.is_multiple_of(train.validate_every) || epoch == train.epochs;
        let valid = match due && !self.parts.valid.is_empty() {
            true => Some(validate::measure(&self.current()?, self.dataset, &self.parts.valid, train)?),
            false => None,
        };
        Ok(Epoch {
            epoch,
            learning_rate: tally.rate,
            train_loss: tally.loss / tally.samples as f64,
            train_accuracy: tally.right as f64 / tally.samples as f64,
            valid_loss: valid.map(|v| v.loss),
            valid_accuracy: valid.map(|v| v.accuracy),
        })
    }

    /// Keeps the weights where the epoch is the best so far; lowers the rate or ends the run where it is not.
    fn observe(&mut self, row: &Epoch) {
        let train = &self.settings.train;
        let better = |value: fn(&Epoch) -> Option<f64>| {
            let before = self.state.history.iter().filter_map(value).fold(f64::NEG_INFINITY, f64::max);
            value(row).is_some_and(|now| now > before)
        };
        let keep = match train.keep {
            Keep::Last => false,
            Keep::BestLoss => better(|row| row.valid_loss.map(|loss| -loss)),
            Keep::BestAccuracy => better(|row| row.valid_accuracy),
        };
        if keep {
            self.best = self.current_weights();
            self.state.best_epoch = Some(row.epoch);
        }
        let watched = match train.watch {
            Watch::ValidLoss => row.valid_loss,
            Watch::TrainLoss => Some(row.train_loss),
        };
        watched.into_iter().for_each(|loss| self.state.patience.observe(loss, train));
        self.state.finished = row.epoch >= train.epochs || self.state.patience.exhausted(train);
    }

    fn current_weights(&self) -> Weights {
        if self.average.is_empty() { weights_of(self.trainer.network()) } else { self.average.clone() }
    }

    /// The model as it would be kept if the run ended now, had this epoch to be kept.
    fn current(&self) -> Result<Model> {
        self.model_of(self.current_weights(), String::new())
    }

    /// The model that the run has come to.
    pub(crate) fn model(&self, commit: String) -> Result<Model> {
        let weights = if self.best.is_empty() { self.current_weights() } else { self.best.clone() };
        self.model_of(weights, commit)
    }

    fn model_of(&self, weights: Weights, commit: String) -> Result<Model> {
        let mut network = self.trainer.network().clone();
        put(network.parameters_mut(), weights);
        if self.sampling.tag_count() > 0 {
            network = tags::cut_off(&network, new_network(self.dataset, self.settings, 0)?);
        }
        Model::new(self.header(commit)?, network)
    }

    fn header(&self, commit: String) -> Result<Header> {
        let settings = self.settings;
        let (folds, data) = (&settings.folds, &settings.data.name);
        let tags = if self.sampling.tag_count() > 0 {
            ", published tags of its clips beside the genres"
        } else {
            ""
        };
        Ok(Header {
            format_version: FORMAT_VERSION,
            name: settings.model.name.clone(),
            network: settings.model.network.clone(),
            patch_frames: settings.model.patch_frames,
            time_resample: settings.model.time_resample,
            choices: settings.model.choices,
            any_length: zoo::architecture(&settings.model.network)?.any_length,
            front_end: settings.features.clone(),
            vocabulary: Vocabulary::Genres,
            genres: self.dataset.genres.clone(),
            head: None,
            music: None,
            certainty: None,
            normalisation: self.sampling.normalisation.clone(),
            features: self.sampling.features.clone(),
            trained_on: TrainedOn {
                data: format!("{data}, {} ({}){tags}", folds.protocol.label(), folds.learn.name()),
                tracks: self.parts.train.len(),
                epochs: self.state.best_epoch.unwrap_or(self.state.history.len()),
                seed: settings.seed,
                settings: settings.to_toml(),
            },
            results: Vec::new(),
            licence: settings.model.licence.clone(),
            commit,
        })
    }

    /// Everything that the next epoch needs.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let Moments { means, squares, .. } = self.trainer.moments();
        let mut checkpoint = Checkpoint { state: self.state.clone(), arrays: HashMap::new() };
        checkpoint.insert("weight", weights_of(self.trainer.network()));
        checkpoint.insert("mean", means);
        checkpoint.insert("square", squares);
        checkpoint.insert("average", self.average.clone());
        checkpoint.insert("best", self.best.clone());
        checkpoint
    }

    /// Goes on from a checkpoint of the same settings.
    pub(crate) fn restore(&mut self, mut checkpoint: Checkpoint) -> Result<()> {
        let fits = |weights: &Weights| {
            let parameters = self.trainer.network().parameters();
            weights.iter().map(Vec::len).eq(parameters.iter().map(|p| p.data.len()))
        };
        let [weights, average, best] = ["weight", "average", "best"].map(|kind| checkpoint.remove(kind));
        let optional = |weights: &Weights| weights.is_empty() || fits(weights);
        if !fits(&weights)
            || !optional(&best)
            || average.is_empty() != self.average.is_empty()
            || !optional(&average)
        {
            return Err(Error::new(ErrorKind::Corrupt, "the checkpoint's weights are of another network"));
        }
        let (means, squares) = (checkpoint.remove("mean"), checkpoint.remove("square"));
        let moments = Moments { steps: checkpoint.state.steps, means, squares };
        self.trainer.restore(moments).map_err(|e| Error::new(ErrorKind::Corrupt, e.to_string()))?;
        put(self.trainer.network_mut().parameters_mut(), weights);
        (self.average, self.best, self.state) = (average, best, checkpoint.state);
        Ok(())
    }

    /// Parameters of the network that training moves.
    pub(crate) fn trainable(&self) -> usize {
        let parameters = self.trainer.network().parameters();
        let frozen = self.frozen.iter().filter(|(index, _)| parameters[*index].is_trained());
        self.trainer.network().trainable_count() - frozen.map(|(_, numbers)| numbers.len()).sum::<usize>()
    }
}

impl Tally {
    fn add(&mut self, batch: &Batch, logits: &[f32], loss: f32, rate: f32) {
        self.loss += f64::from(loss) * batch.samples() as f64;
        self.right += right(batch, logits);
        self.samples += batch.samples();
        self.rate = rate;
    }
}

/// How many patches have their highest score where their target is highest.
fn right(batch: &Batch, logits: &[f32]) -> usize {
    let (genres, row) = (batch.genres, batch.target_length());
    let rows = logits.chunks_exact(row).zip(batch.targets.chunks_exact(row));
    rows.filter(|(logits, target)| best(&logits[..genres]) == best(&target[..genres])).count()
}

fn weights_of(network: &Network) -> Weights {
    network.parameters().iter().map(|parameter| parameter.data.clone()).collect()
}

fn put(parameters: &mut [Parameter], weights: Weights) {
    parameters.iter_mut().zip(weights).for_each(|(parameter, weights)| parameter.data = weights);
}
