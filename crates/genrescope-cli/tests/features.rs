//! `genrescope features` as a person and a script meet it.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use genrescope::features::{FeatureSet, Padding};
use support::{Stage, program, ran, sound};

fn table(csv: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut lines = csv.lines().map(|line| line.split(',').map(String::from).collect::<Vec<_>>());
    (lines.next().unwrap(), lines.collect())
}

#[test]
fn a_recording_is_one_row_of_57_features_by_the_library() {
    let stage = Stage::new();
    stage.song("song.wav", 4.0);
    let (stdout, stderr, code) = ran(&mut stage.genrescope(&["features", "song.wav"]));
    assert_eq!((stderr.as_str(), code), ("", 0));
    let (header, rows) = table(&stdout);
    let names: Vec<String> = FeatureSet::Gtzan57.columns().into_iter().map(|column| column.name).collect();
    assert_eq!(header[..4], ["path", "segment", "start_s", "end_s"]);
    assert_eq!(header[4..], names);
    assert_eq!(rows[0][..4], ["song.wav", "0", "0", "4"]);
    let samples: Vec<f32> = sound(4.0).iter().map(|x| f32::from((x * 32_767.0) as i16) / 32_768.0).collect();
    for (cell, expected) in rows[0][4..].iter().zip(FeatureSet::Gtzan57.values(&samples, Padding::Constant)) {
        let found: f64 = cell.parse().unwrap();
        assert!((found - expected).abs() <= 1e-6 + 1e-5 * expected.abs(), "{found} is not {expected}");
    }
}

#[test]
fn segments_are_rows_and_a_rest_is_left_out_but_where_it_is_all() {
    let stage = Stage::new();
    stage.song("long.wav", 7.5);
    stage.song("short.wav", 1.5);
    let arguments = ["features", "long.wav", "short.wav", "--segment", "3", "--set", "mfcc"];
    let (stdout, _, code) = ran(&mut stage.genrescope(&arguments));
    let (header, rows) = table(&stdout);
    let starts: Vec<[&str; 3]> = rows.iter().map(|row| [&*row[0], &*row[1], &*row[2]]).collect();
    assert_eq!(starts, [["long.wav", "0", "0"], ["long.wav", "1", "3"], ["short.wav", "0", "0"]]);
    assert_eq!((header.len(), rows[0].len(), code), (44, 44, 0));
}

#[test]
fn one_thread_and_four_pipe_and_file_give_the_same_rows() {
    let stage = Stage::new();
    let song = std::fs::read(stage.song("a.wav", 9.0)).unwrap();
    stage.song("b.wav", 4.0);
    let arguments = |threads| ["features", "a.wav", "b.wav", "--segment", "1.5", "--threads", threads];
    let one = ran(&mut stage.genrescope(&arguments("1"))).0;
    assert_eq!(one, ran(&mut stage.genrescope(&arguments("4"))).0);
    let (piped, _, _) = ran(stage.genrescope(&["features", "-", "--segment", "1.5"]).write_stdin(song));
    let of_a: String = one.lines().take(7).map(|line| line.replace("a.wav,", "-,") + "\n").collect();
    assert_eq!(piped, of_a);
}

#[test]
fn a_bad_file_is_a_row_of_the_error_file_and_is_tried_again() {
    let stage = Stage::new();
    for name in ["music/a.wav", "music/sub/c.wav"] {
        stage.song(name, 2.0);
    }
    stage.file("music/b.wav", b"these are only words ".repeat(50).as_slice());
    let run = || ran(&mut stage.genrescope(&["features", "music", "-o", "out.csv", "--set", "mel46"]));
    let (_, stderr, code) = run();
    assert_eq!(code, 1);
    assert!(stderr.contains("music/b.wav: "), "{stderr}");
    let read = |name: &str| std::fs::read_to_string(stage.path(name)).unwrap();
    assert_eq!(table(&read("out.csv")).1.len(), 2);
    assert!(read("out.csv.errors.csv").starts_with("path,kind,message\nmusic/b.wav,unsupported_format,"));
    stage.song("music/b.wav", 2.0);
    assert_eq!(run().2, 0);
    let (_, rows) = table(&read("out.csv"));
    let paths: Vec<&str> = rows.iter().map(|row| &*row[0]).collect();
    assert_eq!(paths, ["music/a.wav", "music/b.wav", "music/sub/c.wav"]);
    assert!(!stage.path("out.csv.errors.csv").exists() && !stage.path("out.csv.journal").exists());
}

#[cfg(unix)]
#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_table_of_one_that_is_not() {
    let stage = Stage::new();
    for i in 0..12 {
        stage.song(&format!("music/{i:02}.wav"), 6.0);
    }
    let arguments = ["features", "music", "--segment", "2", "--threads", "1", "-o"];
    ran(&mut stage.genrescope(&[&arguments[..], &["whole.csv"]].concat()));
    let mut kills = 0;
    loop {
        let mut run = Command::new(program());
        run.current_dir(stage.path("")).args(arguments).arg("killed.csv").stderr(Stdio::null());
        let mut child = run.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(40 + 10 * kills));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        kills += 1;
    }
    let read = |name: &str| std::fs::read_to_string(stage.path(name)).unwrap();
    assert!(kills > 0, "the machine was too fast to kill anything");
    assert_eq!(read("killed.csv"), read("whole.csv"));
}

