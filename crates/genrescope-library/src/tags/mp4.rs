//! MP4 and M4A: the list of items that iTunes writes, `moov/udta/meta/ilst` (ISO 14496-12 for the boxes around it).
//!
//! Boxes are changed in place: a free box beside the list gives the room; where there is none, the boxes around grow, and
//! offsets of sound that moves with them are set anew.

use genrescope::{ErrorKind, Result};

use super::edit::Edit;
use super::genre_names::{all_meant, name};
use super::source::{Source, be};

const GENRE: &[u8; 4] = b"\xa9gen";
const NUMBERED_GENRE: &[u8; 4] = b"gnre";
const UTF8: u64 = 1;
const LEAST_FREE: i64 = 8;
/// Boxes in one box that are looked at.
const MOST_BOXES: usize = 1 << 16;

/// A box: where it begins, its header, its end, its name.
#[derive(Clone, Copy, Debug)]
struct Atom {
    at: u64,
    header: u64,
    end: u64,
    name: [u8; 4],
}

/// The boxes on the way to the list, and its items.
pub(crate) struct Tag {
    top: Vec<Atom>,
    /// `moov`, `udta`, `meta`, `ilst` as far as they are there.
    way: Vec<Atom>,
    /// Boxes beside the list.
    beside: Vec<Atom>,
    items: Vec<(Atom, Vec<u8>)>,
}

fn children(source: &mut Source, mut at: u64, end: u64) -> Result<Vec<Atom>> {
    let mut found = Vec::new();
    while at + 8 <= end {
        let header = source.bytes(at, 8)?;
        let (header_bytes, size) = match be(&header[..4]) {
            0 => (8, end - at),
            1 => (16, be(&source.bytes(at + 8, 8)?)),
            size => (8, size),
        };
        if size < header_bytes
            || at.checked_add(size).is_none_or(|box_end| box_end > end)
            || found.len() > MOST_BOXES
        {
            return Err(source.damaged("its MP4 boxes do not fit into each other"));
        }
        let name = [header[4], header[5], header[6], header[7]];
        found.push(Atom { at, header: header_bytes, end: at + size, name });
        at += size;
    }
    Ok(found)
}

impl Atom {
    fn inside(&self) -> u64 {
        self.at + self.header
    }

    fn bytes(&self) -> u64 {
        self.end - self.at
    }
}

pub(crate) fn read(source: &mut Source) -> Result<Tag> {
    let top = children(source, 0, source.length)?;
    let mut tag = Tag { top, way: Vec::new(), beside: Vec::new(), items: Vec::new() };
    let mut level = tag.top.clone();
    for name in [b"moov", b"udta", b"meta", b"ilst"] {
        let Some(atom) = level.iter().find(|atom| &atom.name == name).copied() else { break };
        if name == b"ilst" {
            tag.beside = level;
        }
        tag.way.push(atom);
        let version = version_bytes(source, &atom)?;
        level = children(source, atom.inside() + version, atom.end)?;
    }
    if tag.way.is_empty() {
        return Err(source.damaged("it has no box `moov`"));
    }
    if tag.way.len() == 4 {
        for item in level {
            let bytes = source.bytes(item.at, item.bytes())?;
            tag.items.push((item, bytes));
        }
    }
    Ok(tag)
}

/// `meta` begins with a version of four bytes, but not in QuickTime's files.
fn version_bytes(source: &mut Source, atom: &Atom) -> Result<u64> {
    if &atom.name != b"meta" {
        return Ok(0);
    }
    let start = source.up_to(atom.inside(), 8)?;
    Ok(if start.get(4..8) == Some(b"hdlr") { 0 } else { 4 })
}

fn is_genre(atom: &Atom) -> bool {
    &atom.name == GENRE || &atom.name == NUMBERED_GENRE
}

impl Tag {
    pub(crate) fn genres(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (atom, bytes) in self.items.iter().filter(|(atom, _)| is_genre(atom)) {
            for (kind, value) in data(&bytes[atom.header as usize..]) {
                match &atom.name {
                    NUMBERED_GENRE if value.len() >= 2 => {
                        found.extend(
                            (be(&value[..2]) as usize).checked_sub(1).and_then(name).map(str::to_owned),
                        );
                    }
                    GENRE if kind == UTF8 => found.push(String::from_utf8_lossy(value).into_owned()),
                    _ => (),
                }
            }
        }
        all_meant(found.iter().map(String::as_str).filter(|text| !text.trim().is_empty()))
    }

