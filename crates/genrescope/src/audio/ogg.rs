//! Damaged pages at the beginning of an Ogg stream: the demuxer refuses a file whose first page of audio is one.
//!
//! RFC 3533: 27 bytes of header, a table of segments, their bytes; all of it under a checksum.

/// What every page begins with.
pub(super) const MAGIC: &[u8] = b"OggS";
/// Bytes looked at, two pages of the largest size: the headers of a stream and its first page of audio.
pub(super) const HEAD_BYTES: usize = 128 * 1024;
const PAGE_HEADER_BYTES: usize = 27;
const POSITION: std::ops::Range<usize> = 6..14;
const CHECKSUM: std::ops::Range<usize> = 22..26;

/// Blanks pages whose checksum is wrong, from the second to the first whole one of audio: they are stepped over then; whether there were any. The
/// first says what the stream is: nothing can be done without it.
pub(super) fn blank_damaged_pages(head: &mut [u8]) -> bool {
    let mut blanked = false;
    let mut at = page_bytes(head).unwrap_or(head.len());
    while let Some(start) = head[at..].windows(MAGIC.len()).position(|bytes| bytes == MAGIC) {
        at += start;
        let Some(bytes) = page_bytes(&head[at..]) else { break }; // it goes on behind what is looked at
        if is_whole(&head[at..at + bytes]) {
            if ends_audio(&head[at..]) {
                break;
            }
            at += bytes;
            continue;
        }
        let next = head[at + 1..].windows(MAGIC.len()).position(|bytes| bytes == MAGIC);
        let end = next.map_or(head.len(), |next| at + 1 + next);
        head[at..end].fill(0);
        (at, blanked) = (end, true);
    }
    blanked
}

/// Whether audio has come to an end on this page: pages of headers are at position 0, pages inside of one packet at none.
fn ends_audio(page: &[u8]) -> bool {
    !matches!(page.get(POSITION), Some([0, 0, 0, 0, 0, 0, 0, 0] | [255, 255, 255, 255, 255, 255, 255, 255]))
}

/// Length of the page that begins here, if all of it is there.
fn page_bytes(bytes: &[u8]) -> Option<usize> {
    let header = bytes.strip_prefix(MAGIC).and_then(|_| bytes.get(..PAGE_HEADER_BYTES))?;
    let table =
        bytes.get(PAGE_HEADER_BYTES..PAGE_HEADER_BYTES + usize::from(header[PAGE_HEADER_BYTES - 1]))?;
    let length =
        PAGE_HEADER_BYTES + table.len() + table.iter().map(|&segment| usize::from(segment)).sum::<usize>();
    Some(length).filter(|&length| length <= bytes.len())
}

/// Whether a page's checksum is right.
fn is_whole(page: &[u8]) -> bool {
    let said = page[CHECKSUM].iter().rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte));
    said == ogg_checksum(page)
}

/// The checksum of an Ogg page, whatever stands in its place: CRC-32 by 0x04c11db7, highest bit first, over the page with 0
/// there. It stands low byte first in bytes 22 to 25.
pub fn ogg_checksum(page: &[u8]) -> u32 {
    let checked = page.iter().enumerate().map(|(at, &byte)| if CHECKSUM.contains(&at) { 0 } else { byte });
    checked.fold(0, |sum, byte| sum << 8 ^ REMAINDERS[(sum >> 24 ^ u32::from(byte)) as usize])
}

/// Of each byte, divided by the polynomial.
const REMAINDERS: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut sum, mut bit) = ((byte as u32) << 24, 0);
        while bit < 8 {
            sum = (sum << 1) ^ ((sum >> 31) * 0x04c1_1db7);
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_pages_stay_and_a_damaged_one_is_blank_unless_it_is_the_first() {
        let file = include_bytes!("../../tests/audio/stereo_44100.ogg");
        let mut head = file.to_vec();
        assert!(!blank_damaged_pages(&mut head));
        assert_eq!(head, file);
        let second = page_bytes(file).unwrap();
        for (flipped, blank) in [(second + 40, true), (second + 26, true), (8, false)] {
            let mut head = file.to_vec();
            head[flipped] ^= 1;
            assert_eq!(blank_damaged_pages(&mut head), blank, "byte {flipped}");
            assert_eq!(head[second] == 0, blank);
        }
    }
}
