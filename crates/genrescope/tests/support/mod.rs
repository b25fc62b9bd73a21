//! What the integration tests share: one comparison, one synthesised sound, wav bytes, a folder for output, the data.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // every test file uses a part of it

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Fails unless both have the same length and |actual − expected| ≤ atol + rtol·|expected| everywhere; says how many
/// differ and shows the first. A NaN equals nothing.
#[track_caller]
pub fn assert_all_close<A, E>(actual: &[A], expected: &[E], atol: f64, rtol: f64)
where
    A: Copy + Into<f64>,
    E: Copy + Into<f64>,
{
    assert_eq!(actual.len(), expected.len(), "lengths differ: actual, expected");
    let pairs = actual.iter().zip(expected).map(|(&a, &e)| (a.into(), e.into()));
    let far = |&(_, (a, e)): &(usize, (f64, f64))| {
        let close = (a - e).abs() <= atol + rtol * e.abs();
        !close
    };
    let wrong: Vec<_> = pairs.enumerate().filter(far).collect();
    let first: Vec<_> = wrong.iter().take(5).map(|(n, (a, e))| format!("[{n}] {a} is not {e}")).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} differ by more than {atol} + {rtol}·|expected|: {}",
        wrong.len(),
        actual.len(),
        first.join(", ")
    );
}

/// Numbers in [-1, 1) from a small generator (Numerical Recipes); `reference/synthesis.py` has the same.
pub fn noise(samples: usize) -> Vec<f64> {
    let mut state = 20_220_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state) / 2f64.powi(31) - 1.0
    };
    std::iter::repeat_with(next).take(samples).collect()
}

/// Two sines, a chirp from 100 Hz to 7 kHz and noise; `reference/synthesis.py` has the same.
pub fn sound(rate_hz: u32, samples: usize, noise_level: f64) -> Vec<f32> {
    let duration_s = samples as f64 / f64::from(rate_hz);
    let at = |(n, noise): (usize, f64)| {
        let t = n as f64 / f64::from(rate_hz);
        let turns = |turns: f64| (std::f64::consts::TAU * turns).sin();
        let chirp = turns(100.0 * t + (7000.0 - 100.0) * t * t / (2.0 * duration_s));
        let sines = 0.4 * turns(440.0 * t) + 0.2 * turns(1318.51 * t);
        (sines + 0.2 * chirp + noise_level * noise) as f32
    };
    noise(samples).into_iter().enumerate().map(at).collect()
}

/// Chords of decaying notes, 0.237 semitones sharp, and a stroke of noise twice a second; `reference/synthesis.py` has
/// the same.
pub fn music(rate_hz: u32, samples: usize) -> Vec<f32> {
    let at = |(n, noise): (usize, f64)| {
        let t = n as f64 / f64::from(rate_hz);
        let beat = (t / 0.5).floor();
        let since = t - 0.5 * beat;
        let root = [0.0, 5.0, 7.0, 3.0][beat as usize % 4];
        let hz = |note: f64| 440.0 * 2f64.powf((root + note - 12.0 + 0.237) / 12.0);
        let chord: f64 = [0.0, 4.0, 7.0].iter().map(|&n| (std::f64::consts::TAU * hz(n) * t).sin()).sum();
        (0.2 * (-3.0 * since).exp() * chord + (0.3 * (-40.0 * since).exp() + 0.002) * noise) as f32
    };
    noise(samples).into_iter().enumerate().map(at).collect()
}

/// How the samples of a wav file are written.
#[derive(Clone, Copy, Debug)]
pub enum WavSample {
    /// 16-bit integers.
    Int16,
    /// 32-bit floats.
    Float32,
}

