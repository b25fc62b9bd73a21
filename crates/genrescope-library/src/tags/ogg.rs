//! Ogg (RFC 3533): Vorbis, Opus and FLAC in it. The second packet holds the comments; its pages are laid anew, and where
//! there are more or fewer of them, those behind get other numbers and checksums.

use genrescope::audio::ogg_checksum;
use genrescope::{ErrorKind, Result};

use super::edit::Edit;
use super::source::{MAX_TAG_BYTES, Source, le};
use super::vorbis::Comments;

const HEADER_BYTES: u64 = 27;
const LARGEST_PAGE_SEGMENTS: usize = 255;
const CONTINUED: u8 = 1;
const END: u8 = 4;
/// Granule position of a page on which no packet ends.
const NO_END: u64 = u64::MAX;

/// The pages of the packets before the sound.
pub(crate) struct Tag {
    serial: u32,
    /// Where the page with the comments begins, and where the pages of the sound do.
    from: u64,
    to: u64,
    pages: usize,
    /// The comments' packet and those behind it.
    packets: Vec<Vec<u8>>,
    /// What stands before the comments in their packet.
    prefix: usize,
    comments: Comments,
    /// What stands behind them in a FLAC block is none of theirs.
    is_flac: bool,
}

struct Page {
    at: u64,
    flags: u8,
    serial: u32,
    number: u32,
    segments: Vec<u8>,
    data_bytes: u64,
}

fn page(source: &mut Source, at: u64) -> Result<Page> {
    let header = source.bytes(at, HEADER_BYTES)?;
    if &header[..4] != b"OggS" {
        return Err(source.damaged("its Ogg pages do not follow each other"));
    }
    let segments = source.bytes(at + HEADER_BYTES, header[26].into())?;
    let data_bytes = segments.iter().map(|bytes| u64::from(*bytes)).sum();
    let (serial, number) = (le(&header[14..18]) as u32, le(&header[18..22]) as u32);
    Ok(Page { at, flags: header[5], serial, number, segments, data_bytes })
}

impl Page {
    fn data_at(&self) -> u64 {
        self.at + HEADER_BYTES + self.segments.len() as u64
    }

    fn end(&self) -> u64 {
        self.data_at() + self.data_bytes
    }
}

