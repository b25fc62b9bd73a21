//! What the command-line tests share: a folder with a small model and synthesised recordings, and the program.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // every test file uses a part of it

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use genrescope::model::{Certainty, Header, Model};
use tempfile::TempDir;

#[path = "../../../genrescope/tests/support/mod.rs"]
pub mod library;
use library::small_header;

/// A folder with `model.safetensors`: an untrained network, small and always the same.
pub struct Stage {
    folder: TempDir,
}

impl Stage {
    pub fn new() -> Self {
        let stage = Self { folder: TempDir::new().unwrap() };
        model("crnn").save(&stage.path("model.safetensors")).unwrap();
        stage
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A wav file of so many seconds.
    pub fn song(&self, name: &str, seconds: f64) -> PathBuf {
        self.file(name, &wav(&sound(seconds)))
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// `genrescope …` in the folder, with the small model.
    pub fn classify(&self, arguments: &[&str]) -> Command {
        let mut command = self.genrescope(&["classify", "--model", "model.safetensors"]);
        command.args(arguments);
        command
    }

    pub fn genrescope(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("genrescope").unwrap();
        command.current_dir(self.folder.path()).args(arguments);
        command.env_remove("COLUMNS").env_remove("NO_COLOR");
        command.env("XDG_DATA_HOME", self.path("data"));
        command
    }
}

/// The small model, unsure of everything.
pub fn unsure_model() -> Model {
    let set_least_scores =
        Certainty::set_percents().map(|percent| f32::from(100 - percent) / 200.0).collect();
    let fitted_on = "nothing".to_owned();
    let certainty = Certainty { exponent: 1.0, unsure_below: 0.99, set_least_scores, fitted_on };
    let header = Header { name: "small".into(), certainty: Some(certainty), ..small_header("crnn") };
    Model::untrained(header, 3).unwrap()
}

pub fn model(network: &str) -> Model {
    Model::untrained(Header { name: "small".into(), ..small_header(network) }, 3).unwrap()
}

/// A chirp under noise, 22,050 Hz.
pub fn sound(seconds: f64) -> Vec<f32> {
    let mut noise = 1_u32;
    let sample = |n: usize| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let time_s = n as f32 / 22_050.0;
        0.3 * (time_s * (300.0 + 40.0 * time_s) * std::f32::consts::TAU).sin() + (noise >> 16) as f32 / 1e6
    };
    (0..(22_050.0 * seconds) as usize).map(sample).collect()
}

/// 16-bit mono at 22,050 Hz.
pub fn wav(samples: &[f32]) -> Vec<u8> {
    let data_bytes = 2 * samples.len() as u32;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data_bytes).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x22\x56\0\0\x44\xac\0\0\x02\0\x10\0data");
    bytes.extend(data_bytes.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|x| ((x * 32_767.0) as i16).to_le_bytes()));
    bytes
}

/// stdout, stderr, exit code.
pub fn ran(command: &mut Command) -> (String, String, i32) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

/// The program itself, for what `Command` hides: pipes, signals.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_genrescope"))
}
