//! What the tests of the API share: a server with a small model, requests, recordings.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // every test file uses a part of it

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use genrescope::features::{FeatureSet, FrontEnd, Padding, PatchFeatures};
use genrescope::model::{FeatureInput, Header, Model, Normalisation};
use genrescope_web::{Access, Settings, app};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

#[path = "../../../genrescope/tests/support/mod.rs"]
mod library;
use library::small_header;

pub const HOST: &str = "127.0.0.1:7373";
pub const BOUNDARY: &str = "----between";

pub struct Server {
    pub router: Router,
    pub scratch: TempDir,
}

impl Server {
    pub fn new() -> Self {
        Self::with(Access::Loopback)
    }

    pub fn with(access: Access) -> Self {
        Self::of(vec![model("crnn"), of_features()], access)
    }

    pub fn of(models: Vec<Model>, access: Access) -> Self {
        Self::made(models, access, None)
    }

    /// One that shows a music library.
    pub fn showing(library: &std::path::Path, access: Access) -> Self {
        Self::made(vec![model("crnn"), of_features()], access, Some(library.to_owned()))
    }

    fn made(models: Vec<Model>, access: Access, library: Option<std::path::PathBuf>) -> Self {
        let scratch = TempDir::new().unwrap();
        let settings = Settings {
            models,
            access,
            threads: 2,
            scratch: scratch.path().to_owned(),
            library,
            log: Box::new(|message| panic!("{message}")),
        };
        Self { router: app(settings).unwrap(), scratch }
    }

    pub async fn send(&self, request: Request<Body>) -> (StatusCode, Vec<u8>) {
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        (status, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    }

    pub async fn json(&self, request: Request<Body>) -> (u16, Value) {
        let (status, body) = self.send(request).await;
        let json = serde_json::from_slice(&body);
        (status.as_u16(), json.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&body))))
    }

    pub async fn upload(&self, path: &str, name: &str, bytes: &[u8]) -> (u16, String) {
        let (status, body) = self.send(form(path, name, bytes)).await;
        (status.as_u16(), String::from_utf8(body).unwrap())
    }

    /// The folder of uploads.
    pub fn folder(&self) -> std::path::PathBuf {
        let mut found = std::fs::read_dir(self.scratch.path()).unwrap();
        found.next().unwrap().unwrap().path()
    }
}

pub fn request(method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder().method(method).uri(path).header("host", HOST).body(body.into()).unwrap()
}

pub fn get(path: &str) -> Request<Body> {
    request("GET", path, Body::empty())
}

pub fn form(path: &str, name: &str, bytes: &[u8]) -> Request<Body> {
    let mut body = form_head(name).into_bytes();
    body.extend(bytes);
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
    with_form(request("POST", path, body))
}

pub fn form_head(name: &str) -> String {
    format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n")
}

pub fn with_form(mut request: Request<Body>) -> Request<Body> {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}").parse().unwrap();
    request.headers_mut().insert("content-type", kind);
    request
}

/// An untrained network, always the same.
pub fn model(network: &str) -> Model {
    Model::untrained(Header { name: "small".into(), ..small_header(network) }, 3).unwrap()
}

/// One that reads the 55 features of GTZAN's table beside the spectrogram.
pub fn of_features() -> Model {
    let front_end = FrontEnd { frame_step: 1.0, ..FrontEnd::gtzan_mel() };
    let extraction = PatchFeatures { set: FeatureSet::Gtzan55, padding: Padding::Reflect };
    let columns = extraction.columns();
    let normalisation = Normalisation { mean: vec![0.0], deviation: vec![1000.0] };
    let features = Some(FeatureInput { extraction, columns, normalisation });
    let (name, small) = ("features".into(), small_header("mlfi-benchmark"));
    Model::untrained(Header { name, patch_frames: 130, front_end, features, ..small }, 3).unwrap()
}

/// A chirp under noise.
pub fn sound(rate_hz: u32, seconds: f64) -> Vec<f32> {
    let mut noise = 1_u32;
    let sample = |n: usize| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let time_s = n as f32 / rate_hz as f32;
        0.3 * (time_s * (300.0 + 40.0 * time_s) * std::f32::consts::TAU).sin() + (noise >> 16) as f32 / 1e6
    };
    (0..(f64::from(rate_hz) * seconds) as usize).map(sample).collect()
}

/// Mono, 32-bit floats.
pub fn wav(rate_hz: u32, samples: &[f32]) -> Vec<u8> {
    let data_bytes = 4 * samples.len() as u32;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data_bytes).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x03\0\x01\0");
    bytes.extend(rate_hz.to_le_bytes());
    bytes.extend((4 * rate_hz).to_le_bytes());
    bytes.extend(b"\x04\0\x20\0data");
    bytes.extend(data_bytes.to_le_bytes());
    bytes.extend(floats(samples));
    bytes
}

pub fn floats(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// `(event, data)` of server-sent events.
pub fn events(text: &str) -> Vec<(String, Value)> {
    let line = |block: &str, start: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(start));
        line.map(|line| line.trim().to_owned())
    };
    let event =
        |block: &str| Some((line(block, "event:")?, serde_json::from_str(&line(block, "data:")?).unwrap()));
    text.split("\n\n").filter_map(event).collect()
}
