//! A model as an ONNX file: takes what the front end gives, answers with the model's scores.

use genrescope_nn::onnx::{Edges, Preparation, Scores, Spectrogram, Surroundings};

use super::card::{LEAST_DEVIATION, Normalisation, Vocabulary, bad};
use super::{Header, Model};
use crate::error::{Error, ErrorKind, Result};
use crate::features::{
    Compression, FrontEnd, LEAST_POWER, Padding, Reference, hann_window, mel_filter_bank, resample_frames,
};

/// Version of the metadata's keys.
const SCHEMA: &str = "genrescope.onnx/1";

/// What an exported model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportInput {
    /// Patches of spectrograms, as the front end makes them.
    Mel,
    /// Samples of as many seconds as a patch has: the front end is inside.
    Samples,
}

impl Model {
    /// The model as an ONNX file, of what [`Model::scores`] computes.
    ///
    /// # Shape
    /// With [`ExportInput::Samples`] `samples`: `[batch, samples]`, a mono signal at the front end's rate that begins with
    /// the patch and ends half a window behind the centre of its last frame; else `mel`: `[batch, bands, frames]`, dB as of [`patch_db`](crate::features::patch_db), not normalised; `features`, if
    /// the network reads some: `[batch, features]`, as computed. `scores`: `[batch, genres]`. The file's metadata say so
    /// again, with the front end's settings, the labels, the model's hash and its licence.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] for a joined model, which is two with two front ends, and for a front end that cannot be
    /// inside: with a reference of the whole clip, logarithms of half precision or a low pass.
    /// [`ErrorKind::BadModel`] for a network that ONNX cannot hold.
    pub fn to_onnx(&self, input: ExportInput) -> Result<Vec<u8>> {
        let header = &self.header;
        if let Some(tagger) = self.tagger() {
            let what = format!(
                "`{}` is two models with two front ends; export `fast` and `{}`, whose metadata hold the head",
                header.name, tagger.model.header.name
            );
            return Err(Error::new(ErrorKind::BadSettings, what));
        }
        let mut preparation = preparation(header);
        if input == ExportInput::Samples {
            preparation[0].splice(0..0, front_end(header)?);
        }
        let surroundings = Surroundings {
            name: header.name.clone(),
            preparation,
            scores: match header.vocabulary {
                Vocabulary::Genres => Scores::Softmax,
                Vocabulary::Tags => Scores::Sigmoid,
            },
            any_length: header.any_length && input == ExportInput::Mel,
            metadata: self.metadata(input)?,
        };
        let file = self.folded()?.to_onnx(&surroundings);
        file.map_err(|e| bad(format!("`{}` does not fit an ONNX file: {e}", header.network)))
    }

    /// What a reader of the file has to know: each key by itself, and the whole header as JSON.
    fn metadata(&self, input: ExportInput) -> Result<Vec<(String, String)>> {
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
            ("genrescope.input", self.input_in_words(input)),
            ("genrescope.front_end", front_end?),
            ("genrescope.genres", genres?),
            ("genrescope.features", features?),
            ("genrescope.header", whole?),
        ];
        Ok(pairs.map(|(key, value)| (key.to_owned(), value)).to_vec())
    }

    fn input_in_words(&self, input: ExportInput) -> String {
        let header = &self.header;
        let (rate_hz, bands, frames) =
            (header.front_end.sample_rate_hz, header.front_end.mel_bands, header.patch_frames);
        let first = match input {
            ExportInput::Mel => format!(
                "mel [batch, {bands}, frames]: levels of a patch of {frames} frames of audio at {rate_hz} Hz, as the \
                 front end makes them, band 0 lowest; normalised inside"
            ),
            ExportInput::Samples => format!(
                "samples [batch, {}]: mono at {rate_hz} Hz, full scale 1; {frames} frames are made of them inside",
                samples(&header.front_end, frames)
            ),
        };
        let features = header.features.as_ref().map_or(String::new(), |features| {
            format!("; features [batch, {}]: as computed", features.columns.len())
        });
        first + &features
    }
}

/// Samples from the centre of a patch's first STFT frame to the end of its last one.
fn samples(front_end: &FrontEnd, frames: usize) -> usize {
    front_end.stft_frame(frames.saturating_sub(1) as u64) as usize * front_end.hop_samples
        + front_end.n_fft / 2
}

/// What [`mel_spectrogram`](crate::features::mel_spectrogram) and [`patch_db`](crate::features::patch_db) do.
fn front_end(header: &Header) -> Result<[Preparation; 2]> {
    let front_end = &header.front_end;
    let fits = front_end.reference == Reference::Patch
        && front_end.compression == Compression::Decibels
        && front_end.low_pass.is_none();
    if !fits {
        let what = format!(
            "`{}` has a front end that does not fit an ONNX file: it needs dB under each patch's maximum, of samples as \
             they are; export without the front end",
            header.name
        );
        return Err(Error::new(ErrorKind::BadSettings, what));
    }
    let bins = front_end.n_fft / 2 + 1;
    let bank = mel_filter_bank(front_end.sample_rate_hz, front_end.n_fft, front_end.mel_bands);
    let mut shares = vec![0.0; front_end.mel_bands * bins];
    for (band, row) in shares.chunks_exact_mut(bins).enumerate() {
        let (first, weights) = bank.weights(band);
        row[first..first + weights.len()].copy_from_slice(weights);
    }
    let spectrogram = Spectrogram {
        samples: samples(front_end, header.patch_frames),
        window: hann_window(front_end.n_fft),
        hop: front_end.hop_samples,
        edges: match front_end.padding {
            Padding::Constant => Edges::Zeros,
            Padding::Reflect => Edges::Mirror,
        },
        steps: (0..header.patch_frames as u64).map(|kept| front_end.stft_frame(kept) as usize).collect(),
        shares,
    };
    let decibels = Preparation::Decibels { least: LEAST_POWER, floor: front_end.floor_db };
    Ok([Preparation::Spectrogram(spectrogram), decibels])
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
