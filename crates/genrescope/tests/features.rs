//! Truths about the features: what must hold whatever librosa says; and parity with published spectrograms.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use genrescope::ErrorKind;
use genrescope::audio::{Waveform, audio_files};
use genrescope::features::{
    Framing, FrontEnd, MelFrames, MelLayout, MelStream, Padding, Reference, Statistics, mel_db,
    mel_descriptors, mel_filter_bank, mel_spectrogram, patch_db, power_to_db, rereference_db, rms,
    spectral_centroid, spectral_rolloff, stft,
};
use proptest::prelude::*;
use support::{assert_all_close, assert_refused, music, shared_data, sound};

const RATE_HZ: u32 = 22_050;

fn every_frame() -> FrontEnd {
    FrontEnd { frame_step: 1.0, ..FrontEnd::default() }
}

fn mel(samples: &[f32], front_end: &FrontEnd) -> MelFrames {
    let waveform = Waveform { samples: samples.to_vec(), sample_rate_hz: front_end.sample_rate_hz };
    mel_spectrogram(&waveform, front_end).unwrap()
}

fn sine(frequency_hz: f64, samples: usize) -> Vec<f32> {
    let step = std::f64::consts::TAU * frequency_hz / f64::from(RATE_HZ);
    (0..samples).map(|n| (step * n as f64).sin() as f32).collect()
}

