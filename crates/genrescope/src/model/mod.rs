//! Networks and the files that hold them.

mod card;
mod file;
pub mod zoo;

pub use card::{FORMAT_VERSION, Header, Normalisation, ProtocolResult, TrainedOn};
pub use file::Model;
