//! `report.html` of made-up results: it holds them, says what is missing, and needs nothing else.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;
use std::path::Path;

use genrescope::ErrorKind;
use genrescope::model::vertical_kernels;
use genrescope::report::figures::kernels;
use genrescope::report::page::Page;
use genrescope::report::picture::{png, svg};
use serde_json::{Value, json};
use support::{TempFolder, assert_refused};

/// Answers of three genres, four tracks a fold; every `wrong`-th is wrong.
fn tracks(fold: usize, wrong: usize) -> Vec<Value> {
    let answer = |i: usize| {
        let (genre, called) = (i % 3, if i.is_multiple_of(wrong) { (i + 1) % 3 } else { i % 3 });
        let scores: Vec<f64> = (0..3).map(|g| if g == called { 0.8 } else { 0.1 }).collect();
        json!({"id": format!("clip.{fold}{}#{i}", i / 2), "genre": genre, "group": i, "scores": scores})
    };
    (0..12).map(answer).collect()
}

fn evaluation(folder: &TempFolder, name: &str, network: &str, wrong: usize) {
    let settings = format!("seed = 1\n[model]\nnetwork = {network:?}\n[folds]\nprotocol = \"segment\"\n");
    let mut confusion = vec![vec![0; 3]; 3];
    let mut folds = Vec::new();
    for fold in 1..=3 {
        let tracks = tracks(fold, wrong + fold);
        let called = |track: &Value| {
            let scores = track["scores"].as_array().unwrap();
            (0..3)
                .max_by(|&a, &b| scores[a].as_f64().unwrap().total_cmp(&scores[b].as_f64().unwrap()))
                .unwrap()
        };
        let mut right = 0;
        for track in &tracks {
            let genre = track["genre"].as_u64().unwrap() as usize;
            confusion[genre][called(track)] += 1;
            right += usize::from(genre == called(track));
        }
        folds.push(json!({"fold": fold, "train_tracks": 70, "valid_tracks": 20, "tracks": 12, "epochs": 9,
            "accuracy_percent": 100.0 * right as f64 / 12.0}));
        let file = json!({"fold": fold, "settings": settings, "train_tracks": 70, "valid_tracks": 20, "epochs": 9,
            "folds": 3, "genres": ["jazz", "pop", "rock"], "valid_accuracy": null, "tracks": [], "segments": tracks});
        folder.file(&format!("{name}/fold-{fold}.json"), file.to_string().as_bytes());
    }
    let right: usize = (0..3).map(|genre| confusion[genre][genre]).sum();
    let figures = json!({"tracks": 36, "accuracy_percent": 100.0 * right as f64 / 36.0,
        "interval_percent": [60.0, 90.0], "macro_f1": 0.7, "log_loss": 0.9, "recall_percent": [70.0, 70.0, 70.0],
        "confusion": confusion});
    let mut whole = figures.clone();
    whole["accuracy_percent"] = json!(99.5);
    let result = json!({"schema": "genrescope.result/1", "data": "made up", "protocol": "segment", "learn": "train",
        "network": network, "seed": 1, "genres": ["jazz", "pop", "rock"], "folds": folds, "pooled": whole,
        "segments": figures, "settings": settings});
    folder.file(&format!("{name}/result.json"), result.to_string().as_bytes());
    let history = "epoch,learning_rate,train_loss,train_accuracy,valid_loss,valid_accuracy\n1,0.01,2.0,0.3,,\n2,0.01,1.0,0.6,1.2,0.5\n";
    folder.file(&format!("{name}/fold-1/history.csv"), history.as_bytes());
}

fn made_up() -> TempFolder {
    let folder = TempFolder::new();
    evaluation(&folder, "mlfi/mlfi-benchmark", "mlfi-benchmark", 4);
    evaluation(&folder, "mlfi/mlfi-audio-a1", "mlfi-audio-a1", 2);
    evaluation(&folder, "odd/<b>&", "crnn", 3);
    folder.file("published.csv", b"what,protocol,accuracy,source\nmlfi-benchmark,segment,94.11,somebody\n");
    folder.file("other/result.json", b"{\"schema\": \"genrescope.speed/1\"}");
    let fold = json!({"fold": 1, "settings": "", "train_tracks": 1, "valid_tracks": 1, "epochs": 1,
        "folds": 3, "genres": ["jazz", "pop", "rock"], "valid_accuracy": null, "tracks": tracks(1, 3), "segments": []});
    folder.file("mlfi/mlfi-vision-c/fold-1.json", fold.to_string().as_bytes());
    folder
}

