//! A model as one safetensors file: weights as tensors, the [`Header`] as JSON in its metadata.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use genrescope_nn::{Graph, Network, sigmoid, softmax};
use safetensors::SafeTensors;

use super::card::{Header, Vocabulary, bad};
use super::engine::Engine;
use super::{Tagger, zoo};
use crate::error::{Error, Result};
use crate::features::resample_frames;

/// The metadata key that holds the header.
const HEADER_KEY: &str = "genrescope";
/// Larger files are not read, bytes: a hundred times the largest network of the zoo.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Hexadecimal digits of a model's hash.
const HASH_DIGITS: usize = 16;

static FAST: &[u8] = include_bytes!("../../models/fast.safetensors");
static MUSICNN: &[u8] = include_bytes!("../../models/musicnn.safetensors");

/// A network with everything that is needed to use it.
#[derive(Clone)]
pub struct Model {
    /// What it says of itself.
    pub header: Header,
    pub(super) engine: Engine,
    pub(super) hash: String,
    /// What its answers depend on beside its network.
    pub(super) tagger: Option<Arc<Tagger>>,
}

/// What a network sees of one patch, before normalisation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PatchInput {
    /// `[frames, bands]`, dB as of [`patch_db`](crate::features::patch_db).
    pub db: Vec<f32>,
    /// Its audio features, as of [`PatchFeatures`](crate::features::PatchFeatures); empty where the network reads none.
    pub features: Vec<f32>,
}

impl From<Vec<f32>> for PatchInput {
    /// A patch without features.
    fn from(db: Vec<f32>) -> Self {
        Self { db, features: Vec::new() }
    }
}

impl fmt::Debug for Model {
    /// Without the weights.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("header", &self.header)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// A model of a trained network.
    ///
    /// # Errors
    /// [`ErrorKind::BadModel`](crate::ErrorKind::BadModel) when header and network contradict each other.
    pub fn new(header: Header, network: Network) -> Result<Self> {
        let hash = Self::from_bytes(&to_bytes(&header, &network)?)?.hash;
        Ok(Self { header, engine: network.into(), hash, tagger: None })
    }

    /// A model before any training: fresh weights, the same for one seed.
    ///
    /// # Errors
    /// As [`Model::new`].
    pub fn untrained(header: Header, seed: u64) -> Result<Self> {
        let network = Network::new(graph(&header)?, seed);
        Self::new(header, network)
    }

    /// Reads a model file, or an ONNX file as [`Model::from_onnx`], and checks all of it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), [`ErrorKind::Io`](crate::ErrorKind::Io), and
    /// [`ErrorKind::BadModel`](crate::ErrorKind::BadModel) with what is wrong and why.
    pub fn load(path: &Path) -> Result<Self> {
        let place = path.display();
        let size = std::fs::metadata(path).map_err(|e| Error::io(&place, e))?.len();
        if size > MAX_FILE_BYTES {
            return Err(bad(format!(
                "{place}: {size} bytes are no model file, the limit is {MAX_FILE_BYTES}"
            )));
        }
        let bytes = std::fs::read(path).map_err(|e| Error::io(&place, e))?;
        let is_onnx = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"));
        let model = if is_onnx { Self::from_onnx(bytes) } else { Self::from_bytes(&bytes) };
        model.map_err(|e| e.at(&place))
    }

