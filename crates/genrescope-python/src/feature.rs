//! librosa's features by its names; arrays are `[bands, frames]` as it has them.

use genrescope::audio::Waveform;
use genrescope::features::{self as ours, Framing, FrontEnd, Magnitudes, Padding};
use genrescope::{Error, ErrorKind, Result};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArrayDyn};
use pyo3::prelude::*;

use crate::failure::unlocked;
use crate::recording::Samples;

/// What `librosa.power_to_db` takes as least power, and its range in dB.
const LEAST_POWER: f32 = 1e-10;
const RANGE_DB: f32 = 80.0;
/// Bands of `mfcc` and `tempo`.
const MEL_BANDS: usize = 128;
/// Transforms longer than this, and none at all, are refused.
const LONGEST_FFT: usize = 65_536;

/// `pad_mode` of librosa.
#[derive(Clone, Copy)]
pub(crate) struct PadMode(pub(crate) Padding);

impl<'py> FromPyObject<'_, 'py> for PadMode {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match &*object.extract::<String>()? {
            "constant" => Ok(Self(Padding::Constant)),
            "reflect" => Ok(Self(Padding::Reflect)),
            other => Err(pyo3::exceptions::PyValueError::new_err(format!(
                "pad_mode is `{other}`; choose constant or reflect"
            ))),
        }
    }
}

/// float32 `[n]`.
type Signal<'py> = Bound<'py, PyArray1<f32>>;

/// How the samples are cut.
fn framing(frame_samples: usize, hop_samples: usize, padding: PadMode) -> Result<Framing> {
    let in_range = (2..=LONGEST_FFT).contains(&frame_samples) && frame_samples.is_multiple_of(2);
    if in_range && hop_samples > 0 {
        return Ok(Framing { frame_samples, hop_samples, padding: padding.0 });
    }
    let what = format!(
        "frames of {frame_samples} samples, {hop_samples} apart; choose an even length of 2 to {LONGEST_FFT} and a hop \
         of 1 or more"
    );
    Err(Error::new(ErrorKind::BadSettings, what))
}

fn magnitudes(y: &[f32], framing: Framing) -> Magnitudes {
    ours::stft(y, framing).magnitudes()
}

fn power(y: &[f32], framing: Framing) -> Magnitudes {
    let mut power = magnitudes(y, framing);
    power.values.iter_mut().for_each(|value| *value *= *value);
    power
}

fn mel(y: Vec<f32>, sample_rate_hz: u32, framing: Framing, mel_bands: usize) -> Result<Vec<f32>> {
    let front_end = FrontEnd {
        sample_rate_hz,
        n_fft: framing.frame_samples,
        hop_samples: framing.hop_samples,
        mel_bands,
        frame_step: 1.0,
        padding: framing.padding,
        ..FrontEnd::gtzan_mel()
    };
    let waveform = Waveform { samples: y, sample_rate_hz };
    Ok(ours::mel_spectrogram(&waveform, &front_end)?.power)
}

fn mel_db(y: Vec<f32>, sample_rate_hz: u32, framing: Framing) -> Result<Vec<f32>> {
    let power = mel(y, sample_rate_hz, framing, MEL_BANDS)?;
    Ok(ours::power_to_db(&power, 1.0, LEAST_POWER, Some(RANGE_DB)))
}

/// `[frames, bands]` → a view `[bands, frames]`.
fn turned<'py>(py: Python<'py>, values: Vec<f32>, bands: usize) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let frames = values.len() / bands.max(1);
    values.into_pyarray(py).reshape([frames, bands])?.transpose()
}

/// Mel power spectrogram: `librosa.feature.melspectrogram`, `[n]` → `[n_mels, frames]`.
#[pyfunction]
#[pyo3(signature = (*, y, sr = 22_050, n_fft = 2048, hop_length = 512, n_mels = 128, pad_mode = PadMode(Padding::Constant)))]
pub(crate) fn melspectrogram<'py>(
    py: Python<'py>,
    y: Samples,
    sr: u32,
    n_fft: usize,
    hop_length: usize,
    n_mels: usize,
    pad_mode: PadMode,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let power = unlocked(py, || mel(y.0, sr, framing(n_fft, hop_length, pad_mode)?, n_mels))?;
    turned(py, power, n_mels)
}

