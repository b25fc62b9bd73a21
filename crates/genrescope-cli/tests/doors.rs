//! The other commands, and what is true of all.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Stage, ran};

#[test]
fn every_help_ends_with_examples() {
    let stage = Stage::new();
    let commands = [
        "classify",
        "features",
        "report",
        "scan",
        "library",
        "tag",
        "undo",
        "serve",
        "dataset",
        "train",
        "evaluate",
        "models",
        "inspect",
        "export",
        "bench",
        "completions",
        "man",
    ];
    for command in commands.iter().map(|command| vec![*command]).chain([vec![]]) {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let (stdout, _, code) = ran(&mut stage.genrescope(&arguments));
        let examples = stdout.split("Examples:\n").nth(1).unwrap_or_else(|| panic!("{command:?}: {stdout}"));
        assert!(examples.lines().all(|line| line.contains("genrescope")), "{examples}");
        assert_eq!(code, 0);
    }
}

#[test]
fn models_lists_every_network_with_its_size_and_input() {
    let stage = Stage::new();
    let (stdout, _, code) = ran(&mut stage.genrescope(&["models", "list", "--json"]));
    let rows: Vec<Value> = serde_json::from_str(&stdout).unwrap();
    let trainable = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap()["trainable"].clone();
    assert_eq!(code, 0);
    assert_eq!(trainable("v-kernel"), 179_538);
    assert_eq!(trainable("bicrnn"), 460_938);
    assert_eq!(trainable("mlfi-two-way-b2"), 1_058_474);
    let input = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap()["input"].clone();
    let published = json!({"mel_bands": 128, "frames": 130, "features": 55});
    assert_eq!(input("mlfi-benchmark"), published);
    assert_eq!(input("bbnn"), json!({"mel_bands": 128, "frames": null, "features": 0}));
    for row in &rows {
        assert!(row["parameters"].as_u64() >= row["trainable"].as_u64());
        assert!(row["family"].is_string() && row["source"].is_string());
        assert_eq!(row["input"]["mel_bands"], if row["name"] == "musicnn" { 96 } else { 128 });
    }
    let (text, _, _) = ran(&mut stage.genrescope(&["models"]));
    assert!(text.contains("crnn") && text.contains("the models inside"), "{text}");
    assert!(text.contains("128x130 + 55") && text.contains("bbnn: Liu, Feng"), "{text}");
}

#[test]
fn training_a_network_without_its_features_ends_in_an_error_that_names_it() {
    let stage = Stage::new();
    let settings = "[data]\nname = \"x\"\npath = \"nowhere\"\n[model]\nnetwork = \"mlfi-vision-c\"\n";
    std::fs::write(stage.path("settings.toml"), settings).unwrap();
    for command in ["train", "evaluate"] {
        let (stdout, stderr, code) = ran(&mut stage.genrescope(&[command, "settings.toml", "--out", "run"]));
        assert!(stdout.is_empty() && code != 0 && code != 101, "{code} {stdout}");
        assert!(stderr.contains("mlfi-vision-c") && stderr.contains("[model.features]"), "{stderr}");
    }
}

#[test]
fn inspect_shows_everything_that_a_model_says_of_itself() {
    let stage = Stage::new();
    let (stdout, _, code) = ran(&mut stage.genrescope(&["inspect", "model.safetensors", "--json"]));
    let record: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(code, 0);
    assert_eq!(record["genres"], json!(["jazz", "pop", "rock"]));
    assert_eq!(record["front_end"]["mel_bands"], 32);
    assert_eq!(record["hash"].as_str().unwrap().len(), 16);
    let (text, _, _) = ran(&mut stage.genrescope(&["inspect", "model.safetensors"]));
    assert!(text.contains("jazz, pop, rock"), "{text}");
    let (inside, _, code) = ran(&mut stage.genrescope(&["inspect"]));
    assert!(inside.contains("blues, classical") && code == 0, "{inside}");
}

#[test]
fn inspect_shows_how_a_pass_runs() {
    let stage = Stage::new();
    let (plan, _, code) = ran(&mut stage.genrescope(&["inspect", "--plan", "--kernels", "portable"]));
    assert_eq!(code, 0);
    assert!(plan.contains("stem.conv1 + stem.norm1 + stem.relu1") && plan.contains("(Portable)"), "{plan}");
}

#[test]
fn any_instruction_set_gives_the_same_scores() {
    let stage = Stage::new();
    stage.song("song.wav", 4.0);
    let scores = |kernels: Option<&str>| {
        let mut command = stage.genrescope(&["classify", "--format", "json", "song.wav"]);
        kernels.map(|kernels| command.env("GENRESCOPE_KERNELS", kernels));
        let (stdout, stderr, code) = ran(&mut command);
        assert_eq!(code, 0, "{stderr}");
        let records: Value = serde_json::from_str(&stdout).unwrap();
        let score = |score: &Value| (score["genre"].to_string(), score["score"].as_f64().unwrap());
        records[0]["scores"].as_array().unwrap().iter().map(score).collect::<Vec<_>>()
    };
    let (fastest, portable) = (scores(None), scores(Some("portable")));
    assert_eq!(fastest.len(), 10);
    for (fast, slow) in fastest.iter().zip(&portable) {
        assert!(fast.0 == slow.0 && (fast.1 - slow.1).abs() < 1e-4, "{fast:?} {slow:?}");
    }
    let mut unknown = stage.genrescope(&["models", "--kernels", "abacus"]);
    assert_eq!(ran(&mut unknown).2, 2);
}

