//! Genres go into every container and come out again; the sound and all other tags stay; the way back gives the same
//! bytes, wherever the program was killed.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use genrescope_library::{Changes, FileState, Library, Mtime, Proposal, Step, genres, recording_hash};

const FILES: [&str; 12] = [
    "mono_22050.aiff",
    "mono_22050.flac",
    "mono_22050.mp2",
    "mono_22050.ogg",
    "mono_22050_alac.m4a",
    "mono_22050_ima.wav",
    "mono_22050_vbr.mp3",
    "mono_48000.opus",
    "six_48000.opus",
    "stereo_44100.aac",
    "stereo_44100.m4a",
    "stereo_44100.mp3",
];

fn audio(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../genrescope/tests/audio").join(name)
}

struct Stage {
    folder: tempfile::TempDir,
    library: Library,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(&folder.path().join("library.db")).unwrap();
        Self { folder, library }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn set(&self, path: &Path, wanted: &[&str]) {
        let wanted: Vec<String> = wanted.iter().map(|genre| (*genre).to_owned()).collect();
        let run = self.library.begin_run().unwrap();
        let changes = Changes { run, mtime: Mtime::New, told: &|_| () };
        self.library.change_genres(path, &wanted, &changes).unwrap();
    }

    fn undo(&self) {
        for change in self.library.last_changes().unwrap() {
            self.library.take_back(&change, &|_| ()).unwrap();
        }
    }
}

#[test]
fn a_plan_does_not_hold_once_another_program_set_a_genre() {
    let stage = Stage::new();
    let path = stage.file("song.mp3", &fs::read(audio("stereo_44100.mp3")).unwrap());
    let plan = Proposal { path: path.clone(), before: vec![], after: vec!["Jazz".into()] };
    plan.check().unwrap();
    stage.set(&path, &["Swing"]);
    let said = plan.check().unwrap_err().to_string();
    assert!(said.contains("song.mp3") && said.contains("Swing"), "{said}");
}

#[test]
fn every_container_takes_genres_and_gives_its_bytes_back() {
    let long = "a long genre ".repeat(400);
    for name in FILES {
        let stage = Stage::new();
        let original = fs::read(audio(name)).unwrap();
        let path = stage.file(name, &original);
        let (sound, state) = (recording_hash(&path).unwrap(), FileState::of(&path).unwrap());
        for wanted in [&["Jazz"][..], &["Free Jazz", "Müsik", "日本"], &[long.trim()], &["Pop"]] {
            stage.set(&path, wanted);
            assert_eq!(genres(&path).unwrap(), wanted, "{name}");
            assert!(recording_hash(&path).unwrap() == sound, "{name}: the sound changed");
        }
        (0..4).for_each(|_| stage.undo());
        assert!(fs::read(&path).unwrap() == original, "{name}: not the original bytes");
        assert_eq!(FileState::of(&path).unwrap(), state);
        assert_eq!(
            fs::read_dir(stage.folder.path()).unwrap().filter(|e| e.as_ref().unwrap().path() != path).count(),
            3
        );
    }
}

/// An ID3v2.3 tag with a doubled frame, an odd one, a huge one and a numbered genre, in front of an MP3.
fn odd_mp3() -> Vec<u8> {
    let frame = |id: &[u8], data: &[u8]| [id, &(data.len() as u32).to_be_bytes(), &[0, 0], data].concat();
    let frames = [
        frame(b"TIT2", b"\0one"),
        frame(b"TIT2", b"\0two"),
        frame(b"TCON", b"\0(17)(8)"),
        frame(b"XYZ9", &[0xff, 0xfe, 0, 7]),
        frame(b"APIC", &vec![0xff; 300_000]),
        frame(b"TYER", b"\x001999"),
    ];
    let body = frames.concat();
    let size = [21, 14, 7, 0].map(|shift| (body.len() >> shift & 0x7f) as u8);
    [b"ID3\x03\0\0".as_slice(), &size, &body, &fs::read(audio("no_tag_44100_vbr.mp3")).unwrap()].concat()
}

