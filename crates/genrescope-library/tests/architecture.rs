//! What `ARCHITECTURE.md` says of this crate: it is silent, and knows no door.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

const LOUD: [&str; 8] =
    ["println!", "eprintln!", "print!(", "dbg!", "std::env", "std::net", "SystemTime::now", "unsafe {"];
const DOORS: [&str; 3] = ["genrescope_web", "genrescope_cli", "genrescope_nn"];
const LONGEST_FILE: usize = 600;

fn check(folder: &Path, files: &mut usize) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check(&path, files);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let found = LOUD.iter().chain(&DOORS).find(|word| text.contains(**word));
        assert!(found.is_none(), "{} contains {}", path.display(), found.unwrap());
        assert!(text.lines().count() <= LONGEST_FILE, "{} is too long", path.display());
        *files += 1;
    }
}

#[test]
fn the_library_is_silent_and_knows_no_door() {
    let mut files = 0;
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files >= 15, "only {files} files");
}