#[test]
fn bench_measures_every_stage() {
    let stage = Stage::new();
    stage.song("song.wav", 4.0);
    let arguments = ["bench", "song.wav", "--model", "model.safetensors", "--runs", "1"];
    let (stdout, stderr, code) = ran(&mut stage.genrescope(&arguments));
    assert_eq!(code, 0, "{stderr}");
    let record: Value = serde_json::from_str(&stdout).unwrap();
    let stages = [
        "decode",
        "mel",
        "mel_every_frame",
        "features",
        "features_3_s",
        "network",
        "total_1_thread",
        "total",
    ];
    for stage in stages {
        assert!(record["stages"][stage]["seconds_of_audio_per_second"].as_f64().unwrap() > 0.0, "{stage}");
    }
}

#[test]
fn completions_and_manual_pages_are_written() {
    let stage = Stage::new();
    for shell in ["bash", "zsh", "fish"] {
        let (stdout, _, code) = ran(&mut stage.genrescope(&["completions", shell]));
        assert!(stdout.contains("classify") && code == 0, "{shell}");
    }
    let (page, _, _) = ran(&mut stage.genrescope(&["man"]));
    assert!(page.contains(".TH genrescope"), "{page}");
    let (_, _, code) = ran(&mut stage.genrescope(&["man", "pages"]));
    assert!(stage.path("pages/genrescope-classify.1").is_file() && code == 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_stderr_does_not_end_the_work() {
    let stage = Stage::new();
    stage.song("song.wav", 3.5);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = std::process::Command::new(support::program())
        .args(["classify", "absent.wav", "song.wav", "--model", "model.safetensors"])
        .current_dir(stage.path("."))
        .stderr(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().ends_with("song.wav\n"));
}

#[test]
fn inspect_shows_and_draws_any_network_of_the_zoo() {
    let stage = Stage::new();
    let (text, _, code) =
        ran(&mut stage.genrescope(&["inspect", "mlfi-audio-b4", "--frames", "38", "--features", "46"]));
    assert_eq!(code, 0);
    assert!(text.contains("38x128x1") && text.contains("═▶vision_to_audio"), "{text}");
    for picture in ["network.svg", "network.png"] {
        let (stdout, _, code) = ran(&mut stage.genrescope(&["inspect", "bbnn", "--picture", picture]));
        assert!(code == 0 && stdout.is_empty() && stage.path(picture).exists(), "{picture}");
    }
    let svg = std::fs::read_to_string(stage.path("network.svg")).unwrap();
    assert!(svg.contains("broadcast3") && svg.contains("161x128x416"));
    let (_, stderr, code) = ran(&mut stage.genrescope(&["inspect", "bbnn", "--picture", "network.gif"]));
    assert!(code == 2 && stderr.contains(".svg or .png"), "{stderr}");
    let (_, stderr, code) = ran(&mut stage.genrescope(&["inspect", "bbnn", "--filters", "x.svg"]));
    assert!(code == 2 && stderr.contains("without weights"), "{stderr}");
    let (_, stderr, code) = ran(&mut stage.genrescope(&["inspect", "--filters", "x.svg"]));
    assert!(code == 2 && stderr.contains("v-kernel"), "{stderr}");
    let (layers, _, _) = ran(&mut stage.genrescope(&["inspect", "model.safetensors", "--layers"]));
    assert!(layers.contains("scores") && layers.contains("dense (3)"), "{layers}");
}

#[test]
fn a_report_of_nothing_says_what_it_looks_for() {
    let stage = Stage::new();
    std::fs::create_dir(stage.path("empty")).unwrap();
    let (stdout, stderr, code) = ran(&mut stage.genrescope(&["report", "empty"]));
    assert!(code == 2 && stdout.is_empty() && stderr.contains("result.json"), "{stderr}");
    assert!(!stage.path("empty/report.html").exists());
}

#[cfg(not(feature = "baselines"))]
#[test]
fn a_baseline_names_the_feature_that_it_needs() {
    let stage = Stage::new();
    let settings = "[data]\nname = \"x\"\npath = \"nowhere\"\n[model]\nnetwork = \"crnn\"\n";
    std::fs::write(stage.path("settings.toml"), settings).unwrap();
    let (_, stderr, code) =
        ran(&mut stage.genrescope(&["evaluate", "settings.toml", "--baseline", "svm", "--out", "run"]));
    assert!(code == 2 && stderr.contains("--features baselines"), "{stderr}");
}
