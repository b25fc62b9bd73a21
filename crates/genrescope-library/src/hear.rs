//! A file → the hash of its recording, and its genre where that recording is new. Decoded once: the samples that the
//! network hears are those that are hashed.

use std::path::Path;
use std::sync::Mutex;

use genrescope::audio::AudioStream;
use genrescope::model::Model;
use genrescope::predict::{Decoding, Settings, Watch, classify_watched};
use genrescope::{Error, ErrorKind, Result};

use crate::Library;
use crate::rows::Judged;
use crate::tags::genres;

/// Rate at which recordings are hashed by [`recording_hash`], Hz: that of the models.
const HASH_RATE_HZ: u32 = 22_050;
/// After so much of a recording it is looked up whether one that begins so is known, seconds.
const HEAD_S: u32 = 10;

/// BLAKE3 of a recording's decoded samples: mono, float32, low byte first. Tags, name and place of a file do not change
/// it; another encoding does, and so may another kind of processor, by its order of additions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordingHash([u8; 32]);

impl RecordingHash {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// From a column; of another length it is none.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for RecordingHash {
    /// Hexadecimal.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a file turned out to hold.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Its recording.
    pub recording: RecordingHash,
    /// The hash of its first seconds.
    pub(crate) head: RecordingHash,
    /// The judgement and the hash of the model; none where the library has that recording's.
    pub(crate) judged: Option<Judged>,
    /// The genres that its tags say; none where they cannot be read.
    pub(crate) tags: Vec<String>,
}

impl Heard {
    /// Whether the library knew the recording, under this name or another.
    pub fn was_known(&self) -> bool {
        self.judged.is_none()
    }

    /// Length, seconds, where it was judged.
    pub fn duration_s(&self) -> Option<f64> {
        self.judged.as_ref().map(|(prediction, _)| prediction.duration_s)
    }

    /// One score a genre, where it was judged.
    pub fn scores(&self) -> Option<&[f32]> {
        self.judged.as_ref().map(|(prediction, _)| prediction.scores.as_slice())
    }

    /// What was repaired or left out.
    pub fn warnings(&self) -> &[String] {
        self.judged.as_ref().map_or(&[], |(prediction, _)| &prediction.warnings)
    }
}

/// Hears a file. Where a recording that begins alike is known, it is decoded to its end and looked up before the network
/// works: a moved, copied or newly tagged file costs its decoding only.
///
/// # Errors
/// Those of [`classify_watched`], and those of the library.
pub fn hear(path: &Path, model: &Model, library: &Mutex<Library>) -> Result<Heard> {
    let heard = heard(path, model, library)?;
    Ok(Heard { tags: genres(path).unwrap_or_default(), ..heard })
}

fn heard(path: &Path, model: &Model, library: &Mutex<Library>) -> Result<Heard> {
    let knows = |question: &dyn Fn(&Library) -> Result<bool>| question(&locked(library));
    let first = judge(path, model, &mut |head| knows(&|library| library.knows_head(head, model.hash())))?;
    if let Some(heard) = first {
        return Ok(heard);
    }
    let hashed = hashed(path, model.header.front_end.sample_rate_hz)?;
    if knows(&|library| library.knows_recording(hashed.recording, model.hash()))? {
        return Ok(hashed);
    }
    let unknown = judge(path, model, &mut |_| Ok(false))?;
    unknown.ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, format!("{}: changed while it was read", path.display()))
    })
}

/// A library that another thread left in the middle of something is as good as any: every change is a transaction.
pub(crate) fn locked(library: &Mutex<Library>) -> std::sync::MutexGuard<'_, Library> {
    library.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The hash of a file's recording, by decoding alone.
///
/// # Errors
/// Those of [`AudioStream::next_block`].
pub fn recording_hash(path: &Path) -> Result<RecordingHash> {
    hashed(path, HASH_RATE_HZ).map(|heard| heard.recording)
}

fn hashed(path: &Path, sample_rate_hz: u32) -> Result<Heard> {
    let mut stream = AudioStream::open(path, sample_rate_hz)?;
    let mut hash = Hash::new(sample_rate_hz);
    while let Some(block) = stream.next_block()? {
        hash.take(&block);
    }
    let (recording, head) = hash.finish();
    Ok(Heard { recording, head, judged: None, tags: Vec::new() })
}

/// Judges a file unless `knows` says so of its head: then there is nothing.
fn judge(
    path: &Path,
    model: &Model,
    knows: &mut dyn FnMut(RecordingHash) -> Result<bool>,
) -> Result<Option<Heard>> {
    let sample_rate_hz = model.header.front_end.sample_rate_hz;
    let settings = Settings { decoding: Decoding::Inline, ..Settings::default() };
    let stream = AudioStream::open(path, sample_rate_hz)?;
    let (mut hash, mut known) = (Hash::new(sample_rate_hz), false);
    let mut heard = |samples: &[f32]| {
        if let Some(head) = hash.take(samples) {
            known = knows(head)?;
        }
        if known { Err(Error::new(ErrorKind::BadSettings, "known by its beginning")) } else { Ok(()) }
    };
    let judged =
        classify_watched(model, stream, &settings, Watch { heard: &mut heard, judged: &mut |_| Ok(()) });
    if known {
        return Ok(None);
    }
    let prediction = judged?;
    let (recording, head) = hash.finish();
    let judged = Some((prediction, model.hash().to_owned()));
    Ok(Some(Heard { recording, head, judged, tags: Vec::new() }))
}

/// The hash of a recording while it is read.
struct Hash {
    hasher: blake3::Hasher,
    head: Option<RecordingHash>,
    samples_to_head: usize,
    bytes: Vec<u8>,
}

impl Hash {
    fn new(sample_rate_hz: u32) -> Self {
        let samples_to_head = (HEAD_S * sample_rate_hz) as usize;
        Self { hasher: blake3::Hasher::new(), head: None, samples_to_head, bytes: Vec::new() }
    }

    /// Takes samples; gives the hash of the head when it is complete with them. Where blocks end does not matter.
    fn take(&mut self, samples: &[f32]) -> Option<RecordingHash> {
        let (head, rest) = samples.split_at(samples.len().min(self.samples_to_head));
        self.update(head);
        self.samples_to_head -= head.len();
        let complete = (self.samples_to_head == 0 && self.head.is_none()).then(|| self.so_far());
        self.head = self.head.or(complete);
        self.update(rest);
        complete
    }

    fn update(&mut self, samples: &[f32]) {
        self.bytes.clear();
        self.bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.hasher.update(&self.bytes);
    }

    fn so_far(&self) -> RecordingHash {
        RecordingHash(*self.hasher.finalize().as_bytes())
    }

    /// The hashes of all and of the head.
    fn finish(self) -> (RecordingHash, RecordingHash) {
        (self.so_far(), self.head.unwrap_or_else(|| self.so_far()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_do_not_change_a_hash() {
        let samples: Vec<f32> = (0..25_000).map(|n| n as f32 / 25_000.0).collect();
        let hash = |block: usize| {
            let mut hash = Hash::new(1_000);
            let heads: Vec<_> = samples.chunks(block).filter_map(|block| hash.take(block)).collect();
            assert_eq!(heads.len(), 1);
            let (all, head) = hash.finish();
            assert_eq!(heads[0], head);
            assert_ne!(all, head);
            (all, head)
        };
        assert_eq!(hash(25_000), hash(7));
        assert_eq!(hash(10_000), hash(9_999));
    }
}
