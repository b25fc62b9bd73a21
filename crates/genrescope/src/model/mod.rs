//! What judges a patch: front-end settings, graph, weights and labels, in one file.
//!
//! *Takes* patches in dB and, for some networks, their audio features, as [`features`](crate::features) makes them. *Gives* one score a genre. *Decides* which
//! files are refused. *Never* guesses a setting that a file does not state.

mod card;
mod certainty;
mod engine;
mod export;
mod file;
#[cfg(feature = "onnx")]
mod import;
mod joined;
mod music;
mod named;
mod outline;
mod sequence;
mod vertical;
pub mod zoo;

pub use card::{FORMAT_VERSION, FeatureInput, Header, Normalisation, ProtocolResult, TrainedOn, Vocabulary};
pub use certainty::Certainty;
pub use export::ExportInput;
pub use file::{Model, PatchInput};
pub use genrescope_nn::Path as KernelPath;
pub use joined::{Foreign, Head, Tagger};
pub use music::{MusicGate, PatchAnswer};
pub use outline::{Stage, outline};
pub use sequence::Sequence;
pub use vertical::{VerticalKernels, vertical_kernels};
