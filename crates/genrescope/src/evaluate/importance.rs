//! Which audio features trained networks rest on, genre by genre: what is lost when one of them tells nothing.
//!
//! Takes [`Experiment`]s whose folds are trained, gives an [`ImportanceResult`] of each network that reads features and leaves
//! it as `features.csv` beside `result.json`. Permutation importance after Breiman (2001): Random forests, section 10.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::perturb::{TrainedFolds, record, variant};
use super::{Answer, EvaluateOptions, Event, Figures, LastRead, groups, refuse_unrecorded};
use crate::dataset::{Dataset, segments};
use crate::features::rereference_db;
use crate::metrics;
use crate::model::{Model, PatchInput};
use crate::train::{Experiment, parts, write_atomically};
use crate::{Error, ErrorKind, Result};

/// Segments that a network sees at once.
const AT_ONCE: usize = 32;
/// Scores below count as this much.
const LEAST_SCORE: f32 = 1e-7;

/// What one network's features tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportanceResult {
    /// Name of the network.
    pub network: String,
    /// Name of the variant; empty where settings have none.
    pub variant: String,
    /// The genres, in the order of [`Importance::by_genre`].
    pub genres: Vec<String>,
    /// Of the measured segments as they are.
    pub figures: Figures,
    /// One a feature, in the order in which the network reads them.
    pub features: Vec<Importance>,
}

/// What is lost when the values of one feature are dealt out among the measured segments anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// What is right then.
    pub figures: Figures,
    /// By how much `ln(score of the true genre)` falls, the mean over all segments.
    pub fall: f64,
    /// The same over those of each genre.
    pub by_genre: Vec<f64>,
}

impl ImportanceResult {
    /// `network,variant,feature,segments,accuracy_percent,fall`, then the fall of each genre: a row a feature. In the first
    /// one, without a feature, nothing is changed.
    pub fn to_csv(&self) -> String {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let mut write = |row: Vec<String>| csv.write_record(row).expect("memory takes every row");
        let columns = ["network", "variant", "feature", "segments", "accuracy_percent", "fall"];
        write(columns.map(String::from).into_iter().chain(self.genres.clone()).collect());
        let mut row = |feature: &str, figures: &Figures, falls: [&[f64]; 2]| {
            let names = [self.network.clone(), self.variant.clone(), feature.to_owned()];
            let numbers = [figures.tracks.to_string(), figures.accuracy_percent.to_string()];
            let falls = falls.concat().into_iter().map(|fall| format!("{fall:.4}"));
            write(names.into_iter().chain(numbers).chain(falls).collect());
        };
        row("", &self.figures, [&[0.0], &vec![0.0; self.genres.len()]]);
        for one in &self.features {
            row(&one.feature, &one.figures, [&[one.fall], &one.by_genre]);
        }
        String::from_utf8(csv.into_inner().expect("memory takes every row")).expect("fields are text")
    }
}

/// Measures the segments of the test parts of all folds that are trained, as often as the network reads features, with the
/// values of one of them permuted.
///
/// # Errors
/// As [`perturb`](super::perturb()); [`ErrorKind::BadSettings`] where no network reads features.
pub fn importance(
    experiments: &[Experiment],
    options: &EvaluateOptions,
    progress: &mut dyn FnMut(Event),
) -> Result<Vec<ImportanceResult>> {
    let mut results = Vec::new();
    let mut data = LastRead::default();
    for (number, experiment) in (1..).zip(experiments) {
        let Experiment { name, settings } = experiment;
        if settings.model.features.is_none() {
            continue;
        }
        progress(Event::Experiment { name, number, count: experiments.len() });
        let options = options.of(name);
        let trained = TrainedFolds::read(settings, &options)?;
        let dataset = data.of(settings, progress)?;
        refuse_unrecorded(dataset, settings, &options)?;
        let result = measured(&trained, dataset, experiment, progress)?;
        write_atomically(&options.out.join("features.csv"), result.to_csv().as_bytes())?;
        let accuracy = result.figures.accuracy_percent / 100.0;
        record(" (features permuted; as they are)", accuracy, settings, &options)?;
        results.push(result);
    }
    match results.is_empty() {
        true => Err(Error::new(ErrorKind::BadSettings, "none of the networks reads audio features")),
        false => Ok(results),
    }
}

/// The measured segments of one fold.
struct Segments<'a> {
    model: &'a Model,
    inputs: Vec<PatchInput>,
    /// Genre and group.
    truth: Vec<[usize; 2]>,
}

