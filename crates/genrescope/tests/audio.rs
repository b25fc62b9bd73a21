//! The same sound from any format, rate, channel count and kind of reader is the same sound.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::Cursor;
use std::path::Path;

use genrescope::audio::{AudioStream, Waveform, audio_files};
use genrescope::features::{FrontEnd, MelFrames, mel_spectrogram};
use genrescope::{ErrorKind, Result};
use support::{TempFolder, WavSample, assert_all_close, assert_refused, recording, sound, wav};

/// The recordings in `tests/audio`, made by `reference/make_audio.py`: the bound of [`difference_db`], and how many
/// samples there may be before and behind the sound. MPEG layer 2 and ADTS say nothing of what their encoder put there;
/// of six channels, Opus keeps only the lowest band of the fourth.
const RECORDINGS: [(&str, f64, usize, usize); 17] = [
    ("mono_22050.flac", 0.05, 0, 0),
    ("stereo_44100.ogg", 0.5, 0, 0),
    ("stereo_44100.mp3", 0.5, 0, 0),
    ("mono_22050_vbr.mp3", 0.5, 0, 0),
    ("stereo_44100.m4a", 0.5, 0, 0),
    ("mono_22050_alac.m4a", 0.05, 0, 0),
    ("mono_22050_alac.caf", 0.05, 0, 0),
    ("stereo_44100.aac", 0.5, 512, 256),
    ("mono_48000.opus", 0.5, 0, 0),
    ("stereo_48000.webm", 0.5, 0, 320),
    ("six_48000.opus", 2.0, 0, 0),
    ("stereo_44100.mkv", 0.5, 0, 600),
    ("mono_22050.mp2", 0.5, 481, 300),
    ("mono_22050.aiff", 0.05, 0, 0),
    ("mono_22050_ima.wav", 1.0, 0, 2000),
    ("mono_22050_ms.wav", 1.0, 0, 2000),
    ("mono_22050_rf64.wav", 1.0, 0, 1),
];
const RATE_HZ: u32 = 22_050;
const SAMPLES: usize = 33_075; // 1.5 s

fn mel(samples: Vec<f32>) -> MelFrames {
    let front_end = FrontEnd { frame_step: 1.0, ..FrontEnd::default() };
    mel_spectrogram(&Waveform { samples, sample_rate_hz: RATE_HZ }, &front_end).unwrap()
}

/// Mean |difference| of the log-mel cells within 40 dB of the loudest, dB.
fn difference_db(actual: &MelFrames, expected: &MelFrames) -> f64 {
    assert_eq!(actual.frames(), expected.frames());
    let loudest = expected.power.iter().copied().fold(0.0, f32::max);
    let audible = actual.power.iter().zip(&expected.power).filter(|(_, e)| **e > 1e-4 * loudest);
    let differences: Vec<f64> = audible.map(|(a, e)| f64::from(10.0 * (a / e).log10()).abs()).collect();
    differences.iter().sum::<f64>() / differences.len() as f64
}

fn decode_all(mut stream: AudioStream) -> Result<(Vec<f32>, Vec<String>)> {
    let mut samples = Vec::new();
    while let Some(block) = stream.next_block()? {
        assert!(!block.is_empty());
        samples.extend(block);
    }
    Ok((samples, stream.warnings().to_vec()))
}

fn open(path: &Path) -> AudioStream {
    AudioStream::open(path, RATE_HZ).unwrap()
}

#[test]
fn every_container_holds_the_log_mel_of_the_original() {
    let original = mel(sound(RATE_HZ, SAMPLES, 0.001));
    for (name, bound_db, before, behind) in RECORDINGS {
        let (mut samples, warnings) = decode_all(open(&recording(name))).unwrap();
        let longest = before + SAMPLES + behind;
        assert!((SAMPLES..=longest).contains(&samples.len()), "{name}: {} samples", samples.len());
        assert!(warnings.is_empty(), "{name}: {warnings:?}");
        samples.resize(longest, 0.0);
        let found_db = difference_db(&mel(samples[before..before + SAMPLES].to_vec()), &original);
        assert!(found_db < bound_db, "{name}: {found_db} dB");
    }
}

