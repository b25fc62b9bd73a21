//! Protocols from settings to `result.json`, on a made-up data set in the layout of `gtzan-mel`.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use genrescope::ErrorKind;
use genrescope::dataset::{Dataset, Extraction, Source};
use genrescope::evaluate::{
    Classifier, EvaluateOptions, Event, FoldResult, Judge, Judgement, Learner, Part, Readings, ResultFile,
    VectorSource, ensemble, evaluate, measure_recordings, perturb,
};
use genrescope::features::{FrontEnd, rereference_db, resample_frames};
use genrescope::model::Model;
use genrescope::predict::{Settings as Judging, classify_frames};
use genrescope::train::settings::Protocol;
use genrescope::train::{Experiment, Progress, Settings};
use support::{WavSample, wav};

const BANDS: usize = 16;
const FRAMES: usize = 40;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// An array file as NumPy writes it.
fn npy(shape: &str, levels: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), levels].concat()
}

/// Sixty tracks by thirty artists: metal sounds below, classical above.
fn made_up(name: &str) -> PathBuf {
    let data = folder(name);
    let mut csv = "path,clip,genre,db_step,filtered_split,artist,artist_fold\n".to_owned();
    for t in 0..60 {
        let genre = ["metal", "classical"][t % 2];
        let sounds = |cell: usize| (cell / FRAMES < BANDS / 2) == (t % 2 == 0);
        let level =
            |cell: usize| if sounds(cell) { 250 - (cell * 7 + t * 13) % 40 } else { 90 + (cell * t) % 60 };
        let levels: Vec<u8> = (0..BANDS * FRAMES).map(|cell| level(cell) as u8).collect();
        fs::create_dir_all(data.join(genre)).unwrap();
        fs::write(data.join(format!("{genre}/{t}.npy")), npy("(16, 40)", &levels)).unwrap();
        let split = ["train", "train", "valid", "test", ""][t / 12];
        csv += &format!("{genre}/{t}.npy,c{t},{genre},0.3125,{split},{},{}\n", t / 2, t / 2 % 3 + 1);
    }
    fs::write(data.join("tracks.csv"), csv).unwrap();
    data
}

