//! `genrescope scan` and `genrescope library` as a person and a script meet them.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use support::{Stage, program, ran, sound, wav};

fn scan(stage: &Stage, more: &[&str]) -> (String, String, i32) {
    let model = ["scan", "music", "--db", "library.db", "--model", "model.safetensors"];
    ran(&mut stage.genrescope(&[&model[..], more].concat()))
}

fn library(stage: &Stage, more: &[&str]) -> (String, String, i32) {
    let model = ["library", "--db", "library.db", "--model", "model.safetensors"];
    ran(&mut stage.genrescope(&[&model[..], more].concat()))
}

fn rows(stage: &Stage) -> Vec<Value> {
    serde_json::from_str(&library(stage, &["list", "--format", "json"]).0).unwrap()
}

/// A wav file with a chunk of other bytes behind the sound: another tag, the same recording.
fn tagged(mut wav: Vec<u8>, tag: &[u8]) -> Vec<u8> {
    wav.extend_from_slice(b"junk");
    wav.extend((tag.len() as u32).to_le_bytes());
    wav.extend_from_slice(tag);
    let bytes = (wav.len() as u32 - 8).to_le_bytes();
    wav[4..8].copy_from_slice(&bytes);
    wav
}

#[test]
fn only_new_and_changed_files_are_judged_and_bad_ones_are_remembered() {
    let stage = Stage::new();
    stage.song("music/a.wav", 3.0);
    stage.song("music/b/c.wav", 4.0);
    stage.file("music/bad.mp3", b"these are only words ".repeat(50).as_slice());
    let (stdout, stderr, code) = scan(&stage, &[]);
    assert!(
        stdout.starts_with("2 judged, 0 known by their sound, 1 failed, 0 unchanged"),
        "{stdout}{stderr}"
    );
    assert!(stderr.contains("bad.mp3") && code == 1, "{stderr}");
    let (stdout, stderr, code) = scan(&stage, &[]);
    assert!(
        stdout.starts_with("0 judged, 0 known by their sound, 0 failed, 3 unchanged (1 of them failed"),
        "{stdout}"
    );
    assert_eq!((stderr.as_str(), code), ("", 0));
    stage.song("music/bad.mp3", 2.0); // mended; the content decides the format
    assert!(scan(&stage, &[]).0.starts_with("1 judged, 0 known by their sound, 0 failed, 2 unchanged (0 of"));
}

#[test]
fn a_recording_is_known_again_under_another_name_and_with_other_tags() {
    let stage = Stage::new();
    let song = wav(&sound(12.0));
    stage.file("music/a.wav", &song);
    assert!(scan(&stage, &[]).0.starts_with("1 judged"));
    fs::rename(stage.path("music/a.wav"), stage.path("music/moved.wav")).unwrap();
    stage.file("music/copy.wav", &song);
    stage.file("music/tagged.wav", &tagged(song, b"another tag."));
    let (stdout, _, _) = scan(&stage, &[]);
    assert!(stdout.starts_with("0 judged, 3 known by their sound") && stdout.contains("1 gone"), "{stdout}");
    let rows = rows(&stage);
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["recording"] == rows[0]["recording"] && row["genre"].is_string()));
}

#[test]
fn a_recording_that_only_begins_like_a_known_one_is_judged() {
    let stage = Stage::new();
    let samples = sound(20.0);
    stage.file("music/a.wav", &wav(&samples[..22_050 * 15]));
    scan(&stage, &[]);
    stage.file("music/longer.wav", &wav(&samples));
    assert!(scan(&stage, &[]).0.starts_with("1 judged, 0 known"));
    let rows = rows(&stage);
    assert_ne!(rows[0]["recording"], rows[1]["recording"]);
}

#[test]
fn a_scan_gives_the_scores_of_classify_and_lists_filter_them() {
    let stage = Stage::new();
    stage.song("music/a.wav", 8.0);
    scan(&stage, &[]);
    let (json, _, _) = ran(&mut stage.classify(&["music/a.wav", "--format", "json"]));
    let judged: Vec<Value> = serde_json::from_str(&json).unwrap();
    let row = &rows(&stage)[0];
    assert_eq!((&row["genre"], &row["stale"]), (&judged[0]["genre"], &false.into()));
    let difference = row["score"].as_f64().unwrap() - judged[0]["scores"][0]["score"].as_f64().unwrap();
    assert!(difference.abs() < 1e-5, "{difference}");
    let genre = row["genre"].as_str().unwrap();
    let count =
        |more: &[&str]| library(&stage, &[&["list", "--format", "csv"], more].concat()).0.lines().count();
    let other = ["jazz", "pop", "rock"].into_iter().find(|name| *name != genre).unwrap();
    assert_eq!((count(&["--genre", genre]), count(&["--genre", other]), count(&["--min", "1"])), (2, 1, 1));
    stage.file("music/text.mp3", b"no sound");
    scan(&stage, &[]);
    let (playlist, _, _) = library(&stage, &["list", "--format", "m3u8"]);
    assert!(
        playlist.starts_with("#EXTM3U\n#EXTINF:8,a\n/") && playlist.ends_with("music/a.wav\n"),
        "{playlist}"
    );
    let (_, stderr, code) = library(&stage, &["list", "--genre", "polka"]);
    assert!(stderr.contains("jazz, pop, rock") && code == 2, "{stderr}");
}