fn maximum(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

#[test]
fn a_sine_peaks_in_the_band_that_is_centred_on_it() {
    let bank = mel_filter_bank(RATE_HZ, 2048, 128);
    for band in [10, 40, 64, 100, 127] {
        let (first, weights) = bank.weights(band);
        let heaviest = first + weights.iter().position(|&w| w == maximum(weights)).unwrap();
        let frames = mel(&sine(heaviest as f64 * f64::from(RATE_HZ) / 2048.0, 22_050), &every_frame());
        let middle = &frames.power[20 * 128..21 * 128];
        assert_eq!(middle.iter().position(|&p| p == maximum(middle)), Some(band));
    }
}

#[test]
fn mean_square_is_that_of_the_frames_samples() {
    let samples = sine(1000.0, 22_050);
    let frames = mel(&samples, &every_frame());
    assert_all_close(&frames.mean_square[3..40], &[0.5; 37], 1e-3, 0.0);
    let mean = samples[..1024].iter().sum::<f32>() / 1024.0;
    let first: f32 = samples[..1024].iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 2048.0;
    assert_all_close(&frames.mean_square[..1], &[first], 1e-6, 0.0);
}

#[test]
fn a_constant_has_no_mean_square_up_to_the_edges() {
    for padding in [Padding::Constant, Padding::Reflect] {
        let front_end = FrontEnd { padding, ..every_frame() };
        for pieces in [7, 1000, 22_050] {
            let mut stream = MelStream::new(&front_end).unwrap();
            let mut frames = MelFrames::new(front_end.mel_bands);
            [0.5; 22_050].chunks(pieces).for_each(|piece| stream.push(piece, &mut frames));
            stream.finish(&mut frames);
            assert!(frames.mean_square.iter().all(|&m| m < 1e-6), "{padding:?}, {pieces} samples at a time");
        }
    }
}

#[test]
fn there_are_as_many_frames_as_in_librosa() {
    let expected = [(0, 0), (1, 1), (511, 1), (512, 2), (66_149, 130), (220_500, 431)];
    for (samples, frames) in expected {
        for padding in [Padding::Constant, Padding::Reflect] {
            let front_end = FrontEnd { padding, ..every_frame() };
            assert_eq!(mel(&vec![0.1; samples], &front_end).frames(), frames, "{samples} samples");
        }
    }
}

#[test]
fn kept_frames_are_those_of_the_full_spectrogram() {
    let samples = sound(RATE_HZ, 60_000, 0.1);
    let full = mel(&samples, &every_frame());
    for frame_step in [1.5, 3.337, 1293.0 / 387.5, 10.0] {
        let front_end = FrontEnd { frame_step, ..every_frame() };
        let kept = mel(&samples, &front_end);
        let picked = (0..).map(|j| front_end.stft_frame(j) as usize).take_while(|&f| f < full.frames());
        let expected: Vec<f32> = picked.flat_map(|f| full.power[f * 128..(f + 1) * 128].to_vec()).collect();
        assert_eq!(kept.power, expected, "step {frame_step}");
    }
}

#[test]
fn a_whole_product_is_not_rounded_below() {
    for stft_frames in 1000..2000_u64 {
        let front_end = FrontEnd { frame_step: stft_frames as f64 / 387.5, ..FrontEnd::default() };
        let exact = |j| (2 * j + 1) * stft_frames / 775;
        assert!((0..1000).all(|j| front_end.stft_frame(j) == exact(j)), "{stft_frames}");
    }
}

#[test]
fn gain_changes_nothing_in_a_patch() {
    let samples = sound(RATE_HZ, 60_000, 0.05);
    let patch = |gain: f32| {
        let scaled: Vec<f32> = samples.iter().map(|x| gain * x).collect();
        patch_db(&mel(&scaled, &FrontEnd::default()).power, &FrontEnd::default(), None)
    };
    let original = patch(1.0);
    assert_eq!((maximum(&original), original.iter().any(|&x| x < -30.0)), (0.0, true));
    for gain in [0.1, 0.01, 0.5, 3.7] {
        assert_all_close(&patch(gain), &original, 1e-4, 0.0);
    }
}

#[test]
fn silence_and_the_shortest_signals_are_finite() {
    for samples in [vec![], vec![0.0; 50_000], vec![1.0], vec![-0.5; 10], vec![1e-20; 5000], vec![1e9; 5000]]
    {
        for padding in [Padding::Constant, Padding::Reflect] {
            let front_end = FrontEnd { padding, ..FrontEnd::default() };
            let frames = mel(&samples, &front_end);
            let db = patch_db(&frames.power, &front_end, None);
            assert!(frames.power.iter().chain(&frames.mean_square).chain(&db).all(|x| x.is_finite()));
        }
    }
}

#[test]
fn the_reference_decides_what_zero_db_is() {
    let power = [1.0, 0.1, 1e-12];
    let patch = FrontEnd { reference: Reference::Patch, floor_db: -60.0, ..FrontEnd::default() };
    let clip = FrontEnd { reference: Reference::Clip, floor_db: -80.0, ..FrontEnd::default() };
    assert_all_close(&patch_db(&power, &patch, Some(10.0)), &[0.0, -10.0, -60.0], 1e-5, 0.0);
    assert_all_close(&patch_db(&power, &clip, Some(10.0)), &[-10.0, -20.0, -80.0], 1e-5, 0.0);
    assert_all_close(&patch_db(&power, &clip, None), &[0.0, -10.0, -80.0], 1e-5, 0.0);
}

#[test]
fn decibels_rereferenced_are_those_of_the_power() {
    let front_end = FrontEnd::default();
    let power = mel(&sound(RATE_HZ, 60_000, 0.01), &front_end).power;
    let mut db = power_to_db(&power, 3.0, 1e-30, None);
    rereference_db(&mut db, &front_end);
    assert_all_close(&db, &patch_db(&power, &front_end, None), 1e-5, 0.0);
    rereference_db(&mut [], &front_end);
}

#[test]
fn settings_that_make_no_spectrogram_are_refused() {
    let good = FrontEnd::default;
    let cases = [
        ("sample_rate_hz", FrontEnd { sample_rate_hz: 0, ..good() }),
        ("n_fft", FrontEnd { n_fft: 1, ..good() }),
        ("hop_samples", FrontEnd { hop_samples: 0, ..good() }),
        ("mel_bands", FrontEnd { mel_bands: 0, ..good() }),
        ("frame_step", FrontEnd { frame_step: f64::NAN, ..good() }),
        ("frame_step", FrontEnd { frame_step: 0.5, ..good() }),
        ("floor_db", FrontEnd { floor_db: 60.0, ..good() }),
    ];
    for (setting, front_end) in cases {
        assert_refused(MelStream::new(&front_end).map(|_| ()), ErrorKind::BadSettings, setting);
    }
    let other_rate = Waveform { samples: vec![0.0], sample_rate_hz: 16_000 };
    assert_refused(mel_spectrogram(&other_rate, &good()), ErrorKind::BadSettings, "16000 Hz");
}

#[test]
fn what_a_mel_spectrogram_says_is_near_what_samples_and_spectrum_say() {
    let samples = music(RATE_HZ, 110_250);
    let framing = Framing::with_padding(Padding::Constant);
    let magnitudes = stft(&samples, framing).magnitudes();
    let found = mel_descriptors(&mel_db(&samples, Padding::Constant), MelLayout::default());
    let near = |found: f64, expected: f32, rtol| assert_all_close(&[found], &[expected], 0.0, rtol);
    near(found.rms.mean, mean(&rms(&samples, framing)), 0.05);
    near(found.spectral_centroid.mean, mean(&spectral_centroid(&magnitudes, RATE_HZ)), 0.1);
    near(found.rolloff.mean, mean(&spectral_rolloff(&magnitudes, RATE_HZ, 0.85)), 0.1);
    assert_eq!(found.values().len(), 46);
}

#[test]
fn what_0_db_is_changes_the_level_and_the_first_coefficient_of_a_mel_spectrogram_alone() {
    let db = mel_db(&music(RATE_HZ, 60_000), Padding::Constant);
    let louder: Vec<f32> = db.iter().map(|level| level + 20.0).collect();
    let [quiet, loud] = [&db, &louder].map(|db| mel_descriptors(db, MelLayout::default()));
    let same = |a: Statistics, b: Statistics| {
        assert_all_close(&[a.mean, a.variance], &[b.mean, b.variance], 1e-3, 1e-4);
    };
    assert_all_close(&[loud.rms.mean], &[10.0 * quiet.rms.mean], 0.0, 1e-4);
    same(loud.spectral_centroid, quiet.spectral_centroid);
    same(loud.rolloff, quiet.rolloff);
    assert_all_close(&[loud.mfcc[0].mean], &[quiet.mfcc[0].mean + 20.0 * 128f64.sqrt()], 0.0, 1e-4);
    loud.mfcc[1..].iter().zip(&quiet.mfcc[1..]).for_each(|(a, b)| same(*a, *b));
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_in_any_pieces_is_the_whole(
        samples in 0..20_000_usize,
        pieces in prop::collection::vec(1..5000_usize, 1..20),
        n_fft in prop::sample::select(vec![256_usize, 511, 2048]),
        hop_samples in prop::sample::select(vec![100_usize, 512, 1708, 4000]),
        frame_step in prop::sample::select(vec![1.0, 3.337]),
        padding in prop::sample::select(vec![Padding::Constant, Padding::Reflect]),
    ) {
        let front_end =
            FrontEnd { n_fft, hop_samples, frame_step, padding, mel_bands: 20, ..FrontEnd::default() };
        let samples = sound(RATE_HZ, samples, 0.1);
        let (mut stream, mut frames) = (MelStream::new(&front_end).unwrap(), MelFrames::new(20));
        let mut rest = samples.as_slice();
        for piece in pieces.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*piece));
            stream.push(now, &mut frames);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        stream.finish(&mut frames);
        prop_assert_eq!(frames, mel(&samples, &front_end));
    }
}

