//! Recordings that are sent: what is answered, in whose words, and that nothing stays.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Cursor;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use genrescope::audio::AudioStream;
use genrescope::model::Model;
use genrescope::predict::{Prediction, Settings, Watch, classify_watched};
use genrescope::report::{Detail, Entry, ModelLabel, audacity, csv, json};
use serde_json::{Value, json};
use support::{Server, events, form, form_head, get, model, of_features, request, sound, wav, with_form};
use tower::ServiceExt;

const RATE_HZ: u32 = 44_100;

fn song(seconds: f64) -> Vec<u8> {
    wav(RATE_HZ, &sound(RATE_HZ, seconds))
}

/// As the library judges it, with its patches on the way.
fn judged(model: &Model, wav: &[u8]) -> (Prediction, Vec<Value>) {
    let reader = Box::new(Cursor::new(wav.to_vec()));
    let stream = AudioStream::from_reader(reader, "song.wav", model.header.front_end.sample_rate_hz).unwrap();
    let mut patches = Vec::new();
    let mut judged = |patch: &genrescope::predict::Segment| {
        patches.push(serde_json::from_str(&json::segments(std::slice::from_ref(patch))).unwrap());
        Ok(())
    };
    let watch = Watch { heard: &mut |_| Ok(()), judged: &mut judged };
    let prediction = classify_watched(model, stream, &Settings::default(), watch).unwrap();
    (prediction, patches)
}

#[tokio::test]
async fn the_answer_is_the_record_that_the_library_writes() {
    let (server, song) = (Server::new(), song(8.0));
    for (model, choice) in [(model("crnn"), ""), (of_features(), "&model=features")] {
        let label = ModelLabel::from(&model);
        let outcome = Ok(judged(&model, &song).0);
        let entry = Entry { path: "song.wav".into(), outcome };
        for (timeline, detail) in [("false", Detail::Track), ("true", Detail::Segments)] {
            let path = format!("/api/v1/classify?timeline={timeline}{choice}");
            let (status, body) = server.upload(&path, "song.wav", &song).await;
            assert_eq!((status, body.trim_end()), (200, &*json::record(&entry, &label, detail)));
        }
    }
}