fn settings(data: &Path, more: &[&str]) -> Settings {
    let least = format!(
        "[data]\nname = \"made up\"\npath = {:?}\n[features]\nmel_bands = 16\n\
         [model]\nnetwork = \"residual\"\npatch_frames = 24\n\
         [train]\nepochs = 8\nbatch_size = 8\n[augment]\nband_shift = 1\nband_mask_width = 2\nframe_mask_width = 4\n",
        data.display().to_string()
    );
    Settings::parse(&least, &more.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn options(out: PathBuf) -> EvaluateOptions {
    EvaluateOptions {
        out,
        commit: "abc".into(),
        part: Part::All,
        learner: Learner::Network,
        readings: None,
        other_results: vec![],
    }
}

fn only(settings: &Settings) -> [Experiment; 1] {
    [Experiment { name: String::new(), settings: settings.clone() }]
}

/// The result, and how many trainings it took.
fn counted(settings: &Settings, options: &EvaluateOptions) -> (Option<ResultFile>, usize) {
    let mut trainings = 0;
    let results = evaluate(&only(settings), options, &mut |event| {
        trainings += usize::from(matches!(event, Event::Training(Progress::Begin { .. })));
    });
    (results.unwrap().pop(), trainings)
}

fn refused(settings: &Settings, options: &EvaluateOptions) -> ErrorKind {
    evaluate(&only(settings), options, &mut |_| ()).unwrap_err().kind()
}

#[test]
fn cross_validation_goes_on_where_it_stopped_and_measures_each_track_once() {
    let data = made_up("cv-data");
    let settings =
        settings(&data, &["folds.protocol=cross_validation", "folds.k=3", "folds.learn=train+valid"]);
    let options = options(folder("cv"));
    let one = EvaluateOptions { part: Part::Fold(2), ..options.clone() };
    assert_eq!(counted(&settings, &one), (None, 1));
    let (two, trainings) = counted(&settings, &EvaluateOptions { part: Part::First(2), ..options.clone() });
    let two = two.unwrap();
    assert_eq!((two.folds.len(), two.pooled.tracks, trainings), (2, 24, 1));
    assert!(!options.out.join("model.safetensors").exists());
    let (result, trainings) = counted(&settings, &options);
    let result = result.unwrap();
    assert_eq!((trainings, &result.folds[..2]), (1, &two.folds[..]));
    assert_eq!(result.pooled.tracks, 36);
    assert_eq!(result.folds.iter().map(|fold| fold.train_tracks + fold.tracks).collect::<Vec<_>>(), [36; 3]);
    assert!(result.pooled.accuracy_percent >= 90.0, "{result:?}");
    assert_eq!((result.protocol.as_str(), result.leak.as_deref()), ("cross_validation", None));
    assert_eq!(counted(&settings, &options), (Some(result.clone()), 0));
    assert_eq!(ResultFile::read(&options.out.join("result.json")).unwrap(), result);
}

#[test]
fn an_ensemble_is_the_mean_of_what_its_networks_said_of_the_same_tracks() {
    let data = made_up("ensemble-data");
    let one = |name: &str, more: &[&str]| {
        let folds = ["folds.protocol=cross_validation", "folds.k=3", "folds.learn=train+valid"];
        let settings = settings(&data, &[&folds, more].concat());
        Experiment { name: name.into(), settings }
    };
    let options = EvaluateOptions { part: Part::First(2), ..options(folder("ensemble")) };
    let both = [one("long", &["train.epochs=3"]), one("short", &["train.epochs=1"])];
    assert_eq!(ensemble(&both, &options).unwrap_err().kind(), ErrorKind::NotFound);
    let results = evaluate(&both, &options, &mut |_| ()).unwrap();
    let result = ensemble(&both, &options).unwrap();
    assert_eq!((result.network.as_str(), result.pooled.tracks), ("ensemble of 2", results[0].pooled.tracks));
    assert_eq!(ResultFile::read(&options.out.join("ensemble/result.json")).unwrap(), result);
    let said = |name: &str| -> Vec<Judgement> {
        let json = fs::read(options.out.join(name).join("fold-2.json")).unwrap();
        serde_json::from_slice::<FoldResult>(&json).unwrap().tracks
    };
    for ((long, short), mean) in said("long").iter().zip(said("short")).zip(said("ensemble")) {
        let expected: Vec<f32> = long.scores.iter().zip(&short.scores).map(|(a, b)| (a + b) / 2.0).collect();
        assert_eq!((&long.id, &short.id), (&mean.id, &mean.id));
        assert!(
            mean.scores.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3),
            "{mean:?}, {expected:?}"
        );
    }
    let alone = std::slice::from_ref(&both[0]);
    assert_eq!(ensemble(alone, &options).unwrap_err().kind(), ErrorKind::BadSettings);
    let other = [one("long", &["train.epochs=3"]), one("other", &["seed=2", "train.epochs=1"])];
    evaluate(&other, &options, &mut |_| ()).unwrap();
    let error = ensemble(&other, &options).unwrap_err();
    assert!(error.to_string().contains("same tracks"), "{error}");
}

#[test]
fn patches_are_stretched_to_the_frames_that_a_network_sees() {
    let data = made_up("stretched-data");
    let changes = ["model.network=v-kernel", "model.time_resample=48", "folds.protocol=groups", "folds.k=2"];
    let settings = settings(&data, &[&changes[..], &["folds.learn=train+valid"]].concat());
    let options = options(folder("stretched"));
    let result = counted(&settings, &options).0.unwrap();
    assert!(result.pooled.accuracy_percent >= 90.0, "{result:?}");
    let model = Model::load(&options.out.join("fold-1/model.safetensors")).unwrap();
    assert_eq!((model.header.patch_frames, model.header.time_resample), (24, Some(48)));
    // What the network of 48 frames says of the same frames, stretched by hand.
    let mut header = model.header.clone();
    (header.patch_frames, header.time_resample) = (48, None);
    let of_48 = Model::new(header.clone(), model.network().unwrap().clone()).unwrap();
    let mut db: Vec<f32> = (0..24 * BANDS).map(|cell| -((cell * cell % 61) as f32)).collect();
    let heard = classify_frames(&model, &db, &Judging::default()).unwrap().scores;
    rereference_db(&mut db, &model.header.front_end);
    let by_hand = of_48.scores(&[resample_frames(&db, BANDS, 48).into()]).unwrap().remove(0);
    assert!(heard.iter().zip(&by_hand).all(|(a, b)| (a - b).abs() < 1e-5), "{heard:?} {by_hand:?}");
    header.patch_frames = 24;
    assert_eq!(Model::new(header, model.network().unwrap().clone()).unwrap_err().kind(), ErrorKind::BadModel);
}

#[test]
fn folds_of_other_settings_are_refused() {
    let data = made_up("other-data");
    let changes = ["folds.protocol=groups", "folds.k=2", "train.epochs=1"];
    let options = EvaluateOptions { part: Part::Fold(1), ..options(folder("other")) };
    counted(&settings(&data, &changes), &options);
    let other = settings(&data, &[&changes[..], &["seed=2"]].concat());
    assert_eq!(refused(&other, &options), ErrorKind::BadSettings);
}

#[test]
fn a_test_part_is_read_only_on_record_and_the_model_says_what_it_reached() {
    let data = made_up("test-data");
    let settings = settings(&data, &["train.epochs=2", "train.keep=best_loss"]);
    let out = folder("test");
    let unrecorded = options(out.clone());
    assert_eq!(refused(&settings, &unrecorded), ErrorKind::BadSettings);
    let path = out.join("readings.csv");
    let readings = Readings { path: path.clone(), date: "2026-01-02".into(), what: "a, tried".into() };
    let recorded = EvaluateOptions { readings: Some(readings), ..unrecorded };
    let (result, _) = counted(&settings, &recorded);
    counted(&settings, &recorded);
    let result = result.unwrap();
    let rows = format!(
        "date,what,protocol,accuracy\n2026-01-02,\"a, tried\",filtered,{:.1}\n",
        result.pooled.accuracy_percent
    );
    assert_eq!(fs::read_to_string(path).unwrap(), rows);
    assert_eq!(
        (result.folds[0].train_tracks, result.folds[0].valid_tracks, result.pooled.tracks),
        (24, 12, 12)
    );
    let model = Model::load(&out.join("model.safetensors")).unwrap();
    assert_eq!(model.header.results, result.for_header());
    fs::remove_dir_all(out.join("fold-1")).unwrap();
    let (again, _) = counted(&settings, &recorded);
    assert_eq!(again.unwrap().pooled, result.pooled, "what was measured needs no model");
}

#[test]
fn trained_folds_are_measured_in_other_keys_and_at_0_as_they_were() {
    let data = made_up("perturb-data");
    let settings =
        settings(&data, &["folds.protocol=cross_validation", "folds.k=3", "folds.learn=train+valid"]);
    let options = options(folder("perturb"));
    let asked = ["transpose=-24,0,1".parse().unwrap()];
    let measured = |options: &EvaluateOptions| {
        let one = Experiment { name: "residual-C".into(), settings: settings.clone() };
        perturb(&[one], options, &asked, &mut |_| ())
    };
    let below = EvaluateOptions { out: options.out.join("residual-C"), ..options.clone() };
    assert_eq!(measured(&options).unwrap_err().kind(), ErrorKind::NotFound);
    counted(&settings, &EvaluateOptions { part: Part::Fold(2), ..below.clone() });
    assert_eq!(measured(&options).unwrap()[0].points[0].1.tracks, 12, "one fold of three");
    let result = counted(&settings, &below).0.unwrap();
    let changed = measured(&options).unwrap().remove(0);
    let figures: Vec<_> = changed.points.iter().map(|(_, figures)| figures).collect();
    assert_eq!((&changed.network[..], &changed.variant[..]), ("residual", "C"));
    assert_eq!(*figures[1], result.pooled);
    // Two octaves down, what sounded above sounds below.
    assert!(figures[0].accuracy_percent < figures[1].accuracy_percent - 20.0, "{changed:?}");
    let csv = fs::read_to_string(below.out.join("transposition.csv")).unwrap();
    let [low, high] = result.pooled.interval_percent;
    let row = format!("residual,C,0,36,{},{low},{high}\n", result.pooled.accuracy_percent);
    assert!(
        csv.starts_with("network,variant,semitones,tracks,accuracy_percent,low,high\nresidual,C,-24,36,")
    );
    assert!(csv.contains(&row), "{csv}");
}

#[test]
fn changed_tracks_of_a_test_part_are_read_on_record_once() {
    let data = made_up("perturb-test-data");
    let settings = settings(&data, &["train.epochs=1", "train.keep=best_loss"]);
    let out = folder("perturb-test");
    let path = out.join("readings.csv");
    let readings = Readings { path: path.clone(), date: "2026-01-02".into(), what: "tried".into() };
    let recorded = EvaluateOptions { readings: Some(readings), ..options(out) };
    counted(&settings, &recorded);
    let measured = |options: &EvaluateOptions| {
        perturb(&only(&settings), options, &["transpose=-1,1".parse().unwrap()], &mut |_| ())
    };
    let unrecorded = EvaluateOptions { readings: None, ..recorded.clone() };
    assert_eq!(measured(&unrecorded).unwrap_err().kind(), ErrorKind::BadSettings);
    let points = measured(&recorded).unwrap().remove(0).points;
    measured(&recorded).unwrap();
    let mean = (points[0].1.accuracy_percent + points[1].1.accuracy_percent) / 2.0;
    let rows = fs::read_to_string(path).unwrap();
    let row = format!("2026-01-02,\"tried (transpose -1 to 1 semitones, mean of 2)\",filtered,{mean:.1}");
    assert_eq!((rows.lines().count(), rows.lines().last()), (3, Some(row.as_str())));
}

/// Six seconds of a tone for each clip, low or high.
fn record(folder: &Path, clips: &[(&str, f32)]) {
    fs::create_dir_all(folder.join("any")).unwrap();
    for (clip, tone_hz) in clips {
        let sample = |n: usize| (n as f32 / 22_050.0 * tone_hz * std::f32::consts::TAU).sin() * 0.5;
        let samples: Vec<f32> = (0..6 * 22_050).map(sample).collect();
        let bytes = wav(&samples, 22_050, 1, WavSample::Int16);
        fs::write(folder.join(format!("any/{clip}.wav")), bytes).unwrap();
    }
}

#[test]
fn trained_folds_are_measured_from_other_recordings_of_their_clips() {
    let (data, audio, others) = (made_up("audio-data"), folder("audio-originals"), folder("audio-others"));
    let [low, high] = [150.0, 9_000.0];
    record(&audio, &[("c48", low), ("c49", high), ("c50", low), ("c51", high)]);
    record(&others.join("as it was, once more"), &[("c48", low), ("c49", high), ("c50", low), ("c51", high)]);
    record(&others.join("higher"), &[("c48", high), ("c49", high), ("c50", high), ("c51", high)]);
    let twin_of = format!("data.twin_of={:?}", audio.display().to_string());
    let settings = settings(&data, &["folds.protocol=twin", "folds.learn=train+valid", &twin_of]);
    let options = options(folder("audio-out"));
    let measured = |settings: &Settings| measure_recordings(settings, &options, &others, &mut |_| ());
    assert_eq!(measured(&settings).unwrap_err().kind(), ErrorKind::NotFound, "nothing is trained yet");
    let from_audio = counted(&settings, &options).0.unwrap().from_audio.unwrap();
    let results = measured(&settings).unwrap();
    let kept: Vec<_> = results.iter().map(|result| (&result.name[..], result.kept_percent)).collect();
    assert_eq!(kept, [("as it was, once more", 100.0), ("higher", 50.0)], "{results:?}");
    assert_eq!((&results[0].figures, from_audio.accuracy_percent), (&from_audio, 100.0));
    assert_eq!(results[1].figures.accuracy_percent, 50.0);
    let csv = fs::read_to_string(options.out.join("audio.csv")).unwrap();
    assert!(
        csv.starts_with(
            "recordings,tracks,accuracy_percent,low,high,kept_percent\n\"as it was, once more\",4,100"
        ),
        "{csv}"
    );
    fs::remove_file(others.join("higher/any/c50.wav")).unwrap();
    let error = measured(&settings).unwrap_err();
    assert!(error.kind() == ErrorKind::BadSettings && error.to_string().contains("higher"), "{error}");
    // A published test part is read on record alone, which this does not keep.
    let mut other = settings.clone();
    other.folds.protocol = Protocol::Filtered;
    assert_eq!(measured(&other).unwrap_err().kind(), ErrorKind::BadSettings);
}

#[test]
fn damaged_spectrograms_are_listed_and_the_rest_is_read() {
    let data = made_up("damaged-data");
    fs::write(data.join("metal/0.npy"), b"not an array").unwrap();
    fs::write(data.join("metal/2.npy"), npy("(8, 80)", &[0; 640])).unwrap();
    fs::write(data.join("metal/4.npy"), npy("(16, 40)", &[0; 100])).unwrap();
    fs::remove_file(data.join("metal/6.npy")).unwrap();
    let front_end = FrontEnd { mel_bands: BANDS, ..FrontEnd::gtzan_mel() };
    let dataset = Dataset::read(&data, None, &front_end).unwrap();
    let kinds: Vec<ErrorKind> = dataset.skipped.iter().map(|skipped| skipped.error.kind()).collect();
    assert_eq!(dataset.tracks.len(), 56);
    assert_eq!(kinds, [ErrorKind::Corrupt, ErrorKind::Corrupt, ErrorKind::Corrupt, ErrorKind::NotFound]);
}

#[test]
fn a_manifest_that_is_wrong_is_refused() {
    let data = folder("bad-manifest");
    for rows in ["a,b\n1,2\n", "clip,path\nx,x.npy\nx,y.npy\n", "clip,path,db_step\nx,x.npy,loud\n"] {
        fs::write(data.join("tracks.csv"), rows).unwrap();
        let source = Source { path: &data, manifest: None, group: None };
        let whole = Extraction::whole(&FrontEnd::gtzan_mel());
        let error = genrescope::dataset::gtzan::read(&source, &whole).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadManifest, "{rows:?}");
    }
}

