//! The microphone: the answers of `listen` while it is open, the numbers of `classify` once it is closed.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Cursor;

use genrescope::audio::{RawAudio, SampleFormat};
use genrescope::features::Reference;
use genrescope::model::Model;
use genrescope::predict::{LIVE_HOP_S, Listener};
use genrescope::report::{Detail, Entry, ModelLabel, json, live};
use genrescope_web::Access;
use serde_json::{Value, json};
use support::{Server, floats, get, model, request, sound, wav};

const RATE_HZ: u32 = 48_000;

async fn opened(server: &Server) -> String {
    let (status, body) = server.json(request("POST", &format!("/api/v1/live?rate_hz={RATE_HZ}"), "")).await;
    assert_eq!(status, 201, "{body}");
    format!("/api/v1/live/{}", body["id"].as_str().unwrap())
}

/// What `genrescope listen` says of the samples while they last.
fn answers(model: &Model, label: &ModelLabel, samples: &[f32]) -> Vec<Value> {
    let raw = RawAudio { format: SampleFormat::F32, rate_hz: RATE_HZ, channels: 1 };
    let mut stream = raw.stream(Cursor::new(floats(samples)), "microphone", 22_050).unwrap().live();
    let mut listener = Listener::new(model, LIVE_HOP_S).unwrap();
    let mut lines = Vec::new();
    while let Some(block) = stream.next_block().unwrap() {
        let moments = listener.push(&block, vec![]).unwrap();
        lines.extend(moments.iter().map(|moment| live::record(moment, label)));
    }
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_microphone_has_the_answers_of_listen_and_the_numbers_of_classify() {
    let server = Server::new();
    let samples = sound(RATE_HZ, 11.0);
    let path = opened(&server).await;
    let mut moments = Vec::new();
    for chunk in samples.chunks(RATE_HZ as usize / 4) {
        let (status, told) = server.json(request("POST", &path, floats(chunk))).await;
        assert_eq!(status, 200, "{told}");
        let heard_s = told["heard_s"].as_f64().unwrap();
        for moment in told["moments"].as_array().unwrap() {
            // A chunk, a block of samples and half of a frame's.
            assert!(heard_s - moment["end_s"].as_f64().unwrap() < 0.5, "at {heard_s} s: {moment}");
            moments.push(moment.clone());
        }
    }
    let (status, whole) = server.json(request("DELETE", &path, "")).await;
    assert_eq!(status, 200, "{whole}");

    let model = model("crnn");
    let label = ModelLabel::from(&model);
    assert_eq!(moments, answers(&model, &label, &samples));

    let file = Box::new(Cursor::new(wav(RATE_HZ, &samples)));
    let stream = genrescope::audio::AudioStream::from_reader(file, "microphone", 22_050).unwrap();
    let prediction = genrescope::predict::classify(&model, stream, &Default::default()).unwrap();
    let cells: Value = serde_json::from_str(&json::segments(&prediction.cells)).unwrap();
    let entry = Entry { path: "microphone".into(), outcome: Ok(prediction) };
    let record: Value = serde_json::from_str(&json::record(&entry, &label, Detail::Segments)).unwrap();
    assert_eq!(whole["record"], record);
    assert_eq!(whole["cells"], cells);
    assert_eq!(server.json(request("DELETE", &path, "")).await.0, 404, "it is closed");
}

#[tokio::test]
async fn what_is_no_microphone_is_refused() {
    let server = Server::new();
    let path = opened(&server).await;
    let cases = [
        (request("POST", "/api/v1/live", ""), 400, "bad_request"),
        (request("POST", "/api/v1/live?rate_hz=10", ""), 400, "bad_request"),
        (request("POST", "/api/v1/live?rate_hz=48000&model=absent", ""), 404, "not_found"),
        (request("POST", "/api/v1/live/absent", ""), 404, "not_found"),
        (request("POST", &path, vec![0_u8; 7]), 400, "bad_request"),
        (request("POST", &path, vec![0_u8; 2 << 20]), 413, "limit_exceeded"),
        (request("DELETE", &path, ""), 422, "too_short"),
        (get(&path), 405, "method_not_allowed"),
    ];
    for (request, status, kind) in cases {
        let asked = format!("{} {}", request.method(), request.uri());
        let (answered, body) = server.json(request).await;
        assert_eq!((answered, &body["error"]["kind"]), (status, &json!(kind)), "{asked}: {body}");
    }
}

#[tokio::test]
async fn a_model_that_wants_whole_recordings_hears_no_microphone() {
    let mut header = model("crnn").header;
    header.front_end.reference = Reference::Clip;
    let server = Server::of(vec![Model::untrained(header, 3).unwrap()], Access::Loopback);
    let open = format!("/api/v1/live?rate_hz={RATE_HZ}");
    let (status, body) = server.json(request("POST", &open, "")).await;
    assert_eq!((status, &body["error"]["kind"]), (400, &json!("bad_settings")), "{body}");
}

#[tokio::test]
async fn too_many_microphones_are_refused_until_one_is_closed() {
    let server = Server::new();
    let first = opened(&server).await;
    for _ in 1..8 {
        opened(&server).await;
    }
    let open = format!("/api/v1/live?rate_hz={RATE_HZ}");
    let (status, body) = server.json(request("POST", &open, "")).await;
    assert_eq!((status, &body["error"]["kind"]), (429, &json!("busy")));
    server.json(request("DELETE", &first, "")).await;
    assert_eq!(server.json(request("POST", &open, "")).await.0, 201);
}

#[tokio::test]
async fn noise_that_is_no_number_harms_nobody() {
    let server = Server::new();
    let path = opened(&server).await;
    let bytes: Vec<u8> = (0..400_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let odd = [f32::NAN, f32::INFINITY, f32::MAX, -0.0].repeat(20_000);
    for chunk in [bytes, floats(&odd)] {
        assert_eq!(server.json(request("POST", &path, chunk)).await.0, 200);
    }
    assert_eq!(server.json(request("DELETE", &path, "")).await.0, 200);
}
