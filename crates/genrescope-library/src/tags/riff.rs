//! WAV and AIFF: chunks of RIFF and of the Interchange File Format, one of which holds an ID3v2 tag.
//!
//! Of a WAV some players read only that tag, others only the `INFO` list (e.g. FFmpeg before 7): both have the genre.

use genrescope::{ErrorKind, Result};

use super::edit::Edit;
use super::id3v2;
use super::info::Info;
use super::source::{Source, be, le};

const HEADER_BYTES: u64 = 8;

/// The order of bytes in sizes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// RIFF
    Low,
    /// AIFF
    High,
}

/// Where a chunk begins, and the bytes behind its header.
type Chunk = (u64, u64);

/// The ID3 chunk and the `INFO` list of a file, or where they will be.
pub(crate) struct Tag {
    order: Order,
    form_bytes: u64,
    end: u64,
    id3_chunk: Option<Chunk>,
    id3: Option<id3v2::Tag>,
    info_chunk: Option<Chunk>,
    info: Option<Info>,
}

impl Order {
    fn number(self, bytes: &[u8]) -> u64 {
        if self == Self::Low { le(bytes) } else { be(bytes) }
    }

    fn bytes(self, number: u64) -> [u8; 4] {
        if self == Self::Low { (number as u32).to_le_bytes() } else { (number as u32).to_be_bytes() }
    }
}

pub(crate) fn read(source: &mut Source, order: Order) -> Result<Tag> {
    let form_bytes = order.number(&source.bytes(4, 4)?);
    let end = HEADER_BYTES + form_bytes;
    if end > source.length || form_bytes < 4 {
        return Err(source.damaged("its length is not that of its header"));
    }
    let mut tag = Tag { order, form_bytes, end, id3_chunk: None, id3: None, info_chunk: None, info: None };
    let mut at = 12;
    while at + HEADER_BYTES <= end {
        let header = source.bytes(at, HEADER_BYTES)?;
        let bytes = order.number(&header[4..]);
        if at + HEADER_BYTES + bytes > end {
            return Err(source.damaged("one of its chunks goes on behind its end"));
        }
        match &header[..4] {
            b"id3 " | b"ID3 " if tag.id3_chunk.is_none() => {
                tag.id3_chunk = Some((at, bytes));
                tag.id3 = id3v2::read(source, at + HEADER_BYTES)?;
            }
            b"LIST" if order == Order::Low && tag.info_chunk.is_none() => {
                if let Some(info) = info(source, at + HEADER_BYTES, bytes)? {
                    tag.info_chunk = Some((at, bytes));
                    tag.info = Some(info);
                }
            }
            _ => (),
        }
        at += HEADER_BYTES + bytes + bytes % 2;
    }
    Ok(tag)
}

/// The `INFO` list of a chunk, where it is one.
fn info(source: &mut Source, at: u64, bytes: u64) -> Result<Option<Info>> {
    if bytes < 4 || source.bytes(at, 4)? != b"INFO" {
        return Ok(None);
    }
    Ok(Some(Info::read(&source.bytes(at + 4, bytes - 4)?)))
}

impl Tag {
    pub(crate) fn id3(&self) -> Option<&id3v2::Tag> {
        self.id3.as_ref()
    }

    pub(crate) fn info_genres(&self) -> Vec<String> {
        self.info.as_ref().map(Info::genres).unwrap_or_default()
    }

    /// All but genres, of both.
    pub(crate) fn others(&self) -> impl Iterator<Item = &[u8]> {
        self.id3.iter().flat_map(id3v2::Tag::others).chain(self.info.iter().flat_map(Info::others))
    }

    /// The change that gives the file these genres.
    pub(crate) fn edit(&self, source: &Source, genres: &[String]) -> Result<Edit> {
        let mut edit = Edit::default();
        let (mut grown, mut behind, mut padded) = (0, Vec::new(), self.end.is_multiple_of(2));
        for (place, chunk) in self.chunks(genres) {
            let Some((at, bytes)) = place else {
                behind.extend(chunk);
                continue;
            };
            let removed = (HEADER_BYTES + bytes + bytes % 2).min(self.end - at);
            padded |= at + removed == self.end; // what takes its place is
            grown += chunk.len() as i64 - removed as i64;
            edit.replace(at, removed, chunk);
        }
        if !behind.is_empty() && !padded {
            behind.insert(0, 0);
        }
        grown += behind.len() as i64;
        edit.replace(self.end, 0, behind);
        let form_bytes = self.form_bytes.wrapping_add_signed(grown);
        if form_bytes > u64::from(u32::MAX) {
            let what = "it has no room for a tag: 4 GB are the most";
            return Err(source.refuse(ErrorKind::LimitExceeded, what));
        }
        edit.replace(4, 4, self.order.bytes(form_bytes).to_vec());
        Ok(edit)
    }

    /// The chunks with these genres, and the places of those whose places they take.
    fn chunks(&self, genres: &[String]) -> Vec<(Option<Chunk>, Vec<u8>)> {
        let chunk = |name: &[u8], mut body: Vec<u8>| {
            body.resize(body.len().next_multiple_of(2), 0);
            [name, &self.order.bytes(body.len() as u64), &body].concat()
        };
        let mut chunks = Vec::new();
        if self.order == Order::Low
            && let Some(list) = self.info.as_ref().unwrap_or(&Info::new()).with(genres)
        {
            chunks.push((self.info_chunk, chunk(b"LIST", list)));
        }
        let name = if self.order == Order::Low { b"id3 " } else { b"ID3 " };
        let tag = self.id3.as_ref().unwrap_or(&id3v2::Tag::new(0)).with(genres);
        chunks.push((self.id3_chunk, chunk(name, tag)));
        chunks
    }
}
