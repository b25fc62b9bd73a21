//! Recordings → one vector of numbers each: what heads learn from.

use genrescope::audio::Waveform;
use genrescope::features::{FeatureSet, Padding, SAMPLE_RATE_HZ};
use genrescope::model::Model;
use genrescope::predict;
use numpy::{IntoPyArray, PyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::failure::unlocked;
use crate::feature::PadMode;
use crate::recording::Recording;

/// A set of features by its name.
#[derive(Clone, Copy)]
pub(crate) struct Set(FeatureSet);

impl<'py> FromPyObject<'_, 'py> for Set {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let name = object.extract::<String>()?;
        let set = FeatureSet::ALL.into_iter().find(|set| set.name() == name);
        set.map(Self).ok_or_else(|| {
            let names = FeatureSet::ALL.map(FeatureSet::name).join(", ");
            PyValueError::new_err(format!("no set of features is called `{name}`; choose of {names}"))
        })
    }
}

/// Audio features of a recording, one number a column of the set: what `genrescope features --set` writes.
///
/// Parameters
/// ----------
/// recording : str, os.PathLike, bytes, or (y, sr)
/// set : {"gtzan57", "gtzan55", "mel46", "mfcc", "mel"}
/// pad_mode : {"constant", "reflect"}
///
/// Returns
/// -------
/// float64 array of shape [columns], see `feature_names`
#[pyfunction]
#[pyo3(signature = (recording, *, set = Set(FeatureSet::Gtzan57), pad_mode = PadMode(Padding::Constant)))]
pub(crate) fn features<'py>(
    py: Python<'py>,
    recording: Recording,
    set: Set,
    pad_mode: PadMode,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let values = unlocked(py, || {
        let samples = Waveform::from_stream(recording.open(SAMPLE_RATE_HZ)?)?.samples;
        Ok(set.0.values(&samples, pad_mode.0))
    })?;
    Ok(values.into_pyarray(py))
}

/// Names of the columns of a set of features.
#[pyfunction]
#[pyo3(signature = (set = Set(FeatureSet::Gtzan57)))]
pub(crate) fn feature_names(set: Set) -> Vec<String> {
    set.0.columns().into_iter().map(|column| column.name).collect()
}

/// What musicnn makes of a recording before it names tags: the mean over its patches.
///
/// Parameters
/// ----------
/// recording : str, os.PathLike, bytes, or (y, sr)
///
/// Returns
/// -------
/// float64 array of shape [200]
#[pyfunction]
pub(crate) fn embedding<'py>(py: Python<'py>, recording: Recording) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let values = unlocked(py, || {
        let model = Model::musicnn()?;
        let samples = Waveform::from_stream(recording.open(model.header.front_end.sample_rate_hz)?)?.samples;
        predict::embedding(&model, &samples)
    })?;
    Ok(values.into_pyarray(py))
}
