//! Any bytes are safe: no panic, an error with its kind and path or what could be saved, in bounded time and memory.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Cursor, Read};

use genrescope::audio::{AudioStream, MAX_STREAM_S, Waveform};
use genrescope::features::{FrontEnd, mel_spectrogram};
use genrescope::{ErrorKind, Result};
use proptest::prelude::*;
use support::{TempFolder, WavSample, assert_refused, recording, sound, wav};

const RATE_HZ: u32 = 22_050;
const RECORDINGS: [&str; 18] = [
    "mono_22050.flac",
    "stereo_44100.ogg",
    "stereo_44100.mp3",
    "no_tag_44100_vbr.mp3",
    "stereo_44100.m4a",
    "mono_22050_alac.m4a",
    "mono_22050_alac.caf",
    "stereo_44100.aac",
    "mono_48000.opus",
    "six_48000.opus",
    "stereo_48000.webm",
    "stereo_44100.mkv",
    "mono_22050.mp2",
    "noise_48000.mp1",
    "mono_22050.aiff",
    "mono_22050_ima.wav",
    "mono_22050_ms.wav",
    "mono_22050_rf64.wav",
];

/// Recordings that make a longer one when they follow each other, and how often.
const REPEATED: [(&str, usize); 7] = [
    ("no_tag_44100_vbr.mp3", 12),
    ("stereo_44100.mp3", 12),
    ("mono_22050_vbr.mp3", 24),
    ("mono_22050.mp2", 24),
    ("noise_48000.mp1", 48),
    ("stereo_44100.ogg", 6),
    ("stereo_44100.aac", 6),
];

fn decode(bytes: Vec<u8>) -> Result<(Vec<f32>, Vec<String>)> {
    decode_on(1, bytes)
}

fn decode_on(threads: usize, bytes: Vec<u8>) -> Result<(Vec<f32>, Vec<String>)> {
    let stream = AudioStream::from_reader(Box::new(Cursor::new(bytes)), "bytes", RATE_HZ)?;
    let mut stream = stream.on_threads(threads);
    let mut samples = Vec::new();
    while let Some(block) = stream.next_block()? {
        samples.extend(block);
    }
    Ok((samples, stream.warnings().to_vec()))
}

/// Every container: the recordings, and a wav of the same sound.
fn containers() -> Vec<(&'static str, Vec<u8>)> {
    let wav = wav(&sound(RATE_HZ, 10_000, 0.01), RATE_HZ, 2, WavSample::Int16);
    let read = |name| (name, std::fs::read(recording(name)).unwrap());
    RECORDINGS.into_iter().map(read).chain([("wav", wav)]).collect()
}

/// A wav file with other fields in its header: (offset, bytes).
fn wav_with(fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = wav(&sound(RATE_HZ, 4000, 0.01), RATE_HZ, 1, WavSample::Int16);
    for (offset, field) in fields {
        bytes[*offset..offset + field.len()].copy_from_slice(field);
    }
    bytes
}

#[test]
fn what_is_no_audio_is_refused_with_its_kind_and_path() {
    let folder = TempFolder::new();
    let header = &wav(&[], RATE_HZ, 1, WavSample::Int16);
    let flac = &std::fs::read(recording("mono_22050.flac")).unwrap();
    let text = "This is not a song, it only has the name of one.\n".repeat(100).into_bytes();
    let cases: [(&str, &[u8], ErrorKind); 7] = [
        ("empty.wav", b"", ErrorKind::TooShort),
        ("text.mp3", &text, ErrorKind::UnsupportedFormat),
        ("one byte.ogg", b"O", ErrorKind::UnsupportedFormat),
        ("header.wav", header, ErrorKind::TooShort),
        ("half a header.wav", &header[..20], ErrorKind::Corrupt),
        ("header.flac", &flac[..42], ErrorKind::Corrupt),
        ("zeros.mp3", &[0; 4096], ErrorKind::UnsupportedFormat),
    ];
    for (name, bytes, kind) in cases {
        println!("{name}");
        assert_refused(Waveform::decode(&folder.file(name, bytes), RATE_HZ), kind, name);
    }
}

#[test]
fn paths_that_are_no_file_are_refused() {
    let folder = TempFolder::new();
    let gone = folder.path().join("gone.mp3");
    assert_refused(Waveform::decode(&gone, RATE_HZ), ErrorKind::NotFound, "gone.mp3");
    assert_refused(Waveform::decode(folder.path(), RATE_HZ), ErrorKind::Io, "is a folder");
}

