//! `genrescope analyze` as a scheduler meets it: shards that are killed, drivers that are killed.
#![allow(clippy::unwrap_used)]

mod support;

#[cfg(not(feature = "parquet"))]
#[test]
fn a_build_without_parquet_says_which_feature_is_missing() {
    let stage = support::Stage::new();
    let arguments = ["analyze", "--manifest", "absent.txt", "--out", "genres"];
    let (_, stderr, code) = support::ran(&mut stage.genrescope(&arguments));
    assert!(stderr.contains("--features parquet") && code == 2, "{stderr}");
}

#[cfg(feature = "parquet")]
mod with_parquet {
    use std::collections::BTreeSet;
    use std::fs::{self, File};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float32Type, Int64Type};
    use arrow_array::{Array, RecordBatch};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use serde_json::Value;

    use crate::support::{Stage, program, ran};

    const OPTIONS: [&str; 2] = ["--model", "model.safetensors"];

    fn analyze(stage: &Stage, arguments: &[&str]) -> (String, String, i32) {
        let common = ["analyze", "--manifest", "tracks.txt", "--out", "genres"];
        let mut command = stage.genrescope(&[&common[..], &OPTIONS, arguments].concat());
        command.env_remove("SLURM_ARRAY_TASK_ID").env_remove("JOB_COMPLETION_INDEX");
        ran(&mut command)
    }

    fn table(path: &Path) -> RecordBatch {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        let schema = reader.schema().clone();
        let batches = reader.build().unwrap().map(Result::unwrap).collect::<Vec<_>>();
        batches.into_iter().next().unwrap_or_else(|| RecordBatch::new_empty(schema))
    }

    /// Names of the files of a folder, hidden ones too.
    fn names(folder: &Path) -> BTreeSet<String> {
        let names = fs::read_dir(folder).into_iter().flatten();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// `(track_id, path)` of all rows, sorted by path.
    fn rows(folder: &Path) -> Vec<(String, i64)> {
        let of = |name: &String| {
            let table = table(&folder.join(name));
            let ids = table["track_id"].as_primitive::<Int64Type>().clone();
            let paths = table["path"].as_string::<i32>().clone();
            (0..table.num_rows()).map(move |n| (paths.value(n).to_owned(), ids.value(n))).collect::<Vec<_>>()
        };
        let mut rows: Vec<_> = names(folder).iter().flat_map(of).collect();
        rows.sort();
        rows
    }

    /// A manifest of so many songs of a second, and their names, sorted.
    fn manifest(stage: &Stage, songs: usize) -> Vec<String> {
        let names: Vec<String> = (0..songs).map(|n| format!("music/{n:02}.wav")).collect();
        names.iter().for_each(|name| drop(stage.song(name, 1.0)));
        stage.file("tracks.txt", names.join("\n").as_bytes());
        names
    }

    #[test]
    fn rows_are_what_classify_says_and_a_bad_file_is_one_of_them() {
        let stage = Stage::new();
        stage.song("a.wav", 4.0);
        stage.file("b.wav", b"these are only words ".repeat(50).as_slice());
        stage.file("tracks.txt", b"a.wav\nb.wav\na.wav\n");
        let (stdout, stderr, code) = analyze(&stage, &[]);
        assert!(stdout.is_empty() && stderr.contains("error: b.wav: ") && code == 1, "{stderr}");
        assert!(stderr.contains("repeats paths"), "{stderr}");
        let table = table(&stage.path("genres/part-00000-of-00001.parquet"));
        let (said, _, _) = ran(&mut stage.classify(&["--format", "jsonl", "--timeline", "a.wav"]));
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(table["genre"].as_string::<i32>().value(0), said["genre"]);
        assert_eq!(table["model_hash"].as_string::<i32>().value(0), said["model"]["hash"]);
        let segments = said["segments"].as_array().unwrap().len();
        assert_eq!(table["segments"].as_list::<i32>().value_length(0), segments as i32);
        let scores = table["scores"].as_list::<i32>().value(0);
        for (score, genre) in
            scores.as_primitive::<Float32Type>().iter().zip(said["genres"].as_array().unwrap())
        {
            let of_genre = said["scores"].as_array().unwrap().iter().find(|score| score["genre"] == *genre);
            let expected = of_genre.unwrap()["score"].as_f64().unwrap();
            assert!((f64::from(score.unwrap()) - expected).abs() < 1e-6, "{genre}");
        }
        assert_eq!((table.num_rows(), table["error"].as_string::<i32>().value(1)), (2, "unsupported_format"));
        assert!(table["genre"].is_null(1) && table["scores"].is_null(1));
    }

    #[test]
    fn shards_are_the_manifest_together_whatever_the_threads() {
        let stage = Stage::new();
        let expected = manifest(&stage, 9);
        for shard in ["0/3", "1/3", "2/3"] {
            assert_eq!(analyze(&stage, &["--shard", shard, "--threads", "1"]).2, 0);
        }
        let found = rows(&stage.path("genres"));
        assert_eq!(
            found.iter().map(|(path, _)| path).collect::<Vec<_>>(),
            expected.iter().collect::<Vec<_>>()
        );
        let read = || fs::read(stage.path("genres/part-00001-of-00003.parquet")).unwrap();
        let by_one_thread = read();
        fs::remove_file(stage.path("genres/part-00001-of-00003.parquet")).unwrap();
        assert_eq!(analyze(&stage, &["--shard", "1/3", "--threads", "4"]).2, 0);
        assert_eq!(read(), by_one_thread);
    }

    #[test]
    fn what_is_there_is_skipped_and_what_is_of_another_run_is_refused() {
        let stage = Stage::new();
        manifest(&stage, 2);
        assert_eq!(analyze(&stage, &[]).2, 0);
        let place = stage.path("genres/part-00000-of-00001.parquet");
        let written = fs::metadata(&place).unwrap().modified().unwrap();
        let (_, stderr, code) = analyze(&stage, &["-v"]);
        assert!(stderr.contains("is there already") && code == 0, "{stderr}");
        assert_eq!(fs::metadata(&place).unwrap().modified().unwrap(), written);
        let (_, stderr, code) = analyze(&stage, &["--to", "0.7"]);
        assert!(stderr.contains("another settings") && stderr.contains("delete it") && code == 2, "{stderr}");
        stage.file("tracks.txt", b"music/00.wav\n");
        let (_, stderr, code) = analyze(&stage, &[]);
        assert!(stderr.contains("another manifest") && code == 2, "{stderr}");
        stage.file("genres/part-00000-of-00001.parquet", b"words");
        let (_, stderr, code) = analyze(&stage, &[]);
        assert!(stderr.contains("is no part of genrescope") && code == 2, "{stderr}");
    }

    #[test]
    fn schedulers_say_which_shard_it_is() {
        let stage = Stage::new();
        manifest(&stage, 2);
        for (variable, index) in [("SLURM_ARRAY_TASK_ID", "0"), ("JOB_COMPLETION_INDEX", "1")] {
            let common = ["analyze", "--manifest", "tracks.txt", "--out", "genres", "--shards", "2"];
            let mut command = stage.genrescope(&[&common[..], &OPTIONS].concat());
            command.env_remove("SLURM_ARRAY_TASK_ID").env_remove("JOB_COMPLETION_INDEX").env(variable, index);
            assert_eq!(ran(&mut command).2, 0);
        }
        let parts = ["part-00000-of-00002.parquet", "part-00001-of-00002.parquet"];
        assert_eq!(names(&stage.path("genres")), BTreeSet::from(parts.map(String::from)));
        assert_eq!(rows(&stage.path("genres")).len(), 2);
    }

    /// Waits for what another process does.
    fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "{what} does not come");
            sleep(Duration::from_millis(20));
        }
    }

    /// The process that writes a draft: its number is in the draft's name, `.part-….parquet.PID-….part`.
    fn writers(folder: &Path) -> BTreeSet<String> {
        let number = |name: &str| {
            Some(name.strip_suffix(".part")?.rsplit_once(".parquet.")?.1.split_once('-')?.0.to_owned())
        };
        names(folder).iter().filter_map(|name| number(name)).collect()
    }

    /// A recording that never comes: whoever reads it stands still.
    fn stuck(stage: &Stage, name: &str) {
        fs::remove_file(stage.path(name)).unwrap();
        assert!(Command::new("mkfifo").arg(stage.path(name)).status().unwrap().success());
    }

    fn freed(stage: &Stage, name: &str) {
        fs::remove_file(stage.path(name)).unwrap();
        stage.song(name, 1.0);
    }

    #[cfg(unix)]
    #[test]
    fn a_shard_that_is_killed_in_the_middle_leaves_no_file_and_is_begun_anew() {
        let stage = Stage::new();
        let expected = manifest(&stage, 4);
        stuck(&stage, "music/02.wav");
        let mut run = Command::new(program());
        run.current_dir(stage.path("")).args(["analyze", "--manifest", "tracks.txt", "--out", "genres"]);
        let mut child = run.args(OPTIONS).spawn().unwrap();
        wait_for("the draft", || (!writers(&stage.path("genres")).is_empty()).then_some(()));
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        assert!(names(&stage.path("genres")).iter().all(|name| name.starts_with('.')));
        freed(&stage, "music/02.wav");
        assert_eq!(analyze(&stage, &[]).2, 0);
        assert_eq!(names(&stage.path("genres")), BTreeSet::from(["part-00000-of-00001.parquet".into()]));
        assert!(rows(&stage.path("genres")).into_iter().map(|(path, _)| path).eq(expected));
    }

    #[cfg(unix)]
    fn driver(stage: &Stage) -> Child {
        use std::os::unix::process::CommandExt;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cluster/gnu-parallel.sh");
        let mut driver = Command::new("bash");
        driver.current_dir(stage.path("")).arg(script).args(["tracks.txt", "6", "genres", "-j", "3"]);
        driver.env("GENRESCOPE", program()).stdout(Stdio::null()).process_group(0).spawn().unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn a_killed_shard_is_tried_again_by_gnu_parallel_and_a_killed_driver_goes_on() {
        let is_gnu = |output: std::process::Output| output.stdout.starts_with(b"GNU parallel");
        if !Command::new("parallel").arg("--version").output().is_ok_and(is_gnu) {
            eprintln!("SKIPPED: shards under GNU parallel, it is not installed");
            return;
        }
        let stage = Stage::new();
        let expected = manifest(&stage, 24);
        stuck(&stage, "music/07.wav");
        let folder = stage.path("genres");
        let mut first = driver(&stage);
        // All shards but the one that stands still.
        let done = || names(&folder).iter().filter(|name| !name.starts_with('.')).count() == 5;
        let shard =
            wait_for("the last shard", || writers(&folder).into_iter().next_back().filter(|_| done()));
        assert!(Command::new("kill").args(["-9", &shard]).status().unwrap().success());
        wait_for("another try", || writers(&folder).into_iter().find(|writer| *writer != shard));
        let group = format!("-{}", first.id());
        assert!(Command::new("kill").args(["-9", "--", &group]).status().unwrap().success());
        first.wait().unwrap();
        assert!(done(), "the shard that stands still has no file");
        freed(&stage, "music/07.wav");
        assert!(driver(&stage).wait().unwrap().success());
        let found = rows(&folder);
        assert!(found.iter().map(|(path, _)| path).eq(&expected));
        assert_eq!(found.iter().map(|(_, id)| id).collect::<BTreeSet<_>>().len(), expected.len());
    }
}
