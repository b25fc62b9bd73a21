//! The music library over HTTP: counts, lists, a map, and the bytes of its files alone.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use axum::http::Request;
use genrescope_library::{FileState, Library, Refresh, hear, survey};
use genrescope_web::Access;
use serde_json::{Value, json};
use support::{Server, get, model, sound, wav};
use tower::ServiceExt;

/// A scanned folder of three sounds and one file that is none, and a server that shows it.
struct Shown {
    server: Server,
    folder: tempfile::TempDir,
}

fn scan(database: &Path, music: &Path) {
    let model = model("crnn");
    let mut library = Library::open(database).unwrap();
    library.keep_model(&model).unwrap();
    let work = survey(&mut library, &[music.to_owned()], model.hash(), Refresh::No).unwrap().work;
    let library = Mutex::new(library);
    for path in work {
        let state = FileState::of(&path).unwrap();
        let heard = hear(&path, &model, &library);
        let mut library = library.lock().unwrap();
        match heard {
            Ok(heard) => library.keep(&path, state, &heard).unwrap(),
            Err(error) => library.keep_error(&path, state, &error).unwrap(),
        }
    }
}

impl Shown {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let music = folder.path().join("music");
        std::fs::create_dir(&music).unwrap();
        for (name, seconds) in [("Blue Train.wav", 3.0), ("second.wav", 4.0), ("third.wav", 5.0)] {
            std::fs::write(music.join(name), wav(22_050, &sound(22_050, seconds))).unwrap();
        }
        std::fs::write(music.join("broken.wav"), b"no sound").unwrap();
        let shown =
            Self { server: Server::showing(&folder.path().join("library.db"), Access::Loopback), folder };
        scan(&shown.database(), &music);
        shown
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("library.db")
    }

    fn music(&self, name: &str) -> PathBuf {
        self.folder.path().join("music").join(name)
    }

    async fn ask(&self, path: &str) -> (u16, Value) {
        self.server.json(get(path)).await
    }

    async fn id(&self, name: &str) -> i64 {
        let (_, found) = self.ask("/api/v1/library/files").await;
        let files = found["files"].as_array().unwrap();
        files.iter().find(|file| file["name"] == name).unwrap()["id"].as_i64().unwrap()
    }

    /// Status, `Content-Range` and bytes.
    async fn audio(&self, id: i64, range: Option<&str>) -> (u16, String, Vec<u8>) {
        let request =
            Request::builder().uri(format!("/api/v1/library/files/{id}/audio")).header("host", support::HOST);
        let request = range.into_iter().fold(request, |request, range| request.header("range", range));
        let response = self
            .server
            .router
            .clone()
            .oneshot(request.body(axum::body::Body::empty()).unwrap())
            .await
            .unwrap();
        let place = response.headers().get("content-range").map(|place| place.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, place.unwrap_or_default(), bytes.to_vec())
    }
}

#[tokio::test]
async fn without_a_library_there_is_none_and_one_that_begins_later_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("later.db");
    let server = Server::showing(&database, Access::Loopback);
    assert_eq!(server.json(get("/api/v1/health")).await.1["library"], false);
    let (status, body) = server.json(get("/api/v1/library")).await;
    assert_eq!((status, &body["error"]["kind"]), (404, &json!("not_found")));
    Library::open(&database).unwrap();
    assert_eq!(server.json(get("/api/v1/health")).await.1["library"], true);
    assert_eq!(
        server.json(get("/api/v1/library")).await,
        (
            200,
            json!({
                "files": 0, "duration_s": 0.0, "failed": 0, "differing": 0, "tagged": 0, "stale": 0, "models": 0,
                "model": {"name": "", "hash": ""}, "groups": [],
            })
        )
    );
    assert_eq!(server.json(get("/api/v1/library/map")).await.1["ids"], json!([]));
}