#[test]
fn a_rate_that_makes_no_sense_is_refused() {
    for rate_hz in [0, 1, u32::MAX] {
        let stream = AudioStream::open(&recording("mono_22050.flac"), rate_hz).map(|_| ());
        assert_refused(stream, ErrorKind::BadSettings, "Hz");
    }
}

#[test]
fn claims_of_a_header_meet_limits() {
    const FILE_BYTES: usize = 4;
    const CHANNELS: usize = 22;
    const RATE: usize = 24;
    const DATA_BYTES: usize = 40;
    for channels in [0, 10_000, 40_000_u16] {
        assert!(decode(wav_with(&[(CHANNELS, &channels.to_le_bytes())])).is_err());
    }
    for rate_hz in [0, 1, 4_000_000_000_u32] {
        let error = decode(wav_with(&[(RATE, &rate_hz.to_le_bytes())])).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::LimitExceeded | ErrorKind::Corrupt), "{error}");
    }
    let ten_hours = (10 * 3600 * 2 * RATE_HZ).to_le_bytes();
    let (samples, warnings) = decode(wav_with(&[(FILE_BYTES, &[255; 4]), (DATA_BYTES, &ten_hours)])).unwrap();
    assert!((2800..=4000).contains(&samples.len()), "{}", samples.len());
    assert!(warnings[0].starts_with("the audio ends early"), "{warnings:?}");
}

/// A wav of unknown length, 8 bits at 1 kHz, whose samples never end.
fn endless() -> Box<dyn Read + Send + Sync> {
    let mut header = wav(&[], 1000, 1, WavSample::Int16);
    header.truncate(44);
    header[28..32].copy_from_slice(&1000_u32.to_le_bytes());
    header[32..36].copy_from_slice(&[1, 0, 8, 0]);
    header[40..44].fill(255);
    Box::new(Cursor::new(header).chain(std::io::repeat(100)))
}

