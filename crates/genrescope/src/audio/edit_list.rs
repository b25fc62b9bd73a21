//! What of an mp4's audio is music, by its edit list or iTunes's tag: an encoder's samples at both ends are not.
//!
//! ISO/IEC 14496-12: `moov/trak/edts/elst`, with `moov/mvhd` and `moov/trak/mdia/mdhd` for the time scales. iTunes
//! writes `iTunSMPB` among the tags (`moov/udta/meta/ilst/----`): numbers in hexadecimal, of which the second is the
//! samples before the music, the third those behind it, the fourth the length of the music.

use std::io::{Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use super::source::Source;

/// Longest stretch that an encoder puts before or behind the music, s; an edit that cuts more is a cut by a person,
/// and the file's own affair.
const LONGEST_TRIM_S: f64 = 1.0;
/// Largest `moov` that is looked at, bytes.
const MAX_MOOV_BYTES: u64 = 64 << 20;
/// Atoms looked at before `moov`.
const MAX_ATOMS: usize = 64;

/// The part that is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edit {
    /// Where it begins, s.
    pub(super) start_s: f64,
    /// How long it is, s; to the end if not known.
    pub(super) length_s: Option<f64>,
}

impl Edit {
    /// Of the first audio track of an mp4 that can be read twice, when that has a plain edit list. The source is at its
    /// start again.
    pub(super) fn read(source: &mut Source) -> Option<Self> {
        if source.head().get(4..8) != Some(b"ftyp") || !source.is_seekable() {
            return None;
        }
        let edit = movie(source).as_deref().and_then(Self::of_movie);
        source.seek(SeekFrom::Start(0)).ok()?;
        edit
    }

    fn of_movie(movie: &[u8]) -> Option<Self> {
        let movie_rate = time_scale(find(movie, b"mvhd")?)?.0;
        let sound =
            atoms(movie).filter(|(name, _)| name == b"trak").map(|(_, track)| track).find(|track| {
                let handler = find(track, b"mdia").and_then(|media| find(media, b"hdlr"));
                handler.and_then(|handler| handler.get(8..12)) == Some(b"soun")
            })?;
        let (rate, media_ticks) = time_scale(find(find(sound, b"mdia")?, b"mdhd")?)?;
        let media_s = media_ticks as f64 / rate;
        let listed = find(sound, b"edts").and_then(|edits| find(edits, b"elst")).and_then(only_edit);
        let listed = listed.map(|(ticks, start)| (start as f64 / rate, ticks as f64 / movie_rate));
        let tagged = || itunes_edit(movie).map(|(start, length)| (start as f64 / rate, length as f64 / rate));
        let (start_s, length_s) = listed.filter(|(start_s, _)| *start_s > 0.0).or_else(tagged).or(listed)?;
        Self::checked(start_s, length_s, media_s - start_s - length_s)
    }

    /// Without what is not plausible.
    fn checked(start_s: f64, length_s: f64, behind_s: f64) -> Option<Self> {
        let plausible = |trim_s: f64| (0.0..=LONGEST_TRIM_S).contains(&trim_s);
        let length_s = Some(length_s).filter(|&length_s| length_s > 0.0 && plausible(behind_s));
        plausible(start_s).then_some(Self { start_s, length_s })
    }
}

/// The body of `moov`.
fn movie(source: &mut Source) -> Option<Vec<u8>> {
    let mut at = 0;
    for _ in 0..MAX_ATOMS {
        source.seek(SeekFrom::Start(at)).ok()?;
        let mut header = [0; 16];
        source.read_exact(&mut header).ok()?;
        let (header_bytes, bytes) = match u64::from(number(&header[..4])) {
            1 => (16, u64::from(number(&header[8..12])) << 32 | u64::from(number(&header[12..]))),
            bytes => (8, bytes),
        };
        let body = bytes.checked_sub(header_bytes)?;
        if &header[4..8] == b"moov" {
            let mut movie = Vec::new();
            source.seek(SeekFrom::Start(at + header_bytes)).ok()?;
            source.take(body.min(MAX_MOOV_BYTES)).read_to_end(&mut movie).ok()?;
            return Some(movie);
        }
        at = at.checked_add(bytes)?;
    }
    None
}

/// The atoms in a body: name and body each.
fn atoms(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let name = bytes.get(4..8)?.try_into().ok()?;
        let body = bytes.get(8..number(&bytes[..4]) as usize)?;
        bytes = &bytes[8 + body.len()..];
        Some((name, body))
    })
}

fn find<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    atoms(bytes).find(|(name, _)| name == wanted).map(|(_, body)| body)
}

/// Ticks a second and length in ticks, of `mvhd` and `mdhd`.
fn time_scale(header: &[u8]) -> Option<(f64, u64)> {
    let (rate, length) = match header.first()? {
        0 => (header.get(12..16)?, u64::from(number(header.get(16..20)?))),
        _ => (header.get(20..24)?, long(header.get(24..32)?)),
    };
    Some((f64::from(number(rate)), length)).filter(|(rate, _)| *rate > 0.0)
}

/// Length and start in ticks of the only edit that plays something.
fn only_edit(list: &[u8]) -> Option<(u64, u64)> {
    let count = number(list.get(4..8)?) as usize;
    let wide = *list.first()? == 1;
    let entries = list.get(8..)?.chunks_exact(if wide { 20 } else { 12 }).take(count);
    let mut edits = entries.map(|entry| match wide {
        true => (long(&entry[..8]), long(&entry[8..16])),
        false => (u64::from(number(&entry[..4])), u64::from(number(&entry[4..8]))),
    });
    let only = edits.next()?;
    (count == 1 && edits.next().is_none()).then_some(only)
}

/// Start and length in samples by iTunes's tag.
fn itunes_edit(movie: &[u8]) -> Option<(u64, u64)> {
    let tags = find(find(movie, b"udta")?, b"meta")?.get(4..)?;
    let own = atoms(find(tags, b"ilst")?).filter(|(name, _)| name == b"----").map(|(_, tag)| tag);
    let named = |tag: &&[u8]| find(tag, b"name").is_some_and(|name| name.get(4..) == Some(b"iTunSMPB"));
    let text = own.filter(named).find_map(|tag| find(tag, b"data"))?.get(8..)?;
    let text = std::str::from_utf8(text).ok()?;
    let mut numbers = text.split_whitespace().skip(1).map(|number| u64::from_str_radix(number, 16));
    let (start, _behind, length) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((start, length))
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte))
}

fn long(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}
