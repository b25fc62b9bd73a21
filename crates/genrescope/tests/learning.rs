//! Learning, with networks and data sets that are small enough to train in a test.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};

use genrescope::ErrorKind;
use genrescope::dataset::folds::Partition;
use genrescope::dataset::{Dataset, Spectrogram, Track};
use genrescope::model::Model;
use genrescope::train::{Assignment, Resume, Settings, TrainOptions, Trained, train_on};
use support::{TempFolder, taggrams};

const BANDS: usize = 16;

/// Tracks of two genres, told apart by whether the lower or the upper bands sound.
fn made_up(tracks: usize) -> Dataset {
    let track = |t: usize| {
        let genre = t % 2;
        let sounds = |cell: usize| (cell % BANDS < BANDS / 2) == (genre == 0);
        let ripple = |cell: usize| ((cell * 7 + t * 13) % 23) as f32;
        let level = |cell: usize| if sounds(cell) { -ripple(cell) } else { -30.0 - ripple(cell) };
        Track {
            id: format!("t{t:03}"),
            genre,
            artist: Some(format!("a{}", t / 2)),
            artist_fold: None,
            filtered_split: None,
            near_duplicate_of: None,
            audio: None,
            spectrogram: Spectrogram { bands: BANDS, db: (0..40 * BANDS).map(level).collect() },
            vectors: vec![],
            transposed: vec![],
        }
    };
    Dataset {
        genres: vec!["low".into(), "high".into()],
        tracks: (0..tracks).map(track).collect(),
        skipped: vec![],
    }
}

fn settings(more: &[&str]) -> Settings {
    let least = r#"
        [data]
        name = "made up"
        path = "nowhere"
        [features]
        mel_bands = 16
        [model]
        network = "residual"
        patch_frames = 16
        [train]
        epochs = 4
        batch_size = 8
        weight_decay = 0.0
        keep = "last"
        [augment]
        band_shift = 1
        band_mask_width = 3
        frame_mask_width = 3
        crop_frames = [16, 24]
    "#;
    Settings::parse(least, &more.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).unwrap()
}

const PLAIN: [&str; 8] = [
    "augment.band_shift=0",
    "augment.gain=0.0",
    "augment.offset=0.0",
    "augment.band_masks=0",
    "augment.frame_masks=0",
    "augment.mixup=0.0",
    "augment.label_smoothing=0.0",
    "augment.full_patch_probability=1.0",
];

fn run(dataset: &Dataset, parts: &Partition, settings: &Settings, options: &TrainOptions) -> Trained {
    train_on(&Assignment { dataset, parts, settings }, options, &mut |_| ()).unwrap()
}

fn parts(train: std::ops::Range<usize>, valid: std::ops::Range<usize>) -> Partition {
    Partition { train: train.collect(), valid: valid.collect(), test: vec![] }
}

