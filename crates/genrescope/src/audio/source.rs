//! The bytes of a recording on their way to the demuxer: a header with impossible lengths is mended, and bytes are counted, so
//! that what a demuxer steps over can be measured.

use std::io::{BufRead, BufReader, Cursor, Read, Result, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use symphonia::core::io::MediaSource;

use super::tags::{self, TAG_BYTES};
use super::{MAX_HELD_BYTES, header, ogg};

/// Bytes that are read in advance, to look at the header.
const HEAD_BYTES: usize = 8192;
/// Bytes handed over at once while they are counted: the demuxer is never further ahead of its packets than this.
pub(super) const STEP_BYTES: usize = 64;
const BUFFER_BYTES: usize = 64 * 1024;

type Buffered = BufReader<Box<dyn MediaSource>>;

/// A recording's bytes.
pub(super) struct Source {
    head: Vec<u8>,
    rest: Buffered,
    /// Its index is missing: it is read from front to end.
    cut_off: bool,
    /// A damaged page of Ogg at the beginning is left out.
    begins_damaged: bool,
    position: u64,
    counter: Counter,
}

/// How far a [`Source`] has been read.
#[derive(Clone)]
pub(super) struct Counter(Arc<Shared>);

struct Shared {
    counted: AtomicU64,
    mode: AtomicU8,
}

/// In small steps, until it is known what the file is.
const PROBING: u8 = 0;
/// In small steps; tags between the frames of an MPEG stream are left out.
const COUNTING: u8 = 1;
/// As much as is asked for.
const FREE: u8 = 2;

fn opened(source: Box<dyn MediaSource>) -> Result<(Buffered, Vec<u8>)> {
    let mut rest = BufReader::with_capacity(BUFFER_BYTES, source);
    let mut head = Vec::new();
    rest.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok((rest, head))
}

impl Source {
    /// # Errors
    /// Of reading the first bytes.
    pub(super) fn new(source: Box<dyn MediaSource>) -> Result<Self> {
        let mut file_bytes = source.byte_len();
        let (mut rest, mut head) = opened(source)?;
        let index_last = head.get(4..8) == Some(b"ftyp") || head.starts_with(b"caff");
        if index_last && !rest.get_ref().is_seekable() {
            let mut bytes = head;
            rest.take(MAX_HELD_BYTES).read_to_end(&mut bytes)?;
            file_bytes = Some(bytes.len() as u64);
            (rest, head) = opened(Box::new(Cursor::new(bytes)))?;
        }
        if head.starts_with(ogg::MAGIC) {
            rest.by_ref().take((ogg::HEAD_BYTES - HEAD_BYTES) as u64).read_to_end(&mut head)?;
        }
        let cut_off = header::mend(&mut head, file_bytes);
        let begins_damaged = ogg::blank_damaged_pages(&mut head);
        let shared = Shared { counted: AtomicU64::new(0), mode: AtomicU8::new(PROBING) };
        Ok(Self { head, rest, cut_off, begins_damaged, position: 0, counter: Counter(Arc::new(shared)) })
    }

    pub(super) fn counter(&self) -> Counter {
        self.counter.clone()
    }

    /// The first bytes of the file.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether what stood at the beginning is damaged and left out.
    pub(super) fn begins_damaged(&self) -> bool {
        self.begins_damaged
    }

    fn read_rest(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.counter.mode() == COUNTING {
            let ahead = self.rest.fill_buf()?;
            match tags::find(&ahead[..ahead.len().min(STEP_BYTES + TAG_BYTES)], STEP_BYTES) {
                Some((0, bytes)) => {
                    std::io::copy(&mut self.rest.by_ref().take(bytes), &mut std::io::sink())?;
                }
                Some((before, _)) => {
                    let wanted = before.min(buffer.len());
                    return self.rest.read(&mut buffer[..wanted]);
                }
                None => break,
            }
        }
        self.rest.read(buffer)
    }
}

impl Counter {
    /// Bytes handed over so far, tags between frames left out.
    pub(super) fn bytes(&self) -> u64 {
        self.0.counted.load(Ordering::Relaxed)
    }

    /// Goes on in small steps, to count; or no longer does.
    pub(super) fn count(&self, on: bool) {
        self.0.mode.store(if on { COUNTING } else { FREE }, Ordering::Relaxed);
    }

    fn mode(&self) -> u8 {
        self.0.mode.load(Ordering::Relaxed)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let step = if self.counter.mode() == FREE { buffer.len() } else { buffer.len().min(STEP_BYTES) };
        let head = self.head.get(self.position as usize..).unwrap_or_default();
        let bytes = if head.is_empty() {
            self.read_rest(&mut buffer[..step])?
        } else {
            let bytes = step.min(head.len());
            buffer[..bytes].copy_from_slice(&head[..bytes]);
            bytes
        };
        self.position += bytes as u64;
        self.counter.0.counted.store(self.position, Ordering::Relaxed);
        Ok(bytes)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let to = match to {
            SeekFrom::Current(by) => SeekFrom::Start(self.position.saturating_add_signed(by)),
            absolute => absolute,
        };
        self.position = match to {
            SeekFrom::Start(position) => {
                self.rest.seek(SeekFrom::Start(position.max(self.head.len() as u64)))?;
                position
            }
            from_end => {
                let position = self.rest.seek(from_end)?;
                self.rest.seek(SeekFrom::Start(position.max(self.head.len() as u64)))?;
                position
            }
        };
        Ok(self.position)
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        !self.cut_off && self.rest.get_ref().is_seekable()
    }

    fn byte_len(&self) -> Option<u64> {
        self.rest.get_ref().byte_len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n % 251) as u8).collect()
    }

    fn source(bytes: Vec<u8>) -> Source {
        Source::new(Box::new(Cursor::new(bytes))).unwrap()
    }

    #[test]
    fn bytes_come_as_they_are_wherever_reading_begins() {
        let bytes = numbers(3 * HEAD_BYTES);
        for start in [0, 1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, 3 * HEAD_BYTES, 4 * HEAD_BYTES] {
            let (mut source, mut rest) = (source(bytes.clone()), Vec::new());
            source.seek(SeekFrom::Start(start as u64)).unwrap();
            source.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, bytes[start.min(bytes.len())..], "from {start}");
        }
        let mut source = source(bytes.clone());
        assert_eq!(source.seek(SeekFrom::End(-5)).unwrap(), bytes.len() as u64 - 5);
        assert_eq!(source.seek(SeekFrom::Current(-10)).unwrap(), bytes.len() as u64 - 15);
    }

    #[test]
    fn a_tag_between_frames_is_left_out_and_not_counted() {
        let tag = [&b"ID3\x03\0\0\0\0\x02\x01"[..], &[7; 257]].concat();
        let bytes = [numbers(20_000), tag, numbers(1000)].concat();
        let (mut source, mut read) = (source(bytes), Vec::new());
        source.counter().count(true);
        source.read_to_end(&mut read).unwrap();
        assert_eq!(read, [numbers(20_000), numbers(1000)].concat());
        assert_eq!(source.counter().bytes(), 21_000);
    }
}