pub(crate) fn read(source: &mut Source) -> Result<Tag> {
    let first = page(source, 0)?;
    let start = source.bytes(first.data_at(), first.data_bytes)?;
    let (headers, name): (usize, &[u8]) = match start.as_slice() {
        [1, b'v', b'o', b'r', b'b', b'i', b's', ..] => (2, b"\x03vorbis"),
        [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', ..] => (1, b"OpusTags"),
        [0x7f, b'F', b'L', b'A', b'C', ..] => (1, b"\x04"),
        _ => {
            let what = "tags of this codec in Ogg are not written";
            return Err(source.refuse(ErrorKind::UnsupportedFormat, what));
        }
    };
    let is_flac = name == b"\x04";
    let (packets, pages, to) = header_packets(source, &first, headers)?;
    let prefix = if is_flac { 4 } else { name.len() };
    let content =
        packets[0].get(prefix..).filter(|_| packets[0][0] & if is_flac { 0x7f } else { 0xff } == name[0]);
    let comments = content.and_then(Comments::read);
    let comments = comments.ok_or_else(|| source.damaged("its second packet holds no comments"))?;
    Ok(Tag { serial: first.serial, from: first.end(), to, pages, packets, prefix, comments, is_flac })
}

/// The packets from the second on until `headers` of them have ended at the end of a page; how many pages these are, and
/// where they end.
fn header_packets(source: &mut Source, first: &Page, headers: usize) -> Result<(Vec<Vec<u8>>, usize, u64)> {
    let (mut packets, mut packet, mut at) = (Vec::new(), Vec::new(), first.end());
    for pages in 1.. {
        let page = page(source, at)?;
        if page.serial != first.serial || page.number != first.number.wrapping_add(pages as u32) {
            let what = "several streams lie side by side in it; their tags are not written";
            return Err(source.refuse(ErrorKind::UnsupportedFormat, what));
        }
        let data = source.bytes(page.data_at(), page.data_bytes)?;
        let mut rest = data.as_slice();
        for segment in &page.segments {
            let (bytes, behind) = rest.split_at(usize::from(*segment));
            packet.extend_from_slice(bytes);
            rest = behind;
            if usize::from(*segment) < LARGEST_PAGE_SEGMENTS {
                packets.push(std::mem::take(&mut packet));
            }
        }
        at = page.end();
        if packets.len() >= headers && packet.is_empty() {
            return Ok((packets, pages, at));
        }
        if at - first.end() > MAX_TAG_BYTES {
            break;
        }
    }
    Err(source.refuse(ErrorKind::LimitExceeded, "its comments are larger than 64 MB"))
}

impl Tag {
    pub(crate) fn comments(&self) -> &Comments {
        &self.comments
    }

    /// The change that gives the stream these genres.
    pub(crate) fn edit(&self, source: &mut Source, genres: &[String]) -> Result<Edit> {
        let content = self.comments.with(genres);
        let mut packet = self.packets[0][..self.prefix].to_vec();
        if self.is_flac {
            packet[1..4].copy_from_slice(&(content.len() as u32).to_be_bytes()[1..]);
        }
        packet.extend(content);
        let packets: Vec<&[u8]> =
            std::iter::once(packet.as_slice()).chain(self.packets[1..].iter().map(Vec::as_slice)).collect();
        let first_number = page(source, self.from)?.number;
        let pages = laid(&packets, self.pages, (self.serial, first_number));
        let mut edit = Edit::default();
        let added = pages.len() as i64 - self.pages as i64;
        edit.replace(self.from, self.to - self.from, pages.concat());
        if added != 0 {
            self.renumber(source, added as u32, &mut edit)?;
        }
        Ok(edit)
    }

    /// Pages behind the comments, as far as the stream goes, with other numbers.
    fn renumber(&self, source: &mut Source, added: u32, edit: &mut Edit) -> Result<()> {
        let mut at = self.to;
        while at < source.length {
            let page = page(source, at)?;
            if page.serial == self.serial {
                let mut bytes = source.bytes(at, page.end() - at)?;
                bytes[18..22].copy_from_slice(&page.number.wrapping_add(added).to_le_bytes());
                seal(&mut bytes);
                edit.replace(at + 18, 8, bytes[18..26].to_vec());
                if page.flags & END != 0 {
                    return Ok(());
                }
            }
            at = page.end();
        }
        Ok(())
    }
}

/// Packets as pages: as many as before where that is possible.
fn laid(packets: &[&[u8]], before: usize, (serial, first_number): (u32, u32)) -> Vec<Vec<u8>> {
    let pieces: Vec<&[u8]> = packets.iter().flat_map(|packet| segments(packet)).collect();
    let pages = before.max(pieces.len().div_ceil(LARGEST_PAGE_SEGMENTS)).min(pieces.len());
    let (each, more) = (pieces.len() / pages, pieces.len() % pages);
    let (mut rest, mut continued, mut laid) = (pieces.as_slice(), false, Vec::new());
    for index in 0..pages {
        let (here, behind) = rest.split_at(each + usize::from(index < more));
        let ends = here.iter().any(|piece| piece.len() < LARGEST_PAGE_SEGMENTS);
        let mut page = b"OggS\0".to_vec();
        page.push(if continued { CONTINUED } else { 0 });
        page.extend(if ends { 0 } else { NO_END }.to_le_bytes());
        page.extend(serial.to_le_bytes());
        page.extend(first_number.wrapping_add(index as u32).to_le_bytes());
        page.extend([0; 4]);
        page.push(here.len() as u8);
        page.extend(here.iter().map(|piece| piece.len() as u8));
        page.extend(here.iter().flat_map(|piece| piece.iter()));
        seal(&mut page);
        continued = here.last().is_some_and(|piece| piece.len() == LARGEST_PAGE_SEGMENTS);
        laid.push(page);
        rest = behind;
    }
    laid
}

/// A packet in pieces of 255 bytes; the last one is shorter, even if it is empty.
fn segments(packet: &[u8]) -> impl Iterator<Item = &[u8]> {
    let empty = packet.len().is_multiple_of(LARGEST_PAGE_SEGMENTS).then_some(&packet[packet.len()..]);
    packet.chunks(LARGEST_PAGE_SEGMENTS).chain(empty)
}

/// Sets a page's checksum.
fn seal(page: &mut [u8]) {
    let checksum = ogg_checksum(page);
    page[22..26].copy_from_slice(&checksum.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_keep_their_pages_and_long_ones_get_more() {
        let (long, short) = (vec![7; 255 * 300], vec![1; 10]);
        let pages = laid(&[&short, &long], 2, (9, 1));
        assert_eq!(pages.len(), 2);
        assert_eq!((pages[0][5], pages[1][5], le(&pages[1][6..14])), (0, CONTINUED, 0));
        let pages = laid(&[&vec![7; 255 * 700]], 1, (9, 1));
        assert_eq!((pages.len(), le(&pages[0][6..14]), le(&pages[2][18..22])), (3, NO_END, 3));
    }
}
