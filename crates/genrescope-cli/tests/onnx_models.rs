//! Models as ONNX files: they judge as models of the program do. What they cannot be is said.
#![cfg(feature = "onnx")]
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use genrescope::model::{ExportInput, Model};
use serde_json::Value;
use support::{Stage, model, ran};

/// A stage with songs and `theirs.onnx`: the small model as an ONNX file with other metadata; `None` takes a key away.
fn stage_with(network: &str, changes: &[(&str, Option<&str>)]) -> Stage {
    let stage = Stage::new();
    model(network).save(&stage.path("model.safetensors")).unwrap();
    let file = model(network).to_onnx(ExportInput::Mel).unwrap();
    fs::write(stage.path("theirs.onnx"), with_metadata(&file, changes)).unwrap();
    stage.song("song.wav", 8.0);
    stage.song("short.wav", 1.0);
    stage
}

/// A `ModelProto` whose `metadata_props`, field 14, are changed; all other fields stay byte for byte.
fn with_metadata(file: &[u8], changes: &[(&str, Option<&str>)]) -> Vec<u8> {
    const METADATA: u8 = 14 << 3 | 2;
    let (mut rest, mut changed) = (file, Vec::new());
    while !rest.is_empty() {
        let field = field_bytes(rest);
        let key = onnx_key(&rest[..field]).filter(|_| rest[0] == METADATA);
        if !changes.iter().any(|(name, _)| key == Some(name.as_bytes())) {
            changed.extend(&rest[..field]);
        }
        rest = &rest[field..];
    }
    for (key, value) in changes.iter().filter_map(|(key, value)| Some((key, (*value)?))) {
        let entry = [text(1, key), text(2, value)].concat();
        changed.extend([&[METADATA][..], &varint(entry.len()), &entry].concat());
    }
    changed
}

/// Length of the field that begins here, with its tag.
fn field_bytes(bytes: &[u8]) -> usize {
    let (value, after) = number(&bytes[1..]);
    1 + after + if bytes[0] & 7 == 2 { value } else { 0 }
}

/// The key of a `StringStringEntryProto` behind tag and length.
fn onnx_key(field: &[u8]) -> Option<&[u8]> {
    let (_, after) = number(&field[1..]);
    let entry = field.get(1 + after..)?;
    let (length, after) = number(entry.get(1..)?);
    entry.get(1 + after..1 + after + length)
}

