//! Whether a patch is music at all, by what a network of genres makes of it and by its levels.

use genrescope_nn::{Network, sigmoid, softmax};
use serde::{Deserialize, Serialize};

use super::card::bad;
use super::{Model, PatchInput};
use crate::error::Result;

/// The layer that gives the scores; every network of the zoo has it.
const HEAD: &str = "scores";
/// Statistics of each band: mean, deviation, mean change from frame to frame.
const STATISTICS: usize = 3;

/// A logistic regression that tells music from noise, speech, tones and applause. It reads the network's embedding of a
/// patch, then the statistics of its levels. Travels in the header of the model whose embedding it reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MusicGate {
    /// `[embedding + 3 * bands]`: of the embedding, of the bands' means, deviations and mean changes, all in dB.
    pub weights: Vec<f32>,
    /// Added to the products.
    pub bias: f32,
    /// What it learnt from.
    pub trained_on: String,
}

/// What a model says of a patch.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchAnswer {
    /// One score a genre, sum 1; one a tag, each 0 to 1.
    pub scores: Vec<f32>,
    /// How likely it is music, 0 to 1; 1 where the model does not tell.
    pub music: f32,
}

impl MusicGate {
    pub(super) fn check(&self, bands: usize) -> Result<(), String> {
        let finite = self.weights.iter().chain([&self.bias]).all(|number| number.is_finite());
        match finite && self.weights.len() > STATISTICS * bands {
            true => Ok(()),
            false => Err(format!("its music gate needs finite weights of an embedding and of {bands} bands")),
        }
    }

    /// Whether it reads what the network gives.
    pub(super) fn check_network(&self, network: &Network, bands: usize) -> Result<(), String> {
        let (embedding, found) =
            (numbers(network, "weight").len() / numbers(network, "bias").len().max(1), self.weights.len());
        match found == embedding + STATISTICS * bands {
            true => Ok(()),
            false => {
                Err(format!("its music gate has {found} weights, of {embedding} numbers and {bands} bands"))
            }
        }
    }

    /// How likely a patch is music, 0 to 1.
    ///
    /// # Shape
    /// Embedding; patch `[frames, bands]`, dB.
    fn probability(&self, embedding: &[f32], db: &[f32], bands: usize) -> f32 {
        let statistics = statistics(db, bands);
        let values = embedding.iter().chain(&statistics);
        let products =
            self.weights.iter().zip(values).map(|(weight, value)| f64::from(*weight) * f64::from(*value));
        sigmoid(&[(f64::from(self.bias) + products.sum::<f64>()) as f32])[0]
    }
}

/// Mean, deviation and mean absolute change of every band, dB.
///
/// # Shape
/// `[frames, bands]` → `[3 * bands]`
fn statistics(db: &[f32], bands: usize) -> Vec<f32> {
    let frames = db.len() / bands;
    let mut sums = vec![[0.0_f64; STATISTICS]; bands];
    for (frame, row) in db.chunks_exact(bands).enumerate() {
        for (band, (sum, &level)) in sums.iter_mut().zip(row).enumerate() {
            let before = if frame > 0 { db[(frame - 1) * bands + band] } else { level };
            sum[0] += f64::from(level);
            sum[1] += f64::from(level) * f64::from(level);
            sum[2] += f64::from((level - before).abs());
        }
    }
    let (count, changes) = (frames.max(1) as f64, frames.saturating_sub(1).max(1) as f64);
    let of_band = |[sum, squares, change]: &[f64; STATISTICS]| {
        let mean = sum / count;
        [mean, (squares / count - mean * mean).max(0.0).sqrt(), change / changes]
    };
    let of_bands: Vec<[f64; STATISTICS]> = sums.iter().map(of_band).collect();
    (0..STATISTICS).flat_map(|kind| of_bands.iter().map(move |values| values[kind] as f32)).collect()
}

/// Weight or bias of the layer that scores.
fn numbers<'a>(network: &'a Network, part: &str) -> &'a [f32] {
    let name = format!("{HEAD}.{part}");
    let found = network.parameters().iter().find(|parameter| parameter.name == name);
    found.map_or(&[], |parameter| &parameter.data)
}

impl Model {
    /// What a network gives before the layer that scores: one row of numbers a patch, 200 of musicnn.
    ///
    /// # Errors
    /// Those of [`Model::scores`].
    pub fn embeddings(&self, patches: &[PatchInput]) -> Result<Vec<Vec<f32>>> {
        let own = self.own()?;
        let network = own.embedding.get_or_init(|| own.network.before(HEAD).map(|part| part.folded()));
        let network =
            network.as_ref().ok_or_else(|| bad(format!("`{}` has no embedding", self.header.network)))?;
        let (inputs, frames) = self.network_inputs(patches)?;
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let values = network.infer(&inputs, patches.len(), frames);
        let values = values
            .map_err(|e| bad(format!("`{}` does not take {frames} frames: {e}", self.header.network)))?;
        Ok(values.chunks_exact(values.len() / patches.len().max(1)).map(<[f32]>::to_vec).collect())
    }

    /// Scores of patches as of [`Model::scores`], and how likely each is music.
    ///
    /// # Errors
    /// Those of [`Model::scores`].
    pub fn answers(&self, patches: &[PatchInput]) -> Result<Vec<PatchAnswer>> {
        let Some(gate) = &self.header.music else {
            let scores = self.scores(patches)?;
            return Ok(scores.into_iter().map(|scores| PatchAnswer { scores, music: 1.0 }).collect());
        };
        let bands = self.header.front_end.mel_bands;
        let network = self.network()?;
        let answer = |(embedding, patch): (Vec<f32>, &PatchInput)| PatchAnswer {
            scores: softmax(&logits(network, &embedding), self.header.genres.len()),
            music: gate.probability(&embedding, &patch.db, bands),
        };
        Ok(self.embeddings(patches)?.into_iter().zip(patches).map(answer).collect())
    }
}

/// What the layer that scores makes of an embedding.
fn logits(network: &Network, embedding: &[f32]) -> Vec<f32> {
    let (weight, mut logits) = (numbers(network, "weight"), numbers(network, "bias").to_vec());
    for (value, row) in embedding.iter().zip(weight.chunks_exact(logits.len().max(1))) {
        logits.iter_mut().zip(row).for_each(|(logit, weight)| *logit += value * weight);
    }
    logits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_mean_deviation_and_change_of_each_band() {
        let db = [0.0, -10.0, -2.0, -10.0, -4.0, -10.0];
        let deviation = (8.0_f32 / 3.0).sqrt();
        let found = statistics(&db, 2);
        let expected = [-2.0, -10.0, deviation, 0.0, 2.0, 0.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn a_gate_weighs_the_embedding_before_the_levels() {
        let gate = MusicGate { weights: vec![2.0, 0.1, 0.0, 0.0], bias: 0.5, trained_on: String::new() };
        let probability = gate.probability(&[1.0], &[-10.0, -20.0], 1);
        assert!((probability - 1.0 / (1.0 + (-1.0_f32).exp())).abs() < 1e-6, "{probability}");
        assert!(gate.check(1).is_ok() && gate.check(2).is_err());
        assert!(MusicGate { bias: f32::NAN, ..gate }.check(1).is_err());
    }
}