#[test]
fn counts_are_text_or_json_and_what_sounds_alike_comes_nearest_first() {
    let stage = Stage::new();
    stage.song("music/a.wav", 6.0);
    stage.song("music/b.wav", 7.0);
    stage.file("music/c.wav", &wav(&sound(9.0).iter().map(|x| x.signum() * 0.2).collect::<Vec<_>>()));
    stage.file("music/quiet.wav", &wav(&vec![0.0; 50_000]));
    scan(&stage, &[]);
    let (text, _, _) = library(&stage, &[]);
    assert!(text.starts_with("4 files, 4 recordings") && text.contains("silence"), "{text}");
    let counts: Value = serde_json::from_str(&library(&stage, &["--format", "json"]).0).unwrap();
    assert_eq!((&counts["files"], &counts["folders"][0]["files"]), (&4.into(), &4.into()));
    let (near, stderr, code) = library(&stage, &["--like", "music/a.wav", "--format", "json"]);
    let near: Vec<Value> = serde_json::from_str(&near).unwrap();
    let distances: Vec<f64> = near.iter().map(|row| row["distance"].as_f64().unwrap()).collect();
    assert_eq!((near.len(), code), (2, 0), "{stderr}");
    assert!(
        distances[0] <= distances[1]
            && near.iter().all(|row| !row["path"].as_str().unwrap().ends_with("/a.wav"))
    );
}

#[test]
fn folders_with_nomedia_are_left_out_and_files_that_are_gone_come_back_unheard() {
    let stage = Stage::new();
    stage.song("music/a.wav", 2.0);
    stage.song("music/b.wav", 3.0);
    stage.song("music/voices/deep/c.wav", 2.5);
    stage.file("music/voices/.nomedia", b"");
    assert!(scan(&stage, &[]).0.starts_with("2 judged"));
    fs::rename(stage.path("music/b.wav"), stage.path("b.wav")).unwrap();
    assert!(scan(&stage, &[]).0.contains("1 unchanged (0 of them failed before, 0 stale), 1 gone"));
    assert_eq!(rows(&stage).len(), 1);
    fs::rename(stage.path("b.wav"), stage.path("music/b.wav")).unwrap();
    assert!(scan(&stage, &[]).0.starts_with("0 judged, 0 known by their sound, 0 failed, 2 unchanged"));
    assert_eq!(rows(&stage).len(), 2);
}

#[test]
fn what_another_model_judged_is_stale_until_it_is_refreshed() {
    let stage = Stage::new();
    stage.song("music/a.wav", 4.0);
    scan(&stage, &[]);
    let with_model_inside =
        |command: &[&str]| ran(&mut stage.genrescope(&[command, &["--db", "library.db"]].concat()));
    let (stdout, stderr, _) = with_model_inside(&["scan", "music"]);
    assert!(stdout.contains("1 stale") && stderr.contains("--refresh"), "{stdout}{stderr}");
    let (text, _, _) = with_model_inside(&["library", "list"]);
    assert!(text.ends_with("(stale)\n"), "{text}");
    assert!(with_model_inside(&["scan", "music", "--refresh"]).0.starts_with("1 judged"));
    assert!(!with_model_inside(&["library", "list"]).0.contains("stale"));
}

#[test]
fn a_damaged_library_is_named_left_alone_and_set_aside_only_when_asked() {
    let stage = Stage::new();
    stage.song("music/a.wav", 2.0);
    let damaged = b"no database ".repeat(400);
    stage.file("library.db", &damaged);
    let (_, stderr, code) = scan(&stage, &[]);
    assert!(stderr.contains("library.db") && stderr.contains("--rebuild") && code == 2, "{stderr}");
    assert_eq!(fs::read(stage.path("library.db")).unwrap(), damaged);
    let (stdout, stderr, code) = scan(&stage, &["--rebuild"]);
    assert!(
        stdout.starts_with("1 judged") && stderr.contains("library.db.damaged-1") && code == 0,
        "{stderr}"
    );
    assert_eq!(fs::read(stage.path("library.db.damaged-1")).unwrap(), damaged);
    fs::copy(stage.path("library.db"), stage.path("backup.db")).unwrap();
    let look = ["library", "--db", "backup.db", "--model", "model.safetensors"];
    let (stdout, _, _) = ran(&mut stage.genrescope(&look));
    assert!(stdout.starts_with("1 files"), "the file alone is the library: {stdout}");
}