fn measured(
    trained: &TrainedFolds,
    dataset: &Dataset,
    experiment: &Experiment,
    progress: &mut dyn FnMut(Event),
) -> Result<ImportanceResult> {
    let folds = segments_of_folds(trained, dataset)?;
    let (genres, seed) = (dataset.genres.len(), experiment.settings.seed);
    let before = scores(&folds, None)?;
    let columns = folds.first().and_then(|fold| fold.model.header.features.as_ref());
    let columns = columns.map(|features| features.columns.clone()).unwrap_or_default();
    let truth: Vec<[usize; 2]> = folds.iter().flat_map(|fold| fold.truth.iter().copied()).collect();
    let mut features = Vec::new();
    for (column, feature) in columns.into_iter().enumerate() {
        let after = scores(&folds, Some(Permuted { column, seed }))?;
        let figures = figures(&truth, &after, genres);
        progress(Event::Perturbed { change: format!("without {feature}"), figures: &figures });
        let falls: Vec<f64> = truth
            .iter()
            .zip(before.iter().zip(&after))
            .map(|([genre, _], (before, after))| log(before[*genre]) - log(after[*genre]))
            .collect();
        let of = |wanted: Option<usize>| {
            let chosen =
                truth.iter().zip(&falls).filter(|([genre, _], _)| wanted.is_none_or(|w| w == *genre));
            let (sum, count) = chosen.fold((0.0, 0), |(sum, count), (_, fall)| (sum + fall, count + 1));
            sum / f64::from(count.max(1))
        };
        let by_genre = (0..genres).map(|genre| of(Some(genre))).collect();
        features.push(Importance { feature, figures, fall: of(None), by_genre });
    }
    Ok(ImportanceResult {
        network: experiment.settings.model.network.clone(),
        variant: variant(experiment).into(),
        genres: dataset.genres.clone(),
        figures: figures(&truth, &before, genres),
        features,
    })
}

fn segments_of_folds<'a>(trained: &'a TrainedFolds, dataset: &Dataset) -> Result<Vec<Segments<'a>>> {
    let partitions = parts::for_evaluation(dataset, trained.settings)?;
    let groups = groups(dataset, trained.settings.folds.protocol);
    let fold = |(number, model): &'a (usize, Model)| {
        let mut fold = Segments { model, inputs: Vec::new(), truth: Vec::new() };
        for &t in &partitions[number - 1].test {
            for segment in segments::segments_of(&dataset.tracks[t], model.header.patch_frames) {
                let mut db = segment.spectrogram.db;
                rereference_db(&mut db, &model.header.front_end);
                let features = segment.vectors.into_iter().next().unwrap_or_default();
                fold.inputs.push(PatchInput { db, features });
                fold.truth.push([segment.genre, groups[t]]);
            }
        }
        fold
    };
    Ok(trained.folds.iter().map(fold).collect())
}

/// A feature whose values are dealt out anew.
#[derive(Clone, Copy)]
struct Permuted {
    column: usize,
    seed: u64,
}

impl Permuted {
    /// From which segment each of `count` gets the feature.
    fn order(self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        let seed = self.seed.wrapping_mul(1000).wrapping_add(self.column as u64);
        order.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
        order
    }
}

/// Scores of all segments, fold by fold.
fn scores(folds: &[Segments], permuted: Option<Permuted>) -> Result<Vec<Vec<f32>>> {
    let mut scores = Vec::new();
    for fold in folds {
        let mut inputs = fold.inputs.clone();
        if let Some(permuted) = permuted {
            for (input, from) in inputs.iter_mut().zip(permuted.order(fold.inputs.len())) {
                input.features[permuted.column] = fold.inputs[from].features[permuted.column];
            }
        }
        let of_batch = |batch: &[PatchInput]| fold.model.scores(batch);
        let found: Vec<Vec<Vec<f32>>> = inputs.par_chunks(AT_ONCE).map(of_batch).collect::<Result<_>>()?;
        scores.extend(found.concat());
    }
    Ok(scores)
}

fn figures(truth: &[[usize; 2]], scores: &[Vec<f32>], genres: usize) -> Figures {
    let answer = |([genre, group], scores): (&[usize; 2], &Vec<f32>)| Answer {
        genre: *genre,
        group: *group,
        called: Some(metrics::best(scores)),
        score: scores[*genre],
    };
    Figures::new(&truth.iter().zip(scores).map(answer).collect::<Vec<_>>(), genres)
}

fn log(score: f32) -> f64 {
    f64::from(score.max(LEAST_SCORE)).ln()
}