#[test]
fn a_stream_without_end_is_given_up_after_a_day_and_a_waveform_after_two_hours() {
    let mut stream = AudioStream::from_reader(endless(), "radio", 1000).unwrap();
    let mut samples = 0;
    let error = loop {
        match stream.next_block() {
            Ok(Some(block)) => samples += block.len() as u64,
            Ok(None) => panic!("ended after {samples} samples"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(samples.abs_diff(MAX_STREAM_S * 1000) < 100_000, "{samples}");
    let waveform = Waveform::from_stream(AudioStream::from_reader(endless(), "radio", 1000).unwrap());
    assert_refused(waveform, ErrorKind::LimitExceeded, "read it as a stream");
}

#[test]
fn zeros_without_end_are_refused_whatever_they_begin_with() {
    for magic in
        [&b""[..], b"ID3\x04\0\0\x7f\x7f\x7f\x7f", b"\0\0\0\x14ftypM4A ", b"caff\0\x01\0\0", b"fLaC", b"OggS"]
    {
        let reader = Box::new(Cursor::new(magic.to_vec()).chain(std::io::repeat(0).take(1 << 30)));
        let stream = AudioStream::from_reader(reader, "zeros", RATE_HZ).map(|_| ());
        assert!(stream.is_err(), "{magic:?}");
    }
}

#[test]
fn half_a_file_gives_about_half_the_sound() {
    let folder = TempFolder::new();
    for (name, bytes) in containers() {
        if ["m4a", "caf"].iter().any(|ending| name.ends_with(ending)) {
            // Their index is last.
            assert_refused(decode(bytes[..bytes.len() / 2].to_vec()), ErrorKind::Corrupt, "copy it again");
            continue;
        }
        let whole = decode(bytes.clone()).unwrap().0.len();
        let half = folder.file("half", &bytes[..bytes.len() / 2]);
        let half = Waveform::decode(&half, RATE_HZ).unwrap().samples.len();
        assert!((whole / 4..whole * 3 / 4).contains(&half), "{name}: {half} of {whole} samples");
    }
}

#[test]
fn a_hole_in_the_middle_is_as_long_as_what_was_lost() {
    const PACKET_SAMPLES: usize = 4096; // the longest, of ALAC
    for (name, mut bytes) in containers() {
        let whole = decode(bytes.clone()).unwrap().0.len();
        let middle = bytes.len() / 2;
        let hole = (bytes.len() / 4).min(3000);
        bytes[middle..middle + hole].fill(0);
        let (left, warnings) = decode(bytes).unwrap();
        if name.ends_with("webm") || name.ends_with("mkv") {
            // Less than a cluster: nothing to go on from behind the hole.
            assert!(warnings[0].contains("ends early"), "{name}: {warnings:?}");
            continue;
        }
        assert!(left.len().abs_diff(whole) <= PACKET_SAMPLES, "{name}: {} of {whole} samples", left.len());
        let any_bytes_decode = ["wav", "aiff", "alac"].iter().any(|kind| name.contains(kind));
        assert_eq!(warnings.is_empty(), any_bytes_decode, "{name}: {warnings:?}");
    }
}

#[test]
fn sixty_kilobytes_of_zeros_in_a_thirty_second_mp3_cost_no_time() {
    let second = std::fs::read(recording("stereo_44100.mp3")).unwrap();
    let mut bytes = second.repeat(20);
    let whole = decode(bytes.clone()).unwrap().0.len();
    assert!(whole.abs_diff(30 * RATE_HZ as usize) < RATE_HZ as usize);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 60_000].fill(0);
    let (left, warnings) = decode(bytes).unwrap();
    assert!(left.len().abs_diff(whole) < RATE_HZ as usize / 5, "{} of {whole} samples", left.len());
    assert!(warnings[0].contains("s are damaged, in 1 place"), "{warnings:?}");
    let longest =
        left.chunk_by(|a, b| (a == &0.0) == (b == &0.0)).filter(|run| run[0] == 0.0).map(<[f32]>::len);
    assert!(longest.max().unwrap() > 3 * RATE_HZ as usize);
}

/// Where the frames of an elementary stream begin.
fn frames(bytes: &[u8], frame_bytes: impl Fn(&[u8]) -> usize) -> Vec<usize> {
    let mut frames = vec![0];
    while let Some(next) =
        frames.last().map(|&at| at + frame_bytes(&bytes[at..])).filter(|&at| at < bytes.len())
    {
        frames.push(next);
    }
    frames
}

#[test]
fn a_single_lost_frame_is_silent_for_its_length() {
    let cases = [("stereo_44100.mp3", 144 * 128_000 / 44_100), ("mono_22050.mp2", 144 * 96_000 / 22_050)];
    for (name, frame_bytes) in cases {
        let original = std::fs::read(recording(name)).unwrap();
        let frames = frames(&original, |frame| frame_bytes + usize::from(frame[2] >> 1 & 1));
        let whole = decode(original.clone()).unwrap().0.len();
        assert!(frames.len() > 25, "{name}: {frames:?}");
        for hole in frames[5..frames.len() - 3].windows(2) {
            let mut bytes = original.clone();
            bytes[hole[0]..hole[1]].fill(0);
            let (left, warnings) = decode(bytes).unwrap();
            assert!(left.len().abs_diff(whole) <= 2, "{name}: {} of {whole} samples", left.len());
            assert!(warnings[0].contains("in 1 place"), "{name}: {warnings:?}");
        }
    }
}

#[test]
fn two_lost_frames_of_unequal_length_are_silent_for_about_their_length() {
    const FRAME_SAMPLES: usize = 1024 / 2;
    let original = std::fs::read(recording("stereo_44100.aac")).unwrap();
    let adts = |frame: &[u8]| {
        usize::from(frame[3] & 3) << 11 | usize::from(frame[4]) << 3 | usize::from(frame[5] >> 5)
    };
    let (whole, frames) = (decode(original.clone()).unwrap().0.len(), frames(&original, adts));
    for hole in frames[5..frames.len() - 3].windows(3) {
        let mut bytes = original.clone();
        bytes[hole[0]..hole[2]].fill(0);
        let left = decode(bytes).unwrap().0.len();
        assert!(
            left.abs_diff(whole) <= FRAME_SAMPLES + 2,
            "{left} of {whole} samples, from byte {}",
            hole[0]
        );
    }
}

/// Where the pages of an Ogg stream begin.
fn pages(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"OggS\0")).collect()
}

#[test]
fn an_ogg_whose_first_page_of_audio_is_damaged_goes_on_behind_it() {
    for name in ["stereo_44100.ogg", "mono_22050.ogg", "mono_48000.opus"] {
        let mut bytes = std::fs::read(recording(name)).unwrap();
        let whole = decode(bytes.clone()).unwrap().0;
        let pages = pages(&bytes);
        let first = *pages.iter().find(|&&page| bytes[page + 6..page + 14] != [0; 8]).unwrap();
        bytes[first + 100] ^= 0xff;
        let (left, warnings) = decode(bytes).unwrap();
        let block_samples = 2048 / 4; // a decoder gives nothing for half of the first
        assert!(left.len().abs_diff(whole.len()) <= block_samples, "{name}: {}", left.len());
        assert!(warnings[0].contains("are damaged, in 1 place"), "{name}: {warnings:?}");
        assert!(left[..1000].iter().all(|&sample| sample == 0.0), "{name}");
    }
}

