//! Transposed spectrograms against spectrograms of recordings whose samples were shifted.
#![allow(clippy::unwrap_used)]

mod support;

use genrescope::audio::{Waveform, audio_files};
use genrescope::dataset::transpose::Transposition;
use genrescope::features::{FrontEnd, mel_spectrogram, patch_db, pitch_shift, rereference_db};
use rayon::prelude::*;
use support::{music, shared_data};

const RATE_HZ: u32 = 22_050;
/// Seconds of a clip that are compared: the whole of them would say the same.
const SECONDS: usize = 4;

fn spectrogram(samples: Vec<f32>, front_end: &FrontEnd) -> Vec<f32> {
    let mel = mel_spectrogram(&Waveform { samples, sample_rate_hz: RATE_HZ }, front_end).unwrap();
    patch_db(&mel.power, front_end, None)
}

/// Mean difference, dB, of the spectrogram of shifted samples from the transposed spectrogram, and from the one that
/// was left as it is. Compared are bands that the shift knows: not the uppermost ones.
fn differences(samples: &[f32], semitones: f64) -> [f64; 2] {
    let front_end = FrontEnd { frame_step: 1.0, ..FrontEnd::gtzan_mel() };
    let own = spectrogram(samples.to_vec(), &front_end);
    let shifted = spectrogram(pitch_shift(samples, semitones).unwrap(), &front_end);
    let mut transposed = own.clone();
    Transposition::new(&front_end, semitones).apply(&mut transposed);
    rereference_db(&mut transposed, &front_end);
    [&transposed, &own].map(|other| {
        // The first and last frames hear the edges of the excerpt.
        let frames = other.chunks(128).zip(shifted.chunks(128)).skip(4);
        let cells = frames.flat_map(|(a, b)| a[..112].iter().zip(&b[..112]));
        let far: Vec<f64> = cells.map(|(a, b)| f64::from((a - b).abs())).collect();
        far.iter().sum::<f64>() / far.len() as f64
    })
}

#[test]
fn chords_are_transposed_as_their_waveform_is() {
    let samples = music(RATE_HZ, SECONDS * RATE_HZ as usize);
    for semitones in [-3.0, 2.0, 5.0] {
        let [transposed, own] = differences(&samples, semitones);
        assert!(transposed < 0.85 * own, "{semitones}: {transposed} dB, {own} dB without");
    }
}

#[test]
fn clips_of_gtzan_are_transposed_as_their_waveforms_are() {
    let Some(folder) = shared_data("gtzan-mini") else { return };
    let paths: Vec<_> = audio_files(&folder).into_iter().map(Result::unwrap).collect();
    for semitones in [-4.0, 1.0, 4.0] {
        let of_clip = |path: &std::path::PathBuf| {
            let samples = Waveform::decode(path, RATE_HZ).unwrap().samples;
            differences(&samples[5 * RATE_HZ as usize..][..SECONDS * RATE_HZ as usize], semitones)
        };
        let all: Vec<[f64; 2]> = paths.par_iter().map(of_clip).collect();
        let mean = |which: usize| all.iter().map(|one| one[which]).sum::<f64>() / all.len() as f64;
        let nearer = all.iter().filter(|[transposed, own]| transposed < own).count();
        let (transposed, own) = (mean(0), mean(1));
        println!(
            "{semitones:+} semitones, {} clips: {transposed:.2} dB, {own:.2} dB without; nearer in {nearer}",
            all.len()
        );
        assert!(transposed < 0.6 * own && nearer == all.len(), "{semitones}: {transposed} {own} {nearer}");
    }
}
