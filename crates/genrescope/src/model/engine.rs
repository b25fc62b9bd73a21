//! What makes a model's scores: a network of the zoo, in the engine; or an ONNX file, in another.

use std::sync::{Arc, OnceLock};

use genrescope_nn::Network;

use super::Model;
use super::card::bad;
#[cfg(feature = "onnx")]
use super::import::OnnxNetwork;
use crate::error::Result;

/// What runs.
#[derive(Clone)]
pub(super) enum Engine {
    /// A network of the zoo.
    Own(Arc<OwnNetwork>),
    /// A graph that was made elsewhere.
    #[cfg(feature = "onnx")]
    Onnx(Arc<OnnxNetwork>),
}

/// A network of the zoo, ready to be used.
pub(super) struct OwnNetwork {
    /// As it was trained.
    pub(super) network: Network,
    /// What scores: without the batch norms that fold into convolutions.
    pub(super) folded: Network,
    /// The part of it that gives embeddings, once somebody asked; none where it has none.
    pub(super) embedding: OnceLock<Option<Network>>,
}

impl From<Network> for Engine {
    fn from(network: Network) -> Self {
        Self::Own(Arc::new(OwnNetwork { folded: network.folded(), network, embedding: OnceLock::new() }))
    }
}

#[cfg(not(feature = "onnx"))]
impl Model {
    /// A model of an ONNX file; with the cargo feature `onnx`.
    ///
    /// # Errors
    /// [`ErrorKind::BadModel`](crate::ErrorKind::BadModel) always.
    pub fn from_onnx(_: Vec<u8>) -> Result<Self> {
        Err(bad("this program was built without ONNX models; install it by `cargo install --path \
             crates/genrescope-cli --features onnx`"))
    }
}

impl Model {
    /// The network with its weights.
    ///
    /// # Errors
    /// [`ErrorKind::BadModel`](crate::ErrorKind::BadModel) for a model of an ONNX file: what is inside is not known.
    pub fn network(&self) -> Result<&Network> {
        Ok(&self.own()?.network)
    }

    pub(super) fn own(&self) -> Result<&OwnNetwork> {
        match &self.engine {
            Engine::Own(own) => Ok(own),
            #[cfg(feature = "onnx")]
            Engine::Onnx(_) => Err(bad(format!(
                "`{}` is an ONNX file, which scores and does nothing else; take a model of genrescope",
                self.header.name
            ))),
        }
    }

    /// The network that scores.
    pub(super) fn folded(&self) -> Result<&Network> {
        Ok(&self.own()?.folded)
    }
}