#[test]
fn opus_and_layer_1_agree_with_the_decoders_of_opus_tools_and_ffmpeg() {
    let pairs =
        [("mono_48000.opus", "mono_48000_opusdec.flac"), ("noise_48000.mp1", "noise_48000_ffmpeg.flac")];
    for (name, golden) in pairs {
        let decoded = Waveform::decode(&recording(name), 48_000).unwrap().samples;
        let golden = Waveform::decode(&recording(golden), 48_000).unwrap().samples;
        let two_steps = 2.0 / 32_768.0; // both were cut to 16 bits
        assert_all_close(&decoded[..golden.len()], &golden, two_steps, 0.0);
    }
}

#[test]
fn he_aac_is_its_core_with_a_warning() {
    let plain = fs::read(recording("stereo_44100.m4a")).unwrap();
    let config = [0x12, 0x10, 0x56, 0xe5, 0x00]; // AAC-LC, 44.1 kHz, stereo; no band replication
    let place = plain.windows(config.len()).position(|bytes| bytes == config).unwrap();
    let decode = |config: [u8; 5]| {
        let mut bytes = plain.clone();
        bytes[place..][..5].copy_from_slice(&config);
        decode_all(AudioStream::from_reader(Box::new(Cursor::new(bytes)), "bytes", RATE_HZ).unwrap()).unwrap()
    };
    let (core, none) = decode(config);
    assert!(none.is_empty());
    for config in [[0x12, 0x10, 0x56, 0xe5, 0xa0], [0x2a, 0x12, 0x08, 0x00, 0x00]] {
        let (samples, warnings) = decode(config);
        assert_eq!(warnings, ["HE-AAC is decoded without its upper band: nothing above 22050 Hz is heard"]);
        assert_all_close(&samples, &core, 0.0, 0.0);
    }
}

/// An mp4 atom.
fn atom(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes(), &name[..], body].concat()
}

#[test]
fn the_gapless_tag_of_itunes_stands_in_for_an_edit_list() {
    let mut bytes = fs::read(recording("stereo_44100.m4a")).unwrap();
    let (expected, _) = decode_all(open(&recording("stereo_44100.m4a"))).unwrap();
    for name in [b"edts", b"udta"] {
        let place = bytes.windows(4).position(|bytes| bytes == name).unwrap();
        bytes[place..][..4].copy_from_slice(b"free");
    }
    let samples = 2 * SAMPLES;
    let numbers = format!(" 00000000 00000400 00000000 {samples:016X} 00000000 00000000");
    let tag = [
        atom(b"mean", b"\0\0\0\0com.apple.iTunes"),
        atom(b"name", b"\0\0\0\0iTunSMPB"),
        atom(b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0], numbers.as_bytes()].concat()),
    ];
    let list = atom(b"ilst", &atom(b"----", &tag.concat()));
    let tags = atom(b"udta", &atom(b"meta", &[&[0; 4], &list[..]].concat()));
    let movie = bytes.windows(4).position(|bytes| bytes == b"moov").unwrap() - 4; // the last atom
    let folder = TempFolder::new();
    let untagged = decode_all(open(&folder.file("untagged.m4a", &bytes))).unwrap().0;
    let length = (bytes.len() - movie + tags.len()) as u32;
    bytes[movie..][..4].copy_from_slice(&length.to_be_bytes());
    bytes.extend(tags);
    let (found, warnings) = decode_all(open(&folder.file("tagged.m4a", &bytes))).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert!(untagged.len() > found.len() + 512);
    assert_all_close(&found, &expected, 1e-6, 0.0);
}