/// A varint, and how many bytes it has.
fn number(bytes: &[u8]) -> (usize, usize) {
    let count = 1 + bytes.iter().take_while(|byte| **byte >= 128).count();
    (bytes.iter().take(count).rev().fold(0, |value, byte| value << 7 | usize::from(byte & 127)), count)
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 128 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn text(field: u8, text: &str) -> Vec<u8> {
    [&[field << 3 | 2][..], &varint(text.len()), text.as_bytes()].concat()
}

/// What is left when somebody else's exporter wrote the file and only what must be stated was.
const MADE_ELSEWHERE: [(&str, Option<&str>); 3] =
    [("genrescope.header", None), ("genrescope.hash", None), ("genrescope.features", None)];

fn scores(stage: &Stage, model: &str) -> Vec<(String, f64)> {
    let (json, stderr, code) = ran(&mut stage.genrescope(&[
        "classify",
        "song.wav",
        "short.wav",
        "--model",
        model,
        "--format",
        "json",
    ]));
    assert_eq!(code, 0, "{stderr}");
    let records: Vec<Value> = serde_json::from_str(&json).unwrap();
    let scores = records.iter().flat_map(|record| record["scores"].as_array().unwrap().clone());
    scores.map(|one| (one["genre"].to_string(), one["score"].as_f64().unwrap())).collect()
}

#[test]
fn an_onnx_file_judges_as_the_model_that_it_was_made_of() {
    let patch_frames = ("genrescope.patch_frames", Some("40"));
    let elsewhere = [&MADE_ELSEWHERE[..], &[patch_frames]].concat();
    for network in ["v-kernel", "crnn", "residual"] {
        // Of a file made elsewhere it is not known that it takes less than a patch: short songs are repeated.
        for (changes, genres) in [(&[][..], 6), (&elsewhere, 3)] {
            let stage = stage_with(network, changes);
            let (own, theirs) = (scores(&stage, "model.safetensors"), scores(&stage, "theirs.onnx"));
            assert_eq!((own.len(), theirs.len()), (6, 6));
            for ((genre, score), (other, found)) in own.iter().zip(&theirs).take(genres) {
                assert!(genre == other && (score - found).abs() < 1e-5, "{network}: {own:?} {theirs:?}");
            }
        }
    }
}

#[test]
fn it_is_installed_shown_and_chosen_and_nothing_else_is_done_with_it() {
    let stage = stage_with("v-kernel", &MADE_ELSEWHERE);
    let said = |arguments: &[&str]| {
        let (stdout, stderr, code) = ran(&mut stage.genrescope(arguments));
        assert_eq!(code, 0, "{arguments:?}: {stderr}");
        stdout
    };
    said(&["models", "install", "theirs.onnx", "--name", "theirs"]);
    assert!(said(&["models"]).contains("theirs"));
    assert!(said(&["inspect", "theirs"]).contains("onnx"));
    said(&["models", "default", "theirs"]);
    let record: Vec<Value> =
        serde_json::from_str(&said(&["classify", "song.wav", "--format", "json"])).unwrap();
    assert_eq!(record[0]["model"]["name"], "theirs");
    for arguments in [&["export", "theirs", "-o", "out.onnx"][..], &["inspect", "theirs", "--layers"]] {
        let (_, stderr, code) = ran(&mut stage.genrescope(arguments));
        assert!(code == 2 && stderr.contains("ONNX file, which scores and does nothing else"), "{stderr}");
    }
    said(&["models", "remove", "theirs"]);
    assert!(!said(&["models", "list"]).contains("theirs"));
}

#[test]
fn files_that_do_not_say_what_they_read_are_refused_with_what_is_missing() {
    let header = ("genrescope.header", None);
    let cases = [
        (vec![header, ("genrescope.genres", None)], "genrescope.genres"),
        (vec![header, ("genrescope.front_end", None)], "genrescope.front_end"),
        (vec![header, ("genrescope.front_end", Some("{\"mel_bands\": 40}"))], "does not state"),
        (vec![header, ("genrescope.genres", Some("[\"jazz\", \"rock\"]"))], "3 scores a patch"),
        (vec![header, ("genrescope.genres", Some("jazz"))], "no JSON"),
    ];
    for (changes, reason) in cases {
        let stage = stage_with("v-kernel", &changes);
        let (_, stderr, code) =
            ran(&mut stage.genrescope(&["classify", "song.wav", "--model", "theirs.onnx"]));
        assert!(code == 2 && stderr.contains(reason), "{reason}: {stderr}");
    }
    let stage = stage_with("v-kernel", &[]);
    let samples = model("v-kernel").to_onnx(ExportInput::Samples).unwrap();
    let error = Model::from_onnx(samples).unwrap_err().to_string();
    assert!(error.contains("reads samples"), "{error}");
    stage.file("text.onnx", b"no model at all");
    let (_, stderr, code) = ran(&mut stage.genrescope(&["classify", "song.wav", "--model", "text.onnx"]));
    assert!(code == 2 && stderr.contains("text.onnx: not an ONNX file"), "{stderr}");
}

#[test]
fn damaged_files_are_an_error_or_a_model_and_never_a_panic() {
    let file = model("v-kernel").to_onnx(ExportInput::Mel).unwrap();
    for cut in (0..file.len()).step_by(file.len() / 40) {
        drop(Model::from_onnx(file[..cut].to_vec()));
    }
    for place in (0..file.len()).step_by(file.len() / 200) {
        let mut damaged = file.clone();
        damaged[place] ^= 1 << (place % 8);
        drop(Model::from_onnx(damaged));
    }
}