    pub(crate) fn others(&self) -> impl Iterator<Item = &[u8]> {
        self.items.iter().filter(|(atom, _)| !is_genre(atom)).map(|(_, bytes)| bytes.as_slice())
    }

    /// The change that gives the file these genres.
    pub(crate) fn edit(&self, source: &mut Source, genres: &[String]) -> Result<Edit> {
        let mut edit = Edit::default();
        let item = boxed(GENRE, &genres.iter().flat_map(|genre| data_box(genre)).collect::<Vec<u8>>());
        let Some(list) = self.way.get(3) else {
            let grown = self.begin_list(source, &item, &mut edit)?;
            self.grow(source, grown, &mut edit)?;
            return Ok(edit);
        };
        let mut grown = item.len() as i64;
        let old: Vec<&Atom> = self.items.iter().map(|(atom, _)| atom).filter(|atom| is_genre(atom)).collect();
        match old.split_first() {
            Some((first, others)) => {
                edit.replace(first.at, first.bytes(), item);
                others.iter().for_each(|other| edit.replace(other.at, other.bytes(), Vec::new()));
                grown -= old.iter().map(|atom| atom.bytes() as i64).sum::<i64>();
            }
            None => edit.replace(list.end, 0, item),
        }
        resize(source, list, grown, &mut edit)?;
        let free = self.beside.iter().find(|atom| &atom.name == b"free" && atom.at >= list.end);
        let left = free.map_or(grown, |free| take_from(free, grown, &mut edit));
        self.grow(source, left, &mut edit)?;
        Ok(edit)
    }

    /// Puts a list into the innermost box that is there; gives by how much that grows.
    fn begin_list(&self, source: &mut Source, item: &[u8], edit: &mut Edit) -> Result<i64> {
        let list = boxed(b"ilst", item);
        let handler = boxed(b"hdlr", b"\0\0\0\0\0\0\0\0mdirappl\0\0\0\0\0\0\0\0\0");
        let meta = || boxed(b"meta", &[&[0; 4], handler.as_slice(), &list].concat());
        let (inner, bytes) = match self.way.as_slice() {
            [.., meta_box @ Atom { name: [b'm', b'e', b't', b'a'], .. }] => {
                let version = version_bytes(source, meta_box)?;
                let handler = source.up_to(meta_box.inside() + version, 20)?;
                if handler.get(16..20) != Some(b"mdir") {
                    let what = "its box `meta` holds other than iTunes items; its tags are not written";
                    return Err(source.refuse(ErrorKind::UnsupportedFormat, what));
                }
                (meta_box, list)
            }
            [.., udta @ Atom { name: [b'u', b'd', b't', b'a'], .. }] => (udta, meta()),
            [moov, ..] => (moov, boxed(b"udta", &meta())),
            [] => return Err(source.damaged("it has no box `moov`")),
        };
        let grown = bytes.len() as i64;
        edit.replace(inner.end - terminator_bytes(source, inner)?, 0, bytes);
        Ok(grown)
    }

    /// Makes the boxes around the list larger or smaller, and takes the sound along.
    fn grow(&self, source: &mut Source, grown: i64, edit: &mut Edit) -> Result<()> {
        if grown == 0 {
            return Ok(());
        }
        for atom in self.way.iter().take(3) {
            resize(source, atom, grown, edit)?;
        }
        let moov = self.way[0];
        let behind = self.top.iter().find(|atom| atom.at == moov.end);
        let free = behind.filter(|atom| matches!(&atom.name, b"free" | b"skip"));
        if free.is_some_and(|free| take_from(free, grown, edit) == 0) {
            return Ok(());
        }
        if self.top.iter().all(|atom| atom.at <= moov.at) {
            return Ok(());
        }
        if self.top.iter().any(|atom| matches!(&atom.name, b"moof" | b"mfra" | b"sidx")) {
            let what = "it is fragmented and has no room for a tag; its tags are not written";
            return Err(source.refuse(ErrorKind::UnsupportedFormat, what));
        }
        move_offsets(source, (moov.inside(), moov.end), (moov.end, grown), edit)
    }
}

