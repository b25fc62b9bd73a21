//! The figures of one evaluation.

use super::Figure;
use super::details::leak;
use super::experiments::Experiment;
use super::groups::counted;
use crate::metrics::calibration;
use crate::report::figures::{Axis, Chart, Series, Style, confusion, importance, reliability};
use crate::report::picture::Scene;
use crate::train::Epoch;

/// Features that are shown of all that a network reads.
const MOST_FEATURES: usize = 20;

/// Confusion matrix, training curves, reliability, what features tell, vertical kernels.
pub(super) fn of_experiment(run: &Experiment) -> Vec<Figure> {
    let file = run.name.replace(['/', '\\'], "-");
    let named = |what: &str, scene| Figure { name: format!("{file}-{what}"), scene };
    let mut figures = vec![named("confusion", matrix(run))];
    figures.extend(curves(run).into_iter().map(|(what, chart)| named(what, chart.scene())));
    figures.extend(reliability_of(run).map(|scene| named("reliability", scene)));
    figures.extend(importance_of(run).map(|scene| named("features", scene)));
    figures.extend(run.kernels.clone().map(|scene| named("kernels", scene)));
    figures
}

fn note(run: &Experiment) -> String {
    let result = &run.result;
    format!(
        "{}, protocol {}{}; {}, seed {}.",
        result.network,
        result.protocol.replace('_', " "),
        leak(&result.protocol).map_or("", |_| " (leaks)"),
        counted(result.folds.len(), "fold"),
        result.seed
    )
}

fn matrix(run: &Experiment) -> Scene {
    let pooled = run.measured();
    let title = format!("{:.1} % of {} are right", pooled.accuracy_percent, pooled.tracks);
    confusion(&title, &note(run), &run.result.genres, &pooled.confusion)
}

fn reliability_of(run: &Experiment) -> Option<Scene> {
    let judged: Vec<_> = run.answers.iter().filter(|answer| !answer.scores.is_empty()).collect();
    if judged.is_empty() {
        return None;
    }
    let truth: Vec<usize> = judged.iter().map(|answer| answer.genre).collect();
    let scores: Vec<Vec<f32>> = judged.iter().map(|answer| answer.scores.clone()).collect();
    Some(reliability("Do scores mean what they say?", &note(run), &calibration(&truth, &scores)))
}

/// The features without which most is lost.
fn importance_of(run: &Experiment) -> Option<Scene> {
    let mut rows = run.features.clone();
    rows.sort_by(|a, b| b.fall.total_cmp(&a.fall));
    let all = rows.len();
    rows.truncate(MOST_FEATURES);
    let title = format!("What features tell: {} of {all}", rows.len());
    let note = format!(
        "{} How far the logarithm of the true genre's score falls when a feature's values are dealt out among the \
         measured segments anew; the largest first.",
        note(run)
    );
    (!rows.is_empty()).then(|| importance(&title, &note, &run.result.genres, &rows))
}

/// Loss and accuracy over the epochs, each the mean of the folds.
fn curves(run: &Experiment) -> Vec<(&'static str, Chart)> {
    let training = |name: &str, of: fn(&Epoch) -> Option<f64>| Series {
        name: name.into(),
        points: mean_over_folds(&run.histories, of),
        names: Vec::new(),
        style: Style::Line,
        colour: None,
    };
    let charts = [
        (
            "loss",
            "Loss",
            "log-loss",
            vec![
                training("training, varied patches", |epoch| Some(epoch.train_loss)),
                training("validation tracks", |epoch| epoch.valid_loss),
            ],
        ),
        (
            "accuracy",
            "Accuracy over the epochs",
            "accuracy, %",
            vec![
                training("training, varied patches", |epoch| Some(100.0 * epoch.train_accuracy)),
                training("validation tracks", |epoch| epoch.valid_accuracy.map(|share| 100.0 * share)),
            ],
        ),
    ];
    let chart = |(what, title, axis, series): (&'static str, &str, &str, Vec<Series>)| {
        let series: Vec<Series> = series.into_iter().filter(|series| !series.points.is_empty()).collect();
        let points: Vec<(f64, f64)> = series.iter().flat_map(|series| series.points.clone()).collect();
        let last = points.iter().map(|point| point.0).fold(1.0, f64::max);
        let note = format!("{} Mean of {}.", note(run), counted(run.histories.len(), "training run"));
        let chart = Chart {
            title: title.into(),
            note,
            across: Axis::linear("epoch", [0.0, last]),
            upwards: Axis::around(axis, points.iter().map(|point| point.1)),
            series,
        };
        (!points.is_empty()).then_some((what, chart))
    };
    charts.into_iter().filter_map(chart).collect()
}

fn mean_over_folds(histories: &[Vec<Epoch>], of: fn(&Epoch) -> Option<f64>) -> Vec<(f64, f64)> {
    let longest = histories.iter().map(Vec::len).max().unwrap_or(0);
    let mean = |i: usize| {
        let values: Vec<f64> = histories.iter().filter_map(|history| of(history.get(i)?)).collect();
        let sum: f64 = values.iter().sum();
        (!values.is_empty()).then(|| ((i + 1) as f64, sum / values.len() as f64))
    };
    (0..longest).filter_map(mean).collect()
}
