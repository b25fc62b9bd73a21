//! Mends the lengths in the header of a wav, aiff, caf or Matroska file, before anybody trusts them.
//!
//! In RIFF, RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088) say 0xffffffff and keep the true length in a chunk of their own;
//! recorders that were cut off leave 0; edited files contradict themselves. What is said of the whole file is ignored,
//! what is said of the samples is used when it can be true. A
//! Matroska file that was cut off is shorter than its segment says: then the length becomes "unknown" (RFC 8794).

/// Stands for "to the end of the file".
const UNKNOWN: u32 = u32::MAX;

/// Mends the header at the start of a file; leaves every other file as it is. Gives whether the file was cut off, and
/// with it what its index points to.
pub(super) fn mend(head: &mut [u8], file_bytes: Option<u64>) -> bool {
    if head.starts_with(EBML) {
        return mend_matroska(head, file_bytes).unwrap_or(false);
    }
    mend_riff(head, file_bytes);
    mend_caf(head, file_bytes);
    mend_aiff(head, file_bytes);
    false
}

/// A CAF may say -1 for "to the end of the file".
fn mend_caf(head: &mut [u8], file_bytes: Option<u64>) {
    let Some(file_bytes) = file_bytes.filter(|_| head.starts_with(b"caff")) else { return };
    let mut chunk = 8;
    while let Some(header) = head.get_mut(chunk..chunk + 12) {
        let (name, length) = header.split_at_mut(4);
        let said = length.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        if name == b"data" {
            if said == u64::MAX {
                length.copy_from_slice(&file_bytes.saturating_sub(chunk as u64 + 12).to_be_bytes());
            }
            return;
        }
        chunk = chunk.saturating_add(12).saturating_add(said as usize);
    }
}

/// An AIFF that was cut off has as many samples as there are.
fn mend_aiff(head: &mut [u8], file_bytes: Option<u64>) {
    let Some(file_bytes) = file_bytes.and_then(|bytes| u32::try_from(bytes).ok()) else { return };
    if !head.starts_with(b"FORM") || !matches!(head.get(8..12), Some(b"AIFF" | b"AIFC")) {
        return;
    }
    let mut chunk = 12;
    while let Some(header) = head.get_mut(chunk..chunk + 8) {
        let (name, length) = header.split_at_mut(4);
        let said = u32::from_be_bytes([length[0], length[1], length[2], length[3]]);
        if name == b"SSND" {
            let there = file_bytes.saturating_sub(chunk as u32 + 8);
            if said > there {
                length.copy_from_slice(&there.to_be_bytes());
                head[4..8].copy_from_slice(&file_bytes.saturating_sub(8).to_be_bytes());
            }
            return;
        }
        chunk += 8 + (said as usize).next_multiple_of(2);
    }
}

const EBML: &[u8] = &[0x1a, 0x45, 0xdf, 0xa3];
const SEGMENT: &[u8] = &[0x18, 0x53, 0x80, 0x67];

fn mend_matroska(head: &mut [u8], file_bytes: Option<u64>) -> Option<bool> {
    let length = head.windows(4).position(|id| id == SEGMENT)? + 4;
    let width = head.get(length)?.leading_zeros() as usize + 1;
    let field = head.get_mut(length..length + width).filter(|field| field.len() <= 8)?;
    let marker = 0x80_u64 << (7 * (width - 1));
    let said = field.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)) - marker;
    let unknown = 2 * marker - 1;
    let cut_off = said != unknown - marker && said > file_bytes?.saturating_sub((length + width) as u64);
    if cut_off {
        field.copy_from_slice(&unknown.to_be_bytes()[8 - width..]);
    }
    Some(cut_off)
}