#[test]
fn mp3_files_of_other_rates_and_channel_counts_follow_each_other() {
    let parts = ["stereo_44100.mp3", "mono_22050_vbr.mp3", "stereo_44100.mp3"];
    let bytes = parts.map(|part| std::fs::read(recording(part)).unwrap()).concat();
    let (samples, warnings) = decode(bytes).unwrap();
    assert!(samples.len().abs_diff(3 * 33_075) < 3 * 1152, "{}", samples.len());
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn a_tag_between_two_mp3_files_is_no_hole() {
    let mp3 = std::fs::read(recording("stereo_44100.mp3")).unwrap();
    let id3v2 = [b"ID3\x03\0\0\0\x04\0\0".as_slice(), &[0xff; 4 << 14]].concat();
    let id3v1 = [b"TAG".as_slice(), &[b' '; 125]].concat();
    let ape = [b"APETAGEX\xd0\x07\0\0\x00\x10\0\0\x01\0\0\0\0\0\0\xa0".as_slice(), &[0; 8 + 4096]].concat();
    for tags in [[&id3v1[..], &[]], [&[], &id3v2[..]], [&ape[..], &id3v1[..]], [&id3v1[..], &id3v2[..]]] {
        let (samples, warnings) = decode([&mp3, tags[0], tags[1], &mp3].concat()).unwrap();
        assert!(samples.len().abs_diff(2 * 33_075) < 2 * 1152, "{}", samples.len());
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}

#[test]
fn a_wav_whose_recorder_was_cut_off_is_read_to_its_end() {
    for lengths in [[0_u8; 4], [255; 4], [1, 0, 0, 0]] {
        let mut bytes = wav_with(&[(4, &lengths)]);
        if lengths[0] != 1 {
            bytes = wav_with(&[(4, &lengths), (40, &lengths)]);
        }
        let folder = TempFolder::new();
        let decoded = Waveform::decode(&folder.file("x.wav", &bytes), RATE_HZ).unwrap();
        assert_eq!(decoded.samples.len(), 4000, "{lengths:?}");
    }
}

#[test]
fn a_wav_that_was_written_into_a_pipe_ends_where_it_ends() {
    let bytes = wav_with(&[(4, &[255; 4]), (40, &[255; 4])]);
    let (samples, warnings) = decode(bytes).unwrap();
    assert_eq!((samples.len(), warnings), (4000, vec![]));
}

#[test]
fn junk_and_a_large_tag_before_the_first_mp3_frame_do_not_hide_it() {
    let mp3 = std::fs::read(recording("stereo_44100.mp3")).unwrap();
    let whole = decode(mp3.clone()).unwrap().0;
    let tag_bytes = 10 << 20;
    let size =
        [(tag_bytes >> 21) as u8 & 127, (tag_bytes >> 14) as u8 & 127, (tag_bytes >> 7) as u8 & 127, 0];
    let tag = [b"ID3\x04\0\0".as_slice(), &size, &vec![0; tag_bytes]].concat();
    assert_eq!(decode([tag, mp3.clone()].concat()).unwrap().0, whole);
    assert_eq!(decode([vec![b'x'; 4096], mp3].concat()).unwrap().0, whole);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_never_panic_and_stay_finite(
        container in 0..RECORDINGS.len() + 1,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..200),
        near_header in any::<bool>(),
    ) {
        let mut bytes = containers().swap_remove(container).1;
        let reach = if near_header { 256 } else { bytes.len() };
        for (at, value) in flips {
            bytes[at.index(reach)] = value;
        }
        if let Ok((samples, _)) = decode(bytes) {
            prop_assert!(samples.iter().all(|x| x.is_finite()));
            let waveform = Waveform { samples, sample_rate_hz: RATE_HZ };
            let mel = mel_spectrogram(&waveform, &FrontEnd::default()).unwrap();
            prop_assert!(mel.power.iter().all(|x| x.is_finite()));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..5000), magic in 0..5_usize) {
        let magic: &[u8] = [b"RIFF".as_slice(), b"fLaC", b"OggS", b"\xff\xfb\x90\x64", b"ID3\x04"][magic];
        let _ = decode([magic, &bytes].concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_or_not_any_number_of_threads_gives_the_same_samples_and_warnings(
        recording in 0..REPEATED.len(),
        threads in 2..5_usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
    ) {
        let (name, times) = REPEATED[recording];
        let mut bytes = std::fs::read(support::recording(name)).unwrap().repeat(times);
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let alone = decode(bytes.clone()).map_err(|e| e.to_string());
        let together = decode_on(threads, bytes).map_err(|e| e.to_string());
        prop_assert!(alone == together, "{name} on {threads} threads");
    }
}
