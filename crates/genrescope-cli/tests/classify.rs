//! `genrescope classify` as a person and a script meet it.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;
use support::{Stage, model, program, ran, sound, unsure_model, wav};

fn records(json: &str) -> Vec<Value> {
    let records: Vec<Value> = serde_json::from_str(json).unwrap();
    let schema: Value = serde_json::from_str(genrescope::report::json::SCHEMA_TEXT).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for record in &records {
        let errors: Vec<String> = validator.iter_errors(record).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {record}");
    }
    records
}

#[test]
fn a_song_is_one_line_on_stdout_and_nothing_on_stderr() {
    let stage = Stage::new();
    stage.song("song.wav", 8.0);
    let (stdout, stderr, code) = ran(&mut stage.classify(&["song.wav"]));
    assert_eq!((stderr.as_str(), code), ("", 0));
    assert_eq!(stdout.lines().count(), 1);
    assert!(stdout.contains(" %  ") && stdout.ends_with("  song.wav\n"), "{stdout}");
    assert!(!stdout.contains('\x1b'), "colours only on a terminal");
}

#[test]
fn the_timeline_follows_the_line() {
    let stage = Stage::new();
    stage.song("song.wav", 12.0);
    let (stdout, _, _) = ran(stage.classify(&["song.wav", "--timeline"]).env("COLUMNS", "50"));
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[1].chars().count(), 48, "{stdout}");
    assert!(lines[2].starts_with("  0:00"), "{stdout}");
    assert!(lines[3].contains(" – "), "{stdout}");
}

#[test]
fn json_is_an_array_that_fits_the_schema() {
    let stage = Stage::new();
    stage.song("song.wav", 8.0);
    stage.file("quiet.wav", &wav(&vec![0.0; 50_000]));
    stage.file("text.mp3", b"these are only words ".repeat(50).as_slice());
    let files = ["song.wav", "quiet.wav", "text.mp3", "absent.wav", "--format", "json", "--timeline"];
    let (stdout, stderr, code) = ran(&mut stage.classify(&files));
    let records = records(&stdout);
    assert_eq!((records.len(), code), (4, 1));
    assert_eq!(records[0]["model"]["name"], "small");
    assert!(records[0]["segments"].is_array());
    assert_eq!((&records[1]["genre"], &records[1]["reason"]), (&Value::Null, &"silence".into()));
    assert_eq!(records[2]["error"]["kind"], "unsupported_format");
    assert_eq!(records[3]["error"]["kind"], "not_found");
    assert!(stderr.contains("text.mp3: ") && stderr.contains("absent.wav: "), "{stderr}");
}

#[test]
fn an_empty_list_is_an_empty_array() {
    let stage = Stage::new();
    let list = ["--files-from", "-", "--format", "json"];
    let (stdout, _, code) = ran(stage.classify(&list).write_stdin(""));
    assert_eq!((stdout.as_str(), code), ("[]\n", 0));
}

#[test]
fn a_folder_gives_its_files_in_order_and_a_bad_one_does_not_stop_the_others() {
    let stage = Stage::new();
    for name in ["music/a.wav", "music/b/c.wav", "music/d.wav"] {
        stage.song(name, 3.5);
    }
    stage.file("music/b/broken.mp3", &[0x55; 4096]);
    stage.file("music/cover.jpg", b"no audio");
    let (stdout, stderr, code) = ran(&mut stage.classify(&["music", "--format", "jsonl", "--threads", "3"]));
    let paths: Vec<String> = stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(paths, ["music/a.wav", "music/b/broken.mp3", "music/b/c.wav", "music/d.wav"]);
    assert_eq!(stderr.lines().count(), 1);
    assert!(stderr.starts_with("error: music/b/broken.mp3: "), "{stderr}");
    assert_eq!(code, 1);
}

#[test]
fn a_folder_without_audio_is_named() {
    let stage = Stage::new();
    stage.file("papers/letter.txt", b"dear");
    let (_, stderr, code) = ran(&mut stage.classify(&["papers"]));
    assert!(stderr.contains("papers: no audio files"), "{stderr}");
    assert_eq!(code, 1);
}

#[test]
fn one_thread_and_four_give_the_same_bytes() {
    let stage = Stage::new();
    for name in ["a.wav", "b.wav", "c.wav"] {
        stage.song(name, 9.0);
    }
    let with = |threads| {
        ran(&mut stage.classify(&["a.wav", "b.wav", "c.wav", "--format", "csv", "--threads", threads])).0
    };
    assert_eq!(with("1"), with("4"));
}

