//! Tags between the frames of an MPEG or ADTS stream: neither audio nor damage.
//!
//! ID3v2 (id3.org, 2.4.0, section 3.1), ID3v1, APEv2, and the frame without audio in which an encoder writes the length
//! (Xing, Info, VBRI): they stand in the middle where files were joined.

/// Bytes from the start of a tag that tell that it is one.
pub(super) const TAG_BYTES: usize = ID3V1_BYTES + 3;
/// Bytes that are looked at together.
const ROW_BYTES: usize = 64;
const ID3_HEADER_BYTES: usize = 10;
const ID3V1_BYTES: usize = 128;
const APE_HEADER_BYTES: u64 = 32;

/// The first tag that begins in the first `reach` bytes: where, and its length.
pub(super) fn find(bytes: &[u8], reach: usize) -> Option<(usize, u64)> {
    let reach = reach.min(bytes.len());
    let next = |at: usize| bytes.get(at + 1).copied().unwrap_or(0);
    let row = |from: usize| from..(from + ROW_BYTES).min(reach);
    let mut candidates = (0..reach)
        .step_by(ROW_BYTES)
        .filter(|&from| bytes.get(from..=from + ROW_BYTES).is_none_or(may_begin_in))
        .flat_map(row)
        .filter(|&at| may_begin(bytes[at], next(at)));
    candidates.find_map(|at| length(&bytes[at..]).map(|length| (at, length)))
}

/// Whether a tag may begin in all but the last of these bytes: without a branch, so that many are compared at once.
fn may_begin_in(row: &[u8]) -> bool {
    row.windows(2).fold(false, |any, pair| any | may_begin(pair[0], pair[1]))
}

fn may_begin(first: u8, second: u8) -> bool {
    let named = (first == b'I') & (second == b'D')
        | (first == b'T') & (second == b'A')
        | (first == b'A') & (second == b'P');
    named | (first == 0xff) & (second & 0xe6 == 0xe2)
}

/// The length of the tag that begins here, if one does.
fn length(bytes: &[u8]) -> Option<u64> {
    match bytes {
        [b'I', b'D', b'3', ..] => id3v2(bytes),
        [b'T', b'A', b'G', ..] => {
            bytes.get(ID3V1_BYTES..).filter(|next| goes_on(next)).map(|_| ID3V1_BYTES as u64)
        }
        [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', ..] => ape(bytes),
        [0xff, ..] => lengths_frame(bytes),
        _ => None,
    }
}

/// Whether a frame or another tag follows.
fn goes_on(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xe0..=0xff, ..] | [b'I', b'D', b'3', ..] | [b'A', b'P', b'E', ..])
}

fn id3v2(bytes: &[u8]) -> Option<u64> {
    match *bytes.get(..ID3_HEADER_BYTES)? {
        [_, _, _, 2..=4, 0..=0xfe, flags, a @ 0..=127, b @ 0..=127, c @ 0..=127, d @ 0..=127]
            if flags & 0x0f == 0 =>
        {
            let body = [a, b, c, d].into_iter().fold(0, |sum, seven_bits| sum << 7 | u64::from(seven_bits));
            let footer = if flags & 0x10 == 0 { 0 } else { ID3_HEADER_BYTES as u64 };
            Some(ID3_HEADER_BYTES as u64 + body + footer)
        }
        _ => None,
    }
}

/// By its header; the size there is of all that follows. One that begins with its items has no header, and a footer
/// alone is as long as one.
fn ape(bytes: &[u8]) -> Option<u64> {
    let field = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let (size, flags) = (field(12)?, field(20)?);
    let is_header = flags & 1 << 29 != 0;
    Some(APE_HEADER_BYTES + if is_header { u64::from(size) } else { 0 })
}

/// An MPEG layer III frame that holds an encoder's tag instead of audio. ISO 11172-3, 2.4.2.3.
fn lengths_frame(bytes: &[u8]) -> Option<u64> {
    const KBIT_S: [[u64; 14]; 2] = [
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    const RATES_HZ: [u64; 3] = [44_100, 48_000, 32_000];
    let &[0xff, version, rates, mode, ..] = bytes else { return None };
    if version & 0xe6 != 0xe2 {
        return None; // no sync, or not layer III
    }
    let (halvings, half) = match version >> 3 & 3 {
        3 => (0, false),
        2 => (1, true),
        0 => (2, true),
        _ => return None,
    };
    let side_bytes = match (half, mode >> 6 == 3) {
        (false, false) => 32,
        (false, true) | (true, false) => 17,
        (true, true) => 9,
    };
    let named =
        |at: usize, names: &[&[u8; 4]]| names.iter().any(|name| bytes.get(at..at + 4) == Some(&name[..]));
    if !named(4 + side_bytes, &[b"Xing", b"Info"]) && !named(36, &[b"VBRI"]) {
        return None;
    }
    let kbit_s = KBIT_S[usize::from(half)].get(usize::from(rates >> 4).checked_sub(1)?)?;
    let rate_hz = RATES_HZ.get(usize::from(rates >> 2 & 3))? >> halvings;
    let samples = if half { 576 } else { 1152 };
    Some(samples / 8 * kbit_s * 1000 / rate_hz + u64::from(rates >> 1 & 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_tag_has_its_length() {
        let id3v1 = [&b"TAG"[..], &[b' '; 125], b"\xff\xfb"].concat();
        let ape =
            |flags: u8| [&b"APETAGEX\xd0\x07\0\0\x64\0\0\0\x01\0\0\0\0\0\0"[..], &[flags], &[0; 8]].concat();
        let xing = |header: &[u8], at: usize, name: &[u8]| {
            [header, &vec![0; at - header.len()], name, &[0; 8]].concat()
        };
        let cases: [(Vec<u8>, Option<u64>); 9] = [
            (b"ID3\x03\0\0\0\0\x02\x01".to_vec(), Some(267)),
            (b"ID3\x03\0\x10\0\0\x02\x01".to_vec(), Some(277)),
            (id3v1.clone(), Some(128)),
            ([&id3v1[..128], b"xx"].concat(), None),
            (ape(0xa0), Some(132)),
            (ape(0x80), Some(32)),
            (xing(b"\xff\xfb\x90\x64", 36, b"Info"), Some(417)),
            (xing(b"\xff\xf3\x40\xc0", 13, b"Xing"), Some(104)),
            (xing(b"\xff\xfb\x90\x64", 35, b"Info"), None),
        ];
        for (bytes, length) in cases {
            let (padded, expected) = ([&[1; 5], &bytes[..]].concat(), length.map(|length| (5, length)));
            assert_eq!(find(&padded, 6), expected, "{bytes:x?}");
            assert_eq!(find(&padded, 5), None);
        }
    }
}
