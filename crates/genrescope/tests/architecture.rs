//! The directions between the stages (`ARCHITECTURE.md`): one total order, and a stage uses only what stands before it.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path};

const STAGES: [&str; 11] = [
    "error", "genres", "audio", "features", "model", "dataset", "metrics", "predict", "train", "evaluate",
    "report",
];
const ENGINE_USERS: [&str; 2] = ["model", "train"];
const LOUD: [&str; 7] = ["println!", "eprintln!", "print!(", "dbg!", "std::env", "std::net", "SystemTime"];
const LONGEST_FILE: usize = 600;

/// A file of the library without its comments and its tests.
struct Source {
    path: String,
    stage: String,
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() >= STAGES.len(), "only {} source files found", found.len());
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inside = path.strip_prefix(root).unwrap();
            let first = Path::new(inside.iter().next().unwrap());
            let stage = first.file_stem().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            found.push(Source {
                path: inside.display().to_string(),
                stage,
                code,
                lines: text.lines().count(),
            });
        }
    }
}

/// First identifiers behind each `crate::` and `super::`, those of a group in braces included.
fn modules_named(code: &str) -> Vec<String> {
    let behind =
        |start: &'static str| code.match_indices(start).map(move |(at, _)| &code[at + start.len()..]);
    behind("crate::").chain(behind("super::")).flat_map(first_identifiers).collect()
}

fn first_identifiers(text: &str) -> Vec<String> {
    let identifier =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let Some(group) = text.strip_prefix('{') else { return vec![identifier(text)] };
    let (mut depth, mut found) = (1, vec![identifier(group)]);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => found.push(identifier(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

fn place(stage: &str) -> Option<usize> {
    STAGES.iter().position(|name| *name == stage)
}

#[test]
fn every_module_has_a_place_in_the_order() {
    let strays: Vec<_> =
        sources().into_iter().filter(|s| s.stage != "lib" && place(&s.stage).is_none()).collect();
    assert!(strays.is_empty(), "not in STAGES: {:?}", strays.iter().map(|s| &s.path).collect::<Vec<_>>());
}

#[test]
fn a_stage_uses_only_what_stands_before_it() {
    for source in sources().iter().filter(|source| source.stage != "lib") {
        for module in modules_named(&source.code) {
            let backwards = place(&module).is_some_and(|used| used > place(&source.stage).unwrap());
            assert!(!backwards, "{} uses `{module}`, a later stage", source.path);
        }
    }
}

#[test]
fn only_model_and_train_name_the_engine() {
    for source in sources().iter().filter(|source| !ENGINE_USERS.contains(&source.stage.as_str())) {
        assert!(!source.code.contains("genrescope_nn"), "{} names the engine", source.path);
    }
}

#[test]
fn the_library_is_silent() {
    for source in sources() {
        let loud = LOUD.iter().find(|word| source.code.contains(**word));
        assert!(loud.is_none(), "{} contains {}", source.path, loud.unwrap());
    }
}

#[test]
fn no_file_outgrows_its_budget() {
    for source in sources() {
        assert!(source.lines <= LONGEST_FILE, "{}: {} lines without tests", source.path, source.lines);
    }
}

#[test]
fn grouped_and_nested_imports_are_seen() {
    let code = "use crate::{audio::{Waveform, limits}, predict};\nlet x = super::train::step();";
    assert_eq!(modules_named(code), ["audio", "predict", "train"]);
}
