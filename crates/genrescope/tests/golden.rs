//! librosa's numbers for synthesised sound, made by `reference/make_golden.py`.
#![allow(clippy::unwrap_used)]

mod support;

use genrescope::audio::Waveform;
use genrescope::features::{
    FrontEnd, MelFrames, Padding, hz_to_mel, mel_filter_bank, mel_spectrogram, mel_to_hz, power_to_db,
};
use serde::Deserialize;
use support::{Sampled, assert_all_close, golden, sound};

#[derive(Deserialize)]
struct MelCase {
    name: String,
    sample_rate_hz: u32,
    n_fft: usize,
    hop_samples: usize,
    mel_bands: usize,
    padding: Padding,
    samples: usize,
    noise_level: f64,
    frames: usize,
    power: Sampled,
    db_of_maximum_top_80: Sampled,
    db_of_one_top_30: Sampled,
    db_of_one_top_none: Sampled,
}

impl MelCase {
    fn mel(&self) -> MelFrames {
        let front_end = FrontEnd {
            sample_rate_hz: self.sample_rate_hz,
            n_fft: self.n_fft,
            hop_samples: self.hop_samples,
            mel_bands: self.mel_bands,
            padding: self.padding,
            frame_step: 1.0,
            ..FrontEnd::default()
        };
        let samples = sound(self.sample_rate_hz, self.samples, self.noise_level);
        let mel =
            mel_spectrogram(&Waveform { samples, sample_rate_hz: self.sample_rate_hz }, &front_end).unwrap();
        assert_eq!((mel.frames(), mel.bands), (self.frames, self.mel_bands), "{}", self.name);
        mel
    }
}

#[test]
fn mel_power_is_that_of_librosa() {
    for case in golden::<MelCase>("mel_spectrogram.json") {
        println!("{}", case.name);
        // Both transform in single precision: its rounding, relative to the loudest cell. Required is 1e-4.
        case.power.assert_close(&case.mel().power, 1e-6 * case.power.maximum, 1e-5);
    }
}

#[test]
fn decibels_are_those_of_librosa() {
    for case in golden::<MelCase>("mel_spectrogram.json") {
        println!("{}", case.name);
        let power = case.mel().power;
        let maximum = power.iter().copied().fold(0.0, f32::max);
        // 0.002 dB are 0.05 % of a cell's power: the rounding above, seen from a cell 30 dB below the maximum.
        case.db_of_maximum_top_80.assert_close(&power_to_db(&power, maximum, 1e-10, Some(80.0)), 2e-3, 0.0);
        case.db_of_one_top_30.assert_close(&power_to_db(&power, 1.0, 1e-10, Some(30.0)), 2e-3, 0.0);
        case.db_of_one_top_none.assert_close(&power_to_db(&power, 1.0, 1e-10, None), 2e-3, 0.0);
    }
}

#[derive(Deserialize)]
struct BankCase {
    sample_rate_hz: u32,
    n_fft: usize,
    mel_bands: usize,
    band_sum: Vec<f64>,
    first_bin: Vec<usize>,
    last_bin: Vec<usize>,
    peak: Vec<f64>,
}

#[test]
fn filter_banks_are_those_of_librosa() {
    for case in golden::<BankCase>("mel_filter_bank.json") {
        let bank = mel_filter_bank(case.sample_rate_hz, case.n_fft, case.mel_bands);
        assert_eq!(bank.bands(), case.mel_bands);
        for band in 0..case.mel_bands {
            let (first, weights) = bank.weights(band);
            assert_eq!(
                (first, first + weights.len() - 1),
                (case.first_bin[band], case.last_bin[band]),
                "band {band}"
            );
            let sum: f64 = weights.iter().map(|&w| f64::from(w)).sum();
            let peak = weights.iter().copied().fold(0.0, f32::max);
            assert_all_close(&[sum, peak.into()], &[case.band_sum[band], case.peak[band]], 0.0, 2e-6);
        }
    }
}

#[derive(Deserialize)]
struct ScaleCase {
    hz: f64,
    mel: f64,
}

#[test]
fn the_mel_scale_is_that_of_librosa() {
    let cases = golden::<ScaleCase>("mel_scale.json");
    let (hz, mel): (Vec<f64>, Vec<f64>) = cases.iter().map(|c| (c.hz, c.mel)).unzip();
    assert_all_close(&hz.iter().map(|&f| hz_to_mel(f)).collect::<Vec<_>>(), &mel, 1e-12, 1e-12);
    assert_all_close(&mel.iter().map(|&m| mel_to_hz(m)).collect::<Vec<_>>(), &hz, 1e-9, 1e-12);
}

#[test]
#[should_panic(expected = "lengths differ")]
fn the_comparison_sees_another_length() {
    assert_all_close(&[1.0], &[1.0, 1.0], 1.0, 1.0);
}

#[test]
#[should_panic(expected = "2 of 3 differ")]
fn the_comparison_sees_what_is_too_large_too_small_or_no_number() {
    assert_all_close(&[2.0, f64::NAN, 1.0], &[1.0, 1.0, 1.0], 0.5, 0.0);
}