/// A line of `gtzan-mel/tracks.csv`.
#[derive(serde::Deserialize)]
struct Track {
    path: String,
    clip: String,
    stft_frames: f64,
    db_step: f32,
}

impl Track {
    /// The stored spectrogram, `[frames, bands]`: steps of dB, 255 is the clip's maximum.
    fn stored(&self, folder: &Path) -> Vec<u8> {
        let bytes = fs::read(folder.join(&self.path)).unwrap();
        let npy = npyz::NpyFile::new(bytes.as_slice()).unwrap();
        let (bands, frames) = (npy.shape()[0] as usize, npy.shape()[1] as usize);
        let values: Vec<u8> = npy.into_vec().unwrap();
        let cells = (0..frames).flat_map(|t| (0..bands).map(move |b| b * frames + t));
        cells.map(|cell| values[cell]).collect()
    }

    /// The frames that were kept, from audio. Where (j + 0.5)·n/387.5 is whole, the published spectrograms have the
    /// frame before: hence a step that is smaller by less than the distance to the next such product.
    fn kept(&self, waveform: &Waveform) -> Vec<f32> {
        let frame_step = self.stft_frames / 387.5 * (1.0 - 5e-7);
        let mut power = mel_spectrogram(waveform, &FrontEnd { frame_step, ..every_frame() }).unwrap().power;
        power.truncate(387 * 128);
        power
    }

    /// Fails unless every cell is within half a step and 0.01 dB of the stored one.
    fn assert_parity(&self, audio: &Path, stored: &Path) {
        let waveform = Waveform::decode(audio, RATE_HZ).unwrap();
        let all = mel_spectrogram(&waveform, &every_frame()).unwrap();
        assert_eq!(all.frames() as f64, self.stft_frames, "{}", self.clip);
        let decibels = |power: &[f32]| power_to_db(power, maximum(&all.power), 1e-10, None);
        // A step is the clip's own range / 256; the table has it to 1.1 %, for one clip to 3.5 %.
        let quietest = decibels(&all.power).into_iter().fold(0.0, f32::min).max(-80.0);
        let step_db = quietest / -256.0;
        assert_all_close(&[step_db], &[self.db_step], 0.0, 0.035);
        let found: Vec<f32> = decibels(&self.kept(&waveform)).into_iter().map(|x| x.max(quietest)).collect();
        let expected: Vec<f32> =
            self.stored(stored).into_iter().map(|q| (f32::from(q) + 0.5 - 256.0) * step_db).collect();
        assert_all_close(&found, &expected, f64::from(step_db) / 2.0 + 0.01, 0.0);
    }
}

#[test]
fn spectrograms_from_audio_are_the_published_ones() {
    let (Some(audio), Some(stored)) = (shared_data("gtzan-mini"), shared_data("gtzan-mel")) else { return };
    let table = csv::Reader::from_path(stored.join("tracks.csv")).unwrap().into_deserialize::<Track>();
    let tracks: Vec<Track> = table.map(Result::unwrap).collect();
    let files: Vec<_> = audio_files(&audio).into_iter().map(Result::unwrap).collect();
    assert_eq!(files.len(), 101);
    for file in files {
        let clip = file.file_stem().unwrap().to_string_lossy();
        println!("{clip}");
        let track = tracks.iter().find(|t| t.clip == clip).unwrap();
        track.assert_parity(&file, &stored);
    }
}
