//! `genrescope models` and `train --from`: models of one's own.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use serde_json::Value;
use support::{Stage, ran};

/// stdout of a command that succeeds.
fn said(stage: &Stage, arguments: &[&str]) -> String {
    let (stdout, stderr, code) = ran(&mut stage.genrescope(arguments));
    assert_eq!(code, 0, "{arguments:?}: {stderr}");
    stdout
}

/// stderr of a command that cannot be carried out.
fn refused(stage: &Stage, arguments: &[&str]) -> String {
    let (stdout, stderr, code) = ran(&mut stage.genrescope(arguments));
    assert_eq!((stdout.as_str(), code), ("", 2), "{arguments:?}");
    assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{stderr}");
    stderr
}

/// Name and hash of the model that judges a song.
fn judge(stage: &Stage, more: &[&str]) -> (String, String) {
    let arguments = [&["classify", "song.wav", "--format", "jsonl"], more].concat();
    let answer: Value = serde_json::from_str(&said(stage, &arguments)).unwrap();
    let text = |key: &str| answer["model"][key].as_str().unwrap().to_owned();
    (text("name"), text("hash"))
}

#[test]
fn an_installed_model_judges_by_name_and_by_hash_and_can_be_the_default() {
    let stage = Stage::new();
    stage.song("song.wav", 3.0);
    let inside = judge(&stage, &[]);
    let line = said(&stage, &["models", "install", "model.safetensors", "--name", "mine"]);
    let hash = line.trim().strip_prefix("mine ").unwrap().to_owned();
    fs::remove_file(stage.path("model.safetensors")).unwrap();
    let mine = ("mine".to_owned(), hash.clone());
    assert_eq!(judge(&stage, &["--model", "mine"]), mine);
    assert_eq!(judge(&stage, &["--model", &hash[..6]]), mine);
    assert_eq!(judge(&stage, &[]), inside);

    assert!(said(&stage, &["models", "default", "mine"]).starts_with("mine judges"));
    assert_eq!(said(&stage, &["models", "default"]), "mine\n");
    assert_eq!(judge(&stage, &[]), mine);
    let text = said(&stage, &["models"]);
    assert!(text.contains(&hash) && text.contains("mine judges where no model is named"), "{text}");
    let rows: Vec<Value> = serde_json::from_str(&said(&stage, &["models", "--json"])).unwrap();
    let row = rows.iter().find(|row| row["name"] == "mine").unwrap();
    assert_eq!((&row["family"], &row["hash"]), (&"installed".into(), &Value::from(hash)));

    let removed = said(&stage, &["models", "remove", "mine"]);
    assert!(removed.contains("mine is removed\nbest judges"), "{removed}");
    assert_eq!(judge(&stage, &[]), inside);
    assert!(
        refused(&stage, &["classify", "song.wav", "--model", "mine"]).contains("no model is called `mine`")
    );
}

#[test]
fn installing_twice_changes_nothing_and_no_model_takes_another_ones_name() {
    let stage = Stage::new();
    said(&stage, &["models", "install", "model.safetensors"]);
    assert_eq!(said(&stage, &["models", "install", "model.safetensors"]), "small is installed already\n");
    support::model("bicrnn").save(&stage.path("other.safetensors")).unwrap();
    assert!(refused(&stage, &["models", "install", "other.safetensors"]).contains("--name"));
    for name in ["best", "default", "a/b", "../a", "-n", "", " ", "a.b", "a "] {
        let name = format!("--name={name}");
        assert!(refused(&stage, &["models", "install", "other.safetensors", &name]).contains("--name"));
    }
    stage.file("junk.safetensors", b"junk");
    assert!(refused(&stage, &["models", "install", "junk.safetensors"]).contains("junk.safetensors"));
    for name in ["fast", "nobody"] {
        assert!(refused(&stage, &["models", "remove", name]).contains(name));
    }
    assert!(refused(&stage, &["models", "default", "musicnn"]).contains("best"));
}

#[test]
fn a_default_that_is_gone_or_damaged_is_said_and_not_replaced_in_silence() {
    let stage = Stage::new();
    stage.song("song.wav", 3.0);
    said(&stage, &["models", "install", "model.safetensors"]);
    said(&stage, &["models", "default", "small"]);
    let place = stage.path("data/genrescope/models/small.safetensors");
    fs::write(&place, b"damaged").unwrap();
    let (text, warning, code) = ran(&mut stage.genrescope(&["models"]));
    assert!(code == 0 && warning.contains("small.safetensors") && text.contains("default best"), "{text}");
    assert!(refused(&stage, &["classify", "song.wav"]).contains("genrescope models default best"));
    said(&stage, &["models", "default", "fast"]);
    said(&stage, &["classify", "song.wav"]);
}

#[test]
fn fine_tuning_ends_with_what_it_held_out_and_its_model_can_be_installed() {
    let stage = Stage::new();
    for genre in ["low", "high", "noisy"] {
        (0..6).for_each(|n| drop(stage.song(&format!("music/{genre}/{n}.wav"), 3.0 + f64::from(n) / 4.0)));
    }
    let train =
        ["train", "--from", "model.safetensors", "music", "--out", "mine", "--set", "train.epochs=1", "-q"];
    let first = said(&stage, &train);
    assert!(first.contains("hold_out") && first.contains("low") && first.contains("% of 4 "), "{first}");
    assert!(first.ends_with("mine/model.safetensors\n"), "{first}");
    let model = fs::read(stage.path("mine/model.safetensors")).unwrap();
    assert_eq!(said(&stage, &train), first);
    assert!(fs::read(stage.path("mine/model.safetensors")).unwrap() == model);
    let card: Value =
        serde_json::from_str(&said(&stage, &["inspect", "mine/model.safetensors", "--json"])).unwrap();
    assert_eq!(card["genres"], serde_json::json!(["high", "low", "noisy"]));
    assert_eq!(card["results"][0]["protocol"], "hold_out");

    said(&stage, &["models", "install", "mine/model.safetensors"]);
    said(&stage, &["classify", "music/low/0.wav", "--model", "music"]);
    said(&stage, &["train", "--from", "music", "music", "--out", "again", "--set", "train.epochs=1", "-q"]);
    stage.song("music/low/7.wav", 3.0);
    assert!(refused(&stage, &train).contains("another folder"));
}