#[cfg(unix)]
#[test]
fn a_scan_that_is_killed_goes_on_and_two_at_once_do_not_disturb_each_other() {
    let stage = Stage::new();
    for number in 0..12 {
        stage.song(&format!("music/{number}.wav"), 20.0 + f64::from(number));
    }
    let start = || {
        let mut command = std::process::Command::new(program());
        command.args([
            "scan",
            "music",
            "--db",
            "library.db",
            "--model",
            "model.safetensors",
            "--threads",
            "1",
        ]);
        command.current_dir(stage.path("")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut killed = start();
    for _ in 0..600 {
        std::thread::sleep(Duration::from_millis(20));
        if stage.path("library.db").exists() && !rows(&stage).is_empty() {
            break;
        }
    }
    killed.kill().unwrap(); // SIGKILL
    killed.wait().unwrap();
    let before = rows(&stage).len();
    assert!(before > 0);
    let (mut one, mut two) = (start(), start());
    assert!(one.wait().unwrap().success() && two.wait().unwrap().success());
    let rows = rows(&stage);
    assert_eq!(rows.len(), 12);
    assert!(rows.iter().all(|row| row["genre"].is_string()));
    assert!(scan(&stage, &[]).0.starts_with("0 judged, 0 known by their sound, 0 failed, 12 unchanged"));
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_are_kept_as_they_are() {
    use std::os::unix::ffi::OsStrExt;
    let stage = Stage::new();
    stage.song("music/a.wav", 2.0);
    let name = std::ffi::OsStr::from_bytes(b"music/m\xfcsik.wav");
    fs::rename(stage.path("music/a.wav"), stage.path("").join(name)).unwrap();
    let (stdout, stderr, _) = scan(&stage, &[]);
    assert!(stdout.starts_with("1 judged") && stderr.contains("not UTF-8"), "{stdout}{stderr}");
    assert!(scan(&stage, &[]).0.contains("1 unchanged"));
}

#[test]
fn tags_are_shown_first_written_on_demand_and_taken_back() {
    let stage = Stage::new();
    let audio = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../genrescope/tests/audio");
    let names =
        ["mono_22050.flac", "mono_22050.ogg", "stereo_44100.mp3", "stereo_44100.m4a", "stereo_44100.mkv"];
    let originals: Vec<Vec<u8>> = names.iter().map(|name| fs::read(audio.join(name)).unwrap()).collect();
    names.iter().zip(&originals).for_each(|(name, bytes)| drop(stage.file(&format!("music/{name}"), bytes)));
    assert_eq!(scan(&stage, &[]).2, 0);
    let state = || names.map(|name| fs::read(stage.path("music").join(name)).unwrap());
    let run = |more: &[&str]| ran(&mut stage.genrescope(more));
    let tag = ["tag", "--db", "library.db", "--model", "model.safetensors", "--min", "0"];
    let (plan, stderr, code) = run(&[&tag[..], &["--dry-run"]].concat());
    assert!(plan.contains("mono_22050.flac: no genre → ") && plan.contains("4 to tag"), "{plan}");
    assert!(stderr.contains("stereo_44100.mkv") && code == 1, "{stderr}");
    assert!(state().iter().eq(&originals), "--dry-run writes nothing");
    let (_, stderr, code) = run(&tag);
    assert!(stderr.contains("--yes") && code == 2 && state().iter().eq(&originals), "{stderr}");
    let (said, stderr, code) = run(&[&tag[..], &["--yes"]].concat());
    assert!(said.contains("4 tagged") && code == 1, "{said}{stderr}");
    assert!(state().iter().zip(&originals).filter(|(now, before)| now != before).count() == 4);
    assert!(scan(&stage, &[]).0.starts_with("0 judged, 0 known by their sound, 0 failed, 5 unchanged"));
    assert!(run(&[&tag[..], &["--yes"]].concat()).0.contains("0 to tag, 4 as they should be"));
    let (said, stderr, code) = run(&["undo", "--db", "library.db", "--yes"]);
    assert!(said.contains("4 back to the original bytes") && code == 0, "{said}{stderr}");
    assert!(state().iter().eq(&originals));
    assert!(run(&["undo", "--db", "library.db", "--yes"]).0.contains("nothing to take back"));
}

/// The system's limit on the size of files stands for a full disk: both fail in the middle of writing.
#[cfg(unix)]
#[test]
fn a_full_disk_ends_with_a_list_and_whole_files() {
    let stage = Stage::new();
    let audio = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../genrescope/tests/audio");
    let original = fs::read(audio.join("stereo_44100.mp3")).unwrap();
    let large = [original.as_slice(), &original, &original, &original].concat().repeat(8);
    stage.file("music/large.mp3", &large);
    stage.file("music/small.mp3", &original);
    scan(&stage, &[]);
    let script = format!(
        "trap '' XFSZ; ulimit -f {}; exec '{}' tag --db library.db --model model.safetensors --min 0 --yes",
        large.len() / 1024 - 40,
        program().display()
    );
    let ran = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(stage.path(""))
        .output()
        .unwrap();
    let (said, told) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(
        said.contains("1 tagged") && said.contains("1 failed") && told.contains("large.mp3"),
        "{said}{told}"
    );
    assert_eq!(ran.status.code(), Some(1));
    assert!(fs::read(stage.path("music/large.mp3")).unwrap() == large);
    assert_eq!(fs::read_dir(stage.path("music")).unwrap().count(), 2, "no draft is left");
}
