//! Hostile files meet the limits of `audio`: what they claim costs neither memory nor time.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Cursor, Read};

use genrescope::audio::{AudioStream, MAX_LOST_PACKET_S, MAX_STREAM_S};
use genrescope::{ErrorKind, Result};
use support::{assert_refused, recording};

/// More than the limits on what is held allow all tests together, and far less than what their files claim, MB.
const PEAK_MB: u64 = 400;

/// Samples at 1 kHz of the whole stream; memory is looked at behind it.
fn length(reader: Box<dyn Read + Send + Sync>) -> Result<usize> {
    let counted = AudioStream::from_reader(reader, "hostile", 1000).and_then(|mut stream| {
        let mut samples = 0;
        while let Some(block) = stream.next_block()? {
            samples += block.len();
        }
        Ok(samples)
    });
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak_mb = peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024;
        assert!(peak_mb < PEAK_MB, "{peak_mb} MB");
    }
    counted
}

/// `head`, and `part` again and again for a gigabyte.
fn gigabyte(head: &[u8], part: &[u8]) -> Box<dyn Read + Send + Sync> {
    struct Again(Cursor<Vec<u8>>);
    impl Read for Again {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.position() == self.0.get_ref().len() as u64 {
                self.0.set_position(0);
            }
            self.0.read(buffer)
        }
    }
    let again = Again(Cursor::new(part.repeat((1 << 20) / part.len() + 1)));
    Box::new(Cursor::new(head.to_vec()).chain(again.take(1 << 30)))
}

#[test]
fn metadata_without_end_is_refused() {
    let zeros = [0; 4096];
    let info = std::fs::read(recording("mono_22050.flac")).unwrap()[..42].to_vec();
    let with_header = |header: &[u8]| [header, &zeros].concat();
    let cases: [(&str, &[u8], Vec<u8>); 6] = [
        ("ID3 tags", b"", with_header(b"ID3\x04\0\0\0\0\x20\0")),
        ("FLAC padding", &info, with_header(&[1, 0, 0x10, 0])),
        ("FLAC comments", &info, with_header(&[4, 0, 0x10, 0])),
        ("mp4 atoms", b"\0\0\0\x0cftypM4A ", with_header(b"\0\0\x10\x08free")),
        ("wav chunks", b"RIFF\xff\xff\xff\xffWAVE", with_header(b"LIST\0\x10\0\0")),
        (
            "Matroska voids",
            b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff",
            with_header(b"\xec\x50\0"),
        ),
    ];
    for (name, head, part) in cases {
        println!("{name}");
        assert!(length(gigabyte(head, &part)).is_err(), "{name}");
    }
}

/// A FLAC of 65,535 equal samples a frame, 1 kHz: 14 bytes a minute. RFC 9639.
fn bomb(frames: u32) -> Vec<u8> {
    let crc = |bytes: &[u8], polynomial: u32, width: u32| {
        bytes.iter().fold(0, |sum: u32, &byte| {
            (0..8).fold(sum ^ u32::from(byte) << (width - 8), |sum, _| {
                sum << 1 ^ if sum >> (width - 1) & 1 == 1 { polynomial | 1 << width } else { 0 }
            })
        })
    };
    let mut bytes = b"fLaC\x80\0\0\x22\xff\xff\xff\xff\0\0\0\0\0\0\0\x3e\x80\xf0\0\0\0\0".to_vec();
    bytes.extend([0; 16]);
    for number in 0..frames {
        let mut frame = vec![0xff, 0xf8, 0x70, 0x08];
        frame.extend(char::from_u32(number).unwrap().to_string().bytes());
        frame.extend([0xff, 0xfe]);
        frame.push(crc(&frame, 0x07, 8) as u8);
        frame.extend([0, 0x10, 0]);
        frame.extend((crc(&frame, 0x8005, 16) as u16).to_be_bytes());
        bytes.extend(frame);
    }
    bytes
}

#[test]
fn a_small_file_of_more_than_a_day_is_given_up_after_a_day() {
    const FRAME_SAMPLES: usize = 65_535;
    assert_eq!(length(Box::new(Cursor::new(bomb(3)))).unwrap(), 3 * FRAME_SAMPLES);
    let frames = MAX_STREAM_S as usize * 1000 / FRAME_SAMPLES + 2;
    let bytes = bomb(frames as u32);
    assert!(bytes.len() < 30_000);
    assert_refused(length(Box::new(Cursor::new(bytes))), ErrorKind::LimitExceeded, "longer than 24 hours");
}

#[test]
fn a_damaged_packet_that_claims_hours_is_silent_for_a_second() {
    let mut bytes = std::fs::read(recording("stereo_44100.m4a")).unwrap();
    let at = |bytes: &[u8], name: &[u8]| bytes.windows(4).position(|bytes| bytes == name).unwrap() + 4;
    let times = at(&bytes, b"stts");
    bytes[times + 12..times + 16].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
    let sound = at(&bytes, b"mdat");
    bytes[sound + 12_000..sound + 18_000].fill(0xff);
    let sizes = at(&bytes, b"stsz");
    let packets = u32::from_be_bytes(bytes[sizes + 8..sizes + 12].try_into().unwrap());
    let samples = length(Box::new(Cursor::new(bytes))).unwrap();
    assert!(samples <= (packets * MAX_LOST_PACKET_S * 1000) as usize, "{samples} for {packets} packets");
}