/// QuickTime ends `udta` with four zeros.
fn terminator_bytes(source: &mut Source, atom: &Atom) -> Result<u64> {
    if &atom.name != b"udta" {
        return Ok(0);
    }
    let whole = children(source, atom.inside(), atom.end)?.last().map_or(atom.inside(), |last| last.end);
    Ok(atom.end - whole)
}

/// A free box gives `grown` bytes if it has them: what is left to be found.
fn take_from(free: &Atom, grown: i64, edit: &mut Edit) -> i64 {
    let left = free.bytes() as i64 - grown;
    if free.header != 8 || (left != 0 && left < LEAST_FREE) || left > i64::from(u32::MAX) {
        return grown;
    }
    if left == 0 {
        edit.replace(free.at, free.bytes(), Vec::new());
        return 0;
    }
    let mut header = (left as u32).to_be_bytes().to_vec();
    header.extend(free.name);
    header.resize(header.len() + (-grown).max(0) as usize, 0);
    edit.replace(free.at, 8 + grown.max(0) as u64, header);
    0
}

fn resize(source: &mut Source, atom: &Atom, grown: i64, edit: &mut Edit) -> Result<()> {
    let bytes = atom.bytes().wrapping_add_signed(grown);
    if grown == 0 || source.bytes(atom.at, 4)? == [0; 4] {
        return Ok(()); // size 0: to the end of the file
    }
    match (atom.header, u32::try_from(bytes)) {
        (16, _) => edit.replace(atom.at + 8, 8, bytes.to_be_bytes().to_vec()),
        (_, Ok(bytes)) => edit.replace(atom.at, 4, bytes.to_be_bytes().to_vec()),
        _ => return Err(source.refuse(ErrorKind::LimitExceeded, "its boxes have no room for a tag")),
    }
    Ok(())
}

/// Sets the tables of chunk offsets in a box anew: what lies from `behind` on has moved.
fn move_offsets(
    source: &mut Source,
    (at, end): (u64, u64),
    behind: (u64, i64),
    edit: &mut Edit,
) -> Result<()> {
    for atom in children(source, at, end)? {
        match &atom.name {
            b"trak" | b"mdia" | b"minf" | b"stbl" => {
                move_offsets(source, (atom.inside(), atom.end), behind, edit)?
            }
            b"stco" => move_table(source, &atom, 4, behind, edit)?,
            b"co64" => move_table(source, &atom, 8, behind, edit)?,
            _ => (),
        }
    }
    Ok(())
}

fn move_table(
    source: &mut Source,
    atom: &Atom,
    entry_bytes: usize,
    (from, grown): (u64, i64),
    edit: &mut Edit,
) -> Result<()> {
    let bytes = source.bytes(atom.inside(), atom.end - atom.inside())?;
    let entries = bytes.get(8..).unwrap_or_default();
    let mut moved = Vec::with_capacity(entries.len());
    for entry in entries.chunks(entry_bytes) {
        let offset = be(entry);
        let shifted = if offset >= from { offset.wrapping_add_signed(grown) } else { offset };
        if entry.len() < entry_bytes || (entry_bytes == 4 && shifted > u64::from(u32::MAX)) {
            return Err(
                source.refuse(ErrorKind::LimitExceeded, "its sound cannot be moved to make room for a tag")
            );
        }
        moved.extend_from_slice(&shifted.to_be_bytes()[8 - entry_bytes..]);
    }
    if moved != entries {
        edit.replace(atom.inside() + 8, moved.len() as u64, moved);
    }
    Ok(())
}

/// `(type, value)` of each `data` box of an item.
fn data(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let mut found = Vec::new();
    while bytes.len() >= 16 {
        let size = be(&bytes[..4]) as usize;
        let Some(content) = bytes.get(16..size) else { break };
        if &bytes[4..8] == b"data" {
            found.push((be(&bytes[9..12]), content));
        }
        bytes = &bytes[size..];
    }
    found
}

fn data_box(text: &str) -> Vec<u8> {
    boxed(b"data", &[&[0, 0, 0, UTF8 as u8, 0, 0, 0, 0], text.as_bytes()].concat())
}

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = (content.len() as u32 + 8).to_be_bytes().to_vec();
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(content);
    bytes
}
