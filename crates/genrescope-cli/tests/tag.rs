//! `genrescope tag`: what becomes of genres that a file has, of its time, and who says so.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::time::{Duration, SystemTime};

use genrescope_library::genres;
use support::{Stage, ran, unsure_model};

const SONG: &str = "music/song.flac";

const SCAN: [&str; 6] = ["scan", "music", "--db", "library.db", "--model", "model.safetensors"];

/// A library of one file, which has no genre yet and was last written at [`time`].
fn scanned() -> Stage {
    let stage = Stage::new();
    let audio = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../genrescope/tests/audio");
    let path = stage.file(SONG, &fs::read(audio.join("mono_22050.flac")).unwrap());
    fs::File::options().write(true).open(path).unwrap().set_modified(time()).unwrap();
    assert_eq!(ran(&mut stage.genrescope(&SCAN)).2, 0);
    stage
}

fn time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

fn tag(stage: &Stage, more: &[&str]) -> String {
    let tag = ["tag", "--db", "library.db", "--model", "model.safetensors", "--min", "0", "--yes"];
    let (stdout, stderr, code) = ran(&mut stage.genrescope(&[&tag[..], more].concat()));
    assert_eq!(code, 0, "{stdout}{stderr}");
    stdout
}

fn map(stage: &Stage, name: &str) -> String {
    let names = ["jazz", "pop", "rock"].map(|genre| format!("{genre} = \"{name}\"\n")).concat();
    stage.file("map.toml", format!("[names]\n{names}").as_bytes()).to_string_lossy().into_owned()
}

#[test]
fn genres_that_a_file_has_are_kept_extended_or_replaced() {
    let stage = scanned();
    let has = || genres(&stage.path(SONG)).unwrap();
    tag(&stage, &["--map", &map(&stage, "Own")]);
    assert_eq!(has(), ["Own"]);
    assert!(
        tag(&stage, &["--map", &map(&stage, "Other")]).contains("0 to tag"),
        "kept unless told otherwise"
    );
    tag(&stage, &["--append", "--map", &map(&stage, "Other")]);
    assert_eq!(has(), ["Own", "Other"]);
    assert!(
        tag(&stage, &["--append", "--map", &map(&stage, "OWN")]).contains("0 to tag"),
        "capitals are no other genre"
    );
    tag(&stage, &["--overwrite", "--map", &map(&stage, "Third")]);
    assert_eq!(has(), ["Third"]);
    let (_, stderr, code) =
        ran(&mut stage.genrescope(&["tag", "--db", "library.db", "--append", "--overwrite"]));
    assert!(code == 2 && stderr.contains("cannot be used with"), "{stderr}");
    for before in [&["Own", "Other"][..], &["Own"], &[]] {
        assert_eq!(ran(&mut stage.genrescope(&["undo", "--db", "library.db", "--yes"])).2, 0);
        assert_eq!(has(), before);
    }
}

#[test]
fn the_time_of_a_file_is_kept_on_request_and_comes_back_with_undo() {
    for (more, kept) in [(&["--keep-mtime"][..], true), (&[], false)] {
        let stage = scanned();
        let modified = || fs::metadata(stage.path(SONG)).unwrap().modified().unwrap();
        tag(&stage, more);
        assert_eq!(modified() == time(), kept, "{more:?}");
        let (said, _, _) = ran(&mut stage.genrescope(&SCAN));
        assert!(said.contains("1 unchanged"), "{more:?}: our own change is known");
        ran(&mut stage.genrescope(&["undo", "--db", "library.db", "--yes"]));
        assert_eq!(modified(), time(), "{more:?}");
    }
}

#[test]
fn what_has_no_genre_is_not_tagged_however_high_its_scores_are() {
    let stage = scanned();
    unsure_model().save(&stage.path("model.safetensors")).unwrap();
    assert_eq!(ran(&mut stage.genrescope(&SCAN)).2, 0);
    let said = tag(&stage, &[]);
    assert!(said.contains("0 to tag") && said.contains("1 without a genre that is sure enough"), "{said}");
    assert!(genres(&stage.path(SONG)).unwrap().is_empty());
}
