//! librosa's audio features of synthesised sound, function by function; made by `reference/make_features_golden.py`.
#![allow(clippy::unwrap_used)]

mod support;

use genrescope::features::{
    FeatureSet, Framing, Magnitudes, Padding, ROLL_PERCENT, chroma_stft, decompose_hpss, estimate_tuning,
    harmonic, hpss, istft, mel_db, mfcc, onset_strength, percussive, rms, spectral_bandwidth,
    spectral_centroid, spectral_rolloff, stft, tempo, tempogram, tempogram_window, zero_crossing_rate,
};
use serde::Deserialize;
use support::{Sampled, assert_all_close, golden, music, sound};

const RATE_HZ: u32 = 22_050;
/// What is asked for.
const RTOL: f64 = 1e-4;

#[derive(Deserialize)]
struct Case {
    name: String,
    samples: usize,
    silent_from: Option<usize>,
    padding: Padding,
    frames: usize,
    tuning: f64,
    tempo: f64,
    magnitude: Sampled,
    harmonic_magnitude: Sampled,
    percussive_magnitude: Sampled,
    chroma_stft: Sampled,
    rms: Sampled,
    spectral_centroid: Sampled,
    spectral_bandwidth: Sampled,
    spectral_rolloff: Sampled,
    zero_crossing_rate: Sampled,
    harmonic: Sampled,
    percussive: Sampled,
    onset_strength: Sampled,
    tempogram: Sampled,
    mfcc: Sampled,
    table: Vec<f64>,
}

impl Case {
    fn signal(&self) -> Vec<f32> {
        println!("{} of {} samples, {:?}", self.name, self.samples, self.padding);
        let mut signal = if self.name == "music" {
            music(RATE_HZ, self.samples)
        } else {
            sound(RATE_HZ, self.samples, 0.05)
        };
        signal[self.silent_from.unwrap_or(self.samples)..].fill(0.0);
        signal
    }

    fn framing(&self) -> Framing {
        Framing::with_padding(self.padding)
    }

    fn magnitudes(&self) -> Magnitudes {
        let magnitudes = stft(&self.signal(), self.framing()).magnitudes();
        assert_eq!(magnitudes.frames(), self.frames);
        magnitudes
    }

    fn onsets(&self) -> Vec<f32> {
        onset_strength(&mel_db(&self.signal(), self.padding), 128, 2)
    }
}

/// Runs a check over every signal with either padding.
fn every(check: impl Fn(&Case)) {
    golden::<Case>("features.json").iter().for_each(check);
}

/// Within 1e-4 of the value or, where that is small, 1e-5 of the largest: both sides round in single precision.
#[track_caller]
fn assert_golden(actual: &[f32], expected: &Sampled) {
    expected.assert_close(actual, 1e-5 * expected.maximum.abs(), RTOL);
}

#[test]
fn magnitudes_of_the_stft_are_those_of_librosa() {
    every(|case| assert_golden(&case.magnitudes().values, &case.magnitude));
}

#[test]
fn chroma_stft_and_its_tuning_are_those_of_librosa() {
    every(|case| {
        let mut power = case.magnitudes();
        power.values.iter_mut().for_each(|x| *x *= *x);
        assert_all_close(&[estimate_tuning(&power, RATE_HZ)], &[case.tuning], 1e-9, 0.0);
        assert_golden(chroma_stft(&power, RATE_HZ).as_flattened(), &case.chroma_stft);
    });
}

#[test]
fn rms_is_that_of_librosa() {
    every(|case| assert_golden(&rms(&case.signal(), case.framing()), &case.rms));
}

#[test]
fn zero_crossing_rate_is_that_of_librosa() {
    every(|case| {
        assert_golden(&zero_crossing_rate(&case.signal(), case.framing()), &case.zero_crossing_rate)
    });
}

#[test]
fn spectral_centroid_is_that_of_librosa() {
    every(|case| assert_golden(&spectral_centroid(&case.magnitudes(), RATE_HZ), &case.spectral_centroid));
}

#[test]
fn spectral_bandwidth_is_that_of_librosa() {
    every(|case| assert_golden(&spectral_bandwidth(&case.magnitudes(), RATE_HZ), &case.spectral_bandwidth));
}

#[test]
fn spectral_rolloff_is_that_of_librosa() {
    every(|case| {
        assert_golden(&spectral_rolloff(&case.magnitudes(), RATE_HZ, ROLL_PERCENT), &case.spectral_rolloff)
    });
}

#[test]
fn harmonic_and_percussive_part_are_those_of_librosa() {
    every(|case| {
        let (signal, framing) = (case.signal(), case.framing());
        assert_golden(&harmonic(&signal, framing), &case.harmonic);
        assert_golden(&percussive(&signal, framing), &case.percussive);
        let [harmonic, percussive] = decompose_hpss(&case.magnitudes());
        assert_golden(&harmonic.values, &case.harmonic_magnitude);
        assert_golden(&percussive.values, &case.percussive_magnitude);
    });
}

#[test]
fn onset_strength_tempogram_and_tempo_are_those_of_librosa() {
    every(|case| {
        let onsets = case.onsets();
        assert_golden(&onsets, &case.onset_strength);
        let window = tempogram_window(RATE_HZ, 512);
        assert_golden(&tempogram(&onsets, window), &case.tempogram);
        assert_all_close(&[tempo(&onsets, RATE_HZ, 512)], &[case.tempo], 0.0, 1e-9);
    });
}

#[test]
fn mfcc_is_that_of_librosa() {
    every(|case| assert_golden(&mfcc(&mel_db(&case.signal(), case.padding), 128, 20), &case.mfcc));
}

#[test]
fn the_57_columns_are_those_of_librosa() {
    every(|case| {
        // Means of waveforms lie about 0: 2e-6, as for the published table.
        assert_all_close(&FeatureSet::Gtzan57.values(&case.signal(), case.padding), &case.table, 2e-6, RTOL);
    });
}

#[test]
fn the_inverse_of_the_stft_is_the_signal_and_so_is_the_sum_of_its_parts() {
    every(|case| {
        let (signal, framing) = (case.signal(), case.framing());
        let back = istft(&stft(&signal, framing), signal.len());
        assert_all_close(&back, &signal, 1e-6, 0.0);
        let parts = hpss(&signal, framing);
        let sum: Vec<f32> = parts.harmonic.iter().zip(&parts.percussive).map(|(h, p)| h + p).collect();
        let kept = (case.frames - 1) * framing.hop_samples;
        assert_all_close(&sum[..kept], &signal[..kept], 1e-6, 0.0);
    });
}

#[test]
fn a_signal_of_many_chunks_has_the_parts_of_the_whole() {
    let signal: Vec<f32> = music(RATE_HZ, 50_000).into_iter().cycle().take(1_900_000).collect();
    let framing = Framing::with_padding(Padding::Constant);
    let transform = stft(&signal, framing);
    let [expected, _] = decompose_hpss(&transform.magnitudes());
    let mut masked = transform.clone();
    let magnitudes = transform.magnitudes();
    for (i, (harmonic, all)) in expected.values.iter().zip(&magnitudes.values).enumerate() {
        let mask = harmonic / all.max(1e-20);
        masked.real[i] *= mask;
        masked.imaginary[i] *= mask;
    }
    assert_all_close(&harmonic(&signal, framing), &istft(&masked, signal.len()), 1e-5, 0.0);
}
