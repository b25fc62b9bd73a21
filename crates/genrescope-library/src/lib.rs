//! A library of music files: which there are, how they sound, what their tags say.
//!
//! ```text
//! folders ─▶ survey ─▶ hear (decode once: hash and genre) ─▶ Library (SQLite) ─▶ counts · list · like · Catalogue
//!                                                               └▶ propose ─▶ change_genres ⇄ take_back
//! ```
//!
//! *Takes* folders and a [`Model`](genrescope::model::Model). *Gives* a [`Library`]: one row a file, one a recording; a
//! recording is known by its decoded samples, whatever its file is called. *Decides* what has changed since the last
//! scan, and which genres a file's tags should have. *Never* prints, reads the environment, or changes anything of a music
//! file but its genre tag; each change is journalled first and can be taken back byte by byte.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr, clippy::exit)]

mod agreement;
mod catalogue;
mod database;
mod hear;
mod journal;
mod listing;
mod path_bytes;
mod plan;
mod projection;
mod rows;
mod summary;
mod survey;
mod tags;

pub use agreement::Agreement;
pub use catalogue::{Catalogue, CatalogueModel, Search, Song, Sort};
pub use database::{Library, set_aside};
pub use hear::{Heard, RecordingHash, hear, recording_hash};
pub use journal::{Change, Changes, Mtime, Step};
pub use listing::{Item, Wanted, like, list};
pub use plan::{GenreMap, Present, Proposal, Proposed, propose};
pub use rows::{FileState, Judgement};
pub use summary::{CONFIDENCE_STEPS, FolderCount, Summary, summary};
pub use survey::{Refresh, Survey, survey};
pub use tags::genres;