#[test]
fn audio_comes_from_standard_input() {
    let stage = Stage::new();
    let song = std::fs::read(stage.song("song.wav", 6.0)).unwrap();
    let (piped, _, code) = ran(stage.classify(&["-", "--format", "csv"]).write_stdin(song));
    let (named, _, _) = ran(&mut stage.classify(&["song.wav", "--format", "csv"]));
    assert_eq!(code, 0);
    assert_eq!(piped.replace("\n-,", "\nsong.wav,"), named);
}

#[test]
fn paths_come_from_a_list_by_lines_or_nul_bytes() {
    let stage = Stage::new();
    stage.song("a b.wav", 3.5);
    stage.song("c.wav", 3.5);
    stage.file("list.txt", b"a b.wav\r\n\nc.wav\n");
    let (by_lines, _, code) = ran(&mut stage.classify(&["--files-from", "list.txt"]));
    let (by_nul, _, _) = ran(stage.classify(&["--files-from", "-"]).write_stdin("a b.wav\0c.wav\0"));
    assert_eq!((by_lines.lines().count(), code), (2, 0));
    assert_eq!(by_lines, by_nul);
}

#[test]
fn an_output_file_is_whole_or_not_there() {
    let stage = Stage::new();
    stage.song("song.wav", 3.5);
    for format in ["text", "json", "jsonl", "csv"] {
        let (stdout, stderr, code) = ran(&mut stage.classify(&["song.wav", "--format", format, "-o", "out"]));
        assert_eq!((stdout.as_str(), stderr.as_str(), code), ("", "", 0));
        let (printed, _, _) = ran(&mut stage.classify(&["song.wav", "--format", format]));
        assert_eq!(std::fs::read_to_string(stage.path("out")).unwrap(), printed);
    }
    let names: Vec<_> = std::fs::read_dir(stage.path(".")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn an_output_that_cannot_be_written_is_a_set_up_error_before_any_work() {
    let stage = Stage::new();
    let (_, stderr, code) = ran(&mut stage.classify(&["absent.wav", "-o", "no/such/folder/out.json"]));
    assert_eq!(code, 2);
    assert!(stderr.starts_with("error: no/such/folder/out.json: cannot be written"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_clear_error() {
    let stage = Stage::new();
    stage.song("song.wav", 3.5);
    let (_, stderr, code) = ran(&mut stage.classify(&["song.wav", "--format", "csv", "-o", "/dev/full"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("/dev/full: cannot be written: No space left"), "{stderr}");
    assert!(stderr.contains("make room"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_disk_that_fills_up_what_is_finished_is_there_and_whole() {
    let stage = Stage::new();
    for number in 10..46 {
        stage.song(&format!("music/{number}.wav"), 9.0);
    }
    let bytes = |format| ran(&mut stage.classify(&["music", "--timeline", "--format", format])).0;
    for format in ["json", "jsonl", "csv", "text"] {
        let whole = bytes(format);
        let room = (whole.len() / 2).div_ceil(1024);
        assert!(room * 1024 < whole.len(), "{format}: too short to be cut: {whole}");
        let limited = format!("trap '' XFSZ; ulimit -f {room}; exec \"$0\" \"$@\"");
        let output = std::process::Command::new("bash")
            .args(["-c", &limited])
            .arg(program())
            .args([
                "classify",
                "music",
                "--model",
                "model.safetensors",
                "--timeline",
                "--format",
                format,
                "-o",
                "out",
            ])
            .current_dir(stage.path("."))
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("out: cannot be written: File too large"), "{stderr}");
        let kept = std::fs::read_to_string(stage.path("out")).unwrap();
        let kept = match format {
            "json" => kept.strip_suffix("\n]\n").unwrap_or_else(|| panic!("{room} kB: {kept}")),
            _ => &kept,
        };
        assert!(kept.len() > whole.len() / 6 && whole.starts_with(kept), "{format}: {kept}");
        assert!(format == "json" || kept.ends_with('\n'), "{format}: {kept}");
    }
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_read_like_a_file() {
    let stage = Stage::new();
    let song = std::fs::read(stage.song("song.wav", 6.0)).unwrap();
    let made = std::process::Command::new("mkfifo").arg(stage.path("pipe.wav")).status().unwrap();
    assert!(made.success());
    let (pipe, mut named) = (stage.path("pipe.wav"), stage.classify(&["pipe.wav", "--format", "csv"]));
    let writer = std::thread::spawn(move || std::fs::write(pipe, song).unwrap());
    let (piped, _, code) = ran(&mut named);
    writer.join().unwrap();
    assert_eq!(code, 0);
    let (named, _, _) = ran(&mut stage.classify(&["song.wav", "--format", "csv"]));
    assert_eq!(piped.replace("pipe.wav", "song.wav"), named);
}

#[cfg(unix)]
#[test]
fn ten_bad_files_among_hundreds_are_ten_records_and_the_rest_goes_on() {
    let stage = Stage::new();
    let song = stage.song("song.wav", 0.5);
    std::fs::create_dir(stage.path("music")).unwrap();
    for number in 0..500 {
        let path = stage.path(&format!("music/{number:03}.wav"));
        match number % 50 {
            7 => std::fs::write(path, [0x55; 4096]).unwrap(),
            _ => std::os::unix::fs::symlink(&song, path).unwrap(),
        }
    }
    let (stdout, stderr, code) = ran(&mut stage.classify(&["music", "--format", "json", "-q"]));
    let records = records(&stdout);
    let bad: Vec<&Value> = records.iter().filter(|record| record["error"].is_object()).collect();
    assert_eq!((records.len(), bad.len(), stderr.lines().count(), code), (500, 10, 10, 1));
    assert!(bad.iter().all(|record| record["path"].as_str().unwrap().ends_with("7.wav")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_without_permission_is_named_and_the_rest_goes_on() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new();
    stage.song("music/a.wav", 3.5);
    stage.song("music/locked/b.wav", 3.5);
    let locked = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(stage.path("music/locked"), permissions).unwrap();
    };
    locked(0o000);
    std::fs::set_permissions(stage.path("."), std::fs::Permissions::from_mode(0o755)).unwrap();
    // Nobody locks root out: then somebody else looks.
    let is_root = std::fs::read_dir(stage.path("music/locked")).is_ok();
    let mut command = match is_root {
        true => std::process::Command::new("setpriv"),
        false => std::process::Command::new(program()),
    };
    if is_root {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program());
    }
    let arguments = ["classify", "music", "--model", "model.safetensors", "--format", "json"];
    let output = command.args(arguments).current_dir(stage.path(".")).output();
    locked(0o755);
    let Ok(output) = output.map_err(|error| println!("SKIPPED: setpriv: {error}")) else { return };
    let stderr = String::from_utf8(output.stderr).unwrap();
    if stderr.contains("setpriv: ") {
        return println!("SKIPPED: another user cannot run the program: {stderr}");
    }
    let records = records(&String::from_utf8(output.stdout).unwrap());
    assert_eq!((records.len(), output.status.code()), (2, Some(1)), "{stderr}");
    assert_eq!((&records[1]["path"], &records[1]["error"]["kind"]), (&"music/locked".into(), &"io".into()));
    assert!(stderr.contains("music/locked: permission denied; allow"), "{stderr}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let stage = Stage::new();
    for number in 0..40 {
        stage.song(&format!("music/{number}.wav"), 3.5);
    }
    let arguments = ["classify", "music", "--model", "model.safetensors", "--format", "jsonl", "--timeline"];
    let mut child = std::process::Command::new(program())
        .args(arguments)
        .current_dir(stage.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(first.starts_with("{\"schema\""));
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_is_finished() {
    let stage = Stage::new();
    stage.song("a.wav", 3.5);
    // A pipe that nobody writes to: the second input never ends.
    let made = std::process::Command::new("mkfifo").arg(stage.path("b.wav")).status().unwrap();
    assert!(made.success());
    let mut child = std::process::Command::new(program())
        .args(["classify", "a.wav", "b.wav", "--threads", "1", "--model", "model.safetensors"])
        .args(["--format", "json", "-o", "out.json"])
        .current_dir(stage.path("."))
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let interrupted =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(records(&std::fs::read_to_string(stage.path("out.json")).unwrap()).len(), 1);
}

#[test]
fn strict_stops_at_the_first_failure() {
    let stage = Stage::new();
    stage.song("z.wav", 3.5);
    let files = ["absent.wav", "z.wav", "--format", "json", "--strict", "--threads", "1"];
    let (stdout, _, code) = ran(&mut stage.classify(&files));
    assert_eq!((records(&stdout).len(), code), (1, 1));
}

#[test]
fn less_than_half_a_second_fails_with_a_remedy_and_half_a_second_is_judged() {
    let stage = Stage::new();
    stage.song("blip.wav", 0.4);
    stage.song("short.wav", 0.5);
    let (stdout, stderr, code) = ran(&mut stage.classify(&["blip.wav", "short.wav"]));
    assert_eq!((stdout.lines().count(), code), (1, 1));
    assert!(stderr.contains("error: blip.wav: 0.40 s of audio, at least 0.5 s are needed;"), "{stderr}");
    assert!(stderr.contains("warning: short.wav: 0.5 s is shorter than a patch"), "{stderr}");
    let (_, quiet, _) = ran(&mut stage.classify(&["short.wav", "-q"]));
    assert_eq!(quiet, "");
}

#[test]
fn twenty_decibels_less_give_the_same_scores() {
    let stage = Stage::new();
    let loud = sound(6.0);
    stage.file("loud.wav", &wav(&loud.iter().map(|x| 1.5 * x).collect::<Vec<f32>>()));
    stage.file("soft.wav", &wav(&loud.iter().map(|x| 0.15 * x).collect::<Vec<f32>>()));
    let (stdout, _, _) = ran(&mut stage.classify(&["loud.wav", "soft.wav", "--format", "json"]));
    let scores: Vec<Vec<f64>> = records(&stdout)
        .iter()
        .map(|r| r["scores"].as_array().unwrap().iter().map(|s| s["score"].as_f64().unwrap()).collect())
        .collect();
    for (loud, soft) in scores[0].iter().zip(&scores[1]) {
        // 16 bits at -36 dB are coarse; the exact figure is tested on floats in the library.
        assert!((loud - soft).abs() < 1e-3, "{scores:?}");
    }
}

#[test]
fn top_names_so_many_genres() {
    let stage = Stage::new();
    stage.song("song.wav", 3.5);
    let named = |top| {
        let (stdout, _, _) = ran(&mut stage.classify(&["song.wav", "--top", top]));
        stdout.matches(" %").count()
    };
    assert_eq!((named("1"), named("2"), named("3")), (1, 2, 3));
}

#[test]
fn usage_and_set_up_errors_exit_with_2() {
    let stage = Stage::new();
    stage.song("song.wav", 3.5);
    model("v-kernel").save(&stage.path("fixed.safetensors")).unwrap();
    let cases: [(&[&str], &str); 10] = [
        (&["classify"], "required"),
        (&["classify", "song.wav", "--format", "xml"], "xml"),
        (&["classify", "song.wav", "--threads", "0"], "0"),
        (&["classify", "song.wav", "--patch-hop", "0"], "patch hop"),
        (&["classify", "song.wav", "--patch", "half"], "whole"),
        (&["classify", "song.wav", "--from", "5", "--to", "3"], "empty"),
        (&["classify", "-", "--files-from", "-"], "only once"),
        (&["classify", "song.wav", "--model", "absent.safetensors"], "absent.safetensors"),
        (&["classify", "song.wav", "--model", "song.wav"], "song.wav: not a model file"),
        (&["classify", "song.wav", "--model", "fixed.safetensors", "--patch", "whole"], "any length"),
    ];
    for (arguments, part) in cases {
        let (stdout, stderr, code) = ran(&mut stage.genrescope(arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf_8_are_judged_and_shown_with_a_warning() {
    use std::os::unix::ffi::OsStrExt;
    let stage = Stage::new();
    let name = std::ffi::OsStr::from_bytes(b"music/caf\xe9.wav");
    stage.song("music/plain.wav", 3.5);
    std::fs::rename(stage.path("music/plain.wav"), stage.path(".").join(name)).unwrap();
    let (stdout, stderr, code) = ran(&mut stage.classify(&["music", "--format", "json"]));
    assert_eq!(code, 0, "{stderr}");
    let records = records(&stdout);
    assert_eq!(records[0]["path"], "music/caf\u{fffd}.wav");
    assert!(stderr.contains("not UTF-8"), "{stderr}");
}

#[test]
fn sets_need_a_model_that_knows_how_sure_it_is() {
    let stage = Stage::new();
    stage.song("song.wav", 4.0);
    let refused = |arguments: &[&str]| {
        let (_, stderr, code) = ran(&mut stage.classify(arguments));
        assert_eq!(code, 2, "{stderr}");
        stderr
    };
    assert!(refused(&["song.wav", "--set", "90%"]).contains("`small` does not say how sure it is"));
    unsure_model().save(&stage.path("model.safetensors")).unwrap();
    assert!(refused(&["song.wav", "--set", "100%"]).contains("possible are 50 to 99 %"));
    assert!(refused(&["song.wav", "--set", "half"]).contains("90%"));
    assert!(refused(&["song.wav", "--set", "90", "--vocabulary", "tags"]).contains("sets are of genres"));
    assert!(refused(&["song.wav", "--set", "90", "--format", "jams"]).contains("sets go into text"));
    let (json, _, _) = ran(&mut stage.classify(&["song.wav", "--set", "90%", "--format", "json"]));
    let record = &records(&json)[0];
    assert_eq!((&record["genre"], record["reason"].as_str()), (&Value::Null, Some("unsure")));
    assert_eq!(record["set"]["genres"].as_array().unwrap().len(), 3, "untrained: any of them");
    let (text, _, _) = ran(&mut stage.classify(&["song.wav"]));
    assert!(text.starts_with("unknown") && text.contains("unsure"), "{text}");
    let (card, _, _) = ran(&mut stage.genrescope(&["inspect", "model.safetensors"]));
    assert!(card.contains("unsure below 99 %, fitted on nothing"), "{card}");
}

#[test]
fn tags_stand_each_by_itself_and_fit_their_schema() {
    let stage = Stage::new();
    stage.song("song.wav", 8.0);
    stage.file("quiet.wav", &wav(&vec![0.0; 50_000]));
    let tags = |more: &[&str]| {
        let own = ["classify", "--vocabulary", "tags", "song.wav", "quiet.wav", "absent.wav"];
        ran(&mut stage.genrescope(&[&own[..], more].concat()))
    };
    let (json, _, code) = tags(&["--format", "json", "--timeline"]);
    let records: Vec<Value> = serde_json::from_str(&json).unwrap();
    let schema: Value = serde_json::from_str(genrescope::report::tags::SCHEMA_TEXT).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for record in &records {
        let errors: Vec<String> = validator.iter_errors(record).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {record}");
    }
    assert_eq!((records.len(), code), (3, 1));
    let scores: Vec<f64> =
        records[0]["tags"].as_array().unwrap().iter().map(|tag| tag["score"].as_f64().unwrap()).collect();
    assert_eq!(scores.len(), 50);
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert!((scores.iter().sum::<f64>() - 1.0).abs() > 1e-3, "they are no shares");
    assert_eq!(records[0]["segments"][0]["scores"].as_array().unwrap().len(), 50);
    assert_eq!(records[1]["reason"], "silence");

    let (csv, _, _) = tags(&["--format", "csv"]);
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("path,start_s,end_s,reason,error_kind,error,rock,pop,"), "{}", lines[0]);
    assert_eq!(lines[1].split(',').count(), 56);
    let (text, _, _) = tags(&["--top", "3"]);
    assert_eq!(text.lines().next().unwrap().matches(" %").count(), 3, "{text}");
    let (_, stderr, code) = ran(&mut stage.genrescope(&["classify", "--model", "musicnn", "song.wav"]));
    assert!(code == 2 && stderr.contains("--vocabulary tags"), "{stderr}");
}

#[test]
fn best_answers_with_genres_and_live_as_well() {
    let stage = Stage::new();
    stage.song("song.wav", 12.0);
    let (json, stderr, code) =
        ran(&mut stage.genrescope(&["classify", "--model", "best", "song.wav", "--format", "json"]));
    assert_eq!((stderr.as_str(), code), ("", 0));
    let records = records(&json);
    assert_eq!(
        (&records[0]["model"]["name"], records[0]["scores"].as_array().unwrap().len()),
        (&"best".into(), 10)
    );
    let listen =
        ["listen", "--simulate", "song.wav", "--speed", "max", "--format", "jsonl", "--model", "best"];
    let (lines, _, code) = ran(&mut stage.genrescope(&listen));
    let moments: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(code == 0 && moments[0]["provisional"] == true, "{lines}");
    assert!(moments[0]["end_s"].as_f64().unwrap() <= 1.6 && moments.len() > 15, "{lines}");
}
