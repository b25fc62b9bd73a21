//! A model as an ONNX file: takes what the front end gives, answers with the model's scores.

use genrescope_nn::onnx::{Preparation, Scores, Surroundings};

use super::card::{LEAST_DEVIATION, Normalisation, Vocabulary, bad};
use super::{Header, Model};
use crate::error::{Error, ErrorKind, Result};
use crate::features::resample_frames;

/// Version of the metadata's keys.
const SCHEMA: &str = "genrescope.onnx/1";

impl Model {
    /// The model as an ONNX file, of what [`Model::scores`] computes.
    ///
    /// # Shape
    /// `mel`: `[batch, bands, frames]`, dB as of [`patch_db`](crate::features::patch_db), not normalised; `features`, if
    /// the network reads some: `[batch, features]`, as computed. `scores`: `[batch, genres]`. The file's metadata say so
    /// again, with the front end's settings, the labels, the model's hash and its licence.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] for a joined model, which is two with two front ends, and
    /// [`ErrorKind::BadModel`] for a network that ONNX cannot hold.
    pub fn to_onnx(&self) -> Result<Vec<u8>> {
        let header = &self.header;
        if let Some(tagger) = self.tagger() {
            let what = format!(
                "`{}` is two models with two front ends; export `default` and `{}`, whose metadata hold the head",
                header.name, tagger.model.header.name
            );
            return Err(Error::new(ErrorKind::BadSettings, what));
        }
        let surroundings = Surroundings {
            name: header.name.clone(),
            preparation: preparation(header),
            scores: match header.vocabulary {
                Vocabulary::Genres => Scores::Softmax,
                Vocabulary::Tags => Scores::Sigmoid,
            },
            any_length: header.any_length,
            metadata: self.metadata()?,
        };
        let file = self.folded().to_onnx(&surroundings);
        file.map_err(|e| bad(format!("`{}` does not fit an ONNX file: {e}", header.network)))
    }

    /// What a reader of the file has to know: each key by itself, and the whole header as JSON.
    fn metadata(&self) -> Result<Vec<(String, String)>> {
        let header = &self.header;
        let [front_end, genres, features, whole] = [
            serde_json::to_string(&header.front_end),
            serde_json::to_string(&header.genres),
            serde_json::to_string(&header.features.as_ref().map(|features| &features.columns)),
            serde_json::to_string(header),
        ]
        .map(|text| text.map_err(|e| bad("its header cannot be written").with_source(e)));
        let pairs = [
            ("genrescope.schema", SCHEMA.to_owned()),
            ("genrescope.model", header.name.clone()),
            ("genrescope.hash", self.hash().to_owned()),
            ("genrescope.licence", header.licence.clone()),
            ("genrescope.input", self.input_in_words()),
            ("genrescope.front_end", front_end?),
            ("genrescope.genres", genres?),
            ("genrescope.features", features?),
            ("genrescope.header", whole?),
        ];
        Ok(pairs.map(|(key, value)| (key.to_owned(), value)).to_vec())
    }

    fn input_in_words(&self) -> String {
        let header = &self.header;
        let front_end = &header.front_end;
        let features = header.features.as_ref().map_or(String::new(), |features| {
            format!("; features [batch, {}]: as computed", features.columns.len())
        });
        format!(
            "mel [batch, {}, frames]: dB of a patch of {} frames at {} Hz by the front end, band 0 lowest; normalised \
             inside{features}",
            front_end.mel_bands, header.patch_frames, front_end.sample_rate_hz
        )
    }
}

/// What [`Model::scores`] does to each input before the network reads it.
fn preparation(header: &Header) -> Vec<Vec<Preparation>> {
    let mut mel = Vec::new();
    if let Some(frames) = header.time_resample {
        mel.push(resampling(header.patch_frames, frames));
    }
    mel.push(scale(&header.normalisation));
    let features = header.features.as_ref().map(|features| vec![scale(&features.normalisation)]);
    [Some(mel), features].into_iter().flatten().collect()
}

fn scale(normalisation: &Normalisation) -> Preparation {
    if normalisation.mean.is_empty() {
        return Preparation::ScaleBySample { least: LEAST_DEVIATION };
    }
    let Normalisation { mean, deviation } = normalisation.clone();
    Preparation::Scale { mean, deviation }
}

/// Interpolation is linear: what it makes of each frame alone is its share in all others.
fn resampling(given: usize, frames: usize) -> Preparation {
    let shares = (0..given).flat_map(|frame| {
        let alone: Vec<f32> = (0..given).map(|other| f32::from(u8::from(other == frame))).collect();
        resample_frames(&alone, 1, frames)
    });
    Preparation::MixSteps { given, shares: shares.collect() }
}
