//! `genrescope evaluate` on a made-up set of spectrograms.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::library::{npy, taggrams};
use support::{Stage, program, ran};

const BANDS: usize = 16;
const FRAMES: usize = 40;

/// 24 tracks by twelve artists: metal sounds below, classical above.
fn spectrograms(stage: &Stage) {
    let mut rows = "path,clip,genre,db_step,filtered_split,artist\n".to_owned();
    for t in 0..24 {
        let genre = ["metal", "classical"][t % 2];
        let sounds = |cell: usize| (cell / FRAMES < BANDS / 2) == (t % 2 == 0);
        let level = |cell: usize| {
            let level = if sounds(cell) { 250 - (cell * 7 + t * 13) % 90 } else { 150 + (cell * t) % 90 };
            level as u8
        };
        let mut npy = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        npy.extend(
            format!("{:<117}\n", "{'descr': '|u1', 'fortran_order': False, 'shape': (16, 40), }").bytes(),
        );
        npy.extend((0..BANDS * FRAMES).map(level));
        stage.file(&format!("data/{genre}/{t}.npy"), &npy);
        let split = ["train", "valid", "test"][t / 8];
        rows += &format!("{genre}/{t}.npy,c{t},{genre},0.3125,{split},{}\n", t / 2);
    }
    stage.file("data/tracks.csv", rows.as_bytes());
}

fn settings(stage: &Stage, more: &str) {
    let text = format!(
        "{more}\n[data]\nname = \"made up\"\npath = \"data\"\n[features]\nmel_bands = 16\n\
         [model]\nnetwork = \"residual\"\npatch_frames = 16\n\
         [train]\nepochs = 3\nbatch_size = 8\nkeep = \"best_loss\"\nplateau_patience = 0\nschedule = \"plateau\"\n\
         [augment]\nband_shift = 1\nband_mask_width = 2\nframe_mask_width = 4\n"
    );
    stage.file("settings.toml", text.as_bytes());
}

const TWO: &str = "networks = [\"residual\"]\nvariants = [{ name = \"plain\" }, { name = \"average\", train.average = 0.9 }]";
const FILES: [&str; 7] = [
    "residual-plain/fold-1.json",
    "residual-plain/fold-2.json",
    "residual-plain/folds.csv",
    "residual-plain/result.json",
    "residual-average/fold-1.json",
    "residual-average/fold-2.json",
    "residual-average/result.json",
];

fn arguments(out: &str) -> Vec<&str> {
    vec!["evaluate", "settings.toml", "--set", "folds.protocol=groups", "--set", "folds.k=2", "--out", out]
}

