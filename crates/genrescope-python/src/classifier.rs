//! `Classifier`: recordings → genres, scores, timelines.

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use genrescope::model::{Model, Vocabulary};
use genrescope::predict::{self, Prediction, Settings};
use genrescope::{Error, ErrorKind, Result};
use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;

use crate::failure::{exception, unlocked};
use crate::judging::Judge;
use crate::recording::{Recording, Recordings};

/// Says which genre recordings are.
///
/// A recording is a path, the bytes of a file, or samples with their rate: `(y, sr)`. One gives one answer, a list of
/// them an array. Threads may share a classifier: they run at once, and the interpreter's lock is released.
///
/// Parameters
/// ----------
/// model : str or os.PathLike
///     "best" (unless given), "fast" (half the time), or a model file.
/// threads : int
///     How many recordings are judged at once; all cores unless given.
/// patch_hop : float
///     Distance of neighbouring patches, s; a quarter of the model's patch unless given.
///
/// Raises
/// ------
/// FileNotFoundError, ValueError, GenrescopeError
///     For a model or settings that cannot be used.
#[pyclass(frozen, module = "genrescope")]
pub(crate) struct Classifier {
    pub(crate) judge: Judge,
}

/// A stretch of the timeline.
#[pyclass(frozen, get_all, module = "genrescope")]
pub(crate) struct Segment {
    /// Where it begins, s.
    start_s: f64,
    /// Where it ends, s.
    end_s: f64,
    /// Its genre; none for what has a reason.
    genre: Option<String>,
    /// Why it has no genre.
    reason: Option<&'static str>,
    /// One score a genre in the order of `classes_`, sum 1: float32 `[genres]`, empty for silence.
    scores: Py<PyArray1<f32>>,
}

#[pymethods]
impl Segment {
    fn __repr__(&self) -> String {
        let what = self.genre.as_deref().or(self.reason).unwrap_or("unknown");
        format!("Segment({:.2} s to {:.2} s: {what})", self.start_s, self.end_s)
    }
}

#[pymethods]
#[allow(non_snake_case, reason = "X as scikit-learn has it")]
impl Classifier {
    #[new]
    #[pyo3(signature = (model = None, *, threads = None, patch_hop = None))]
    fn new(
        py: Python<'_>,
        model: Option<PathBuf>,
        threads: Option<usize>,
        patch_hop: Option<f64>,
    ) -> PyResult<Self> {
        let threads = threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from)).max(1);
        let settings = Settings { patch_hop_s: patch_hop, ..Settings::default() };
        let judge = unlocked(py, || {
            let model = genres_model(model.as_deref())?;
            settings.check(&model)?;
            Ok(Judge { model, settings, threads })
        })?;
        Ok(Self { judge })
    }

    /// Genres in the order of all scores: array of str, `[genres]`.
    #[getter]
    fn classes_<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("numpy")?.call_method1("array", (self.judge.model.header.genres.clone(),))
    }

    /// Name of the model.
    #[getter]
    fn name(&self) -> &str {
        &self.judge.model.header.name
    }

    /// The first 16 hexadecimal digits of the BLAKE3 hash of the model file.
    #[getter]
    fn hash(&self) -> &str {
        self.judge.model.hash()
    }

    fn __repr__(&self) -> String {
        format!("Classifier({}, {})", self.name(), self.hash())
    }

    /// The genre of a recording, or an array of them: `[n]` of str, None where there is a reason why not.
    ///
    /// Raises the error of the first recording that fails; `analyze_batch` makes rows of them.
    fn predict<'py>(&self, py: Python<'py>, X: Recordings) -> PyResult<Bound<'py, PyAny>> {
        let (predictions, is_one) = self.predictions(py, X)?;
        let mut genres = predictions.into_iter().map(|prediction| prediction.genre);
        if is_one {
            return Ok(genres.next().flatten().into_pyobject(py)?.into_any());
        }
        let objects = genres.map(|genre| Ok(genre.into_pyobject(py)?.unbind()));
        Ok(PyArray1::from_vec(py, objects.collect::<PyResult<Vec<Py<PyAny>>>>()?).into_any())
    }

    /// The scores of a recording, `[genres]`, or of a list of them, `[n, genres]`: float32, rows sum to 1, NaN for
    /// silence.
    ///
    /// Raises the error of the first recording that fails; `analyze_batch` makes rows of them.
    fn predict_proba<'py>(&self, py: Python<'py>, X: Recordings) -> PyResult<Bound<'py, PyAny>> {
        let genres = self.judge.model.header.genres.len();
        let (predictions, is_one) = self.predictions(py, X)?;
        let row = |prediction: &Prediction| {
            if prediction.scores.is_empty() { vec![f32::NAN; genres] } else { prediction.scores.clone() }
        };
        let rows = predictions.iter().flat_map(row).collect::<Vec<f32>>().into_pyarray(py);
        Ok(if is_one { rows.into_any() } else { rows.reshape([predictions.len(), genres])?.into_any() })
    }

    /// How the genre changes over a recording: list of `Segment`, without gaps.
    fn timeline(&self, py: Python<'_>, recording: Recording) -> PyResult<Vec<Segment>> {
        let (predictions, _) = self.predictions(py, Recordings::One(recording))?;
        let segments = predictions.into_iter().flat_map(|prediction| prediction.segments);
        Ok(segments.map(|segment| Segment::new(py, segment)).collect())
    }

    /// Judges the recordings of a record batch with a column `path` or `audio` (the bytes of a file), or both (a path
    /// that names the bytes); a column `track_id` of int64 is kept.
    ///
    /// Gives a pyarrow.RecordBatch with the columns of `genrescope analyze`, one row a recording in their order. One
    /// that fails is a row with `error`.
    #[cfg(feature = "arrow")]
    fn analyze_batch<'py>(
        &self,
        py: Python<'py>,
        batch: pyo3_arrow::PyRecordBatch,
    ) -> PyResult<Bound<'py, PyAny>> {
        crate::batches::analyze(py, &self.judge, &batch.into_inner())
    }
}

impl Classifier {
    /// The judgements, and whether one recording was asked for.
    fn predictions(&self, py: Python<'_>, recordings: Recordings) -> PyResult<(Vec<Prediction>, bool)> {
        let (recordings, is_one) = match recordings {
            Recordings::One(recording) => (vec![recording], true),
            Recordings::Many(recordings) => (recordings, false),
        };
        let outcomes = unlocked(py, || self.judge.judge_all(&recordings))?;
        let predictions = outcomes.into_iter().collect::<Result<Vec<_>>>();
        Ok((predictions.map_err(|error| exception(py, &error))?, is_one))
    }
}

impl Segment {
    fn new(py: Python<'_>, segment: predict::Segment) -> Self {
        Self {
            start_s: segment.start_s,
            end_s: segment.end_s,
            genre: segment.genre,
            reason: segment.reason.map(predict::Reason::name),
            scores: segment.scores.into_pyarray(py).unbind(),
        }
    }
}

fn genres_model(choice: Option<&Path>) -> Result<Model> {
    let model = Model::find(choice)?;
    if model.header.vocabulary == Vocabulary::Genres {
        return Ok(model);
    }
    let what = format!(
        "`{}` gives tags, no genres; choose `best`, whose genres rest on its tags",
        model.header.name
    );
    Err(Error::new(ErrorKind::BadSettings, what))
}
