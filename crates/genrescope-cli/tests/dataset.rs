//! `genrescope dataset check` on a folder of genres.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use support::{Stage, ran};

/// Two genres, an exact copy across splits, an unreadable file and a manifest.
fn stage() -> Stage {
    let stage = Stage::new();
    let song = std::fs::read(stage.song("data/low/a.wav", 6.0)).unwrap();
    stage.file("data/high/copy.wav", &song);
    stage.song("data/low/long.wav", 9.0);
    stage.file("data/low/broken.wav", b"no audio at all");
    stage.file("data/tracks.csv", b"clip,filtered_split,artist\na,train,him\ncopy,test,\nlong,test,him\n");
    stage
}

#[test]
fn what_is_wrong_with_a_data_set_is_named() {
    let stage = stage();
    let arguments = ["dataset", "check", "data/tracks.csv", "--json"];
    let (stdout, stderr, code) = ran(&mut stage.genrescope(&arguments));
    assert_eq!(code, 1);
    assert!(stderr.contains("broken.wav"), "{stderr}");
    let found: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(found["genres"], serde_json::json!({"high": 1, "low": 2}));
    assert_eq!(found["unreadable"][0]["kind"], "unsupported_format");
    let copies = found["duplicates"].as_array().unwrap().iter().find(|pair| pair["exact"] == true).unwrap();
    assert_eq!(copies["genres_differ"], true);
    assert_eq!(found["duration_s"]["odd"].as_array().unwrap().len(), 1);
    let groups: Vec<&str> =
        found["crossing"].as_array().unwrap().iter().map(|group| group["group"].as_str().unwrap()).collect();
    assert!(groups.contains(&"artist him"), "{groups:?}");
    assert!(groups.iter().any(|group| group.starts_with("correlation 1")), "{groups:?}");
}

#[test]
fn the_same_is_said_in_words() {
    let stage = stage();
    let (stdout, _, code) = ran(&mut stage.genrescope(&["dataset", "check", "data"]));
    assert_eq!(code, 1);
    for part in
        ["3 tracks", "    2  low", "unreadable: 1", "exact 1.000  high/copy.wav  low/a.wav, genres differ"]
    {
        assert!(stdout.contains(part), "{part} is not in\n{stdout}");
    }
}