/// Scores by how near a row is to the mean of each genre; counts its learning.
#[derive(Debug, Default)]
struct Nearest(std::sync::Mutex<Vec<usize>>);

impl Classifier for Nearest {
    fn name(&self) -> &str {
        "nearest mean"
    }

    fn fit(&self, rows: &[Vec<f64>], genres: &[usize], count: usize) -> genrescope::Result<Judge> {
        self.0.lock().unwrap().push(rows.len());
        let mean = |genre: usize| -> Vec<f64> {
            let own: Vec<&Vec<f64>> =
                rows.iter().zip(genres).filter(|(_, g)| **g == genre).map(|pair| pair.0).collect();
            (0..rows[0].len())
                .map(|c| own.iter().map(|row| row[c]).sum::<f64>() / own.len().max(1) as f64)
                .collect()
        };
        let present = |genre: &usize| genres.contains(genre);
        let means: Vec<Option<Vec<f64>>> =
            (0..count).map(|genre| present(&genre).then(|| mean(genre))).collect();
        Ok(Box::new(move |row| {
            let near = |mean: &Option<Vec<f64>>| {
                let far: f64 = mean.as_ref()?.iter().zip(row).map(|(a, b)| (a - b).powi(2)).sum();
                Some((1.0 / (far + 1e-6)) as f32)
            };
            let near: Vec<f32> = means.iter().map(|mean| near(mean).unwrap_or(0.0)).collect();
            let sum: f32 = near.iter().sum();
            near.into_iter().map(|share| share / sum).collect()
        }))
    }
}

