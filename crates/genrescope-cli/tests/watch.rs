//! `genrescope scan` as long as it runs: `--watch`, and Ctrl-C.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{Stage, program, ran};

fn start(stage: &Stage, more: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut command = Command::new(program());
    command.args(["scan", "music", "--db", "library.db", "--model", "model.safetensors"]).args(more);
    command.current_dir(stage.path("")).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    (child, BufReader::new(stdout))
}

fn interrupt(child: &Child) {
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
}

fn rows(stage: &Stage) -> Vec<Value> {
    let list = ["library", "list", "--format", "json", "--db", "library.db", "--model", "model.safetensors"];
    serde_json::from_str(&ran(&mut stage.genrescope(&list)).0).unwrap_or_default()
}

/// The next line that begins so.
fn line(lines: &mut BufReader<ChildStdout>, start: &str) -> String {
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if line.starts_with(start) {
            return line;
        }
        line.clear();
    }
    panic!("the scan ended before it said `{start}`");
}

#[test]
fn a_watching_scan_notices_new_changed_and_gone_files_until_ctrl_c() {
    let stage = Stage::new();
    stage.song("music/a.wav", 2.0);
    let (mut child, mut lines) = start(&stage, &["--watch", "--every", "1"]);
    line(&mut lines, "1 judged, 0 known by their sound, 0 failed, 0 unchanged");
    stage.song("music/b.wav", 3.0);
    line(&mut lines, "1 judged, 0 known by their sound, 0 failed, 1 unchanged");
    stage.song("music/a.wav", 4.0);
    line(&mut lines, "1 judged, 0 known by their sound, 0 failed, 1 unchanged");
    std::fs::remove_file(stage.path("music/b.wav")).unwrap();
    let said = line(&mut lines, "0 judged, 0 known by their sound, 0 failed, 1 unchanged");
    assert!(said.trim_end().ends_with("1 gone"), "{said}");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(rows(&stage).len(), 1);
}

#[test]
fn ctrl_c_keeps_what_was_judged_and_the_next_scan_goes_on() {
    let stage = Stage::new();
    for number in 0..40 {
        stage.song(&format!("music/{number:02}.wav"), 15.0 + 0.1 * f64::from(number));
    }
    let (mut child, mut lines) = start(&stage, &["--threads", "1"]);
    for _ in 0..600 {
        if stage.path("library.db").exists() && !rows(&stage).is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    interrupt(&child);
    let said = line(&mut lines, "");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let before = rows(&stage).len();
    assert!(before > 0 && before < 40, "{before} judged: {said}");
    let (mut child, mut lines) = start(&stage, &[]);
    let said = line(&mut lines, "");
    assert!(child.wait().unwrap().success());
    assert!(
        said.starts_with(&format!("{} judged", 40 - before)) && said.contains(&format!("{before} unchanged")),
        "{said}"
    );
}
