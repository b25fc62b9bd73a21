//! The tags of musicnn: equal to the package's on the same samples, and, where the data is, to what was published.
#![allow(clippy::unwrap_used)]

mod support;

use genrescope::audio::Waveform;
use genrescope::features::{mel_spectrogram, patch_db};
use genrescope::model::{Model, PatchInput};
use serde::Deserialize;
use support::{assert_all_close, golden, music, sound};

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
        let (front_end, frames) = (&model.header.front_end, model.header.patch_frames);
        let mel =
            mel_spectrogram(&Waveform { samples, sample_rate_hz: self.sample_rate_hz }, front_end).unwrap();
        let starts = (0..=mel.frames() - frames).step_by(self.hop_frames);
        let rows = |start: usize| &mel.power[start * mel.bands..(start + frames) * mel.bands];
        starts.map(|start| patch_db(rows(start), front_end, None).into()).collect()
    }
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
