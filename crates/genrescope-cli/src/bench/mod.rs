//! `genrescope bench`: how fast each stage is on this machine. Clocks live here, never in the library.

mod networks;

use std::hint::black_box;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use genrescope::audio::{AudioStream, Waveform};
use genrescope::features::{FrontEnd, Padding, SAMPLE_RATE_HZ, descriptors, mel_spectrogram, patch_db};
use genrescope::model::{Model, PatchInput};
use genrescope::predict::{Decoding, PATCH_HOP, Settings, classify};
use serde::Serialize;

use crate::exit::Ending;
use crate::models;
use crate::output::print;
use crate::threads::Threads;

const EXAMPLES: &str = "\
Examples:
  genrescope bench                    a minute of synthetic audio
  genrescope bench song.mp3
  genrescope bench song.mp3 --model my-model.safetensors --threads 1
  genrescope bench --networks --threads 1 > speed.csv   every network, one patch";

/// Length of the synthetic recording, seconds.
const SYNTHETIC_S: usize = 60;
/// Patches of the network's own measurement.
const PATCHES: usize = 16;

/// Measure the speed of each stage on this machine, as JSON
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The recording; synthetic noise and tones unless given
    file: Option<PathBuf>,
    /// A model's name or file; the model that judges unless given
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    threads: Threads,
    /// Each stage is run this often; the fastest run counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Measure one patch of every network instead, as CSV
    #[arg(long, conflicts_with_all = ["file", "model"])]
    networks: bool,
    /// Frames of that patch; those of each network's source unless given
    #[arg(long, value_name = "N", requires = "networks")]
    frames: Option<usize>,
    /// Commit of the code, for the record
    #[arg(long, env = "GENRESCOPE_COMMIT", default_value = "unknown", hide_env_values = true)]
    commit: String,
}

/// The shortest time that is told.
const LEAST_MS: f64 = 0.001;

#[derive(Serialize)]
struct Record {
    recording: String,
    commit: String,
    duration_s: f64,
    model: String,
    threads: usize,
    /// Reading the model, ms.
    start_ms: f64,
    stages: Stages,
    network: NetworkSpeed,
}

/// Each by itself; `decode` mixes to mono and resamples too, of which `resample` is what the recording's own rate would
/// save; `mel` computes the frames that the model sees, `total` is file to timeline.
#[derive(Serialize)]
struct Stages {
    decode: Speed,
    resample: Speed,
    mel: Speed,
    mel_every_frame: Speed,
    /// The 57 features of GTZAN's table: of the whole, and of its first 3 s.
    features: Speed,
    features_3_s: Speed,
    network: Speed,
    total_1_thread: Speed,
    total: Speed,
}

#[derive(Serialize)]
struct Speed {
    wall_ms: f64,
    seconds_of_audio_per_second: f64,
}

#[derive(Serialize)]
struct NetworkSpeed {
    name: String,
    patch_frames: usize,
    ms_per_patch: f64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Ending> {
    let threads = arguments.threads.count();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.context("threads cannot be started")?;
    if arguments.networks {
        let clock = Clock { runs: arguments.runs, duration_s: 0.0 };
        return print(&pool.install(|| networks::table(&clock, arguments.frames))?);
    }
    let record = pool.install(|| measure(arguments, threads))?;
    print(&(serde_json::to_string_pretty(&record)? + "\n"))
}

fn measure(arguments: &Arguments, threads: usize) -> Result<Record> {
    let model = models::load(arguments.model.as_deref())?;
    let recording = Recording::new(arguments.file.as_deref());
    let waveform = recording.waveform(model.header.front_end.sample_rate_hz)?;
    let clock = Clock { runs: arguments.runs, duration_s: waveform.duration_s() };
    let for_features = recording.waveform(SAMPLE_RATE_HZ)?;
    let network = network(&model, &waveform, &clock)?;
    let decode_ms = clock.ms(|| recording.waveform(waveform.sample_rate_hz))?;
    let unchanged_ms = clock.ms(|| recording.waveform(recording.own_rate_hz(waveform.sample_rate_hz)?))?;
    let mel = |front_end: &FrontEnd| clock.ms(|| Ok(mel_spectrogram(&waveform, front_end)?));
    Ok(Record {
        recording: recording.name(),
        commit: arguments.commit.clone(),
        duration_s: clock.duration_s,
        model: model.header.name.clone(),
        threads,
        start_ms: clock.ms(|| models::load(arguments.model.as_deref()))?,
        stages: Stages {
            decode: clock.speed(decode_ms),
            resample: clock.speed((decode_ms - unchanged_ms).max(LEAST_MS)),
            mel: clock.speed(mel(&model.header.front_end)?),
            mel_every_frame: clock
                .speed(mel(&FrontEnd { frame_step: 1.0, ..model.header.front_end.clone() })?),
            features: clock.speed(clock.ms(|| Ok(descriptors(&for_features.samples, Padding::Constant)))?),
            features_3_s: features_3_s(&for_features, &clock)?,
            network: clock.speed(network.ms_per_patch * (clock.duration_s / patch_hop_s(&model)).ceil()),
            total_1_thread: total(&model, &recording, &clock, 1)?,
            total: total(&model, &recording, &clock, threads)?,
        },
        network,
    })
}

/// The 57 features of the first 3 s, or of all where it is shorter; ten times as many runs.
fn features_3_s(waveform: &Waveform, clock: &Clock) -> Result<Speed> {
    let samples = &waveform.samples[..waveform.samples.len().min(3 * SAMPLE_RATE_HZ as usize - 1)];
    let clock = Clock {
        runs: clock.runs.saturating_mul(10),
        duration_s: samples.len() as f64 / f64::from(SAMPLE_RATE_HZ),
    };
    Ok(clock.speed(clock.ms(|| Ok(descriptors(samples, Padding::Constant)))?))
}

/// The network alone, on full patches.
fn network(model: &Model, waveform: &Waveform, clock: &Clock) -> Result<NetworkSpeed> {
    let (header, front_end) = (&model.header, &model.header.front_end);
    let mel = mel_spectrogram(waveform, front_end)?;
    let power: Vec<f32> = mel.power.iter().copied().cycle().take(header.patch_frames * mel.bands).collect();
    let db = patch_db(&power, front_end, None);
    let samples = front_end.samples_of(0, header.patch_frames);
    let samples = &waveform.samples[..waveform.samples.len().min(samples.end)];
    let features = header.features.as_ref().map(|input| input.extraction.of_patch(&db, samples, front_end));
    let patches = vec![PatchInput { db, features: features.unwrap_or_default() }; PATCHES];
    Ok(NetworkSpeed {
        name: header.network.clone(),
        patch_frames: header.patch_frames,
        ms_per_patch: clock.ms(|| Ok(model.scores(&patches)?))? / PATCHES as f64,
    })
}

fn patch_hop_s(model: &Model) -> f64 {
    PATCH_HOP * model.header.patch_s()
}

/// From the file to the timeline.
fn total(model: &Model, recording: &Recording, clock: &Clock, threads: usize) -> Result<Speed> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let decoding = if threads > 1 { Decoding::Ahead } else { Decoding::Inline };
    let settings = Settings { decoding, ..Settings::default() };
    let rate_hz = model.header.front_end.sample_rate_hz;
    let classify = || Ok(classify(model, recording.open(rate_hz)?, &settings)?);
    let ms = pool.context("threads cannot be started")?.install(|| clock.ms(classify))?;
    Ok(clock.speed(ms))
}