#[test]
fn a_classifier_of_features_goes_through_the_protocols_of_networks() {
    let data = made_up("vectors-data");
    let nearest = Arc::new(Nearest::default());
    let learner = Learner::Vectors { classifier: nearest.clone(), source: VectorSource::Segments };
    let settings = settings(&data, &["folds.protocol=cross_validation", "folds.k=3", "model.patch_frames=8"]);
    let options = EvaluateOptions { learner, ..options(folder("vectors")) };
    let result = counted(&settings, &options).0.unwrap();
    assert!(result.pooled.accuracy_percent >= 90.0, "{result:?}");
    assert_eq!((result.pooled.tracks, result.network.as_str()), (36, "nearest mean, mel46 of segments"));
    assert_eq!(result.segments.as_ref().unwrap().tracks, 5 * 36);
    // Five segments of eight frames a track, of the tracks learned from alone; and what is done is not done again.
    let learned: Vec<usize> = result.folds.iter().map(|fold| 5 * fold.train_tracks).collect();
    assert_eq!(*nearest.0.lock().unwrap(), learned);
    assert_eq!(counted(&settings, &options).0.unwrap(), result);
    assert_eq!(nearest.0.lock().unwrap().len(), 3);
}

#[test]
fn a_classifier_measures_segments_one_by_one_in_their_protocol() {
    let data = made_up("vector-segments-data");
    let learner =
        Learner::Vectors { classifier: Arc::new(Nearest::default()), source: VectorSource::Segments };
    let settings = settings(&data, &["folds.protocol=segment", "folds.k=4", "model.patch_frames=8"]);
    let options = EvaluateOptions { learner, ..options(folder("vector-segments")) };
    let result = counted(&settings, &options).0.unwrap();
    assert_eq!((result.pooled.tracks, result.segments.as_ref().unwrap().tracks), (60, 300));
    let learner = Learner::Vectors {
        classifier: Arc::new(Nearest::default()),
        source: VectorSource::Table("x.csv".into()),
    };
    let table = EvaluateOptions { learner, ..options };
    assert_eq!(refused(&settings, &table), ErrorKind::BadSettings);
}