#[tokio::test]
async fn a_scanned_folder_is_counted_listed_and_placed_on_the_map() {
    let shown = Shown::new();
    let (_, counts) = shown.ask("/api/v1/library").await;
    assert_eq!(
        (&counts["files"], &counts["failed"], &counts["duration_s"]),
        (&json!(4), &json!(1), &json!(12.0))
    );
    let groups: i64 =
        counts["groups"].as_array().unwrap().iter().map(|group| group["files"].as_i64().unwrap()).sum();
    assert_eq!(groups, 4);
    let (_, map) = shown.ask("/api/v1/library/map").await;
    for column in ["ids", "x", "y", "word"] {
        assert_eq!(map[column].as_array().unwrap().len(), 3, "{column}: what failed has no place");
    }
    let (_, found) = shown.ask("/api/v1/library/files?query=BLUE&sort=path").await;
    assert_eq!((&found["total"], &found["files"][0]["name"]), (&json!(1), &json!("Blue Train.wav")));
    let (_, cut) = shown.ask("/api/v1/library/files?sort=length&order=reversed&offset=1&limit=1").await;
    assert_eq!((&cut["total"], &cut["files"][0]["name"]), (&json!(4), &json!("second.wav")));
    let id = shown.id("third.wav").await;
    let (_, near) = shown.ask(&format!("/api/v1/library/files?like={id}")).await;
    assert_eq!((&near["total"], &near["files"][0]["id"]), (&json!(3), &json!(id)));
    let (_, one) = shown.ask(&format!("/api/v1/library/files/{id}")).await;
    assert_eq!(
        (&one["name"], &one["agreement"], &one["stale"]),
        (&json!("third.wav"), &json!("open"), &json!(false))
    );
    for wrong in ["limit=0", "limit=501", "sort=beauty", "offset=-1", "colour=red"] {
        assert_eq!(shown.ask(&format!("/api/v1/library/files?{wrong}")).await.0, 400, "{wrong}");
    }
    assert_eq!(shown.ask("/api/v1/library/files?like=99").await.0, 404);
}

#[tokio::test]
async fn a_file_is_heard_whole_and_in_ranges() {
    let shown = Shown::new();
    let (id, bytes) = (shown.id("second.wav").await, std::fs::read(shown.music("second.wav")).unwrap());
    let (status, _, whole) = shown.audio(id, None).await;
    assert!(status == 200 && whole == bytes, "{status}, {} bytes", whole.len());
    let last = bytes.len() - 1;
    for (range, from, to) in
        [("bytes=0-99", 0, 99), ("bytes=100000-", 100_000, last), ("bytes=-7", last - 6, last)]
    {
        let (status, place, part) = shown.audio(id, Some(range)).await;
        assert_eq!((status, place), (206, format!("bytes {from}-{to}/{}", bytes.len())), "{range}");
        assert!(part == bytes[from..=to], "{range}: {} bytes", part.len());
    }
    let (status, place, _) = shown.audio(id, Some("bytes=99999999-")).await;
    assert_eq!((status, place), (416, format!("bytes */{}", bytes.len())));
}

#[tokio::test]
async fn only_files_of_the_library_as_they_were_scanned_are_heard() {
    let shown = Shown::new();
    let (second, third, broken) =
        (shown.id("second.wav").await, shown.id("third.wav").await, shown.id("broken.wav").await);
    assert_eq!(shown.audio(broken, None).await.0, 404, "what is no sound is not shown");
    for id in ["99", "-1"] {
        assert_eq!(shown.ask(&format!("/api/v1/library/files/{id}/audio")).await.0, 404);
    }
    for id in ["..%2f..%2fetc%2fpasswd", "1.5", "%00"] {
        assert_eq!(shown.ask(&format!("/api/v1/library/files/{id}/audio")).await.0, 400, "{id}");
    }
    std::fs::write(shown.music("second.wav"), b"another file at its place").unwrap();
    assert_eq!(shown.audio(second, None).await.0, 409);
    std::fs::remove_file(shown.music("third.wav")).unwrap();
    assert_eq!(shown.audio(third, None).await.0, 404);
}

#[tokio::test]
async fn a_library_that_was_written_to_is_read_again() {
    let shown = Shown::new();
    assert_eq!(shown.ask("/api/v1/library").await.1["files"], 4);
    std::fs::remove_file(shown.music("third.wav")).unwrap();
    scan(&shown.database(), &shown.folder.path().join("music"));
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(shown.ask("/api/v1/library").await.1["files"], 3);
}

#[tokio::test]
async fn beyond_this_machine_the_library_needs_the_token() {
    let token = genrescope_web::Token::random().unwrap();
    let bearer = format!("Bearer {}", token.digits());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("library.db");
    Library::open(&database).unwrap();
    let server = Server::showing(&database, Access::Network { host: "box.local".into(), token });
    for path in ["", "/files", "/files/1", "/files/1/audio", "/map"] {
        let path = format!("/api/v1/library{path}");
        assert_eq!(server.json(get(&path)).await.0, 401, "{path}");
        let mut request = get(&path);
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
        assert_ne!(server.json(request).await.0, 401, "{path}");
    }
}
