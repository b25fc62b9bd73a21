//! How well trained folds do when what they measure is changed: the measured tracks, perturbed, through the path that
//! ships.
//!
//! Takes [`Experiment`]s whose folds are trained, gives a [`PerturbedResult`] of each experiment and perturbation and
//! leaves it as a CSV file beside `result.json`. Reads a test part as an evaluation does, on record. Never trains.

use std::str::FromStr;

use super::judge::Judge;
use super::measure::{fold_folder, result_path};
use super::{
    Answer, EvaluateOptions, Event, Figures, FoldResult, Judgement, LastRead, groups, refuse_unrecorded,
};
use crate::dataset::Dataset;
use crate::dataset::augment::Keys;
use crate::dataset::folds::Partition;
use crate::dataset::transpose::Transposition;
use crate::features::FrontEnd;
use crate::model::Model;
use crate::train::{Experiment, Settings, parts, write_atomically};
use crate::{Error, ErrorKind, Result};

/// A change of the measured tracks, in steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Perturbation {
    /// What is changed.
    pub kind: PerturbationKind,
    /// By how much, one after the other, in the [`PerturbationKind::unit`].
    pub values: Vec<f64>,
}

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerturbationKind {
    /// The key, on spectrograms; see [`Transposition`].
    Transpose,
}

/// Farthest key, semitones: two octaves.
const FARTHEST_SEMITONES: f64 = 24.0;

impl PerturbationKind {
    const ALL: [Self; 1] = [Self::Transpose];

    /// The name that a command line uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transpose => "transpose",
        }
    }

    /// What values are counted in; the name of their column.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Transpose => "semitones",
        }
    }

    /// The file beside `result.json`.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Transpose => "transposition.csv",
        }
    }

    /// The values, unless others are asked for.
    fn own_values(self) -> Vec<f64> {
        match self {
            Self::Transpose => (-6..=6).map(f64::from).collect(),
        }
    }

    fn takes(self, value: f64) -> bool {
        match self {
            Self::Transpose => value.abs() <= FARTHEST_SEMITONES,
        }
    }

    /// The change of a spectrogram, in place.
    fn change(self, value: f64, front_end: &FrontEnd) -> impl Fn(&mut [f32]) + Sync {
        match self {
            Self::Transpose => {
                let transposition = Transposition::new(front_end, value);
                move |db: &mut [f32]| transposition.apply(db)
            }
        }
    }
}

impl FromStr for Perturbation {
    type Err = Error;

    /// `transpose`, or `transpose=-2,0,2`.
    fn from_str(text: &str) -> Result<Self> {
        let bad = |what: String| Error::new(ErrorKind::BadSettings, format!("perturbation {text:?}: {what}"));
        let (name, values) = text.split_once('=').map_or((text, None), |(name, list)| (name, Some(list)));
        let kind = PerturbationKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let names = PerturbationKind::ALL.map(PerturbationKind::name);
            bad(format!("there is {}", names.join(", ")))
        })?;
        let number = |one: &str| one.trim().parse().ok().filter(|&value| kind.takes(value));
        let values = match values {
            None => kind.own_values(),
            Some(list) => list.split(',').map(number).collect::<Option<Vec<f64>>>().ok_or_else(|| {
                bad(format!("expected numbers of {} with commas, as in {name}=-2,0,2", kind.unit()))
            })?,
        };
        Ok(Self { kind, values })
    }
}

/// What a perturbation does to one experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct PerturbedResult {
    /// Name of the network.
    pub network: String,
    /// Name of the variant; empty where settings have none.
    pub variant: String,
    /// What was changed.
    pub kind: PerturbationKind,
    /// Value by value: what the folds that are trained measure, pooled.
    pub points: Vec<(f64, Figures)>,
}

impl PerturbedResult {
    /// `network,variant,…,tracks,accuracy_percent,low,high`: a row a value; `low` and `high` bound the 95 % interval.
    pub fn to_csv(&self) -> String {
        let mut csv = format!("network,variant,{},tracks,accuracy_percent,low,high\n", self.kind.unit());
        for (value, figures) in &self.points {
            let (tracks, percent) = (figures.tracks, figures.accuracy_percent);
            let [low, high] = figures.interval_percent;
            let (network, variant) = (&self.network, &self.variant);
            csv += &format!("{network},{variant},{value},{tracks},{percent},{low},{high}\n");
        }
        csv
    }

    /// Mean accuracy over the values, 0 to 1.
    fn mean_accuracy(&self) -> f64 {
        let percents = self.points.iter().map(|(_, figures)| figures.accuracy_percent);
        percents.sum::<f64>() / (100.0 * self.points.len().max(1) as f64)
    }
}