/// Makes any of the three forms plain RIFF.
fn mend_riff(head: &mut [u8], file_bytes: Option<u64>) {
    let large = matches!(head.get(..4), Some(b"RF64" | b"BW64"));
    if !(large || head.starts_with(b"RIFF")) || head.get(8..12) != Some(b"WAVE") {
        return;
    }
    head[..4].copy_from_slice(b"RIFF");
    head[4..8].copy_from_slice(&UNKNOWN.to_le_bytes());
    let mut chunk = 12;
    let mut long_bytes = None;
    while let Some(header) = head.get(chunk..chunk + 8) {
        let (name, body) = (&header[..4], chunk + 8);
        let bytes = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        match name {
            b"ds64" => long_bytes = head.get(body + 8..body + 16).map(little_endian),
            b"data" => {
                let said = match bytes {
                    0 | UNKNOWN => long_bytes.filter(|_| large),
                    _ => return,
                };
                let there = file_bytes.map(|bytes| bytes.saturating_sub(body as u64));
                let bytes = said.filter(|&said| there.is_none_or(|there| said <= there)).or(there);
                let bytes = bytes.and_then(|bytes| u32::try_from(bytes).ok()).unwrap_or(UNKNOWN);
                head[chunk + 4..body].copy_from_slice(&bytes.to_le_bytes());
                return;
            }
            _ => (),
        }
        chunk = body + (bytes as usize).next_multiple_of(2);
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(form: &[u8; 4], chunks: &[(&[u8; 4], u32, &[u8])]) -> Vec<u8> {
        let mut bytes = [&form[..], &[0; 4], b"WAVE"].concat();
        for (name, length, body) in chunks {
            bytes.extend([&name[..], &length.to_le_bytes(), body].concat());
        }
        bytes
    }

    fn data_bytes(mut head: Vec<u8>, file_bytes: Option<u64>) -> u32 {
        mend(&mut head, file_bytes);
        assert!(head.starts_with(b"RIFF\xff\xff\xff\xffWAVE"));
        let length = head.windows(4).position(|w| w == b"data").unwrap() + 4;
        u32::from_le_bytes(head[length..length + 4].try_into().unwrap())
    }

    #[test]
    fn lengths_that_cannot_be_true_become_what_is_there() {
        let fmt: (&[u8; 4], u32, &[u8]) = (b"fmt ", 3, &[0; 4]); // an odd length is padded
        let ds64 = |bytes: u64| [&[0; 8][..], &bytes.to_le_bytes(), &[0; 12]].concat();
        let plain = |bytes| header(b"RIFF", &[fmt, (b"data", bytes, &[])]);
        let large = |bytes| header(b"RF64", &[(b"ds64", 28, &ds64(bytes)), fmt, (b"data", UNKNOWN, &[])]);
        assert_eq!(data_bytes(plain(17), Some(1000)), 17);
        assert_eq!(data_bytes(plain(0), Some(1032)), 1000);
        assert_eq!(data_bytes(plain(0), None), UNKNOWN);
        assert_eq!(data_bytes(plain(UNKNOWN), Some(6_000_000_000)), UNKNOWN);
        assert_eq!(data_bytes(large(500), Some(1068)), 500);
        assert_eq!(data_bytes(large(5_000_000_000), Some(1068)), 1000);
        assert_eq!(data_bytes(large(5_000_000_000), Some(6_000_000_000)), UNKNOWN);
    }

    #[test]
    fn a_matroska_segment_that_was_cut_off_is_of_unknown_length() {
        let file = |length: &[u8]| [EBML, &[0x80], SEGMENT, length, &[0; 100]].concat();
        for (length, mended) in [
            (&[0x01, 0, 0, 0, 0, 0, 0, 90][..], &[0x01, 0, 0, 0, 0, 0, 0, 90][..]),
            (&[0x01, 0, 0, 0, 0, 0, 2, 0], &[0x01, 255, 255, 255, 255, 255, 255, 255]),
            (&[0x42, 0], &[0x7f, 255]),
        ] {
            let mut head = file(length);
            let bytes = head.len() as u64;
            assert_eq!(mend(&mut head, Some(bytes)), length != mended);
            assert_eq!(head, file(mended));
        }
    }

    #[test]
    fn an_aiff_that_was_cut_off_has_the_samples_that_are_there() {
        let file = |form: u8, sound: u8| {
            [b"FORM\0\0\0", &[form][..], b"AIFFCOMM\0\0\0\x02xxSSND\0\0\0", &[sound], &[0; 70]].concat()
        };
        let mut head = file(200, 180);
        mend(&mut head, Some(100));
        assert_eq!(head, file(92, 70));
        mend(&mut head, Some(1000));
        assert_eq!(head, file(92, 70));
    }

    #[test]
    fn a_caf_of_unknown_length_goes_to_the_end() {
        let file = |length: &[u8; 8]| {
            [&b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x02xxdata"[..], length, &[0; 20]].concat()
        };
        for (said, mended) in
            [([255; 8], [0, 0, 0, 0, 0, 0, 0, 20]), ([0, 0, 0, 0, 0, 0, 0, 7], [0, 0, 0, 0, 0, 0, 0, 7])]
        {
            let mut head = file(&said);
            let bytes = head.len() as u64;
            mend(&mut head, Some(bytes));
            assert_eq!(head, file(&mended));
        }
    }

    #[test]
    fn other_files_and_half_headers_stay_as_they_are() {
        for bytes in [&b"OggS"[..], b"RIFF", b"RIFF\0\0\0\0AVI LIST", b""] {
            let mut head = bytes.to_vec();
            mend(&mut head, Some(4));
            assert_eq!(head, bytes);
        }
        let mut head = header(b"RIFF", &[(b"JUNK", u32::MAX, &[])]);
        mend(&mut head, None);
    }
}