/// The bytes of a wav file, by hand: `channels` all alike.
pub fn wav(samples: &[f32], rate_hz: u32, channels: u16, format: WavSample) -> Vec<u8> {
    let (tag, bytes) = match format {
        WavSample::Int16 => (1_u16, 2_u16),
        WavSample::Float32 => (3, 4),
    };
    let (frame, data) = (bytes * channels, samples.len() as u32 * u32::from(bytes * channels));
    let mut out = Vec::with_capacity(44 + data as usize);
    out.extend(b"RIFF");
    out.extend((36 + data).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(16_u32.to_le_bytes());
    out.extend([tag, channels].iter().flat_map(|v| v.to_le_bytes()));
    out.extend([rate_hz, rate_hz * u32::from(frame)].iter().flat_map(|v| v.to_le_bytes()));
    out.extend([frame, 8 * bytes].iter().flat_map(|v| v.to_le_bytes()));
    out.extend(b"data");
    out.extend(data.to_le_bytes());
    for &sample in samples.iter().flat_map(|x| std::iter::repeat_n(x, channels.into())) {
        match format {
            WavSample::Int16 => out.extend(((sample * 32_768.0).round() as i16).to_le_bytes()),
            WavSample::Float32 => out.extend(sample.to_le_bytes()),
        }
    }
    out
}

/// A folder of its own for a test's files, removed at the end.
pub struct TempFolder(PathBuf);

impl TempFolder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("genrescope-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A folder of the data that is not part of the project, or a `SKIPPED: ` line and nothing.
pub fn shared_data(folder: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var_os("GENRESCOPE_DATA").map_or_else(|| default.into(), PathBuf::from);
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("SKIPPED: no data at {}; set GENRESCOPE_DATA", path.display());
    None
}

/// A recording of `tests/audio`, made by `reference/make_audio.py`.
pub fn recording(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audio")).join(name)
}

/// A stored golden, by file name.
pub fn golden<T: serde::de::DeserializeOwned>(name: &str) -> Vec<T> {
    #[derive(serde::Deserialize)]
    struct Golden<T> {
        cases: Vec<T>,
    }
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str::<Golden<T>>(&text).unwrap().cases
}

/// What `reference/golden_file.py` keeps of an array.
#[derive(serde::Deserialize)]
pub struct Sampled {
    pub maximum: f64,
    sum: f64,
    index: Vec<usize>,
    value: Vec<f64>,
}

impl Sampled {
    #[track_caller]
    pub fn assert_close(&self, actual: &[f32], atol: f64, rtol: f64) {
        let entries: Vec<f32> = self.index.iter().map(|&i| actual[i]).collect();
        assert_all_close(&entries, &self.value, atol, rtol);
        let maximum = actual.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert_all_close(&[maximum], &[self.maximum], atol, rtol);
        let mean = |sum: f64| sum / actual.len() as f64;
        let sum: f64 = actual.iter().map(|&x| f64::from(x)).sum();
        assert_all_close(&[mean(sum)], &[mean(self.sum)], atol, rtol);
    }
}

/// Fails unless the result is an error of this kind whose message names `part`.
#[track_caller]
pub fn assert_refused<T: Debug>(result: genrescope::Result<T>, kind: genrescope::ErrorKind, part: &str) {
    let error = result.expect_err("an error was expected");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(part), "{error} does not name {part}");
}

/// The header of a small untrained model: 32 bands, patches of 40 frames (3.1 s), three genres.
pub fn small_header(network: &str) -> genrescope::model::Header {
    use genrescope::features::FrontEnd;
    use genrescope::model::{FORMAT_VERSION, Header, Normalisation, TrainedOn, zoo};
    Header {
        format_version: FORMAT_VERSION,
        name: format!("small-{network}"),
        network: network.into(),
        patch_frames: 40,
        time_resample: None,
        choices: Default::default(),
        any_length: zoo::architecture(network).unwrap().any_length,
        front_end: FrontEnd { mel_bands: 32, ..FrontEnd::gtzan_mel() },
        vocabulary: Default::default(),
        genres: ["jazz", "pop", "rock"].map(String::from).to_vec(),
        head: None,
        music: None,
        certainty: None,
        normalisation: Normalisation { mean: vec![-30.0], deviation: vec![15.0] },
        features: None,
        trained_on: TrainedOn { data: "nothing".into(), ..TrainedOn::default() },
        results: vec![],
        licence: "MIT OR Apache-2.0".into(),
        commit: "none".into(),
    }
}

/// A small untrained model; its answers mean nothing, but are always the same.
pub fn small_model(network: &str) -> genrescope::model::Model {
    genrescope::model::Model::untrained(small_header(network), 3).unwrap()
}

/// An array of NumPy: `descr` and shape as in its header.
pub fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{header:<117}\n").bytes());
    bytes.extend(data);
    bytes
}

/// A zip of stored entries, as `numpy.savez` writes one.
pub fn npz(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let offset = file.len() as u32;
        let (size, name_length) = (data.len() as u32, name.len() as u16);
        let mut common = [20_u16, 0, 0, 0, 0].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        common.extend([0, size, size].iter().flat_map(|v: &u32| v.to_le_bytes()));
        common.extend([name_length, 0].iter().flat_map(|v| v.to_le_bytes()));
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.bytes());
        file.extend(data);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.bytes());
    }
    let (start, size, count) = (file.len() as u32, directory.len() as u32, entries.len() as u16);
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count, count].iter().flat_map(|v| v.to_le_bytes()));
    file.extend([size, start].iter().flat_map(|v| v.to_le_bytes()));
    file.extend([0; 2]);
    file
}

/// Taggrams of these clips: four windows of one tag each.
pub fn taggrams(clips: &[(&str, usize)]) -> Vec<u8> {
    let (mut scores, mut names) = (Vec::new(), Vec::new());
    for (clip, tag) in clips {
        for _ in 0..4 {
            let score = |i: usize| if i == *tag { 0.9_f32 } else { 0.01 };
            scores.extend((0..50).flat_map(|i| score(i).to_le_bytes()));
            let name = format!("{:\0<20}", format!("any/{clip}.au"));
            names.extend(name.chars().flat_map(|c| (c as u32).to_le_bytes()));
        }
    }
    let windows = 4 * clips.len();
    npz(&[
        ("X.npy", npy("<f4", &format!("{windows}, 50"), &scores)),
        ("IDS.npy", npy("<U20", &format!("{windows},"), &names)),
    ])
}