/// Measures the test parts of all folds that are trained, perturbed, with the models that are in their folders. Tracks of
/// a data set of audio are changed as spectrograms too.
///
/// # Errors
/// [`ErrorKind::NotFound`] where no fold is trained, or a fold's model is gone; [`ErrorKind::BadSettings`] for a network
/// that reads features of the audio, folds of other settings, and where a test part would be read without a record.
pub fn perturb(
    experiments: &[Experiment],
    options: &EvaluateOptions,
    perturbations: &[Perturbation],
    progress: &mut dyn FnMut(Event),
) -> Result<Vec<PerturbedResult>> {
    let mut results = Vec::new();
    let mut data = LastRead::default();
    for (number, experiment) in (1..).zip(experiments) {
        let name = &experiment.name;
        progress(Event::Experiment { name, number, count: experiments.len() });
        let options = options.of(name);
        let trained = TrainedFolds::read(&experiment.settings, &options)?;
        let dataset = data.of(&in_their_own_key(&experiment.settings), progress)?;
        refuse_unrecorded(dataset, &experiment.settings, &options)?;
        for perturbation in perturbations {
            let points = trained.points(dataset, perturbation, progress)?;
            let result = PerturbedResult {
                network: experiment.settings.model.network.clone(),
                variant: variant(experiment).into(),
                kind: perturbation.kind,
                points,
            };
            write_atomically(&options.out.join(perturbation.kind.file_name()), result.to_csv().as_bytes())?;
            record(&perturbation.in_words(), result.mean_accuracy(), &experiment.settings, &options)?;
            results.push(result);
        }
    }
    Ok(results)
}

/// Experiments that differ by the keys that they learned from measure the same tracks: those are read once.
fn in_their_own_key(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    settings.augment.transpose = Keys::default();
    settings
}

/// What an experiment's name says beside its network.
pub(super) fn variant(experiment: &Experiment) -> &str {
    let rest = experiment.name.strip_prefix(&experiment.settings.model.network);
    rest.map_or(&*experiment.name, |rest| rest.trim_start_matches('-'))
}

/// Records that a changed test part was read.
pub(super) fn record(
    change: &str,
    accuracy: f64,
    settings: &Settings,
    options: &EvaluateOptions,
) -> Result<()> {
    let protocol = settings.folds.protocol;
    let Some(readings) = options.readings.as_ref().filter(|_| protocol.reads_test_part()) else {
        return Ok(());
    };
    let mut readings = readings.clone();
    readings.what += change;
    readings.record(protocol.name(), accuracy)
}

impl Perturbation {
    /// What was changed, and by how much, for a record.
    fn in_words(&self) -> String {
        let (values, unit) = (&self.values, self.kind.unit());
        let [least, most] = [f64::min, f64::max].map(|of| values.iter().copied().fold(f64::NAN, of));
        format!(" ({} {least} to {most} {unit}, mean of {})", self.kind.name(), values.len())
    }
}

/// The folds of an evaluation that are measured, with their models.
pub(super) struct TrainedFolds<'a> {
    pub(super) settings: &'a Settings,
    pub(super) folds: Vec<(usize, Model)>,
}

impl<'a> TrainedFolds<'a> {
    pub(super) fn read(settings: &'a Settings, options: &EvaluateOptions) -> Result<Self> {
        let toml = settings.to_toml();
        let any = (1..=super::LARGEST_FOLD)
            .find_map(|number| FoldResult::read(&result_path(options, number), &toml).transpose());
        let count = any.transpose()?.map_or(0, |fold| fold.folds);
        let mut folds = Vec::new();
        for number in 1..=count {
            if FoldResult::read(&result_path(options, number), &toml)?.is_some() {
                let path = fold_folder(options, number).join("model.safetensors");
                folds.push((number, Model::load(&path)?));
            }
        }
        if folds.is_empty() {
            let what = format!(
                "{}: no fold is trained; run the same command without --perturb",
                options.out.display()
            );
            return Err(Error::new(ErrorKind::NotFound, what));
        }
        Ok(Self { settings, folds })
    }

    fn points(
        &self,
        dataset: &Dataset,
        perturbation: &Perturbation,
        progress: &mut dyn FnMut(Event),
    ) -> Result<Vec<(f64, Figures)>> {
        let Perturbation { kind, values } = perturbation;
        let partitions = parts::for_evaluation(dataset, self.settings)?;
        let mut points = Vec::new();
        for &value in values {
            let judged = self.judged(dataset, &partitions, kind.change(value, &self.settings.features))?;
            let genres = dataset.genres.len();
            let answers: Vec<Answer> = judged.iter().map(|one| one.answer(genres)).collect();
            let figures = Figures::new(&answers, genres);
            let change = format!("{} {value} {}", kind.name(), kind.unit());
            progress(Event::Perturbed { change, figures: &figures });
            points.push((value, figures));
        }
        Ok(points)
    }

    fn judged(
        &self,
        dataset: &Dataset,
        partitions: &[Partition],
        change: impl Fn(&mut [f32]) + Sync,
    ) -> Result<Vec<Judgement>> {
        let groups = groups(dataset, self.settings.folds.protocol);
        let mut judged = Vec::new();
        for (number, model) in &self.folds {
            let judge = Judge { model, dataset, groups: &groups };
            judged.extend(judge.changed(&partitions[number - 1].test, &change)?);
        }
        Ok(judged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perturbation_has_values_of_its_own_or_those_that_are_listed() {
        let all: Perturbation = "transpose".parse().unwrap();
        assert_eq!((all.values.len(), all.values[0], all.values[12]), (13, -6.0, 6.0));
        let some: Perturbation = "transpose=-2, 0.5".parse().unwrap();
        assert_eq!(some.values, [-2.0, 0.5]);
        for refused in ["noise", "transpose=", "transpose=1;2", "transpose=NaN", "transpose=25"] {
            let error = refused.parse::<Perturbation>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadSettings, "{refused}");
        }
    }
}