#[test]
fn a_table_of_clips_is_read_by_their_names_and_a_wrong_one_is_refused() {
    let data = made_up("table-data");
    let settings = settings(&data, &["folds.protocol=cross_validation", "folds.k=3"]);
    let columns = genrescope::features::FeatureSet::Gtzan55.columns();
    let mut csv =
        format!("filename,{}\n", columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>().join(","));
    // Clip 0 has no row: it is neither learned from nor measured.
    for t in 1..60 {
        let values: Vec<String> =
            (0..55).map(|c| format!("{}", (t % 2) as f64 + 0.01 * ((t * c) % 7) as f64)).collect();
        csv += &format!("c{t}.wav,{}\n", values.join(","));
    }
    let path = data.join("table.csv");
    fs::write(&path, csv).unwrap();
    let evaluated = |name: &str| {
        let source = VectorSource::Table(path.clone());
        let learner = Learner::Vectors { classifier: Arc::new(Nearest::default()), source };
        let options = EvaluateOptions { learner, ..options(folder(name)) };
        evaluate(&only(&settings), &options, &mut |_| ())
    };
    let result = evaluated("table").unwrap().remove(0);
    assert_eq!((result.pooled.tracks, result.pooled.accuracy_percent), (35, 100.0));
    fs::write(&path, "filename,tempo\nc1.wav,120\n").unwrap();
    let error = evaluated("wrong-table").unwrap_err();
    assert!(
        error.kind() == ErrorKind::BadManifest && error.to_string().contains("chroma_stft_mean"),
        "{error}"
    );
}
