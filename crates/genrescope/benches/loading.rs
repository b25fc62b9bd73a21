//! Milliseconds to make a batch of patches, as one line of JSON for each way of varying them: what a training step waits
//! for before it begins (`benches/training.rs`).
//!
//! `cargo bench -p genrescope --bench loading -- [--threads N] [--batch N] [--frames N]`; the data is made up, 200 tracks
//! of 387 frames.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use genrescope::dataset::augment::{Augment, KeySet, Keys};
use genrescope::dataset::patches::{Places, Sampling, build_batch, plan_epoch};
use genrescope::dataset::recording::Recording;
use genrescope::dataset::{Dataset, Spectrogram, Track};
use genrescope::features::{FeatureSet, FrontEnd, Padding, PatchFeatures};
use genrescope::model::{FeatureInput, Normalisation};
use serde_json::json;

const TRACKS: usize = 200;
const TRACK_FRAMES: usize = 387;
const BANDS: usize = 128;
const COLUMNS: usize = 46;
const BATCHES: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |flag: &str| arguments.iter().position(|a| a == flag).map(|at| arguments[at + 1].clone());
    let number = |flag: &str, otherwise| value(flag).map_or(otherwise, |n| n.parse::<usize>().expect(flag));
    let (threads, batch, frames) = (number("--threads", 1), number("--batch", 64), number("--frames", 38));
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().unwrap();
    let dataset = dataset(TRACK_FRAMES / frames);
    let keys = Augment { transpose: Keys::Named(KeySet::CPs), ..Augment::none() };
    let recording = Recording {
        probability: 0.5,
        semitones: 2.0,
        stretch: 0.1,
        equaliser_db: 6.0,
        reverberation_s: 0.8,
        compression: 0.3,
        noise_db: Some([-40.0, -10.0]),
        low_cut_band: 6,
    };
    let recordings = Augment { recording, ..Augment::default() };
    let ways =
        [("none", Augment::none()), ("C_ps", keys), ("all", Augment::default()), ("recordings", recordings)];
    for (name, augment) in ways {
        let sampling = sampling(augment, batch, frames);
        let milliseconds = median_milliseconds(&dataset, &sampling);
        println!(
            "{}",
            json!({ "augment": name, "threads": threads, "batch": batch, "frames": frames, "ms": milliseconds })
        );
    }
}

fn median_milliseconds(dataset: &Dataset, sampling: &Sampling) -> f64 {
    let tracks: Vec<usize> = (0..TRACKS).collect();
    let plans = (0..).flat_map(|epoch| plan_epoch(dataset, sampling, &tracks, epoch));
    let time = |plan| {
        let begun = Instant::now();
        assert!(!build_batch(dataset, sampling, &plan).input.is_empty());
        1e3 * begun.elapsed().as_secs_f64()
    };
    let mut times: Vec<f64> = plans.take(BATCHES).map(time).collect();
    times.sort_by(f64::total_cmp);
    (1000.0 * times[BATCHES / 2]).round() / 1000.0
}

fn sampling(augment: Augment, batch_size: usize, patch_frames: usize) -> Sampling {
    let extraction = PatchFeatures { set: FeatureSet::Mel46, padding: Padding::Reflect };
    let each = |count: usize| Normalisation { mean: vec![-30.0; count], deviation: vec![15.0; count] };
    Sampling {
        front_end: FrontEnd::gtzan_mel(),
        normalisation: each(BANDS),
        features: Some(FeatureInput {
            extraction,
            columns: extraction.columns(),
            normalisation: each(COLUMNS),
        }),
        augment,
        patch_frames,
        time_resample: None,
        places: Places::Segments,
        crops_per_track: 1,
        batch_size,
        seed: 1,
        tags: Vec::new(),
    }
}

fn dataset(segments: usize) -> Dataset {
    let level = |cell: usize| -((cell * 7919 % 8000) as f32) / 100.0;
    let track = |t: usize| Track {
        id: format!("t{t}"),
        genre: t % 10,
        artist: None,
        artist_fold: None,
        filtered_split: None,
        near_duplicate_of: None,
        audio: None,
        spectrogram: Spectrogram {
            bands: BANDS,
            db: (0..TRACK_FRAMES * BANDS).map(|cell| level(cell + t)).collect(),
        },
        vectors: vec![vec![1.0; COLUMNS]; segments],
        transposed: Vec::new(),
    };
    let genres = (0..10).map(|genre| format!("genre {genre}")).collect();
    Dataset { genres, tracks: (0..TRACKS).map(track).collect(), skipped: Vec::new() }
}