fn weights(model: &Model) -> Vec<Vec<f32>> {
    model.network().unwrap().parameters().iter().map(|p| p.data.clone()).collect()
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

#[test]
fn eight_patches_are_learnt_by_heart() {
    let mut dataset = made_up(8);
    // Arbitrary labels: only memory can get them right.
    for (t, genre) in [0, 1, 1, 0, 0, 0, 1, 1].into_iter().enumerate() {
        dataset.tracks[t].genre = genre;
    }
    for track in &mut dataset.tracks {
        track.spectrogram.db.truncate(16 * BANDS);
    }
    let adam = ["train.learning_rate=0.003"];
    let descent = [
        "train.optimizer='sgd'",
        "train.schedule='cosine'",
        "train.clip_norm=1.0",
        "train.learning_rate=0.1",
    ];
    for optimizer in [&adam[..], &descent] {
        let changes = ["train.epochs=60", "train.crops_per_track=1"];
        let settings = settings(&[&PLAIN[..], &changes, optimizer].concat());
        let trained = run(&dataset, &parts(0..8, 0..8), &settings, &TrainOptions::default());
        let last = trained.history.last().unwrap();
        assert!(last.valid_loss.unwrap() < 0.05, "{optimizer:?}: {last:?}");
        assert_eq!(last.valid_accuracy, Some(1.0));
    }
}

#[test]
fn the_same_seed_gives_the_same_weights_for_any_number_of_threads() {
    let (dataset, settings) = (made_up(12), settings(&[]));
    let train = || weights(&run(&dataset, &parts(0..12, 0..0), &settings, &TrainOptions::default()).model);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let first = train();
    assert!(first == train() && first == pool.install(train));
    let other = self::settings(&["seed=2"]);
    assert!(first != weights(&run(&dataset, &parts(0..12, 0..0), &other, &TrainOptions::default()).model));
}

#[test]
fn a_run_that_was_killed_goes_on_as_if_nothing_had_happened() {
    let dataset = made_up(12);
    let cases = [
        ("one-cycle", vec!["train.keep=best_loss"]),
        ("plateau", vec!["train.schedule=plateau", "train.plateau_patience=0", "train.average=0.9"]),
    ];
    for (name, changes) in cases {
        let (settings, parts) = (settings(&changes), parts(0..8, 8..12));
        let whole = run(&dataset, &parts, &settings, &TrainOptions::default());
        let out = Some(folder(&format!("resume-{name}")));
        let options = TrainOptions { out, resume: Resume::Continue, ..TrainOptions::default() };
        for stop_after in [1, 3] {
            run(
                &dataset,
                &parts,
                &settings,
                &TrainOptions { stop_after: Some(stop_after), ..options.clone() },
            );
        }
        let resumed = run(&dataset, &parts, &settings, &options);
        assert_eq!(resumed.history, whole.history, "{name}");
        assert!(weights(&resumed.model) == weights(&whole.model), "{name}");
        let saved = Model::load(&options.out.unwrap().join("model.safetensors")).unwrap();
        assert!(weights(&saved) == weights(&whole.model), "{name}");
    }
}

#[test]
fn a_checkpoint_of_other_settings_is_refused() {
    let dataset = made_up(8);
    let out = Some(folder("other-settings"));
    let options =
        TrainOptions { out, resume: Resume::Continue, stop_after: Some(1), ..TrainOptions::default() };
    run(&dataset, &parts(0..8, 0..0), &settings(&[]), &options);
    let other = settings(&["train.learning_rate=0.1"]);
    let parts = parts(0..8, 0..0);
    let assignment = Assignment { dataset: &dataset, parts: &parts, settings: &other };
    let error = train_on(&assignment, &options, &mut |_| ()).unwrap_err();
    assert_eq!(error.kind(), genrescope::ErrorKind::BadSettings);
}

#[test]
fn new_tracks_are_judged_right_and_shuffled_labels_at_chance() {
    let mut dataset = made_up(40);
    let settings = settings(&["train.epochs=8", "train.learning_rate=0.003"]);
    let accuracy = |dataset: &Dataset| {
        let trained = run(dataset, &parts(0..24, 24..40), &settings, &TrainOptions::default());
        trained.history.last().unwrap().valid_accuracy.unwrap()
    };
    assert!(accuracy(&dataset) >= 0.9);
    // Half of the tracks of either kind change sides, in both parts: there is nothing to be learnt.
    for (t, track) in dataset.tracks.iter_mut().enumerate() {
        track.genre = t / 2 % 2;
    }
    let chance = accuracy(&dataset);
    assert!((0.25..=0.75).contains(&chance), "{chance}");
}

#[test]
fn nothing_about_a_model_depends_on_its_test_tracks() {
    let parts = Partition { test: vec![10, 11], ..parts(0..8, 8..10) };
    let chosen = [
        "train.keep=best_loss",
        "train.schedule=plateau",
        "train.plateau_patience=1",
        "train.early_stop_patience=2",
        "train.epochs=7",
    ];
    for more in [&["model.normalisation=bands"][..], &chosen] {
        let mut dataset = made_up(12);
        let settings = settings(more);
        let train = |dataset: &Dataset| run(dataset, &parts, &settings, &TrainOptions::default()).model;
        let before = train(&dataset);
        dataset.tracks[10].spectrogram.db.iter_mut().for_each(|level| *level *= 0.2);
        let after = train(&dataset);
        assert_eq!(before.header, after.header);
        assert!(weights(&before) == weights(&after));
        dataset.tracks[8..10].iter_mut().for_each(|track| track.genre = 1 - track.genre);
        let other = train(&dataset);
        assert_eq!(
            more == chosen,
            weights(&other) != weights(&after),
            "validation chooses the epoch, and nothing else"
        );
    }
}

#[test]
fn validation_hears_tracks_in_their_own_key() {
    let (dataset, parts) = (made_up(12), parts(0..8, 8..12));
    let losses = |keys: &str| {
        let still =
            ["model.network=crnn", "train.learning_rate=1e-12", "train.patches=segments", "train.epochs=1"];
        let keys = format!("augment.transpose={keys}");
        let settings = settings(&[&PLAIN[..], &still, &[&keys]].concat());
        let history = run(&dataset, &parts, &settings, &TrainOptions::default()).history;
        (history[0].train_loss, history[0].valid_loss.unwrap())
    };
    let (own, shifted) = (losses("[0]"), losses("[0, 7]"));
    assert!((own.0 - shifted.0).abs() > 1e-4, "{own:?} {shifted:?}");
    assert!((own.1 - shifted.1).abs() < 1e-6, "{own:?} {shifted:?}");
}

#[test]
fn training_goes_on_from_a_model_with_other_genres_and_frozen_layers() {
    let mut dataset = made_up(12);
    let first = run(&dataset, &parts(0..12, 0..0), &settings(&["train.epochs=1"]), &TrainOptions::default());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("start.safetensors");
    first.model.save(&path).unwrap();
    dataset.genres.push("middle".into());
    dataset.tracks[5].genre = 2;
    let from = format!("train.from={:?}", path.display().to_string());
    let fine =
        [&from, "train.epochs=1", "train.freeze=[\"stem\", \"block1\"]", "model.normalisation=pretrained"];
    let second = run(&dataset, &parts(0..12, 0..0), &settings(&fine), &TrainOptions::default());
    assert_eq!(second.model.header.normalisation, first.model.header.normalisation);
    let old = first.model.network().unwrap().parameters();
    for new in second.model.network().unwrap().parameters() {
        let old = old.iter().find(|old| old.name == new.name).unwrap();
        let (frozen, head) =
            (new.name.starts_with("stem") || new.name.starts_with("block1"), new.name.starts_with("scores"));
        assert_eq!(old.shape != new.shape, head, "{}", new.name);
        // A bias before a batch norm has no gradient.
        assert!(old.data == new.data || !frozen, "{}", new.name);
        assert!(old.data != new.data || frozen || new.shape.len() == 1, "{}", new.name);
    }
    // As far from the start as one epoch brings it, not as far as fresh weights are.
    let weight = |model: &Model| {
        model
            .network()
            .unwrap()
            .parameters()
            .iter()
            .find(|p| p.name.starts_with("block2.conv1"))
            .unwrap()
            .data
            .clone()
    };
    let (old, new) = (weight(&first.model), weight(&second.model));
    let moved: f32 = old.iter().zip(&new).map(|(a, b)| (a - b).powi(2)).sum();
    let size: f32 = old.iter().map(|a| a * a).sum();
    assert!(moved < 0.5 * size, "{moved} of {size}");
}

#[test]
fn a_head_for_other_genres_is_made_anew_even_if_there_are_as_many() {
    let mut dataset = made_up(8);
    let first = run(&dataset, &parts(0..8, 0..0), &settings(&["train.epochs=1"]), &TrainOptions::default());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("head.safetensors");
    first.model.save(&path).unwrap();
    let from = format!("train.from={:?}", path.display().to_string());
    let head_after = |dataset: &Dataset| {
        let settings = settings(&[&from, "train.epochs=1", "train.learning_rate=1e-9"]);
        let model = run(dataset, &parts(0..8, 0..0), &settings, &TrainOptions::default()).model;
        model.network().unwrap().parameters().iter().find(|p| p.name == "scores.weight").unwrap().data.clone()
    };
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>();
    let old = first.model.network().unwrap().parameters().iter().find(|p| p.name == "scores.weight").unwrap();
    assert!(distance(&old.data, &head_after(&dataset)) < 1e-3);
    dataset.genres.iter_mut().for_each(|genre| genre.insert(0, 'x'));
    assert!(distance(&old.data, &head_after(&dataset)) > 1.0);
}

#[test]
fn a_start_that_does_not_fit_is_refused() {
    let dataset = made_up(8);
    let first = run(&dataset, &parts(0..8, 0..0), &settings(&["train.epochs=1"]), &TrainOptions::default());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("misfit.safetensors");
    first.model.save(&path).unwrap();
    let from = format!("train.from={:?}", path.display().to_string());
    let cases = [
        ("model.network=crnn", "is a residual"),
        ("model.patch_frames=20", "front end or patch"),
        ("train.freeze=[\"gru\"]", "stem.conv1"),
    ];
    for (change, expected) in cases {
        let settings = settings(&[&from, "train.epochs=1", change, "augment.crop_frames=[16, 24]"]);
        let parts = parts(0..8, 0..0);
        let assignment = Assignment { dataset: &dataset, parts: &parts, settings: &settings };
        let error = train_on(&assignment, &TrainOptions::default(), &mut |_| ()).err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let dataset = made_up(8);
    for changes in [vec!["model.network=v-kernel"], vec!["train.keep=best_loss"]] {
        let (parts, settings) = (parts(0..8, 0..0), settings(&changes));
        let assignment = Assignment { dataset: &dataset, parts: &parts, settings: &settings };
        let result = train_on(&assignment, &TrainOptions::default(), &mut |_| ());
        assert_eq!(result.err().map(|e| e.kind()), Some(genrescope::ErrorKind::BadSettings), "{changes:?}");
    }
}

#[test]
fn variations_that_would_do_nothing_are_refused() {
    let refused = |more: &[&str], why: &str| {
        let least = "[data]\nname = \"made up\"\npath = \"nowhere\"\n[model]\nnetwork = \"crnn\"\n";
        let more: Vec<String> = more.iter().map(|s| (*s).to_owned()).collect();
        let error = Settings::parse(least, &more).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refused(&["augment.recording.semitones=2"], "no change would ever be made");
    let stretch = ["augment.recording.probability=0.5", "augment.recording.stretch=0.1"];
    refused(&[&stretch[..], &["train.patches=segments"]].concat(), "random crops");
    refused(&["train.tags_weight=1"], "go together");
    refused(&["data.taggrams=tags.npz"], "go together");
}

#[test]
fn tags_are_learned_beside_genres_and_cut_off() {
    let (dataset, parts, folder) = (made_up(12), parts(0..8, 8..12), TempFolder::new());
    // Of some tracks only, and each its own: nothing that the genre tells.
    let of_tracks: Vec<(String, usize)> = (0..6).map(|t| (format!("t{t:03}"), 7 * t)).collect();
    let named: Vec<(&str, usize)> = of_tracks.iter().map(|(id, tag)| (id.as_str(), *tag)).collect();
    let file = |name: &str, bytes: Vec<u8>| {
        format!("data.taggrams={:?}", folder.file(name, &bytes).display().to_string())
    };
    let known = file("tags.npz", taggrams(&named));
    let with = |taggrams: &str, more: &[&str]| {
        settings(&[&[taggrams, "train.tags_weight=1.0", "train.epochs=3"], more].concat())
    };
    let options = |name: &str, stop_after, resume| TrainOptions {
        out: Some(folder.path().join(name)),
        stop_after,
        resume,
        ..TrainOptions::default()
    };
    let whole = run(&dataset, &parts, &with(&known, &[]), &options("whole", None, Resume::Afresh)).model;
    let scores = |model: &Model| {
        let parameters = model.network().unwrap().parameters();
        let shape = |name: &str| parameters.iter().find(|p| p.name == name).unwrap().shape.clone();
        (shape("scores.weight"), shape("scores.bias"))
    };
    let plain = run(&dataset, &parts, &settings(&["train.epochs=3"]), &TrainOptions::default()).model;
    assert_eq!((scores(&whole), whole.header.genres.len()), (scores(&plain), 2));
    assert_ne!(weights(&whole), weights(&plain));
    assert!(whole.header.trained_on.data.contains("tags") && !plain.header.trained_on.data.contains("tags"));
    run(&dataset, &parts, &with(&known, &[]), &options("pieces", Some(1), Resume::Afresh));
    let pieces = run(&dataset, &parts, &with(&known, &[]), &options("pieces", None, Resume::Continue)).model;
    assert_eq!(weights(&pieces), weights(&whole));

    let others = file("others.npz", taggrams(&[("elsewhere", 1)]));
    let settings = with(&others, &[]);
    let refused = train_on(
        &Assignment { dataset: &dataset, parts: &parts, settings: &settings },
        &TrainOptions::default(),
        &mut |_| (),
    );
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::BadManifest);
}
