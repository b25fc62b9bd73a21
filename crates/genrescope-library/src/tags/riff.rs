//! WAV and AIFF: chunks of RIFF and of the Interchange File Format, one of which holds an ID3v2 tag.

use genrescope::{ErrorKind, Result};

use super::edit::Edit;
use super::genre_names::all_meant;
use super::id3v2;
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

/// The ID3 chunk of a file, or where it will be.
pub(crate) struct Tag {
    order: Order,
    form_bytes: u64,
    end: u64,
    chunk: Option<(u64, u64)>,
    id3: Option<id3v2::Tag>,
    info_genres: Vec<String>,
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
    let mut tag = Tag { order, form_bytes, end, chunk: None, id3: None, info_genres: Vec::new() };
    let mut at = 12;
    while at + HEADER_BYTES <= end {
        let header = source.bytes(at, HEADER_BYTES)?;
        let bytes = order.number(&header[4..]);
        if at + HEADER_BYTES + bytes > end {
            return Err(source.damaged("one of its chunks goes on behind its end"));
        }
        match &header[..4] {
            b"id3 " | b"ID3 " if tag.chunk.is_none() => {
                tag.chunk = Some((at, bytes));
                tag.id3 = id3v2::read(source, at + HEADER_BYTES)?;
            }
            b"LIST" => tag.info_genres.extend(info_genres(source, at + HEADER_BYTES, bytes)?),
            _ => (),
        }
        at += HEADER_BYTES + bytes + bytes % 2;
    }
    Ok(tag)
}

/// `IGNR` of an `INFO` list.
fn info_genres(source: &mut Source, at: u64, bytes: u64) -> Result<Vec<String>> {
    let list = source.up_to(at, bytes.min(1 << 20))?;
    let mut found = Vec::new();
    let mut rest = list.strip_prefix(b"INFO").unwrap_or_default();
    while rest.len() > 8 {
        let size = le(&rest[4..8]) as usize;
        let Some(value) = rest.get(8..8_usize.saturating_add(size)) else { break };
        if &rest[..4] == b"IGNR" {
            found.push(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned());
        }
        rest = rest.get(8 + size + size % 2..).unwrap_or_default();
    }
    Ok(all_meant(found.iter().map(String::as_str).filter(|text| !text.trim().is_empty())))
}

impl Tag {
    pub(crate) fn id3(&self) -> Option<&id3v2::Tag> {
        self.id3.as_ref()
    }

    pub(crate) fn info_genres(&self) -> &[String] {
        &self.info_genres
    }

    /// The change that gives the file these genres; `INFO` stays as it is.
    pub(crate) fn edit(&self, source: &Source, genres: &[String]) -> Result<Edit> {
        let fresh = id3v2::Tag::new(0);
        let mut tag = self.id3.as_ref().unwrap_or(&fresh).with(genres);
        tag.resize(tag.len().next_multiple_of(2), 0);
        let mut edit = Edit::default();
        let name = if self.order == Order::Low { b"id3 " } else { b"ID3 " };
        let (at, removed, before) = match self.chunk {
            Some((at, bytes)) => {
                let removed = (HEADER_BYTES + bytes + bytes % 2).min(self.end - at);
                (at, removed, Vec::new())
            }
            None => (self.end, 0, vec![0; (self.end % 2) as usize]),
        };
        let grown = (before.len() as u64 + HEADER_BYTES + tag.len() as u64) as i64 - removed as i64;
        let form_bytes = self.form_bytes.wrapping_add_signed(grown);
        if form_bytes > u64::from(u32::MAX) {
            return Err(
                source.refuse(ErrorKind::LimitExceeded, "it has no room for a tag: 4 GB are the most")
            );
        }
        let mut chunk = before;
        chunk.extend_from_slice(name);
        chunk.extend(self.order.bytes(tag.len() as u64));
        chunk.extend(tag);
        edit.replace(4, 4, self.order.bytes(form_bytes).to_vec());
        edit.replace(at, removed, chunk);
        Ok(edit)
    }
}