#[test]
fn packets_whose_times_jitter_are_whole() {
    let plain = fs::read(recording("stereo_44100.m4a")).unwrap();
    let entry = |packets: u32, samples: u32| [packets.to_be_bytes(), samples.to_be_bytes()].concat();
    let steady = [entry(65, 1024), entry(1, 0x266)].concat();
    let jittery = [entry(30, 1024), entry(1, 1472), entry(1, 576), entry(33, 1024), entry(1, 0x266)].concat();
    let place = plain.windows(steady.len()).position(|bytes| bytes == steady).unwrap();
    let grown = (jittery.len() - steady.len()) as u32;
    let mut bytes =
        [&plain[..place - 4], &5_u32.to_be_bytes(), &jittery, &plain[place + steady.len()..]].concat();
    for name in [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"] {
        let size = bytes.windows(4).position(|bytes| bytes == name).unwrap() - 4;
        let bytes = bytes[size..].first_chunk_mut().unwrap();
        *bytes = (u32::from_be_bytes(*bytes) + grown).to_be_bytes();
    }
    let decode = |bytes: Vec<u8>| {
        decode_all(AudioStream::from_reader(Box::new(Cursor::new(bytes)), "bytes", RATE_HZ).unwrap()).unwrap()
    };
    let (samples, warnings) = decode(bytes);
    assert_eq!(warnings, Vec::<String>::new());
    assert_all_close(&samples, &decode(plain).0, 0.0, 0.0);
}

#[test]
fn flac_is_lossless() {
    let decoded = Waveform::decode(&recording("mono_22050.flac"), RATE_HZ).unwrap();
    let one_step = 1.01 / 32_768.0; // the encoder's input was cut to 16 bits
    assert_all_close(&decoded.samples, &sound(RATE_HZ, SAMPLES, 0.001), one_step, 0.0);
}

#[test]
fn an_mp3_without_a_length_in_its_header_is_not_cut() {
    let samples = Waveform::decode(&recording("no_tag_44100_vbr.mp3"), RATE_HZ).unwrap().samples;
    let (encoder_delay, last_packets) = (1105 / 2, 2 * 1152 / 2);
    assert!((SAMPLES + encoder_delay..=SAMPLES + encoder_delay + last_packets).contains(&samples.len()));
}

#[test]
fn a_reader_that_cannot_seek_gives_the_same_samples_as_the_file() {
    let names = RECORDINGS.map(|(name, ..)| name);
    for name in names.into_iter().chain(["no_tag_44100_vbr.mp3"]) {
        let path = recording(name);
        let reader = Box::new(fs::File::open(&path).unwrap());
        let piped = AudioStream::from_reader(reader, "stdin", RATE_HZ).unwrap();
        assert_eq!(decode_all(piped).unwrap(), decode_all(open(&path)).unwrap(), "{name}");
    }
}

#[test]
fn equal_channels_are_the_mono_sound() {
    let (folder, samples) = (TempFolder::new(), sound(RATE_HZ, 5000, 0.1));
    for channels in [1, 2, 3, 6] {
        let path = folder.file("x.wav", &wav(&samples, RATE_HZ, channels, WavSample::Float32));
        let decoded = Waveform::decode(&path, RATE_HZ).unwrap();
        assert_all_close(&decoded.samples, &samples, 1e-7, 1e-6);
    }
}

#[test]
fn wav_is_exact_to_its_own_precision() {
    let (folder, samples) = (TempFolder::new(), sound(RATE_HZ, 5000, 0.1));
    for (format, step) in [(WavSample::Int16, 0.51 / 32_768.0), (WavSample::Float32, 0.0)] {
        let path = folder.file("x.wav", &wav(&samples, RATE_HZ, 1, format));
        assert_all_close(&Waveform::decode(&path, RATE_HZ).unwrap().samples, &samples, step, 0.0);
    }
}

#[test]
fn every_sample_rate_gives_the_same_log_mel_and_length() {
    let (folder, original) = (TempFolder::new(), mel(sound(RATE_HZ, SAMPLES, 0.0)));
    for rate_hz in [16_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000] {
        let samples = sound(rate_hz, (1.5 * f64::from(rate_hz)) as usize, 0.0);
        let path = folder.file("x.wav", &wav(&samples, rate_hz, 1, WavSample::Float32));
        let decoded = Waveform::decode(&path, RATE_HZ).unwrap().samples;
        assert_eq!(decoded.len(), SAMPLES, "{rate_hz} Hz");
        let found_db = difference_db(&mel(decoded), &original);
        assert!(found_db < 0.05, "{rate_hz} Hz: {found_db} dB");
    }
}

