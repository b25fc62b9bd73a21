//! APEv2 at the end of a file (the APE Tags Specification): items are kept as bytes.

use genrescope::Result;

use super::edit::Edit;
use super::genre_names::all_meant;
use super::source::{Source, le};

const FRAME_BYTES: u64 = 32;
const HAS_HEADER: u64 = 1 << 31;
const IS_HEADER: u64 = 1 << 29;
const KIND: u64 = 6;

/// A tag that was read.
pub(crate) struct Tag {
    at: u64,
    length: u64,
    version: u64,
    flags: u64,
    items: Vec<Item>,
}

struct Item {
    key: Vec<u8>,
    value: Vec<u8>,
    flags: u64,
    bytes: Vec<u8>,
}

/// The tag that ends at `end`, where there is one.
pub(crate) fn read(source: &mut Source, end: u64) -> Result<Option<Tag>> {
    let Some(footer_at) = end.checked_sub(FRAME_BYTES) else { return Ok(None) };
    let footer = source.bytes(footer_at, FRAME_BYTES)?;
    if &footer[..8] != b"APETAGEX" {
        return Ok(None);
    }
    let (version, size, flags) = (le(&footer[8..12]), le(&footer[12..16]), le(&footer[20..24]));
    let header = if flags & HAS_HEADER != 0 { FRAME_BYTES } else { 0 };
    let (Some(items_bytes), Some(at)) = (size.checked_sub(FRAME_BYTES), end.checked_sub(size + header))
    else {
        return Err(source.damaged("its APE tag has no proper size"));
    };
    let bytes = source.bytes(at + header, items_bytes)?;
    let Some(items) = items(&bytes) else { return Err(source.damaged("its APE tag has no proper items")) };
    Ok(Some(Tag { at, length: size + header, version, flags, items }))
}

fn items(mut bytes: &[u8]) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let (size, flags) = (le(bytes.get(..4)?) as usize, le(bytes.get(4..8)?));
        let key_bytes = bytes[8..].iter().position(|byte| *byte == 0)?;
        let (item, rest) = bytes.split_at_checked((9 + key_bytes).checked_add(size)?)?;
        let (key, value) = (item[8..8 + key_bytes].to_vec(), item[9 + key_bytes..].to_vec());
        items.push(Item { key, value, flags, bytes: item.to_vec() });
        bytes = rest;
    }
    Some(items)
}

impl Item {
    fn is_genre(&self) -> bool {
        self.key.eq_ignore_ascii_case(b"genre") && self.flags & KIND == 0
    }
}

impl Tag {
    /// Where it begins.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn has_genre(&self) -> bool {
        self.items.iter().any(Item::is_genre)
    }

    pub(crate) fn genres(&self) -> Vec<String> {
        let texts = self.items.iter().filter(|item| item.is_genre());
        let texts: Vec<String> =
            texts.map(|item| String::from_utf8_lossy(&item.value).into_owned()).collect();
        all_meant(texts.iter().flat_map(|text| text.split('\0')))
    }

    pub(crate) fn others(&self) -> impl Iterator<Item = &[u8]> {
        self.items.iter().filter(|item| !item.is_genre()).map(|item| item.bytes.as_slice())
    }

    /// The change that gives the tag these genres, between zeros.
    pub(crate) fn edit(&self, genres: &[String]) -> Edit {
        let value = genres.join("\0");
        let mut genre = (value.len() as u32).to_le_bytes().to_vec();
        genre.extend([0; 4]);
        genre.extend_from_slice(b"Genre\0");
        genre.extend_from_slice(value.as_bytes());
        let first = self.items.iter().position(Item::is_genre);
        let (mut items, mut count) = (Vec::new(), 0_u32);
        for (index, item) in self.items.iter().enumerate() {
            let kept =
                if !item.is_genre() { Some(&item.bytes) } else { (Some(index) == first).then_some(&genre) };
            count += u32::from(kept.is_some());
            items.extend(kept.into_iter().flatten());
        }
        if first.is_none() {
            items.extend_from_slice(&genre);
            count += 1;
        }
        let frame = |flags: u64| {
            let mut frame = b"APETAGEX".to_vec();
            for number in [self.version as u32, items.len() as u32 + FRAME_BYTES as u32, count, flags as u32]
            {
                frame.extend(number.to_le_bytes());
            }
            frame.extend([0; 8]);
            frame
        };
        let mut tag = if self.flags & HAS_HEADER != 0 { frame(self.flags | IS_HEADER) } else { Vec::new() };
        tag.extend_from_slice(&items);
        tag.extend(frame(self.flags & !IS_HEADER));
        let mut edit = Edit::default();
        edit.replace(self.at, self.length, tag);
        edit
    }
}