#[tokio::test]
async fn every_format_is_the_librarys() {
    let (server, song, model) = (Server::new(), song(6.0), model("crnn"));
    let label = ModelLabel::from(&model);
    let entry = Entry { path: "song.wav".into(), outcome: Ok(judged(&model, &song).0) };
    let format = async |format: &str| {
        let path = format!("/api/v1/classify?timeline=true&format={format}");
        server.upload(&path, "song.wav", &song).await.1
    };
    let rows = csv::header(&label) + &csv::rows(&entry, &label, Detail::Segments);
    assert_eq!(format("csv").await, rows);
    assert_eq!(format("audacity").await, audacity::labels(entry.outcome.as_ref().unwrap()));
    let picture = format("svg").await;
    assert!(
        picture.starts_with("<svg") && picture.contains("song.wav") && picture.contains("data:image/png")
    );
    let jams: Value = serde_json::from_str(&format("jams").await).unwrap();
    assert_eq!(jams["annotations"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_timeline_grows_patch_by_patch_and_ends_with_the_whole() {
    let (server, song, model) = (Server::new(), song(9.0), model("crnn"));
    let (prediction, patches) = judged(&model, &song);
    let (status, body) = server.upload("/api/v1/timeline", "song.wav", &song).await;
    let mut events = events(&body);
    let (last, whole) = events.pop().unwrap();
    assert_eq!((status, &*last), (200, "result"));
    assert!(events.len() > 5 && events.iter().all(|(kind, _)| kind == "patch"));
    assert_eq!(events.into_iter().map(|(_, patch)| patch).collect::<Vec<_>>(), patches);
    let entry = Entry { path: "song.wav".into(), outcome: Ok(prediction) };
    let record = json::record(&entry, &ModelLabel::from(&model), Detail::Segments);
    assert_eq!(whole["record"], serde_json::from_str::<Value>(&record).unwrap());
    assert_eq!(whole["files"]["json"].as_str().unwrap(), record + "\n");
    assert!(
        whole["cells"].as_array().unwrap().len() >= whole["record"]["segments"].as_array().unwrap().len()
    );
    assert!(whole["spectrogram"].as_str().unwrap().contains("data:image/png"));
    assert!(whole["waveform"]["peaks"].as_array().unwrap().iter().any(|peak| peak.as_u64() > Some(100)));
}

#[tokio::test]
async fn a_file_that_cannot_be_judged_gets_the_record_of_classify() {
    let server = Server::new();
    let cases: [(&str, Vec<u8>, u16, &str); 4] = [
        ("notes.txt", b"these are only words ".repeat(50), 415, "unsupported_format"),
        ("empty.mp3", Vec::new(), 422, "too_short"),
        ("blink.wav", song(0.1), 422, "too_short"),
        ("broken.mp3", [&b"ID3\x04\0\0\0\0\0\0"[..], &[0x55; 9000]].concat(), 415, "unsupported_format"),
    ];
    for (name, bytes, status, kind) in cases {
        for path in ["/api/v1/classify", "/api/v1/timeline"] {
            let (answered, record) = server.json(form(path, name, &bytes)).await;
            assert_eq!((answered, &record["error"]["kind"]), (status, &json!(kind)), "{path} {record}");
            assert_eq!(
                (&record["schema"], &record["path"]),
                (&json!("genrescope.prediction/1"), &json!(name))
            );
            assert!(
                record["error"]["message"].as_str().unwrap().starts_with(&format!("{name}: ")),
                "{record}"
            );
        }
    }
}

#[tokio::test]
async fn a_form_without_a_file_and_unknown_wishes_are_refused() {
    let server = Server::new();
    let other = form_head("x").replace("name=\"file\"", "name=\"music\"") + "\r\n------between--\r\n";
    let cases = [
        (request("POST", "/api/v1/classify", "no form"), 400, "bad_request"),
        (with_form(request("POST", "/api/v1/classify", other)), 400, "bad_request"),
        (with_form(request("POST", "/api/v1/classify", "torn")), 400, "bad_request"),
        (form("/api/v1/classify?colour=red", "a.wav", b""), 400, "bad_request"),
        (form("/api/v1/classify?format=tape", "a.wav", b""), 400, "bad_request"),
        (form("/api/v1/classify?model=absent", "a.wav", b""), 404, "not_found"),
        (get("/api/v1/classify"), 405, "method_not_allowed"),
        (get("/nowhere"), 404, "not_found"),
    ];
    for (request, status, kind) in cases {
        let asked = format!("{} {}", request.method(), request.uri());
        let (answered, body) = server.json(request).await;
        assert_eq!((answered, &body["error"]["kind"]), (status, &json!(kind)), "{asked}: {body}");
    }
}

#[tokio::test]
async fn two_gigabytes_are_refused_before_they_are_read() {
    let server = Server::new();
    let endless = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let mut request = with_form(request("POST", "/api/v1/classify", endless));
    request.headers_mut().insert("content-length", "2147483648".parse().unwrap());
    let (status, body) = server.json(request).await;
    assert_eq!((status, &body["error"]["kind"]), (413, &json!("limit_exceeded")));
    assert!(body["error"]["message"].as_str().unwrap().contains("1024 MiB"), "{body}");
}

#[tokio::test]
async fn uploads_lie_in_a_private_folder_and_are_gone_also_when_the_client_goes() {
    let server = Server::new();
    let entries = || std::fs::read_dir(server.folder()).unwrap().count();
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&server.folder().metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o700);
    }
    server.upload("/api/v1/classify", "song.wav", &song(2.0)).await;
    assert_eq!(entries(), 0);
    let start = Bytes::from(form_head("song.wav") + &"x".repeat(100_000));
    let stalled = stream::iter([Ok::<_, std::io::Error>(start)]).chain(stream::pending());
    let request = with_form(request("POST", "/api/v1/classify", Body::from_stream(stalled)));
    let waiting = server.router.clone().oneshot(request);
    assert!(
        tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err(),
        "it waits for the rest"
    );
    assert_eq!(entries(), 0);
    let folder = server.folder();
    drop(server.router);
    assert!(!folder.exists(), "the folder goes with the server");
}

#[tokio::test]
async fn names_of_files_lose_their_folders() {
    let server = Server::new();
    for name in ["../../etc/song.wav", "C:\\\\music\\\\song.wav"] {
        let (_, record) = server.json(form("/api/v1/classify", name, &song(1.0))).await;
        assert_eq!(record["path"], "song.wav");
    }
}

#[tokio::test]
async fn many_at_once_are_all_right() {
    let (server, song) = (Server::new(), song(3.0));
    let one = server.upload("/api/v1/classify", "song.wav", &song).await;
    let answers = (0..20).map(|_| server.upload("/api/v1/classify", "song.wav", &song));
    for answer in futures_util::future::join_all(answers).await {
        assert_eq!(answer, one);
    }
}
