//! What Python calls a recording: a path, the bytes of a file, or samples with their rate.

use std::io::Cursor;
use std::path::PathBuf;

use genrescope::audio::{AudioStream, RawAudio, SampleFormat};
use genrescope::{Error, ErrorKind};
use numpy::PyReadonlyArray1;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString, PyTuple};

/// A recording that can be read without the interpreter.
pub(crate) enum Recording {
    File(PathBuf),
    /// What stands in messages, and the content of the file.
    Bytes(String, Vec<u8>),
    Samples {
        y: Vec<f32>,
        rate_hz: u32,
    },
    /// A row of a batch that names none.
    #[cfg_attr(not(feature = "arrow"), allow(dead_code, reason = "only batches have such rows"))]
    Missing,
}

/// One recording, or many in their order.
pub(crate) enum Recordings {
    One(Recording),
    Many(Vec<Recording>),
}

impl Recording {
    pub(crate) fn open(&self, sample_rate_hz: u32) -> genrescope::Result<AudioStream> {
        match self {
            Self::File(path) => AudioStream::open(path, sample_rate_hz),
            Self::Bytes(name, bytes) => {
                let reader = Cursor::new(bytes.clone());
                AudioStream::from_reader(Box::new(reader), name, sample_rate_hz)
            }
            Self::Missing => {
                let what = "the row has neither path nor audio; leave it out";
                Err(Error::new(ErrorKind::BadManifest, what))
            }
            Self::Samples { y, rate_hz } => {
                let raw = RawAudio { format: SampleFormat::F32, rate_hz: *rate_hz, channels: 1 };
                let bytes: Vec<u8> = y.iter().flat_map(|sample| sample.to_le_bytes()).collect();
                raw.stream(Cursor::new(bytes), "samples", sample_rate_hz)
            }
        }
    }

    /// What stands in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Bytes(name, _) => name.clone(),
            Self::Samples { .. } => "samples".into(),
            Self::Missing => String::new(),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Recording {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyBytes>() || object.is_instance_of::<PyByteArray>() {
            return Ok(Self::Bytes("bytes".into(), object.extract()?));
        }
        if object.is_instance_of::<PyTuple>() {
            let (y, rate_hz): (Samples, u32) = object.extract()?;
            return Ok(Self::Samples { y: y.0, rate_hz });
        }
        let path = object.extract::<PathBuf>();
        path.map(Self::File).map_err(|_| {
            PyTypeError::new_err("expected a path, the bytes of a file, or samples with their rate: (y, sr)")
        })
    }
}

impl<'py> FromPyObject<'_, 'py> for Recordings {
    type Error = PyErr;

    /// What can be gone through and is no recording itself is many.
    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let is_text = object.is_instance_of::<PyString>() || object.is_instance_of::<PyBytes>();
        let is_one = is_text
            || object.is_instance_of::<PyTuple>()
            || object.is_instance_of::<PyByteArray>()
            || object.hasattr("__fspath__")?;
        if is_one {
            return Ok(Self::One(object.extract()?));
        }
        let items = object.try_iter()?.map(|item| item?.extract());
        Ok(Self::Many(items.collect::<PyResult<_>>()?))
    }
}

/// Mono samples: float32 or float64, `[n]`.
pub(crate) struct Samples(pub(crate) Vec<f32>);

impl<'py> FromPyObject<'_, 'py> for Samples {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(y) = object.extract::<PyReadonlyArray1<'_, f32>>() {
            return Ok(Self(y.as_array().to_vec()));
        }
        if let Ok(y) = object.extract::<PyReadonlyArray1<'_, f64>>() {
            return Ok(Self(y.as_array().iter().map(|&sample| sample as f32).collect()));
        }
        Err(PyTypeError::new_err("expected samples: a NumPy array [n] of float32 or float64, mono"))
    }
}
