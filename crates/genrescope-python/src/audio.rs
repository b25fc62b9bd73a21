//! Recordings → samples.

use genrescope::audio::{AudioStream, Waveform, contained};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use crate::failure::unlocked;
use crate::recording::Recording;

/// Decodes a recording to mono samples: `librosa.load`.
///
/// Parameters
/// ----------
/// path : str, os.PathLike, bytes, or (y, sr)
///     A file, its bytes, or samples that have another rate.
/// sr : int
///     Rate that the samples are resampled to, Hz.
/// offset, duration : float
///     Where to begin, s, and how much to read, s; all unless given.
///
/// Returns
/// -------
/// (y, sr) : float32 array of shape [n], full scale 1, and the rate, Hz
///
/// Raises
/// ------
/// FileNotFoundError, OSError, ValueError, GenrescopeError
///     The last for what is no audio, is damaged beyond reading, or too long (2 h).
#[pyfunction]
#[pyo3(signature = (path, *, sr = 22_050, offset = 0.0, duration = None))]
pub(crate) fn load<'py>(
    py: Python<'py>,
    path: Recording,
    sr: u32,
    offset: f64,
    duration: Option<f64>,
) -> PyResult<(Bound<'py, PyArray1<f32>>, u32)> {
    let samples = unlocked(py, || {
        contained(&path.name(), || {
            let mut stream = path.open(sr)?;
            stream.skip_to(offset)?;
            first(stream, duration)
        })
    })?;
    Ok((samples.into_pyarray(py), sr))
}

fn first(mut stream: AudioStream, duration_s: Option<f64>) -> genrescope::Result<Vec<f32>> {
    let Some(duration_s) = duration_s else { return Ok(Waveform::from_stream(stream)?.samples) };
    let wanted = (duration_s * f64::from(stream.sample_rate_hz())).round().max(0.0) as usize;
    let mut samples = Vec::new();
    while samples.len() < wanted {
        let Some(block) = stream.next_block()? else { break };
        samples.extend(block);
    }
    samples.truncate(wanted);
    Ok(samples)
}
