//! `genrescope listen`, said as sentences.
#![allow(clippy::unwrap_used)]

mod support;

use assert_cmd::Command;
use serde_json::Value;
use support::{Stage, ran, sound, wav};

fn listen(stage: &Stage, arguments: &[&str]) -> Command {
    stage.genrescope(&[&["listen", "--model", "model.safetensors"], arguments].concat())
}

fn records(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_recording_is_heard_as_if_it_were_played() {
    let stage = Stage::new();
    stage.song("song.wav", 8.0);
    let simulate = ["--simulate", "song.wav", "--speed", "max"];
    let (out, err, code) = ran(&mut listen(&stage, &[&simulate[..], &["--format", "jsonl"]].concat()));
    assert_eq!((err.as_str(), code), ("", 0));
    let records = records(&out);
    let (heard, moments) = records.split_last().unwrap();
    assert_eq!(heard["schema"], "genrescope.heard/1");
    assert!((heard["duration_s"].as_f64().unwrap() - 8.0).abs() < 0.1, "{heard}");
    assert!(moments.len() >= 14 && moments.iter().all(|m| m["schema"] == "genrescope.moment/1"));
    assert!(moments[0]["end_s"].as_f64().unwrap() <= 1.5 && moments[0]["provisional"] == true);
    assert_eq!(moments.last().unwrap()["provisional"], false);

    let (out, err, code) = ran(&mut listen(&stage, &simulate));
    assert_eq!((err.as_str(), code), ("", 0));
    assert!(out.contains("(so far)\n") && out.lines().last().unwrap().contains(" %  "), "{out}");
}

#[test]
fn raw_sound_and_a_file_on_standard_input_are_the_same() {
    let stage = Stage::new();
    let file = wav(&sound(5.0));
    let samples = file[44..].to_vec();
    let jsonl = ["-", "--format", "jsonl"];
    let from_file = ran(listen(&stage, &jsonl).write_stdin(file));
    let raw = [&jsonl[..], &["--raw-format", "s16le", "--rate", "22050"]].concat();
    let from_raw = ran(listen(&stage, &raw).write_stdin(samples));
    assert_eq!(from_file.2, 0, "{}", from_file.1);
    assert_eq!(from_file, from_raw);
}

#[test]
fn a_stream_goes_on_behind_junk() {
    let stage = Stage::new();
    let mp3 = include_bytes!("../../genrescope/tests/audio/stereo_44100.mp3");
    let junk: Vec<u8> = (0..30_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let stream = [&mp3[..], &junk, mp3].concat();
    let alone = ran(listen(&stage, &["-", "--format", "jsonl"]).write_stdin(&mp3[..]));
    let both = ran(listen(&stage, &["-", "--format", "jsonl"]).write_stdin(stream));
    let duration_s = |out: &str| records(out).last().unwrap()["duration_s"].as_f64().unwrap();
    assert_eq!(both.2, 0, "{}", both.1);
    assert!(duration_s(&both.0) > 1.9 * duration_s(&alone.0), "{} {}", alone.0, both.0);
}

#[test]
fn a_state_is_carried_on_request_where_there_is_one() {
    let stage = Stage::new();
    stage.song("song.wav", 6.0);
    let carry = ["--simulate", "song.wav", "--speed", "max", "--carry", "--format", "jsonl"];
    let (out, err, code) = ran(&mut listen(&stage, &carry));
    assert_eq!((err.as_str(), code), ("", 0));
    let records = records(&out);
    let (_, moments) = records.split_last().unwrap();
    assert!(moments.len() >= 10 && moments.iter().all(|m| m["start_s"] == 0.0), "{out}");
    let (_, err, code) = ran(&mut stage.genrescope(&[&["listen"], &carry[..]].concat()));
    assert!(code == 2 && err.contains("`best` (residual) has no state to carry"), "{err}");
}

#[test]
fn what_is_no_sound_is_named_with_a_remedy() {
    let stage = Stage::new();
    let (out, err, code) = ran(listen(&stage, &["-"]).write_stdin("just text, no sound at all\n".repeat(50)));
    assert_eq!((out.as_str(), code), ("", 1), "{err}");
    assert!(err.contains("-: not audio") && err.contains("convert"), "{err}");
    let (_, err, code) = ran(&mut listen(&stage, &["--simulate", "nothing.mp3"]));
    assert!(code == 1 && err.contains("nothing.mp3"), "{err}");
    let (_, err, code) = ran(&mut listen(&stage, &["-", "--raw-format", "s16le"]));
    assert!(code == 2 && err.contains("--rate"), "{err}");
    let (_, err, code) = ran(&mut listen(&stage, &["--simulate", "song.wav", "--speed", "0"]));
    assert!(code == 2 && err.contains("factor above 0"), "{err}");
}

#[cfg(not(feature = "mic"))]
#[test]
fn without_the_microphone_another_way_is_named() {
    let (_, err, code) = ran(&mut listen(&Stage::new(), &[]));
    assert!(code == 2 && err.contains("--features mic") && err.contains("arecord"), "{err}");
}