#[test]
fn odd_doubled_and_huge_frames_stay_as_bytes() {
    let stage = Stage::new();
    let original = odd_mp3();
    let path = stage.file("odd.mp3", &original);
    assert_eq!(genres(&path).unwrap(), ["Rock", "Jazz"]);
    stage.set(&path, &["Bebop", "Łódź"]);
    let changed = fs::read(&path).unwrap();
    for frame in [
        &b"\0one"[..],
        b"\0two",
        b"XYZ9\0\0\0\x04\0\0\xff\xfe\0\x07",
        b"TYER\0\0\0\x05\0\0\x001999",
        &[0xff; 300_000],
    ] {
        assert!(changed.windows(frame.len()).any(|bytes| bytes == frame), "{frame:?}");
    }
    assert_eq!(genres(&path).unwrap(), ["Bebop", "Łódź"]);
    stage.undo();
    assert!(fs::read(&path).unwrap() == original);
}

/// The box of a name, at the top of an MP4.
fn atom<'a>(bytes: &'a [u8], name: &[u8; 4]) -> &'a [u8] {
    let mut rest = bytes;
    loop {
        let (one, behind) = rest.split_at(u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize);
        if &one[4..8] == name {
            return one;
        }
        rest = behind;
    }
}

#[test]
fn sound_behind_the_tag_of_an_mp4_is_found_where_it_moved() {
    let stage = Stage::new();
    let bytes = fs::read(audio("stereo_44100.m4a")).unwrap();
    let (ftyp, mut moov, mdat) =
        (atom(&bytes, b"ftyp"), atom(&bytes, b"moov").to_vec(), atom(&bytes, b"mdat"));
    let mdat_at = mdat.as_ptr() as usize - bytes.as_ptr() as usize;
    let moved = (ftyp.len() + moov.len()) as i64 - mdat_at as i64;
    let table = moov.windows(4).position(|name| name == b"stco").unwrap() + 8;
    let entries = u32::from_be_bytes(moov[table..table + 4].try_into().unwrap()) as usize;
    for entry in moov[table + 4..][..4 * entries].chunks_mut(4) {
        let offset = u32::from_be_bytes((&*entry).try_into().unwrap());
        entry.copy_from_slice(&((i64::from(offset) + moved) as u32).to_be_bytes());
    }
    let original = [ftyp, &moov, mdat].concat();
    let path = stage.file("fast.m4a", &original);
    let sound = recording_hash(&path).unwrap();
    assert!(sound == recording_hash(&audio("stereo_44100.m4a")).unwrap(), "the test's own move is wrong");
    let long = "a long genre ".repeat(400);
    stage.set(&path, &[long.trim(), "Jazz"]);
    assert!(fs::metadata(&path).unwrap().len() > original.len() as u64 + 4000);
    assert!(recording_hash(&path).unwrap() == sound);
    stage.undo();
    assert!(fs::read(&path).unwrap() == original);
}

#[test]
fn undo_refuses_a_file_that_was_changed_since_and_read_only_files_stay() {
    let stage = Stage::new();
    let path = stage.file("song.flac", &fs::read(audio("mono_22050.flac")).unwrap());
    stage.set(&path, &["Jazz"]);
    stage.library.last_changes().unwrap();
    let mut foreign = fs::read(&path).unwrap();
    *foreign.last_mut().unwrap() ^= 1;
    fs::write(&path, &foreign).unwrap();
    let change = &stage.library.last_changes().unwrap()[0];
    let error = stage.library.take_back(change, &|_| ()).unwrap_err();
    assert!(error.to_string().contains("changed since"), "{error}");
    assert!(fs::read(&path).unwrap() == foreign);
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let changes = Changes { run: 9, mtime: Mtime::New, told: &|_| () };
    let error = stage.library.change_genres(&path, &["Pop".into()], &changes).unwrap_err();
    assert!(error.to_string().contains("read-only"), "{error}");
    assert!(fs::read(&path).unwrap() == foreign);
}

#[test]
fn what_another_program_writes_meanwhile_stays() {
    let stage = Stage::new();
    let original = fs::read(audio("mono_22050.flac")).unwrap();
    let path = stage.file("song.flac", &original);
    let foreign = [&original[..], b"more"].concat();
    let write = |step| {
        if step == Step::Ready {
            fs::write(&path, &foreign).unwrap();
        }
    };
    let changes = Changes { run: 1, mtime: Mtime::New, told: &write };
    let error = stage.library.change_genres(&path, &["Jazz".into()], &changes).unwrap_err();
    assert!(error.to_string().contains("meanwhile"), "{error}");
    assert!(fs::read(&path).unwrap() == foreign && stage.library.last_changes().unwrap().is_empty());
    fs::write(&path, &original).unwrap();
    stage.set(&path, &["Jazz"]);
    let change = &stage.library.last_changes().unwrap()[0];
    let error = stage.library.take_back(change, &write).unwrap_err();
    assert!(error.to_string().contains("meanwhile"), "{error}");
    assert!(fs::read(&path).unwrap() == foreign);
    fs::write(&path, &original).unwrap();
    stage.undo();
    assert!(stage.library.last_changes().unwrap().is_empty(), "a file with its original bytes is settled");
}