#[test]
fn chained_streams_of_other_rates_follow_each_other() {
    let parts = ["stereo_44100.ogg", "mono_22050.ogg", "stereo_44100.ogg"].map(recording);
    let expected: Vec<f32> = parts.iter().flat_map(|p| decode_all(open(p)).unwrap().0).collect();
    let chain = parts.map(|part| fs::read(part).unwrap()).concat();
    let folder = TempFolder::new();
    let (found, warnings) = decode_all(open(&folder.file("chain.ogg", &chain))).unwrap();
    assert_eq!((found.len(), warnings), (expected.len(), vec![]));
    assert_all_close(&found, &expected, 1e-6, 0.0);
}

#[test]
fn skipping_leaves_what_follows() {
    let path = recording("stereo_44100.mp3");
    let (whole, _) = decode_all(open(&path)).unwrap();
    for from_s in [0.0, 0.01, 0.75, 1.49, 1.5, 100.0] {
        let mut stream = open(&path);
        stream.skip_to(from_s).unwrap();
        let first = ((from_s * f64::from(RATE_HZ)).round() as usize).min(whole.len());
        assert_eq!(decode_all(stream).unwrap().0, whole[first..], "from {from_s} s");
    }
    assert_refused(open(&path).skip_to(f64::NAN), ErrorKind::BadSettings, "stereo_44100.mp3");
}

#[test]
fn impossible_samples_are_zero_with_a_warning() {
    let mut samples = sound(RATE_HZ, 5000, 0.1);
    samples[100] = f32::NAN;
    samples[200] = f32::INFINITY;
    samples[300] = -1e30;
    let path = TempFolder::new();
    let path = path.file("x.wav", &wav(&samples, RATE_HZ, 2, WavSample::Float32));
    let (decoded, warnings) = decode_all(open(&path)).unwrap();
    assert_eq!([decoded[100], decoded[200], decoded[300]], [0.0; 3]);
    assert_eq!(warnings, ["3 samples that are no finite number were set to 0"]);
}

#[test]
fn listing_a_folder_finds_its_audio_sorted_and_ends_in_spite_of_link_loops() {
    let folder = TempFolder::new();
    for name in ["b/two.MP3", "a/one.flac", "three.wav", "notes.txt", "a/deep/er/four.ogg"] {
        folder.file(name, b"");
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/loop")).unwrap();
    let listed = audio_files(folder.path()).into_iter().map(Result::unwrap);
    let expected = ["a/deep/er/four.ogg", "a/one.flac", "b/two.MP3", "three.wav"];
    assert_eq!(listed.collect::<Vec<_>>(), expected.map(|name| folder.path().join(name)));
}

#[test]
fn listing_reports_what_is_not_there_and_takes_a_named_file_as_it_is() {
    let folder = TempFolder::new();
    let mut missing = audio_files(&folder.path().join("gone"));
    assert_eq!(missing.len(), 1);
    assert_refused(missing.remove(0), ErrorKind::NotFound, "gone");
    let named = folder.file("song.without-ending", b"");
    assert_eq!(audio_files(&named).into_iter().map(Result::unwrap).collect::<Vec<_>>(), [named]);
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_are_named_with_a_remedy() {
    let folder = TempFolder::new();
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
    link("b.wav", "a.wav");
    link("a.wav", "b.wav");
    link("nowhere", "c.wav");
    let mut listed = audio_files(folder.path());
    assert_eq!(listed.len(), 3);
    assert_refused(
        listed.remove(2),
        ErrorKind::NotFound,
        "c.wav: there is no such file or folder; check the path",
    );
    assert_refused(listed.remove(0), ErrorKind::Io, "a.wav: Too many levels of symbolic links");
}