#[test]
fn an_evaluation_that_is_killed_again_and_again_ends_as_if_nothing_had_happened() {
    let stage = Stage::new();
    spectrograms(&stage);
    settings(&stage, TWO);
    let begun = Instant::now();
    let (_, stderr, code) = ran(&mut stage.genrescope(&arguments("whole")));
    assert_eq!(code, 0, "{stderr}");
    let whole = begun.elapsed();
    let mut kills = 0;
    for attempt in 1.. {
        let mut command = Command::new(program());
        command.current_dir(stage.path("")).args(arguments("killed"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Later each time, so that every attempt but the last is killed somewhere else.
        std::thread::sleep(whole.mul_f64(0.13).max(Duration::from_millis(20)) * attempt / 2);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        if status.success() {
            break;
        }
        kills += 1;
        assert!(kills < 50, "it never ends");
    }
    assert!(kills >= 2, "only {kills} kills before the end");
    for file in FILES {
        let [whole, killed] = ["whole", "killed"].map(|out| fs::read(stage.path(out).join(file)).unwrap());
        assert!(whole == killed, "{file} differs");
    }
    let record = fs::read_to_string(stage.path("killed/residual-plain/run.json")).unwrap();
    assert!(record.contains("\"sessions\"") && record.contains("\"finished\""), "{record}");
    let result = fs::read_to_string(stage.path("killed/residual-plain/result.json")).unwrap();
    assert!(!result.contains("commit") && !result.contains("sessions"), "{result}");
}

#[test]
fn folds_that_are_measured_one_by_one_are_collected() {
    let stage = Stage::new();
    spectrograms(&stage);
    settings(&stage, "");
    let run = |more: &[&str]| ran(&mut stage.genrescope(&[&arguments("run")[..], more].concat()));
    let (stdout, stderr, code) = run(&["--fold", "2"]);
    assert_eq!((stdout.as_str(), code), ("", 0), "{stderr}");
    assert!(!stage.path("run/result.json").exists() && !stage.path("run/fold-1.json").exists());
    let (_, stderr, code) = run(&["--collect"]);
    assert_ne!(code, 0);
    assert!(stderr.contains("fold-1.json") && stderr.contains("--fold 1"), "{stderr}");
    let (_, stderr, code) = run(&["--fold", "3"]);
    assert_ne!(code, 0);
    assert!(stderr.contains("folds 1 to 2"), "{stderr}");
    run(&["--fold", "1"]);
    // Joining needs no data.
    fs::rename(stage.path("data"), stage.path("elsewhere")).unwrap();
    let (stdout, stderr, code) = run(&["--collect"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("groups") && stdout.contains("tracks:"), "{stdout}");
    let collected = fs::read(stage.path("run/result.json")).unwrap();
    fs::rename(stage.path("elsewhere"), stage.path("data")).unwrap();
    let (again, _, _) = run(&[]);
    assert_eq!((again, fs::read(stage.path("run/result.json")).unwrap()), (stdout, collected));
    let (csv, stderr, code) = run(&["--perturb", "transpose=-2,0"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(fs::read_to_string(stage.path("run/transposition.csv")).unwrap(), csv);
    assert!(fs::read_to_string(stage.path("run/report.html")).unwrap().contains("Accuracy in other keys"));
}

#[test]
fn segments_are_labelled_as_leaking_wherever_they_are_shown() {
    let stage = Stage::new();
    spectrograms(&stage);
    settings(&stage, "");
    let segment = ["folds.protocol=segment", "folds.k=4", "train.patches=segments", "train.epochs=1"];
    let set = |key: &'static str| ["--set", key];
    let mut arguments = vec!["evaluate", "settings.toml", "--out", "run"];
    arguments.extend(segment.into_iter().flat_map(set));
    let (stdout, stderr, code) = ran(&mut stage.genrescope(&arguments));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("segment (leaks: ") && stdout.contains("segments: "), "{stdout}");
    let result = fs::read_to_string(stage.path("run/result.json")).unwrap();
    assert!(result.contains("\"leak\": \"leaks: other segments of the measured songs"), "{result}");
    let (text, _, _) = ran(&mut stage.genrescope(&["inspect", "run/fold-1/model.safetensors"]));
    assert!(text.contains("leaks"), "{text}");
}

#[test]
fn folds_are_written_and_given_back_and_those_that_divide_artists_are_refused() {
    let stage = Stage::new();
    spectrograms(&stage);
    settings(&stage, "");
    let (_, stderr, code) = ran(&mut stage.genrescope(&arguments("first")));
    assert_eq!(code, 0, "{stderr}");
    let given = "folds.file=first/folds.csv";
    let back = |out| ran(&mut stage.genrescope(&[&arguments(out)[..], &["--set", given]].concat()));
    let (_, stderr, code) = back("second");
    assert_eq!(code, 0, "{stderr}");
    let folds = |out: &str| fs::read_to_string(stage.path(out).join("folds.csv")).unwrap();
    assert_eq!(folds("first"), folds("second"));
    let swapped: String = folds("first")
        .lines()
        .map(|line| {
            let tested =
                line.starts_with("c0,").then(|| line.replace("train", "test").replace("valid", "test"));
            tested.unwrap_or_else(|| line.to_owned()) + "\n"
        })
        .collect();
    fs::write(stage.path("first/folds.csv"), swapped).unwrap();
    let (_, stderr, code) = back("third");
    assert_ne!(code, 0);
    let named = |stderr: &str, what: &str| stderr.contains("first/folds.csv: ") && stderr.contains(what);
    assert!(named(&stderr, "belong together") && stderr.contains("c0"), "{stderr}");
    let filtered =
        ["--set", "folds.protocol=filtered", "--set", given, "--readings", "readings.csv", "--what", "given"];
    let (_, stderr, code) = ran(&mut stage.genrescope(&[&arguments("fourth")[..], &filtered].concat()));
    assert_ne!(code, 0);
    assert!(named(&stderr, "is not on that side of the filtered split"), "{stderr}");
}

#[test]
fn a_finished_joined_model_is_read_once_by_taggrams_and_on_record() {
    let stage = Stage::new();
    let mut rows = "path,clip,genre,db_step,filtered_split,artist\n".to_owned();
    for (t, split) in ["train", "valid", "test", "test"].iter().enumerate() {
        let genre = ["jazz", "metal"][t % 2];
        let levels: Vec<u8> = (0..128 * 130).map(|i| 150 + ((i * 7 + t * 13) % 100) as u8).collect();
        stage.file(&format!("data/{genre}/{t}.npy"), &npy("|u1", "128, 130", &levels));
        rows += &format!("{genre}/{t}.npy,c{t},{genre},0.3125,{split},{t}\n");
    }
    stage.file("data/tracks.csv", rows.as_bytes());
    stage.file(
        "settings.toml",
        b"[data]\nname = \"made up\"\npath = \"data\"\n[model]\nnetwork = \"residual\"\n\
          [folds]\nprotocol = \"filtered\"\nlearn = \"train+valid\"\n",
    );
    // Of musicnn's tags the tenth is jazz, the twelfth metal.
    stage.file("tags.npz", &taggrams(&[("c2", 9), ("c3", 11)]));
    let evaluate = |more: &[&str]| {
        let own = ["evaluate", "settings.toml", "--out", "out", "--model", "best", "--taggrams", "tags.npz"];
        ran(&mut stage.genrescope(&[&own[..], more].concat()))
    };
    let (_, stderr, code) = evaluate(&[]);
    assert!(code != 0 && stderr.contains("reads a test part"), "{stderr}");
    let recorded = ["--readings", "readings.csv", "--what", "best"];
    let (stdout, stderr, code) = evaluate(&recorded);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.starts_with("best (") && stdout.contains("of 2 ("), "{stdout}");
    let fold: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(stage.path("out/fold-1.json")).unwrap()).unwrap();
    let score = |track: usize, genre: usize| fold["tracks"][track]["scores"][genre].as_f64().unwrap();
    assert_eq!((&fold["tracks"][0]["id"], &fold["tracks"][1]["id"]), (&"c2".into(), &"c3".into()));
    // Both sound alike: what differs between them is their tags.
    assert!(score(0, 5) > 2.0 * score(1, 5), "jazz: {} and {}", score(0, 5), score(1, 5));
    assert!(score(1, 6) > 2.0 * score(0, 6), "metal: {} and {}", score(1, 6), score(0, 6));
    let readings = fs::read_to_string(stage.path("readings.csv")).unwrap();
    assert_eq!(readings.lines().count(), 2, "{readings}");

    stage.file("tags.npz", &taggrams(&[("c2", 9)]));
    let (_, stderr, code) = evaluate(&recorded);
    assert!(code != 0 && stderr.contains("no taggram of c3"), "{stderr}");
}
