//! `genrescope timeline`, said as sentences.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use support::{Stage, ran, sound, wav};

/// Ten seconds of sound, five of silence.
fn stage() -> Stage {
    let stage = Stage::new();
    let samples = [sound(10.0), vec![0.0; 5 * 22_050]].concat();
    stage.file("song.wav", &wav(&samples));
    stage
}

fn timeline(stage: &Stage, arguments: &[&str]) -> (String, String, i32) {
    let base = ["timeline", "--model", "model.safetensors", "song.wav"];
    ran(&mut stage.genrescope(&[&base, arguments].concat()))
}

#[test]
fn every_ending_has_its_format() {
    let stage = stage();
    let beginnings = [
        ("svg", "<svg "),
        ("png", "\u{89}PNG"),
        ("html", "<!doctype html>"),
        ("csv", "path,start_s,end_s,genre"),
        ("json", "{\"schema\":\"genrescope.prediction/1\""),
        ("txt", "0.000000\t"),
        ("jams", "{\n"),
    ];
    for (ending, beginning) in beginnings {
        let out = format!("out.{ending}");
        assert_eq!(timeline(&stage, &["-o", &out]), (String::new(), String::new(), 0), "{ending}");
        let written: String = fs::read(stage.path(&out)).unwrap().into_iter().map(char::from).collect();
        assert!(written.starts_with(beginning), "{ending}: {:?}", written.get(..40));
    }
}

#[test]
fn the_picture_names_the_recording_its_genres_and_its_silence() {
    let stage = stage();
    timeline(&stage, &["-o", "out.svg"]);
    let picture = fs::read_to_string(stage.path("out.svg")).unwrap();
    for word in [">song.wav<", ">silence<", ">0:15 long", ">100 %<", ">0:10.", "<polygon ", "<image "] {
        assert!(picture.contains(word), "{word} is missing");
    }
}

#[test]
fn labels_and_csv_and_jams_hold_the_same_segments() {
    let stage = stage();
    for out in ["out.txt", "out.csv", "out.jams"] {
        timeline(&stage, &["-o", out, "--patch-hop", "0.5"]);
    }
    let read = |name| fs::read_to_string(stage.path(name)).unwrap();
    let jams: serde_json::Value = serde_json::from_str(&read("out.jams")).unwrap();
    let observed = jams["annotations"][1]["data"].as_array().unwrap().clone();
    let labels: Vec<String> = read("out.txt").lines().map(str::to_owned).collect();
    assert_eq!(labels.len(), observed.len());
    assert_eq!(labels.len() + 1, read("out.csv").lines().count());
    for (label, observed) in labels.iter().zip(observed) {
        let fields: Vec<&str> = label.split('\t').collect();
        assert_eq!(fields[2], observed["value"]);
        assert!((fields[0].parse::<f64>().unwrap() - observed["time"].as_f64().unwrap()).abs() < 0.001);
        assert!(fields.iter().take(2).all(|field| field.split_once('.').unwrap().1.len() == 6));
    }
    let classified = ran(&mut stage.classify(&["song.wav", "--patch-hop", "0.5", "--format", "audacity"]));
    assert_eq!(classified.0, read("out.txt"));
}

#[test]
fn ways_to_judge_stand_side_by_side() {
    let stage = stage();
    let (_, talk, code) = timeline(&stage, &["-o", "out.svg", "--compare", "default"]);
    assert_eq!((talk.as_str(), code), ("", 0));
    let picture = fs::read_to_string(stage.path("out.svg")).unwrap();
    for way in [">the first 10 s<", ">mean of all patches<", ">the whole as one sequence<"] {
        assert_eq!(picture.matches(way).count(), 2, "{way}: one of each model");
    }
    for more in [&["--compare", "default"][..], &["--why"]] {
        let (_, talk, code) = timeline(&stage, &[&["-o", "out.csv"], more].concat());
        assert!(code == 2 && talk.contains("--compare and --why draw a file"), "{talk}");
    }
}

#[test]
fn what_speaks_for_a_genre_stands_below_the_spectrogram() {
    let stage = Stage::new();
    stage.song("song.wav", 6.0);
    let (_, talk, code) = timeline(&stage, &["-o", "out.svg", "--why", "pop"]);
    assert_eq!((talk.as_str(), code), ("", 0));
    let picture = fs::read_to_string(stage.path("out.svg")).unwrap();
    assert!(picture.contains("What speaks for pop"), "{picture}");
    // The file behind --why is no genre.
    let leading = ["timeline", "--model", "model.safetensors", "-o", "leading.svg", "--why", "song.wav"];
    assert_eq!(ran(&mut stage.genrescope(&leading)), (String::new(), String::new(), 0));
    assert!(fs::read_to_string(stage.path("leading.svg")).unwrap().contains("What speaks for "));
    let nothing = ran(&mut stage.genrescope(&["timeline", "-o", "out.svg", "--why"]));
    assert!(nothing.2 == 2 && nothing.1.contains("of one recording"), "{}", nothing.1);
    let (_, talk, code) = timeline(&stage, &["-o", "out.svg", "--why", "polka"]);
    assert!(code == 2 && talk.contains("polka") && talk.contains("jazz, pop, rock"), "{talk}");
}

#[test]
fn what_cannot_be_done_is_said_with_its_remedy() {
    let stage = stage();
    stage.file("text.mp3", b"no audio at all");
    let cases: [(&[&str], i32, &str); 5] = [
        (&["timeline", "song.wav", "-o", "out.gif"], 2, "out.gif: a timeline is .svg, .png"),
        (&["timeline", "text.mp3", "-o", "out.svg"], 1, "text.mp3: not audio that can be read"),
        // Found before the work, which would fail too.
        (&["timeline", "text.mp3", "-o", "no/out.svg"], 2, "no/out.svg: cannot be written"),
        (&["timeline", "none.mp3", "-o", "out.svg"], 1, "none.mp3: there is no such file"),
        (&["classify", "song.wav", "song.wav", "--format", "jams"], 2, "holds one recording, here are 2"),
    ];
    for (arguments, expected, words) in cases {
        let (_, talk, code) = ran(&mut stage.genrescope(arguments));
        assert_eq!(code, expected, "{arguments:?}: {talk}");
        assert!(talk.contains(words), "{arguments:?}: {talk}");
    }
    let left = fs::read_dir(stage.path(".")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left, ["model.safetensors", "song.wav", "text.mp3"]);
}

#[test]
fn smoothing_makes_no_more_segments_and_keeps_silence() {
    let stage = stage();
    let segments = |smoothing: &str| {
        timeline(&stage, &["-o", "out.txt", "--patch-hop", "0.2", "--smoothing", smoothing]);
        fs::read_to_string(stage.path("out.txt")).unwrap()
    };
    let (rough, smooth) = (segments("0"), segments("5"));
    assert!(smooth.lines().count() <= rough.lines().count(), "{rough}\n{smooth}");
    assert_eq!(rough.lines().last(), smooth.lines().last(), "the silence at the end");
}
