//! Judged recordings → rows of Arrow, one a recording, whatever became of it.
//!
//! *Takes* [`Row`]s, each a track's number and its [`Entry`], and the [`ModelLabel`](genrescope::report::ModelLabel) that they were judged by. *Gives*
//! a [`RecordBatch`](arrow_array::RecordBatch) of [`schema`]. *Decides* what the columns are, for the command line and
//! for Python alike. *Never* reads or judges a recording.
#![forbid(unsafe_code)]

mod columns;
mod schema;

use genrescope::report::Entry;

pub use columns::batch;
pub use schema::{SCHEMA, schema};

/// A recording and what became of it.
#[derive(Debug)]
pub struct Row {
    /// Names the recording in every run, see [`track_id`].
    pub track_id: i64,
    /// The path as its manifest gives it, and the judgement or why there is none.
    pub entry: Entry,
}

/// The number of a recording: the first eight bytes of the BLAKE3 hash of its path, as the manifest writes it, read as
/// a little-endian `int64`.
///
/// Of 100 million paths two share a number with probability 0.0003.
pub fn track_id(path: &[u8]) -> i64 {
    let hash = blake3::hash(path);
    let first = hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
    i64::from_le_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `b3sum --raw` of the path, first eight bytes.
    #[test]
    fn the_number_of_a_track_is_the_beginning_of_the_hash_of_its_path() {
        assert_eq!(track_id(b""), i64::from_le_bytes([0xaf, 0x13, 0x49, 0xb9, 0xf5, 0xf9, 0xa1, 0xa6]));
        assert_ne!(track_id(b"a.wav"), track_id(b"./a.wav"));
    }
}
