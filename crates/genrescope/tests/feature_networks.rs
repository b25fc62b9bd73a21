//! Networks that read audio features beside the spectrogram: from recordings to a model file and to a prediction.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use genrescope::ErrorKind;
use genrescope::audio::{AudioStream, Waveform};
use genrescope::dataset::folds::Partition;
use genrescope::dataset::{Dataset, Source};
use genrescope::evaluate::{EvaluateOptions, Event, Learner, Part, evaluate, importance};
use genrescope::features::{FeatureSet, FrontEnd, rereference_db};
use genrescope::model::{Header, Model, PatchInput};
use genrescope::predict::{Listener, Prediction, Settings as Judging, classify, classify_frames};
use genrescope::train::{Assignment, Experiment, Progress, Settings, TrainOptions, train, train_on};
use support::{TempFolder, WavSample, assert_all_close, assert_refused, music, shared_data, sound, wav};

const RATE_HZ: u32 = 22_050;
/// Patches as published: 130 frames of 3 s.
const PUBLISHED: &str = "[features]\nframe_step = 1.0\n[model]\nnetwork = \"mlfi-two-way-b2\"\npatch_frames = 130\n\
    normalisation = \"bands\"\n[model.features]\nset = \"gtzan55\"\n\
    [train]\npatches = \"segments\"\nepochs = 2\nbatch_size = 4\nlearning_rate = 1e-3\nschedule = \"plateau\"\n\
    keep = \"best_accuracy\"\n[folds]\nprotocol = \"track\"\n";

