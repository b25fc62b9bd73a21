//! `genrescope serve` as a process: what it prints, answers and leaves behind.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use support::{Stage, program, ran, sound};

/// A running server; it ends with the test.
struct Server {
    process: Child,
    address: String,
    url: String,
}

impl Server {
    fn start(stage: &Stage, arguments: &[&str]) -> Self {
        std::fs::create_dir_all(stage.path("scratch")).unwrap();
        let mut process = Command::new(program())
            .args(["serve", "--port", "0"])
            .args(arguments)
            .current_dir(stage.path("."))
            .env("TMPDIR", stage.path("scratch"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let address = url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
        Self { process, address, url: url.trim().to_owned() }
    }

    /// Status and body of the answer to a request with these headers.
    fn ask(&self, head: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (address, length) = (&self.address, body.len());
        let head =
            format!("{head}\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn classify(&self, name: &str, bytes: &[u8]) -> (u16, String) {
        let head =
            format!("--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        let form = [head.as_bytes(), bytes, b"\r\n--cut--\r\n"].concat();
        let kind = "Content-Type: multipart/form-data; boundary=cut";
        self.ask(&format!("POST /api/v1/classify HTTP/1.1\r\n{kind}"), &form)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn the_api_answers_as_classify_writes() {
    let stage = Stage::new();
    stage.song("song.wav", 8.0);
    stage.file("text.mp3", b"these are only words ".repeat(50).as_slice());
    let server = Server::start(&stage, &["--model", "model.safetensors"]);
    for (name, status) in [("song.wav", 200), ("text.mp3", 415)] {
        let (written, _, _) = ran(&mut stage.classify(&[name, "--format", "jsonl"]));
        let bytes = std::fs::read(stage.path(name)).unwrap();
        let (answered, body) = server.classify(name, &bytes);
        assert_eq!((answered, body.trim_end()), (status, written.trim_end()));
    }
}

#[test]
fn a_microphone_is_answered_as_listen_writes() {
    let stage = Stage::new();
    let samples: Vec<u8> = sound(9.0).iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let listen = ["listen", "--model", "model.safetensors", "-", "--raw-format", "f32le", "--rate", "22050"];
    let (written, _, _) =
        ran(stage.genrescope(&listen).args(["--format", "jsonl"]).write_stdin(&samples[..]));
    let written: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let server = Server::start(&stage, &["--model", "model.safetensors"]);
    let (_, opened) = server.ask("POST /api/v1/live?rate_hz=22050 HTTP/1.1", b"");
    let opened: Value = serde_json::from_str(&opened).unwrap();
    let path = format!("POST /api/v1/live/{} HTTP/1.1", opened["id"].as_str().unwrap());
    let mut moments = Vec::new();
    for chunk in samples.chunks(17_640) {
        let (status, told) = server.ask(&path, chunk);
        let mut told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(status, 200, "{told}");
        moments.append(told["moments"].as_array_mut().unwrap());
    }
    // The last lines come with the end: what no patch had covered, and the sums.
    let behind = written.len() - moments.len();
    assert!(moments.len() >= 15 && (1..=2).contains(&behind), "{} and {behind}", moments.len());
    assert_eq!(moments, written[..moments.len()]);
}

#[test]
fn the_page_and_the_model_that_was_asked_for_are_served() {
    let stage = Stage::new();
    let server = Server::start(&stage, &["--model", "model.safetensors", "--model", "default"]);
    let (status, page) = server.ask("GET / HTTP/1.1", b"");
    assert!(status == 200 && page.contains("<title>Genrescope</title>"), "{page}");
    let (_, models) = server.ask("GET /api/v1/models HTTP/1.1", b"");
    let models: Value = serde_json::from_str(&models).unwrap();
    let names: Vec<&Value> =
        models["models"].as_array().unwrap().iter().map(|model| &model["name"]).collect();
    assert_eq!(names, ["small", "best"]);
    let (card, _, _) = ran(&mut stage.genrescope(&["inspect", "--json"]));
    assert_eq!(server.ask("GET /api/v1/models/best HTTP/1.1", b""), (200, card.trim_end().to_owned()));
}

#[test]
fn with_a_host_the_token_of_the_printed_address_is_needed() {
    let stage = Stage::new();
    let server = Server::start(&stage, &["--host", "127.0.0.1", "--model", "model.safetensors"]);
    let token = server.url.split("#token=").nth(1).unwrap();
    assert_eq!(server.ask("GET /api/v1/health HTTP/1.1", b"").0, 401);
    assert_eq!(
        server.ask(&format!("GET /api/v1/health HTTP/1.1\r\nAuthorization: Bearer {token}"), b"").0,
        200
    );
}

#[cfg(unix)]
#[test]
fn a_request_to_end_leaves_nothing_behind() {
    let stage = Stage::new();
    let mut server = Server::start(&stage, &["--model", "model.safetensors"]);
    let left = || std::fs::read_dir(stage.path("scratch")).unwrap().count();
    assert_eq!(left(), 1);
    let pid = server.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(server.process.wait().unwrap().code(), Some(130));
    assert_eq!(left(), 0);
}

#[test]
fn what_cannot_be_served_is_said() {
    let stage = Stage::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let model = ["--model", "model.safetensors"];
    let cases: [(Vec<&str>, &str); 4] = [
        ([&["--port", &port], &model[..]].concat(), "--port 0"),
        ([model, model].concat(), "two models are called `small`"),
        (vec!["--model", "absent.safetensors"], "absent.safetensors"),
        ([&["--host", "no.such.host.invalid"], &model[..]].concat(), "no.such.host.invalid"),
    ];
    for (arguments, said) in cases {
        let arguments: Vec<&str> = ["serve"].into_iter().chain(arguments).collect();
        let (stdout, stderr, code) = ran(&mut stage.genrescope(&arguments));
        assert!(code == 2 && stdout.is_empty() && stderr.contains(said), "{arguments:?}: {code} {stderr}");
    }
}
