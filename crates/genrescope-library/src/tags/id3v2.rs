//! ID3v2 (id3.org: 2.2.0, 2.3.0, 2.4.0): the frames of a tag, and the tag with another genre.
//!
//! Frames are kept as bytes: what is not understood, doubled or huge stays as it is.

use genrescope::{ErrorKind, Result};

use super::Genres;
use super::edit::Edit;
use super::genre_names::all_meant;
use super::source::{Source, be};

const HEADER_BYTES: u64 = 10;
/// Room behind the frames of a new tag, so that the next change moves nothing.
const PADDING_BYTES: usize = 1024;
const UNSYNCHRONISED: u8 = 0x80;
const EXTENDED: u8 = 0x40;
const FOOTER: u8 = 0x10;

/// A tag that was read.
pub(crate) struct Tag {
    at: u64,
    /// With header and footer.
    pub(crate) length: u64,
    version: u8,
    revision: u8,
    flags: u8,
    /// Whether sizes of frames have seven bits a byte.
    syncsafe: bool,
    frames: Vec<Frame>,
}

struct Frame {
    id: Vec<u8>,
    /// With its header.
    bytes: Vec<u8>,
}

/// The tag at a place, where there is one; one that ends behind `end` is damaged.
pub(crate) fn read(source: &mut Source, at: u64) -> Result<Option<Tag>> {
    let header = source.up_to(at, HEADER_BYTES)?;
    let &[b'I', b'D', b'3', version, revision, flags, ..] = header.as_slice() else { return Ok(None) };
    if header.len() < HEADER_BYTES as usize || header[6..].iter().any(|byte| *byte > 0x7f) {
        return Err(source.damaged("its ID3 tag has no proper size"));
    }
    if !(2..=4).contains(&version) || (version == 2 && flags & EXTENDED != 0) {
        let what = format!("its ID3 tag is of version 2.{version}, which is not written; convert it first");
        return Err(source.refuse(ErrorKind::UnsupportedFormat, &what));
    }
    let size = seven_bits(&header[6..10]);
    let footer = if version == 4 && flags & FOOTER != 0 { HEADER_BYTES } else { 0 };
    let mut body = source.bytes(at + HEADER_BYTES, size)?;
    if version < 4 && flags & UNSYNCHRONISED != 0 {
        body = synchronised(&body);
    }
    let start = if flags & EXTENDED != 0 { extended_bytes(version, &body) } else { 0 };
    let body = body.get(start..).unwrap_or_default();
    let split = [true, false].into_iter().filter(|syncsafe| version == 4 || !syncsafe);
    let found =
        split.filter_map(|syncsafe| frames(version, body, syncsafe).map(|frames| (syncsafe, frames))).next();
    let Some((syncsafe, frames)) = found else {
        return Err(source.damaged("its ID3 tag has something other than frames in it"));
    };
    let length = HEADER_BYTES + size + footer;
    Ok(Some(Tag { at, length, version, revision, flags, syncsafe, frames }))
}

fn seven_bits(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 7 | u64::from(*byte))
}

fn as_seven_bits(number: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (number >> shift & 0x7f) as u8)
}

fn extended_bytes(version: u8, body: &[u8]) -> usize {
    let size = body.get(..4).unwrap_or_default();
    if version == 4 { seven_bits(size) as usize } else { 4 + be(size) as usize }
}

/// The frames of a body; none where something else than zeros follows them.
fn frames(version: u8, mut body: &[u8], syncsafe: bool) -> Option<Vec<Frame>> {
    let id_bytes = if version == 2 { 3 } else { 4 };
    let header_bytes = if version == 2 { 6 } else { 10 };
    let mut frames = Vec::new();
    while body.iter().any(|byte| *byte != 0) {
        let header = body.get(..header_bytes)?;
        let (id, size) = (&header[..id_bytes], &header[id_bytes..2 * id_bytes]);
        if !id.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
            return None;
        }
        let size = match syncsafe {
            true if size.iter().any(|byte| *byte > 0x7f) => return None,
            true => seven_bits(size),
            false => be(size),
        };
        let (bytes, rest) = body.split_at_checked(header_bytes + usize::try_from(size).ok()?)?;
        frames.push(Frame { id: id.to_vec(), bytes: bytes.to_vec() });
        body = rest;
    }
    Some(frames)
}

/// Without the zeros that keep players from seeing frames of sound (2.4.0, section 6.1).
fn synchronised(bytes: &[u8]) -> Vec<u8> {
    let after_ff = |at: usize| at > 0 && bytes[at - 1] == 0xff;
    bytes
        .iter()
        .enumerate()
        .filter(|&(at, byte)| *byte != 0 || !after_ff(at))
        .map(|(_, byte)| *byte)
        .collect()
}

fn unsynchronised(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        out.push(*byte);
        if *byte == 0xff && bytes.get(at + 1).is_none_or(|next| *next == 0 || *next >= 0xe0) {
            out.push(0);
        }
    }
    out
}

impl Tag {
    /// A new one of version 2.4, for `at`.
    pub(crate) fn new(at: u64) -> Self {
        Self { at, length: 0, version: 4, revision: 0, flags: 0, syncsafe: true, frames: Vec::new() }
    }

