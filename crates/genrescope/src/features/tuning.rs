//! How far a recording's notes lie from A440.

use super::Magnitudes;
use super::stft::peak;

/// Lowest and highest frequency of a pitch, Hz: `librosa.piptrack(fmin, fmax)`.
const PITCH_HZ: [f32; 2] = [150.0, 4000.0];
/// A pitch is at least this share of its frame's largest value.
const THRESHOLD: f32 = 0.1;
/// Steps of the estimate in a semitone.
const STEPS: usize = 100;
/// Four octaves below A440, where octaves are counted from, Hz.
const A0_HZ: f32 = 440.0 / 16.0;

/// Deviation of a recording's notes from A440, semitones from -0.5 to 0.49 in steps of 0.01:
/// `librosa.estimate_tuning(S=spectrogram)`; 0 without any pitch.
///
/// Pitches are peaks of the spectrum, interpolated by a parabola ([`piptrack`]); those of at least median magnitude
/// vote. `librosa.feature.chroma_stft` hands over *power*, and so does [`chroma_stft`](super::chroma_stft).
pub fn estimate_tuning(spectrogram: &Magnitudes, sample_rate_hz: u32) -> f64 {
    let mut pitches = Vec::new();
    let mut power = Vec::new();
    for frame in spectrogram.values.chunks_exact(spectrogram.bins) {
        power.clear();
        power.extend_from_slice(frame);
        piptrack(&power, sample_rate_hz, &mut pitches);
    }
    tuning_of(pitches)
}

/// A peak of one frame's spectrum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pitch {
    /// Interpolated frequency, Hz.
    pub frequency_hz: f32,
    /// Interpolated height, in the unit of the spectrum.
    pub magnitude: f32,
}

/// Appends the peaks of one spectrum between 150 and 4000 Hz that reach a tenth of its largest value:
/// `librosa.piptrack` with its defaults.
///
/// # Shape
/// `[bins]` → any number of pitches, lowest first.
pub fn piptrack(spectrum: &[f32], sample_rate_hz: u32, out: &mut Vec<Pitch>) {
    let n_fft = 2 * (spectrum.len() - 1);
    let bin_hz = f64::from(sample_rate_hz) / n_fft as f64;
    let threshold = THRESHOLD * peak(spectrum);
    let first = ((f64::from(PITCH_HZ[0]) / bin_hz).ceil() as usize).max(1);
    let end = ((f64::from(PITCH_HZ[1]) / bin_hz).ceil() as usize).min(spectrum.len().saturating_sub(1));
    for k in first..end {
        let [left, here, right] = [spectrum[k - 1], spectrum[k], spectrum[k + 1]];
        // Neighbours below the threshold count as 0, which changes no comparison.
        if here <= threshold || here <= left || here < right {
            continue;
        }
        let (curvature, slope) = (right + left - 2.0 * here, (right - left) / 2.0);
        let shift = if slope.abs() >= curvature.abs() { 0.0 } else { -slope / curvature };
        out.push(Pitch {
            frequency_hz: ((k as f64 + f64::from(shift)) * bin_hz) as f32,
            magnitude: here + 0.5 * slope * shift,
        });
    }
}

/// The fullest of the steps that pitches of at least median magnitude fall into, by its lower edge:
/// `librosa.pitch_tuning`.
pub(super) fn tuning_of(mut pitches: Vec<Pitch>) -> f64 {
    if pitches.is_empty() {
        return 0.0;
    }
    let threshold = median_magnitude(&mut pitches);
    let mut counts = [0_u32; STEPS];
    for pitch in pitches.iter().filter(|pitch| pitch.magnitude >= threshold) {
        let semitones = 12.0 * (pitch.frequency_hz / A0_HZ).log2();
        let above = semitones.rem_euclid(1.0);
        let deviation = if above >= 0.5 { above - 1.0 } else { above };
        counts[step_of(deviation)] += 1;
    }
    let fullest = (0..STEPS).rev().max_by_key(|&step| counts[step]).unwrap_or(STEPS / 2);
    edge(fullest)
}

/// The step that holds a deviation: its lower edge belongs to it.
fn step_of(deviation: f32) -> usize {
    let deviation = f64::from(deviation);
    let guess = ((deviation + 0.5) * STEPS as f64).clamp(0.0, STEPS as f64 - 1.0) as usize;
    if deviation < edge(guess) {
        guess.saturating_sub(1)
    } else if deviation >= edge(guess + 1) {
        (guess + 1).min(STEPS - 1)
    } else {
        guess
    }
}

/// Lower edge of a step, semitones: `numpy.linspace(-0.5, 0.5, 101)`.
fn edge(step: usize) -> f64 {
    step as f64 * (1.0 / STEPS as f64) - 0.5
}

fn median_magnitude(pitches: &mut [Pitch]) -> f32 {
    let middle = pitches.len() / 2;
    let is_even = pitches.len().is_multiple_of(2);
    let (below, upper, _) =
        pitches.select_nth_unstable_by(middle, |a, b| a.magnitude.total_cmp(&b.magnitude));
    if is_even {
        let lower = below.iter().map(|pitch| pitch.magnitude).fold(0.0, f32::max);
        return (lower + upper.magnitude) / 2.0;
    }
    upper.magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_that_is_a_fifth_of_a_semitone_sharp_is_found() {
        let hz = 440.0 * 2f32.powf(0.205 / 12.0);
        let pitches = vec![Pitch { frequency_hz: hz, magnitude: 1.0 }; 3];
        assert!((tuning_of(pitches) - 0.20).abs() < 1e-9);
        assert!((tuning_of(Vec::new())).abs() < 1e-9);
    }

    #[test]
    fn steps_meet_without_gap_or_overlap() {
        for step in 0..STEPS {
            assert_eq!(step_of((edge(step) + 0.005) as f32), step);
        }
        assert_eq!((step_of(-0.5), step_of(0.5)), (0, STEPS - 1));
    }
}
