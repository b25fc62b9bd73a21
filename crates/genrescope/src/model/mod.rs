//! Networks and the files that hold them.

pub mod zoo;