    fn genre_id(&self) -> &'static [u8] {
        if self.version == 2 { b"TCO" } else { b"TCON" }
    }

    pub(crate) fn genres(&self) -> Genres {
        let genre_frames = self.frames.iter().filter(|frame| frame.id == self.genre_id());
        let texts: Option<Vec<Vec<String>>> = genre_frames.map(|frame| self.texts(frame)).collect();
        match texts {
            Some(texts) => Genres::Read(all_meant(texts.iter().flatten().map(String::as_str))),
            None => Genres::Unreadable,
        }
    }

    /// All other frames as bytes.
    pub(crate) fn others(&self) -> impl Iterator<Item = &[u8]> {
        self.frames.iter().filter(|frame| frame.id != self.genre_id()).map(|frame| frame.bytes.as_slice())
    }

    /// The texts of a frame; none for one that is compressed or encrypted.
    fn texts(&self, frame: &Frame) -> Option<Vec<String>> {
        let (compressed_or_encrypted, group, unsynchronised, length) = match self.version {
            4 => (0x0c, 0x40, 0x02, 0x01),
            _ => (0xc0, 0x20, 0, 0),
        };
        let format = if self.version == 2 { 0 } else { frame.bytes[9] };
        if format & compressed_or_encrypted != 0 {
            return None;
        }
        let header = if self.version == 2 { 6 } else { 10 };
        let before = header + usize::from(format & group != 0) + 4 * usize::from(format & length != 0);
        let mut data = frame.bytes.get(before..)?.to_vec();
        if format & unsynchronised != 0 || (self.version == 4 && self.flags & UNSYNCHRONISED != 0) {
            data = synchronised(&data);
        }
        let Some((encoding, text)) = data.split_first() else { return Some(Vec::new()) };
        let text = decoded(*encoding, text)?;
        Some(text.split('\0').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect())
    }

    /// The change that gives the tag these genres.
    pub(crate) fn edit(&self, genres: &[String]) -> Edit {
        let mut edit = Edit::default();
        edit.replace(self.at, self.length, self.with(genres));
        edit
    }

    /// The whole tag with these genres. As long as before where the room suffices.
    pub(crate) fn with(&self, genres: &[String]) -> Vec<u8> {
        let mut body = Vec::new();
        let first = self.frames.iter().position(|frame| frame.id == self.genre_id());
        for (index, frame) in self.frames.iter().enumerate() {
            match frame.id == self.genre_id() {
                false => body.extend_from_slice(&frame.bytes),
                true if Some(index) == first => body.extend(self.genre_frame(genres)),
                true => (),
            }
        }
        if first.is_none() {
            body.extend(self.genre_frame(genres));
        }
        if self.version < 4 && self.flags & UNSYNCHRONISED != 0 {
            body = unsynchronised(&body);
        }
        let footer = self.version == 4 && self.flags & FOOTER != 0;
        let room = (self.length as usize).saturating_sub(HEADER_BYTES as usize);
        match (footer, body.len() <= room) {
            (true, _) => (), // a tag with a footer has no padding
            (false, true) => body.resize(room, 0),
            (false, false) => body.resize(body.len() + PADDING_BYTES, 0),
        }
        let header = |name: &[u8]| {
            let mut header = name.to_vec();
            header.extend([self.version, self.revision, self.flags & !EXTENDED]);
            header.extend(as_seven_bits(body.len()));
            header
        };
        let mut tag = header(b"ID3");
        tag.extend_from_slice(&body);
        if footer {
            tag.extend(header(b"3DI"));
        }
        tag
    }

    /// Several genres stand between zeros. That is the format of 2.4; of older tags most players read it so too, and the
    /// others show the first.
    fn genre_frame(&self, genres: &[String]) -> Vec<u8> {
        let text = genres.join("\0");
        let mut data = match self.version {
            4 => vec![3],
            _ if text.chars().all(|c| u32::from(c) < 0x100) => vec![0],
            _ => vec![1, 0xff, 0xfe],
        };
        match data[0] {
            3 => data.extend_from_slice(text.as_bytes()),
            0 => data.extend(text.chars().map(|c| u32::from(c) as u8)),
            _ => data.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
        }
        let mut frame = self.genre_id().to_vec();
        let size = data.len();
        match (self.version, self.syncsafe) {
            (2, _) => frame.extend_from_slice(&(size as u32).to_be_bytes()[1..]),
            (_, true) => frame.extend(as_seven_bits(size)),
            (_, false) => frame.extend((size as u32).to_be_bytes()),
        }
        if self.version > 2 {
            frame.extend([0, 0]);
        }
        frame.extend(data);
        frame
    }
}

/// Latin-1, UTF-16 with its mark, UTF-16 high byte first, UTF-8.
fn decoded(encoding: u8, text: &[u8]) -> Option<String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units).replace('\u{feff}', "")
    };
    match (encoding, text) {
        (0, _) => Some(text.iter().map(|byte| char::from(*byte)).collect()),
        (1, [0xfe, 0xff, ..]) | (2, _) => Some(utf16(text, u16::from_be_bytes)),
        (1, _) => Some(utf16(text, u16::from_le_bytes)),
        (3, _) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    }
}
