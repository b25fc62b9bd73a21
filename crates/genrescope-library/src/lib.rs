//! A library of music files: which there are, how they sound, what their tags say.
//!
//! ```text
//! folders ─▶ survey ─▶ hear (decode once: hash and genre) ─▶ Library (SQLite) ─▶ counts · list · like
//! ```
//!
//! *Takes* folders and a [`Model`](genrescope::model::Model). *Gives* a [`Library`]: one row a file, one a recording; a
//! recording is known by its decoded samples, whatever its file is called. *Decides* what has changed since the last
//! scan. *Never* prints, reads the environment, or touches a music file.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr, clippy::exit)]

mod database;
mod hear;
mod listing;
mod path_bytes;
mod rows;
mod summary;
mod survey;

pub use database::{Library, set_aside};
pub use hear::{Heard, RecordingHash, hear, recording_hash};
pub use listing::{Item, Wanted, like, list};
pub use rows::{FileState, Judgement};
pub use summary::{CONFIDENCE_STEPS, FolderCount, Summary, summary};
pub use survey::{Refresh, Survey, survey};