fn settings(data: &Path, more: &[&str]) -> Settings {
    let text = format!("{PUBLISHED}[data]\nname = \"clips\"\npath = {:?}\n", data.display().to_string());
    Settings::parse(&text, &more.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// Two genres of two recordings of 6.3 s: two segments each.
fn recordings() -> TempFolder {
    let folder = TempFolder::new();
    for (n, from) in [0, 40_000].into_iter().enumerate() {
        let samples = 139_000;
        let chords = &music(RATE_HZ, samples + from)[from..];
        let noise = &sound(RATE_HZ, samples + from, 0.1)[from..];
        folder.file(&format!("music/m{n}.wav"), &wav(chords, RATE_HZ, 1, WavSample::Float32));
        folder.file(&format!("sound/s{n}.wav"), &wav(noise, RATE_HZ, 1, WavSample::Float32));
    }
    folder
}

fn read(settings: &Settings) -> Dataset {
    let source = Source { path: &settings.data.path, manifest: None, group: None };
    Dataset::read_for(&source, &settings.extraction()).unwrap()
}

/// Judges a file, or its samples `from` to `to`.
fn judge(model: &Model, path: &Path, samples: Option<[usize; 2]>) -> Prediction {
    let seconds = |n: usize| n as f64 / f64::from(RATE_HZ);
    let part = samples.map_or_else(Judging::default, |[from, to]| Judging {
        from_s: seconds(from),
        to_s: Some(seconds(to)),
        ..Judging::default()
    });
    classify(model, AudioStream::open(path, RATE_HZ).unwrap(), &part).unwrap()
}

fn trained(settings: &Settings, dataset: &Dataset) -> Model {
    let parts = Partition { train: vec![0, 1, 2], valid: vec![3], test: vec![] };
    let assignment = Assignment { dataset, parts: &parts, settings };
    train_on(&assignment, &TrainOptions::default(), &mut |_| ()).unwrap().model
}

/// The model from its file, with another header.
fn reloaded(model: &Model, folder: &TempFolder, change: fn(&mut Header)) -> Model {
    let mut header = model.header.clone();
    change(&mut header);
    let path = folder.path().join("reloaded.safetensors");
    Model::new(header, model.network().unwrap().clone()).unwrap().save(&path).unwrap();
    Model::load(&path).unwrap()
}

#[test]
fn a_prediction_sees_the_numbers_that_were_learned_from() {
    let folder = recordings();
    let settings = settings(folder.path(), &["train.epochs=1"]);
    let dataset = read(&settings);
    let model = trained(&settings, &dataset);
    let columns = FeatureSet::Gtzan55.columns();
    let input = model.header.features.clone().unwrap();
    assert!(input.columns.iter().eq(columns.iter().map(|column| &column.name)));
    let saved = folder.path().join("model.safetensors");
    model.save(&saved).unwrap();
    let model = Model::load(&saved).unwrap();
    for track in &dataset.tracks {
        assert_eq!(track.vectors.len(), 2, "{}", track.id);
        let span = track.audio.clone().unwrap();
        for (segment, vector) in track.vectors.iter().enumerate() {
            let mut db = track.spectrogram.crop(130 * segment, 130);
            rereference_db(&mut db, &model.header.front_end);
            let learned = model.scores(&[PatchInput { db, features: vector.clone() }]).unwrap().remove(0);
            let samples = span.segments[segment].clone();
            let heard = judge(&model, &span.path, Some([samples.start, samples.end]));
            assert_all_close(&heard.scores, &learned, 1e-4, 0.0);
        }
    }
}

#[test]
fn features_are_neither_skipped_nor_filled_up() {
    let folder = recordings();
    let settings = settings(folder.path(), &["train.epochs=1"]);
    let dataset = read(&settings);
    let model = trained(&settings, &dataset);
    let path = folder.path().join("music/m0.wav");
    let before = judge(&model, &path, None).scores;
    let mut header = model.header.clone();
    let normalisation = &mut header.features.as_mut().unwrap().normalisation;
    normalisation.mean.iter_mut().zip(&normalisation.deviation).for_each(|(mean, by)| *mean += by);
    let other = Model::new(header, model.network().unwrap().clone()).unwrap();
    let after = judge(&other, &path, None).scores;
    assert!(before.iter().zip(&after).any(|(a, b)| (a - b).abs() > 1e-3), "{before:?} {after:?}");

    let db = dataset.tracks[0].spectrogram.crop(0, 130);
    for features in [vec![], vec![0.0; 46]] {
        let patch = PatchInput { db: db.clone(), features };
        assert_refused(model.scores(&[patch]), ErrorKind::BadModel, "reads 55 features");
    }
    let stored = classify_frames(&model, &dataset.tracks[0].spectrogram.db, &Judging::default());
    assert_refused(stored, ErrorKind::BadSettings, "audio file");
}

#[test]
fn a_model_whose_columns_are_other_ones_is_refused() {
    let folder = recordings();
    let settings = settings(folder.path(), &["train.epochs=1", "model.features.set=mel46"]);
    let model = trained(&settings, &read(&settings));
    let changed = |change: fn(&mut genrescope::model::Header)| {
        let mut header = model.header.clone();
        change(&mut header);
        Model::new(header, model.network().unwrap().clone())
    };
    let swapped = changed(|header| header.features.as_mut().unwrap().columns.swap(0, 2));
    assert_refused(swapped, ErrorKind::BadModel, "spectral_centroid_mean");
    let short = changed(|header| header.features.as_mut().unwrap().normalisation.mean.truncate(45));
    assert_refused(short, ErrorKind::BadModel, "45 means");
    assert_refused(changed(|header| header.features = None), ErrorKind::BadModel, "mlfi-two-way-b2");
}

#[test]
fn nothing_of_the_test_tracks_reaches_features_weights_or_header() {
    let folder = recordings();
    let settings = settings(folder.path(), &["train.epochs=1", "model.features.set=mel46"]);
    let mut dataset = read(&settings);
    let parts = Partition { train: vec![0, 2], valid: vec![1], test: vec![3] };
    let train = |dataset: &Dataset| {
        let assignment = Assignment { dataset, parts: &parts, settings: &settings };
        train_on(&assignment, &TrainOptions::default(), &mut |_| ()).unwrap().model
    };
    let before = train(&dataset);
    dataset.tracks[3].vectors.iter_mut().flatten().for_each(|value| *value = 1e6);
    dataset.tracks[3].spectrogram.db.iter_mut().for_each(|level| *level *= 0.3);
    assert_eq!(before.hash(), train(&dataset).hash());
    dataset.tracks[0].vectors[0][5] += 1.0;
    assert_ne!(before.hash(), train(&dataset).hash());
}

#[test]
fn a_network_of_130_frames_learns_from_38_is_measured_and_predicts() {
    let folder = recordings();
    let step = format!("features.frame_step={}", FrontEnd::gtzan_mel().frame_step);
    let settings = settings(
        folder.path(),
        &[
            &step,
            "model.patch_frames=38",
            "model.time_resample=130",
            "model.features.set=mel46",
            "folds.protocol=groups",
            "folds.k=2",
            "folds.learn=train+valid",
            "train.keep=last",
            "train.epochs=8",
        ],
    );
    let options = EvaluateOptions {
        out: folder.path().join("run"),
        commit: "abc".into(),
        part: Part::All,
        learner: Learner::Network,
        readings: None,
        other_results: vec![],
    };
    let mut losses = Vec::new();
    let experiment = [Experiment { name: String::new(), settings: settings.clone() }];
    let result = evaluate(&experiment, &options, &mut |event| {
        if let Event::Training(Progress::Epoch { row, .. }) = event {
            losses.push(row.train_loss);
        }
    });
    let result = result.unwrap().remove(0);
    assert_eq!(result.pooled.tracks, 4);
    let last = losses[5..8].iter().sum::<f64>() / 3.0;
    assert!(last < 0.6 * losses[0], "{losses:?}");
    let model = Model::load(&options.out.join("fold-1/model.safetensors")).unwrap();
    assert_eq!((model.header.patch_frames, model.header.time_resample), (38, Some(130)));

    let dataset = read(&settings);
    let track = &dataset.tracks[0];
    let span = track.audio.clone().unwrap();
    let heard = judge(&model, &span.path, Some([span.segments[0].start, span.segments[0].end])).scores;
    let mut db = track.spectrogram.crop(0, 38);
    rereference_db(&mut db, &model.header.front_end);
    let features = track.vectors[0].clone();
    assert_eq!(model.network().unwrap().graph().nodes()[0].shape, [130, 128, 1]);
    assert_all_close(&heard, &model.scores(&[PatchInput { db, features }]).unwrap()[0], 1e-4, 0.0);

    let found = importance(&experiment, &options, &mut |_| ()).unwrap().remove(0);
    let segments = result.segments.unwrap();
    assert_eq!(
        (found.figures.tracks, found.figures.accuracy_percent),
        (segments.tracks, segments.accuracy_percent)
    );
    assert!((found.figures.log_loss - segments.log_loss).abs() < 1e-3, "{:?} {segments:?}", found.figures);
    assert_eq!(found.features.len(), 46);
    assert!(found.features.iter().any(|one| one.fall > 1e-3), "{:?}", found.features);
    for one in &found.features {
        // Two segments of each genre.
        let mean = one.by_genre.iter().sum::<f64>() / 2.0;
        assert!(
            (one.fall - mean).abs() < 1e-9
                && (one.figures.log_loss - found.figures.log_loss - one.fall).abs() < 1e-3
        );
    }
    let csv = std::fs::read_to_string(options.out.join("features.csv")).unwrap();
    assert_eq!(csv, found.to_csv());
    assert!(csv.starts_with("network,variant,feature,segments,accuracy_percent,fall,music,sound\n"), "{csv}");
    let page = genrescope::report::page::Page::read(&[options.out]).unwrap();
    assert!(page.figures().iter().any(|figure| figure.name.ends_with("-features")));
}

#[test]
fn the_choices_of_the_settings_are_in_the_model_file_and_in_its_network() {
    let folder = recordings();
    let choices = ["model.choices.recurrent=lstm", "model.choices.units=24", "model.choices.average_block=2"];
    let more = [&choices[..], &["train.epochs=1", "model.features.set=mel46"]].concat();
    let settings = settings(folder.path(), &more);
    assert_eq!(Settings::parse(&settings.to_toml(), &[]).unwrap(), settings);
    let model = trained(&settings, &read(&settings));
    let loaded = reloaded(&model, &folder, |_| ());
    assert_eq!((loaded.header.choices, loaded.hash()), (settings.model.choices, model.hash()));
    let scores = |model: &Model| judge(model, &folder.path().join("music/m0.wav"), None).scores;
    assert_eq!(scores(&loaded), scores(&model));
    // An average has no weights: the header alone says where it is.
    let other = reloaded(&model, &folder, |header| header.choices.average_block = 4);
    assert_ne!(scores(&other), scores(&model));
}

#[test]
fn clips_of_gtzan_are_learned_from_with_55_features_and_one_is_judged() {
    let Some(clips) = shared_data("gtzan-mini") else { return };
    let folder = TempFolder::new();
    for genre in ["classical", "metal"] {
        let mut files: Vec<_> =
            std::fs::read_dir(clips.join(genre)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in &files[..2] {
            let name = file.file_name().unwrap().to_str().unwrap();
            folder.file(&format!("{genre}/{name}"), &std::fs::read(file).unwrap());
        }
    }
    // Two tracks a genre are too few for ten folds: whole tracks, each a group of its own.
    let more = ["folds.protocol=groups", "folds.k=2", "train.epochs=2", "train.batch_size=8"];
    let settings = settings(folder.path(), &more);
    let out = folder.path().join("run");
    let options = TrainOptions { out: Some(out.clone()), ..TrainOptions::default() };
    let result = train(&settings, &options, &mut |_| ()).unwrap();
    assert!(result.history.iter().all(|row| row.train_loss.is_finite() && row.valid_accuracy.is_some()));
    let model = Model::load(&out.join("model.safetensors")).unwrap();
    let file =
        genrescope::audio::audio_files(&folder.path().join("metal")).into_iter().next().unwrap().unwrap();
    let prediction = judge(&model, &file, None);
    assert!(prediction.genre.is_some() && (prediction.scores.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    assert!(prediction.duration_s > 29.0 && prediction.cells.len() > 30);
    let dataset = read(&settings);
    let spans = dataset.tracks.iter().filter_map(|track| Some((track, track.audio.clone()?)));
    let (track, span) = spans.into_iter().find(|(_, span)| span.path == file).unwrap();
    for segment in [0, 4, 9] {
        let mut db = track.spectrogram.crop(130 * segment, 130);
        rereference_db(&mut db, &model.header.front_end);
        let features = track.vectors[segment].clone();
        let learned = model.scores(&[PatchInput { db, features }]).unwrap().remove(0);
        let samples = span.segments[segment].clone();
        assert_all_close(
            &judge(&model, &file, Some([samples.start, samples.end])).scores,
            &learned,
            1e-4,
            0.0,
        );
    }
}

#[test]
fn listening_scores_full_patches_of_features_as_a_file_does() {
    let folder = recordings();
    let settings = settings(folder.path(), &["train.epochs=1"]);
    let model = trained(&settings, &read(&settings));
    let path = folder.path().join("music/m0.wav");
    let samples = Waveform::decode(&path, RATE_HZ).unwrap().samples;
    let mut listener = Listener::new(&model, 0.5).unwrap();
    let mut moments = listener.push(&samples, Vec::new()).unwrap();
    moments.extend(listener.finish().unwrap());
    let first = &moments.iter().find(|moment| !moment.provisional).unwrap().segment;
    let side_by_side = Judging { patch_hop_s: Some(model.header.patch_s()), ..Judging::default() };
    let stream = AudioStream::open(&path, RATE_HZ).unwrap();
    let cell = classify(&model, stream, &side_by_side).unwrap().cells.remove(0);
    assert_eq!((first.start_s, first.end_s), (cell.start_s, cell.end_s));
    assert_all_close(&first.scores, &cell.scores, 1e-5, 0.0);
}
