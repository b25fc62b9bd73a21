//! Protocols, fold by fold: `genrescope evaluate` without its command line.

use std::path::PathBuf;

use genrescope::evaluate::{EvaluateOptions, Part, Readings, evaluate as measure};
use genrescope::train::Experiment;
use genrescope::train::settings::Protocol;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::failure::{exception, unlocked};
use crate::judging::pool;

/// Measures ways of training by the protocol of a file of settings, as `genrescope evaluate` does; folds that are done in
/// `out` are not done again.
///
/// `fold` is one fold alone, counted from 1; `collect` joins those that are there. Gives the results as JSON text, one
/// object an experiment; none of a single fold. A protocol that reads a published test part needs `readings`, the CSV
/// file for that, and `(date, what)` for its row.
#[pyfunction]
#[pyo3(signature = (settings, out, *, overrides=vec![], fold=None, collect=false, threads=None, readings=None, row=None))]
#[allow(clippy::too_many_arguments, reason = "Python's have names")]
pub(crate) fn evaluate(
    py: Python<'_>,
    settings: PathBuf,
    out: PathBuf,
    overrides: Vec<String>,
    fold: Option<usize>,
    collect: bool,
    threads: Option<usize>,
    readings: Option<PathBuf>,
    row: Option<(String, String)>,
) -> PyResult<String> {
    let part = match (fold, collect) {
        (Some(_), true) => return Err(PyValueError::new_err("one fold, or all that are there: not both")),
        (Some(fold), false) => Part::Fold(fold),
        (None, true) => Part::Collect,
        (None, false) => Part::All,
    };
    let (date, what) = row.unwrap_or_default();
    let readings = readings.map(|path| Readings { path, date, what });
    let options =
        EvaluateOptions { out, commit: "unknown".into(), part, readings, ..EvaluateOptions::default() };
    let results = unlocked(py, || {
        let experiments = Experiment::read_all(&settings, &overrides)?;
        pool(threads.unwrap_or(0))?.install(|| measure(&experiments, &options, &mut |_| ()))
    })?;
    serde_json::to_string(&results).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// How many folds the protocol of a file of settings has.
#[pyfunction]
#[pyo3(signature = (settings, *, overrides=vec![]))]
pub(crate) fn fold_count(py: Python<'_>, settings: PathBuf, overrides: Vec<String>) -> PyResult<usize> {
    let experiments = Experiment::read_all(&settings, &overrides).map_err(|error| exception(py, &error))?;
    let folds = |experiment: &Experiment| {
        let folds = &experiment.settings.folds;
        match folds.protocol {
            Protocol::Filtered | Protocol::FilteredRandom | Protocol::HoldOut | Protocol::Twin => 1,
            Protocol::ArtistRandom => 3,
            _ => folds.k(),
        }
    };
    Ok(experiments.iter().map(folds).max().unwrap_or(0))
}