/// Mel-frequency cepstral coefficients: `librosa.feature.mfcc`, `[n]` → `[n_mfcc, frames]`.
#[pyfunction]
#[pyo3(signature = (*, y, sr = 22_050, n_mfcc = 20, n_fft = 2048, hop_length = 512, pad_mode = PadMode(Padding::Constant)))]
pub(crate) fn mfcc<'py>(
    py: Python<'py>,
    y: Samples,
    sr: u32,
    n_mfcc: usize,
    n_fft: usize,
    hop_length: usize,
    pad_mode: PadMode,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    if !(1..=MEL_BANDS).contains(&n_mfcc) {
        let what = format!("n_mfcc is {n_mfcc}; choose 1 to {MEL_BANDS}");
        return Err(pyo3::exceptions::PyValueError::new_err(what));
    }
    let coefficients = unlocked(py, || {
        let db = mel_db(y.0, sr, framing(n_fft, hop_length, pad_mode)?)?;
        Ok(ours::mfcc(&db, MEL_BANDS, n_mfcc))
    })?;
    turned(py, coefficients, n_mfcc)
}

/// Pitch classes from C on: `librosa.feature.chroma_stft`, `[n]` → `[12, frames]`; the tuning is estimated.
#[pyfunction]
#[pyo3(signature = (*, y, sr = 22_050, n_fft = 2048, hop_length = 512, pad_mode = PadMode(Padding::Constant)))]
pub(crate) fn chroma_stft<'py>(
    py: Python<'py>,
    y: Samples,
    sr: u32,
    n_fft: usize,
    hop_length: usize,
    pad_mode: PadMode,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let chroma = unlocked(py, || {
        let power = power(&y.0, framing(n_fft, hop_length, pad_mode)?);
        Ok(ours::chroma_stft(&power, sr).into_flattened())
    })?;
    turned(py, chroma, ours::CHROMA)
}

/// Centre of mass of each spectrum, Hz: `librosa.feature.spectral_centroid`, `[n]` → `[1, frames]`.
#[pyfunction]
#[pyo3(signature = (*, y, sr = 22_050, n_fft = 2048, hop_length = 512, pad_mode = PadMode(Padding::Constant)))]
pub(crate) fn spectral_centroid<'py>(
    py: Python<'py>,
    y: Samples,
    sr: u32,
    n_fft: usize,
    hop_length: usize,
    pad_mode: PadMode,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    of_spectrum(py, y, framing(n_fft, hop_length, pad_mode), |spectrum| ours::spectral_centroid(spectrum, sr))
}

/// Deviation about the centroid, Hz: `librosa.feature.spectral_bandwidth`, `[n]` → `[1, frames]`.
#[pyfunction]
#[pyo3(signature = (*, y, sr = 22_050, n_fft = 2048, hop_length = 512, pad_mode = PadMode(Padding::Constant)))]
pub(crate) fn spectral_bandwidth<'py>(
    py: Python<'py>,
    y: Samples,
    sr: u32,
    n_fft: usize,
    hop_length: usize,
    pad_mode: PadMode,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    of_spectrum(py, y, framing(n_fft, hop_length, pad_mode), |spectrum| {
        ours::spectral_bandwidth(spectrum, sr)
    })
}

/// Frequency below which `roll_percent` of the magnitude lies, Hz: `librosa.feature.spectral_rolloff`, `[n]` →
/// `[1, frames]`.
#[pyfunction]
#[pyo3(signature = (*, y, sr = 22_050, n_fft = 2048, hop_length = 512, roll_percent = 0.85, pad_mode = PadMode(Padding::Constant)))]
pub(crate) fn spectral_rolloff<'py>(
    py: Python<'py>,
    y: Samples,
    sr: u32,
    n_fft: usize,
    hop_length: usize,
    roll_percent: f32,
    pad_mode: PadMode,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let rolloff = |spectrum: &Magnitudes| ours::spectral_rolloff(spectrum, sr, roll_percent);
    of_spectrum(py, y, framing(n_fft, hop_length, pad_mode), rolloff)
}