#[test]
fn a_torn_line_of_the_journal_is_computed_again_and_other_settings_are_refused() {
    let stage = Stage::new();
    stage.song("music/a.wav", 2.0);
    stage.file("music/b.wav", b"no audio");
    let with = |set| ran(&mut stage.genrescope(&["features", "music", "-o", "t.csv", "--set", set]));
    with("mfcc");
    let journal = std::fs::read(stage.path("t.csv.journal")).unwrap();
    let table = std::fs::read(stage.path("t.csv")).unwrap();
    stage.file("t.csv.journal", &journal[..journal.len() - 100]);
    assert_eq!(with("mfcc").2, 1);
    assert_eq!(std::fs::read(stage.path("t.csv.journal")).unwrap(), journal);
    assert_eq!(std::fs::read(stage.path("t.csv")).unwrap(), table);
    let (_, stderr, code) = with("mel46");
    assert!(stderr.contains("other settings") && code == 2, "{stderr}");
}

#[test]
fn npy_is_an_array_of_records() {
    let stage = Stage::new();
    stage.song("song.wav", 4.0);
    let arguments =
        ["features", "song.wav", "--segment", "1", "--format", "npy", "-o", "t.npy", "--set", "mfcc"];
    assert_eq!(ran(&mut stage.genrescope(&arguments)).2, 0);
    let bytes = std::fs::read(stage.path("t.npy")).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x02\0");
    let header_len = u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[12..12 + header_len]).unwrap();
    assert!(header.contains("('path', '<U8'), ('segment', '<i8'), ('start_s', '<f8')"), "{header}");
    assert!(header.contains("'shape': (4,)") && (12 + header_len).is_multiple_of(64), "{header}");
    let record = 8 * 4 + 8 * (3 + 40);
    assert_eq!(bytes.len(), 12 + header_len + 4 * record);
    let start_of_second = 12 + header_len + record + 8 * 4 + 8;
    assert_eq!(f64::from_le_bytes(bytes[start_of_second..][..8].try_into().unwrap()), 1.0);
}

#[test]
fn a_picture_is_svg_or_png_by_its_name_and_shows_one_recording() {
    let stage = Stage::new();
    stage.song("a<b>.wav", 4.0);
    stage.song("silent/quiet.wav", 0.0001);
    let run = |arguments: &[&str]| ran(&mut stage.genrescope(&[&["features"], arguments].concat()));
    assert_eq!(run(&["a<b>.wav", "--picture", "a.svg"]), (String::new(), String::new(), 0));
    let svg = std::fs::read_to_string(stage.path("a.svg")).unwrap();
    for part in
        ["a&lt;b&gt;.wav", "Mel spectrogram", "Chroma", "Tempogram", "centroid", "Hz</text>", " s</text>"]
    {
        assert!(svg.contains(part), "{part}");
    }
    assert_eq!(svg.matches("<image").count(), 8);
    assert_eq!(run(&["a<b>.wav", "--picture", "a.png"]).2, 0);
    assert!(std::fs::read(stage.path("a.png")).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(run(&["silent/quiet.wav", "--picture", "quiet.svg"]).2, 0);
    let (_, stderr, code) = run(&["a<b>.wav", "--picture", "a.gif"]);
    assert!(stderr.contains(".svg or .png") && code == 2, "{stderr}");
    assert_eq!(run(&["a<b>.wav", "silent", "--picture", "a.svg"]).2, 2);
}

#[test]
fn what_cannot_be_written_is_said_before_any_work() {
    let stage = Stage::new();
    let (_, stderr, code) = ran(&mut stage.genrescope(&["features", "absent.wav", "--format", "npy"]));
    assert!(stderr.contains("-o") && code == 2, "{stderr}");
    #[cfg(not(feature = "parquet"))]
    {
        let arguments = ["features", "absent.wav", "--format", "parquet", "-o", "t.parquet"];
        let (_, stderr, code) = ran(&mut stage.genrescope(&arguments));
        assert!(stderr.contains("--features parquet") && code == 2, "{stderr}");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_holds_the_rows_of_csv_and_the_units_in_its_schema() {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Float64Type;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    let stage = Stage::new();
    stage.song("song.wav", 4.0);
    let run = |format, output| {
        let arguments = ["features", "song.wav", "--segment", "1", "--format", format, "-o", output];
        assert_eq!(ran(&mut stage.genrescope(&arguments)).2, 0);
    };
    run("parquet", "t.parquet");
    run("csv", "t.csv");
    let (header, rows) = table(&std::fs::read_to_string(stage.path("t.csv")).unwrap());
    let file = std::fs::File::open(stage.path("t.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = reader.schema().clone();
    assert_eq!(schema.field_with_name("spectral_centroid_var").unwrap().metadata()["unit"], "Hz^2");
    assert_eq!(schema.field_with_name("start_s").unwrap().metadata()["unit"], "s");
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (rows.len(), header.len()));
    assert_eq!(batch.column(0).as_string::<i32>().value(3), "song.wav");
    for column in 2..header.len() {
        let found = batch.column(column).as_primitive::<Float64Type>().value(3);
        assert_eq!(found, rows[3][column].parse::<f64>().unwrap(), "{}", header[column]);
    }
}