/// The longest name that common file systems allow.
#[test]
fn a_file_with_a_long_name_is_tagged() {
    let stage = Stage::new();
    let path = stage.file(&("x".repeat(250) + ".flac"), &fs::read(audio("mono_22050.flac")).unwrap());
    stage.set(&path, &["Jazz"]);
    assert_eq!(genres(&path).unwrap(), ["Jazz"]);
}

/// Killed behind the rename, then the disk is taken away, or the file made read-only.
#[test]
fn the_way_back_of_a_file_that_is_away_is_kept() {
    let original = fs::read(audio("mono_22050.ogg")).unwrap();
    let renamed = STEPS.iter().position(|step| *step == Step::Renamed).unwrap();
    let stage = Stage::new();
    let path = stage.file("song.ogg", &original);
    dies(stage.folder.path(), renamed, "tag");
    let away = stage.folder.path().join("away");
    fs::rename(&path, &away).unwrap();
    stage.library.settle().unwrap();
    fs::rename(&away, &path).unwrap();
    assert_eq!(genres(&path).unwrap(), ["Jazz"]);
    stage.undo();
    assert!(fs::read(&path).unwrap() == original);
}

const STEPS: [Step; 6] = [Step::Begun, Step::Drafted, Step::Verified, Step::Ready, Step::Renamed, Step::Done];

/// Runs as a process of its own, by `killed_at_every_step`: changes or takes back, and dies at a step.
#[test]
fn child_that_dies() {
    let Ok(order) = std::env::var("GENRESCOPE_TEST_DIES") else { return };
    let parts: Vec<&str> = order.split('|').collect();
    let (step, undo) = (STEPS[parts[0].parse::<usize>().unwrap()], parts[1] == "undo");
    let folder = Path::new(parts[2]);
    let library = Library::open(&folder.join("library.db")).unwrap();
    let die = |at: Step| {
        if at == step {
            std::process::abort()
        }
    };
    if undo {
        library.take_back(&library.last_changes().unwrap()[0], &die).unwrap();
    } else {
        let changes = Changes { run: library.begin_run().unwrap(), mtime: Mtime::New, told: &die };
        library.change_genres(&folder.join("song.ogg"), &["Jazz".into()], &changes).unwrap();
    }
}

fn dies(folder: &Path, step: usize, what: &str) {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "child_that_dies"])
        .env("GENRESCOPE_TEST_DIES", format!("{step}|{what}|{}", folder.display()));
    child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status().unwrap();
}

#[test]
fn killed_at_every_step_a_file_is_the_old_one_or_the_new_one_and_can_be_taken_back() {
    let original = fs::read(audio("mono_22050.ogg")).unwrap();
    for what in ["tag", "undo"] {
        let mut seen = Vec::new();
        for step in 0..STEPS.len() {
            let stage = Stage::new();
            let path = stage.file("song.ogg", &original);
            if what == "undo" {
                stage.set(&path, &["Jazz"]);
            }
            dies(stage.folder.path(), step, what);
            stage.library.settle().unwrap();
            let tagged = genres(&path).unwrap() == ["Jazz"];
            seen.push(tagged);
            assert!(tagged || fs::read(&path).unwrap() == original, "{what}, step {step}");
            assert_eq!(
                stage.library.last_changes().unwrap().len(),
                usize::from(tagged),
                "{what}, step {step}"
            );
            stage.undo();
            assert!(fs::read(&path).unwrap() == original, "{what}, step {step}");
            let drafts = fs::read_dir(stage.folder.path()).unwrap();
            let names: Vec<_> =
                drafts.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            assert!(names.iter().all(|name| !name.ends_with("genrescope-part")), "{names:?}");
        }
        assert!(
            seen.contains(&true) && seen.contains(&false),
            "{what}: the child did not die where it should: {seen:?}"
        );
    }
}