fn of_spectrum<'py>(
    py: Python<'py>,
    y: Samples,
    framing: Result<Framing>,
    feature: impl FnOnce(&Magnitudes) -> Vec<f32> + Send,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    turned(py, unlocked(py, move || Ok(feature(&magnitudes(&y.0, framing?))))?, 1)
}

/// Root mean square of each frame: `librosa.feature.rms`, `[n]` → `[1, frames]`.
#[pyfunction]
#[pyo3(signature = (*, y, frame_length = 2048, hop_length = 512, pad_mode = PadMode(Padding::Constant)))]
pub(crate) fn rms<'py>(
    py: Python<'py>,
    y: Samples,
    frame_length: usize,
    hop_length: usize,
    pad_mode: PadMode,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let values = unlocked(py, || Ok(ours::rms(&y.0, framing(frame_length, hop_length, pad_mode)?)))?;
    turned(py, values, 1)
}

/// Share of samples where the sign changes: `librosa.feature.zero_crossing_rate`, `[n]` → `[1, frames]`; edges are
/// repeated.
#[pyfunction]
#[pyo3(signature = (y, *, frame_length = 2048, hop_length = 512))]
pub(crate) fn zero_crossing_rate<'py>(
    py: Python<'py>,
    y: Samples,
    frame_length: usize,
    hop_length: usize,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let padding = PadMode(Padding::Constant);
    let rate =
        unlocked(py, || Ok(ours::zero_crossing_rate(&y.0, framing(frame_length, hop_length, padding)?)))?;
    turned(py, rate, 1)
}

/// Tempo, beats a minute: `librosa.feature.tempo`, `[n]` → `[1]`; 0 where there is no onset.
#[pyfunction]
#[pyo3(signature = (*, y, sr = 22_050, hop_length = 512))]
pub(crate) fn tempo<'py>(
    py: Python<'py>,
    y: Samples,
    sr: u32,
    hop_length: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let tempo = unlocked(py, || {
        let framing = framing(2048, hop_length, PadMode(Padding::Constant))?;
        let frames_ahead = framing.frame_samples / (2 * hop_length);
        let onsets = ours::onset_strength(&mel_db(y.0, sr, framing)?, MEL_BANDS, frames_ahead);
        Ok(ours::tempo(&onsets, sr, hop_length))
    })?;
    Ok(vec![tempo].into_pyarray(py))
}

/// Harmonic and percussive part: `librosa.effects.hpss`, `[n]` → twice `[n]`.
#[pyfunction]
pub(crate) fn hpss<'py>(py: Python<'py>, y: Samples) -> PyResult<(Signal<'py>, Signal<'py>)> {
    let parts = unlocked(py, || Ok(ours::hpss(&y.0, Framing::with_padding(Padding::Constant))))?;
    Ok((parts.harmonic.into_pyarray(py), parts.percussive.into_pyarray(py)))
}

/// Power → dB: `librosa.power_to_db`; any shape, float32.
#[pyfunction]
#[pyo3(signature = (S, *, r#ref = 1.0, amin = LEAST_POWER, top_db = Some(RANGE_DB)))]
#[allow(non_snake_case, reason = "librosa's name")]
pub(crate) fn power_to_db<'py>(
    S: PyReadonlyArrayDyn<'py, f32>,
    r#ref: f32,
    amin: f32,
    top_db: Option<f32>,
) -> PyResult<Bound<'py, numpy::PyArrayDyn<f32>>> {
    let (py, power) = (S.py(), S.as_array());
    let shape = power.shape().to_vec();
    let power: Vec<f32> = power.iter().copied().collect();
    let db = unlocked(py, || Ok(ours::power_to_db(&power, r#ref, amin, top_db)))?;
    db.into_pyarray(py).reshape(shape)
}