    /// Reads the bytes of a model file and checks all of them.
    ///
    /// # Errors
    /// [`ErrorKind::BadModel`](crate::ErrorKind::BadModel) with what is wrong and why.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let header = Header::parse(&header_text(bytes)?)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| unreadable(&e))?;
        let mut network = Network::unset(graph(&header)?);
        network
            .load_safetensors(&tensors)
            .map_err(|e| bad(format!("its weights are not those of network {}: {e}", header.network)))?;
        if let Some(gate) = &header.music {
            gate.check_network(&network, header.front_end.mel_bands).map_err(bad)?;
        }
        let hash = hash(bytes);
        Ok(Self { header, engine: network.into(), hash, tagger: None })
    }

    /// The smaller of the models of genres that come with this crate, one network.
    ///
    /// # Errors
    /// None in a released version: a test reads it.
    pub fn fast() -> Result<Self> {
        Self::from_bytes(FAST)
    }

    /// The model of 50 tags that comes with this crate: musicnn, as its authors trained it.
    ///
    /// # Errors
    /// None in a released version: a test reads it.
    pub fn musicnn() -> Result<Self> {
        Self::from_bytes(MUSICNN)
    }

    /// Writes the model file.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io), and [`ErrorKind::BadModel`](crate::ErrorKind::BadModel) for a joined model,
    /// which is two.
    pub fn save(&self, path: &Path) -> Result<()> {
        if self.tagger.is_some() {
            return Err(bad(format!("`{}` is two models and fits no file", self.header.name)));
        }
        let bytes = to_bytes(&self.header, self.network()?)?;
        std::fs::write(path, bytes).map_err(|e| Error::io(path.display(), e))
    }

    /// The first 16 hexadecimal digits of the BLAKE3 hash of the model file.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// How many numbers the network holds.
    pub fn parameter_counts(&self) -> zoo::ParameterCounts {
        match &self.engine {
            Engine::Own(own) => zoo::ParameterCounts::from(&own.network),
            #[cfg(feature = "onnx")]
            Engine::Onnx(network) => network.parameter_counts(),
        }
    }

    /// The number of frames nearest to `frames` that the network takes.
    pub fn fitting_frames(&self, frames: usize) -> usize {
        let header = &self.header;
        match zoo::architecture(&header.network) {
            Ok(architecture) if architecture.any_length => frames.max(architecture.minimum_frames),
            // Of other networks it is known that they take a patch.
            Err(_) if header.any_length => frames.max(header.patch_frames),
            _ => header.patch_frames,
        }
    }

    /// Scores of patches: one a genre, sum 1; one a tag, each 0 to 1.
    ///
    /// # Shape
    /// Patches of one length → `[patches][genres]`.
    ///
    /// # Errors
    /// [`ErrorKind::BadModel`](crate::ErrorKind::BadModel) when the network does not take patches of that length, or a
    /// patch lacks the features that it reads.
    pub fn scores(&self, patches: &[PatchInput]) -> Result<Vec<Vec<f32>>> {
        #[cfg(feature = "onnx")]
        if let Engine::Onnx(network) = &self.engine {
            return network.scores(&self.header, patches);
        }
        let (inputs, frames) = self.network_inputs(patches)?;
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let logits = self.folded()?.infer(&inputs, patches.len(), frames);
        let logits = logits
            .map_err(|e| bad(format!("`{}` does not take {frames} frames: {e}", self.header.network)))?;
        let genres = self.header.genres.len();
        let scores = match self.header.vocabulary {
            Vocabulary::Genres => softmax(&logits, genres),
            Vocabulary::Tags => sigmoid(&logits),
        };
        Ok(scores.chunks_exact(genres).map(<[f32]>::to_vec).collect())
    }

    /// What the network reads of patches, normalised, and the frames of each.
    pub(super) fn network_inputs(&self, patches: &[PatchInput]) -> Result<(Vec<Vec<f32>>, usize)> {
        let (header, bands) = (&self.header, self.header.front_end.mel_bands);
        let heard = patches.first().map_or(0, |patch| patch.db.len() / bands);
        let frames = header.time_resample.unwrap_or(heard);
        let mut mel = Vec::with_capacity(patches.len() * frames * bands);
        for patch in patches {
            let from = mel.len();
            match header.time_resample {
                Some(frames) => mel.extend(resample_frames(&patch.db, bands, frames)),
                None => mel.extend_from_slice(&patch.db),
            }
            header.normalisation.apply(&mut mel[from..], bands);
        }
        if header.time_resample.is_some() && heard != header.patch_frames {
            return Err(bad(format!("`{}` takes patches of {} frames", header.name, header.patch_frames)));
        }
        let features = self.normalised_features(patches)?;
        let mut inputs = vec![mel];
        inputs.extend(header.features.is_some().then_some(features));
        Ok((inputs, frames))
    }

    /// The features of all patches, one after the other; a vector of another length is refused, never filled up.
    fn normalised_features(&self, patches: &[PatchInput]) -> Result<Vec<f32>> {
        let expected = self.header.input().features;
        let mut all = Vec::with_capacity(patches.len() * expected);
        for PatchInput { features, .. } in patches {
            if features.len() != expected {
                let found = features.len();
                let network = &self.header.network;
                return Err(bad(format!("`{network}` reads {expected} features of a patch, found {found}")));
            }
            let from = all.len();
            all.extend_from_slice(features);
            if let Some(input) = &self.header.features {
                input.normalisation.apply(&mut all[from..], expected);
            }
        }
        Ok(all)
    }
}

/// The hash of a model file's bytes.
pub(super) fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..HASH_DIGITS].to_owned()
}

fn graph(header: &Header) -> Result<Graph> {
    let graph = zoo::architecture(&header.network)?.graph(header.input());
    graph.map_err(|e| bad(format!("its patch does not fit its network: {e}")))
}

fn to_bytes(header: &Header, network: &Network) -> Result<Vec<u8>> {
    header.check()?;
    let text =
        serde_json::to_string(header).map_err(|e| bad("its header cannot be written").with_source(e))?;
    network
        .to_safetensors(HashMap::from([(HEADER_KEY.to_owned(), text)]))
        .map_err(|e| bad("its weights cannot be written").with_source(e))
}

fn header_text(bytes: &[u8]) -> Result<String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| unreadable(&e))?;
    let text = metadata.metadata().as_ref().and_then(|metadata| metadata.get(HEADER_KEY));
    text.cloned()
        .ok_or_else(|| bad("a safetensors file, but not of genrescope: it has no `genrescope` header"))
}

fn unreadable(error: &safetensors::SafeTensorError) -> Error {
    bad(format!("not a model file, or a truncated one: {error}; copy it again from its source"))
}