fn read(folder: &Path) -> genrescope::Result<Page> {
    Page::read(&[folder.to_owned()])
}

#[test]
fn the_page_needs_no_network_and_no_script() {
    let folder = made_up();
    let html = read(folder.path()).unwrap().html();
    for outside in ["http:", "https:", "<script", "<link", "@import", "url(", "src="] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("prefers-color-scheme: dark") && html.contains("width=device-width"));
    assert!(html.contains("odd/&lt;b&gt;&amp;") && !html.contains("<b>&"), "names are text");
}

#[test]
fn what_is_there_is_shown_with_its_folds_and_what_is_not_is_missing() {
    let folder = made_up();
    let page = read(folder.path()).unwrap();
    assert_eq!(page.experiments(), 3);
    let html = page.html();
    for shown in
        ["94.11", "3 folds · 1 seed", "not run", "not given", "leaks", "Unfinished", "mlfi/mlfi-vision-c"]
    {
        assert!(html.contains(shown), "{shown}");
    }
    // Of protocol segment the segments are what is compared; whole tracks stand beside.
    assert!(html.contains("whole tracks by the mean of their segments: 99.5"));
    assert_eq!(html.matches("99.5").count(), 3);
    // One network against the benchmark, three folds in common; another collection has nothing to compare.
    assert_eq!(html.matches(": differences").count(), 1);
}

#[test]
fn every_figure_can_be_written_under_a_name_of_its_own() {
    let folder = made_up();
    let figures = read(folder.path()).unwrap().figures();
    let names: HashSet<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names.len(), figures.len());
    for name in [
        "modes",
        "mode-means",
        "size-segment",
        "mlfi-mlfi-benchmark-confusion",
        "mlfi-mlfi-benchmark-loss",
        "mlfi-mlfi-benchmark-accuracy",
        "mlfi-mlfi-benchmark-reliability",
    ] {
        assert!(names.contains(name), "{name} is not one of {names:?}");
    }
    assert!(!names.contains("leak") && !names.contains("transposition"), "drawn without anything measured");
    for figure in &figures {
        assert!(png(&figure.scene).starts_with(b"\x89PNG"));
        let svg = svg(&figure.scene);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", figure.name);
    }
}

#[test]
fn damaged_results_are_named() {
    let folder = made_up();
    assert_refused(read(&folder.path().join("nowhere")), ErrorKind::NotFound, "nowhere");
    assert_refused(read(&folder.path().join("published.csv")), ErrorKind::NotFound, "not a folder");
    folder.file("mlfi/mlfi-benchmark/fold-2.json", b"{");
    assert_refused(read(folder.path()), ErrorKind::Corrupt, "fold-2.json");
}

#[test]
fn vertical_kernels_are_the_weights_band_by_band_and_can_be_drawn() {
    let model = support::small_model("v-kernel");
    let found = vertical_kernels(&model).unwrap();
    assert_eq!((found.steps, found.rows, found.strengths.len()), (3, 16, 8));
    let weights = model.network().unwrap().parameters().iter().find(|p| p.name == "conv2.weight").unwrap();
    let [step, row, kernel] = [2, 5, 7];
    let of_channel =
        |channel: usize| f64::from(weights.data[((step * 16 + row) * 64 + channel) * 8 + kernel]);
    let mean_square = (0..64).map(|channel| of_channel(channel).powi(2)).sum::<f64>() / 64.0;
    support::assert_all_close(&[found.strengths[kernel][step * 16 + row]], &[mean_square.sqrt()], 0.0, 1e-5);
    let drawn = svg(&kernels(&model).unwrap());
    assert!(drawn.contains("11 kHz") && drawn.contains("250 Hz") && drawn.matches("<image").count() == 8);
    assert!(kernels(&support::small_model("residual")).is_none());

    let folder = TempFolder::new();
    evaluation(&folder, "v-kernel", "v-kernel", 3);
    evaluation(&folder, "residual", "residual", 3);
    for network in ["v-kernel", "residual"] {
        let path = folder.path().join(network).join("fold-1/model.safetensors");
        support::small_model(network).save(&path).unwrap();
    }
    let figures = Page::read(&[folder.path().to_owned()]).unwrap().figures();
    let of_kernels: Vec<_> = figures.iter().filter(|figure| figure.name.ends_with("-kernels")).collect();
    assert_eq!(of_kernels.len(), 1, "where the model lies beside the result, and has such kernels");
    assert_eq!((of_kernels[0].name.as_str(), svg(&of_kernels[0].scene)), ("v-kernel-kernels", drawn));
}