/// Measures a recording's worth of work.
struct Clock {
    runs: u16,
    duration_s: f64,
}

impl Clock {
    /// The fastest of the runs, ms: what disturbs a run can only make it slower.
    fn ms<T>(&self, work: impl Fn() -> Result<T>) -> Result<f64> {
        let mut fastest = f64::INFINITY;
        for _ in 0..self.runs {
            let start = Instant::now();
            black_box(work()?);
            fastest = fastest.min(1000.0 * start.elapsed().as_secs_f64());
        }
        Ok(fastest)
    }

    fn speed(&self, wall_ms: f64) -> Speed {
        Speed { wall_ms, seconds_of_audio_per_second: 1000.0 * self.duration_s / wall_ms }
    }
}

enum Recording {
    File(PathBuf),
    /// The bytes of a wav file.
    Synthetic(Vec<u8>),
}

impl Recording {
    fn new(file: Option<&Path>) -> Self {
        file.map_or_else(|| Self::Synthetic(synthetic_wav()), |file| Self::File(file.to_owned()))
    }

    fn name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Synthetic(_) => "synthetic (wav, 44100 Hz, stereo)".into(),
        }
    }

    fn open(&self, rate_hz: u32) -> genrescope::Result<AudioStream> {
        match self {
            Self::File(path) => AudioStream::open(path, rate_hz),
            Self::Synthetic(bytes) => {
                AudioStream::from_reader(Box::new(Cursor::new(bytes.clone())), "synthetic", rate_hz)
            }
        }
    }

    /// The rate at which it begins; `rate_hz` if it holds nothing.
    fn own_rate_hz(&self, rate_hz: u32) -> Result<u32> {
        let mut stream = self.open(rate_hz)?;
        stream.next_block()?;
        Ok(stream.recorded_rate_hz().unwrap_or(rate_hz))
    }

    fn waveform(&self, rate_hz: u32) -> Result<Waveform> {
        Ok(Waveform::from_stream(self.open(rate_hz)?)?)
    }
}

/// Tones under noise, 16-bit stereo at 44,100 Hz.
fn synthetic_wav() -> Vec<u8> {
    const RATE_HZ: u32 = 44_100;
    let frames = SYNTHETIC_S * RATE_HZ as usize;
    let data_bytes = 4 * frames as u32;
    let mut wav = Vec::with_capacity(44 + data_bytes as usize);
    wav.extend(b"RIFF");
    wav.extend((36 + data_bytes).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    wav.extend(RATE_HZ.to_le_bytes());
    wav.extend((4 * RATE_HZ).to_le_bytes());
    wav.extend(b"\x04\0\x10\0data");
    wav.extend(data_bytes.to_le_bytes());
    let mut noise = 1_u32;
    for frame in 0..frames {
        let time_s = frame as f32 / RATE_HZ as f32;
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let tone = (time_s * 440.0 * std::f32::consts::TAU).sin();
        let sample = (8000.0 * tone) as i16 + (noise >> 20) as i16 - 2048;
        wav.extend(sample.to_le_bytes());
        wav.extend(sample.to_le_bytes());
    }
    wav
}
