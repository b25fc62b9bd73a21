//! The tags of musicnn: equal to the package's on the same samples, and, where the data is, to what was published.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;

use genrescope::audio::{AudioStream, Waveform, audio_files};
use genrescope::dataset::taggrams;
use genrescope::features::{FrontEnd, LowPass, mel_spectrogram, patch_db};
use genrescope::model::{Head, Model, PatchInput};
use genrescope::predict::{Decoding, Settings, classify};
use genrescope_nn::Network;
use rayon::prelude::*;
use serde::Deserialize;
use support::{assert_all_close, golden, music, shared_data, sound};

/// Made by `reference/make_musicnn_golden.py`.
#[derive(Deserialize)]
struct Case {
    name: String,
    sample_rate_hz: u32,
    samples: usize,
    hop_frames: usize,
    tags: Vec<String>,
    /// `[patches][tags]`.
    scores: Vec<Vec<f32>>,
    /// Of the first patch.
    embedding: Vec<f32>,
}

impl Case {
    fn patches(&self, model: &Model) -> Vec<PatchInput> {
        let samples = match self.name.as_str() {
            "sound" => sound(self.sample_rate_hz, self.samples, 0.05),
            "music" => music(self.sample_rate_hz, self.samples),
            "quiet_music" => music(self.sample_rate_hz, self.samples).iter().map(|x| 0.02 * x).collect(),
            other => panic!("no sound is called {other}"),
        };
        // The samples are those that the package's spectrogram is made of: nothing was resampled.
        let front_end = &FrontEnd { low_pass: LowPass::None, ..model.header.front_end.clone() };
        let frames = model.header.patch_frames;
        let mel =
            mel_spectrogram(&Waveform { samples, sample_rate_hz: self.sample_rate_hz }, front_end).unwrap();
        let starts = (0..=mel.frames() - frames).step_by(self.hop_frames);
        let rows = |start: usize| &mel.power[start * mel.bands..(start + frames) * mel.bands];
        starts.map(|start| patch_db(rows(start), front_end, None).into()).collect()
    }
}

/// The tests below hold what is left to the package's tags.
#[test]
fn filters_without_weights_are_left_out() {
    let model = Model::musicnn().unwrap();
    let network = model.network().unwrap();
    let bias = |network: &Network| -> Vec<usize> {
        let timbral = network.parameters().iter().filter(|p| p.name.starts_with("timbral"));
        timbral.filter(|p| p.name.ends_with("conv.bias")).map(|p| p.data.len()).collect()
    };
    assert_eq!(bias(network), [204, 204]);
    let [low, high] = bias(&network.folded())[..] else { panic!("two branches") };
    assert!(low + high <= 39, "{low}, {high}");
}

#[test]
fn tags_and_embeddings_are_those_of_the_package() {
    let model = Model::musicnn().unwrap();
    for case in golden::<Case>("musicnn.json") {
        println!("{}", case.name);
        assert_eq!(model.header.genres, case.tags);
        let patches = case.patches(&model);
        let scores = model.scores(&patches).unwrap();
        assert_eq!(scores.len(), case.scores.len());
        let far = |(a, e): (&f32, &f32)| (a - e).abs();
        let farthest = scores.iter().flatten().zip(case.scores.iter().flatten()).map(far).fold(0.0, f32::max);
        println!("farthest: {farthest}");
        for (actual, expected) in scores.iter().zip(&case.scores) {
            assert_all_close(actual, expected, 1e-3, 0.0);
        }
        let embeddings = model.embeddings(&patches).unwrap();
        let largest = case.embedding.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        // Weights of half precision: 11 bits.
        assert_all_close(&embeddings[0], &case.embedding, 5e-3 * f64::from(largest), 0.0);
    }
}

fn top(head: &Head, windows: &[Vec<f32>]) -> usize {
    let mean = |tag: usize| windows.iter().map(|row| row[tag]).sum::<f32>() / windows.len() as f32;
    let scores = head.scores(&(0..windows[0].len()).map(mean).collect::<Vec<f32>>());
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap()
}

#[test]
fn audio_has_the_genre_of_its_published_taggram() {
    let folders = shared_data("musicnn-taggram").zip(shared_data("gtzan-mini"));
    let Some((published, audio)) = folders else { return };
    let mut windows = HashMap::new();
    for part in ["training", "evaluation"] {
        let name = format!("{part}_data_GTZAN_MSDmusicnn_taggram.npz");
        windows.extend(taggrams::read(&published.join(name)).unwrap());
    }
    assert_eq!(windows.len(), 443 + 290);
    let model = Model::musicnn().unwrap();
    let head = model.header.head.clone().unwrap();
    let settings = Settings {
        // As the published windows lie.
        patch_hop_s: Some(61.0 * model.header.front_end.frame_period_s()),
        decoding: Decoding::Inline,
        ..Settings::default()
    };
    let files: Vec<_> = audio_files(&audio).into_iter().collect::<Result<_, _>>().unwrap();
    let known: Vec<_> =
        files.iter().filter_map(|path| Some((path, windows.get(path.file_stem()?.to_str()?)?))).collect();
    assert_eq!(known.len(), 44);
    let same = known.par_iter().filter(|(path, windows)| {
        let stream = AudioStream::open(path, model.header.front_end.sample_rate_hz).unwrap();
        let tags = classify(&model, stream, &settings).unwrap().scores;
        top(&head, &[tags]) == top(&head, windows)
    });
    let same = same.count();
    println!("{same} of 44");
    assert!(same >= 43, "{same} of 44");
}
