//! The microphone: full patches as `classify` has them, guesses sooner.
#![allow(clippy::unwrap_used)]

mod support;

use genrescope::report::{Detail, Entry, ModelLabel, json};
use serde_json::{Value, json};
use support::{Server, floats, get, model, request, sound, wav};

const RATE_HZ: u32 = 48_000;

async fn opened(server: &Server) -> String {
    let (status, body) = server.json(request("POST", &format!("/api/v1/live?rate_hz={RATE_HZ}"), "")).await;
    assert_eq!(status, 201, "{body}");
    format!("/api/v1/live/{}", body["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_microphone_has_the_numbers_of_classify() {
    let server = Server::new();
    let samples = sound(RATE_HZ, 11.0);
    let path = opened(&server).await;
    let (mut patches, mut guesses, mut first_s) = (0, 0, None);
    for chunk in samples.chunks(RATE_HZ as usize / 4) {
        let (status, told) = server.json(request("POST", &path, floats(chunk))).await;
        assert_eq!(status, 200, "{told}");
        patches += told["patches"].as_array().unwrap().len();
        if told["provisional"].is_array() {
            guesses += 1;
            first_s = first_s.or(told["heard_s"].as_f64());
        }
    }
    assert!(first_s.unwrap() <= 1.5 && guesses >= 20, "{guesses} guesses, the first after {first_s:?} s");
    let (status, whole) = server.json(request("DELETE", &path, "")).await;
    assert_eq!(status, 200, "{whole}");
    assert!(patches > 0, "patches come while the microphone is open");

    let model = model("crnn");
    let file = Box::new(std::io::Cursor::new(wav(RATE_HZ, &samples)));
    let stream = genrescope::audio::AudioStream::from_reader(file, "microphone", 22_050).unwrap();
    let prediction = genrescope::predict::classify(&model, stream, &Default::default()).unwrap();
    let cells: Value = serde_json::from_str(&json::segments(&prediction.cells)).unwrap();
    let entry = Entry { path: "microphone".into(), outcome: Ok(prediction) };
    let record: Value =
        serde_json::from_str(&json::record(&entry, &ModelLabel::from(&model), Detail::Segments)).unwrap();
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
