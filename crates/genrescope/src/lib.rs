//! Genrescope hears which musical genre a recording is, and how that changes over the track.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr, clippy::exit)]

pub mod audio;
pub mod dataset;
pub mod error;
pub mod evaluate;
pub mod features;
pub mod genres;
pub mod metrics;
pub mod model;
pub mod predict;
pub mod report;
pub mod train;

pub use error::{Error, ErrorKind, Result};
