//! Pictures as SVG or PNG; that of a recording: what its features are made of; and its [`timeline`].
//!
//! *Takes* samples at [`SAMPLE_RATE_HZ`]. *Gives* a [`Scene`] of six panels, and writes any scene ([`svg`], [`png`]).
//! *Decides* how it looks; the numbers come from [`features`](crate::features).

mod panel;
mod png;
mod scene;
mod svg;
pub mod timeline;

pub use png::png;
pub use scene::{Anchor, Area, Dot, Fill, Grid, Line, Rectangle, Scene, Shape, Text, heat};
pub(crate) use scene::{FAINT, INK, PAPER, RULE};
pub use svg::svg;
pub(crate) use svg::{escaped, inline};

use self::panel::{Curve, Panel, grid, points, seconds};
use super::palette::Rgb;
use crate::features::{
    Framing, MEL_BANDS, Magnitudes, Padding, ROLL_PERCENT, SAMPLE_RATE_HZ, chroma_stft, decompose_hpss,
    hz_to_mel, mel_filter_bank, onset_strength, power_to_db, spectral_centroid, spectral_rolloff, stft,
    tempo, tempogram, tempogram_window,
};

/// Longest recording that is drawn, s: more would be a smear.
pub const LONGEST_S: usize = 600;
/// Marks of a mel axis.
const MEL_HZ: [u32; 6] = [0, 500, 1000, 2000, 4000, 8000];
/// What is this far below the loudest cell is black, dB.
const RANGE_DB: f32 = 80.0;
const SIZE: (f64, f64) = (1280.0, 1010.0);
const PANEL: (f64, f64) = (510.0, 230.0);
/// Left edges of the columns, upper edges of the rows.
const COLUMNS: [f64; 2] = [76.0, 678.0];
const ROWS: [f64; 3] = [104.0, 404.0, 704.0];
const CENTROID: Rgb = [0x4c, 0xd9, 0xe8];
const ROLLOFF: Rgb = [0xa6, 0xf0, 0x6c];
const TEMPO: Rgb = [0x4c, 0xd9, 0xe8];
const CLASSES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
/// Rows of a pitch class.
const CLASS_ROWS: usize = 16;
/// Range of the tempogram's axis, beats a minute, and rows of its grid.
const TEMPI: [f64; 2] = [30.0, 320.0];
const TEMPO_ROWS: usize = 230;

/// Linear and mel spectrogram with centroid and rolloff, chroma, tempogram, harmonic and percussive part.
pub fn recording(name: &str, samples: &[f32]) -> Scene {
    let all_s = samples.len() as f64 / f64::from(SAMPLE_RATE_HZ);
    let samples = &samples[..samples.len().min(LONGEST_S * SAMPLE_RATE_HZ as usize)];
    let look = Look::at(samples);
    let mut scene = Scene { width: SIZE.0, height: SIZE.1, shapes: Vec::new() };
    let shown = if all_s > LONGEST_S as f64 { format!(", the first {LONGEST_S} s") } else { String::new() };
    scene.words((COLUMNS[0], 40.0), Anchor::Start, 22.0, INK, name);
    let facts = format!("{all_s:.1} s{shown}  ·  {}  ·  levels in dB below the loudest", look.tempo_words());
    scene.words((COLUMNS[0], 64.0), Anchor::Start, 13.0, INK, &facts);
    let panels = [look.linear(), look.mel(), look.chroma(), look.tempogram(), look.part(0), look.part(1)];
    for (i, panel) in panels.into_iter().enumerate() {
        let place = Rectangle { x: COLUMNS[i % 2], y: ROWS[i / 2], width: PANEL.0, height: PANEL.1 };
        panel.draw(place, &mut scene);
    }
    for row in [ROWS[0], ROWS[2]] {
        let bar = Rectangle { x: COLUMNS[1] + PANEL.0 + 14.0, y: row, width: 12.0, height: PANEL.1 };
        scene.colour_bar(bar, f64::from(RANGE_DB));
    }
    scene
}

/// All that is drawn of a recording.
struct Look {
    duration_s: f64,
    magnitudes: Magnitudes,
    parts: [Magnitudes; 2],
    mel_db: Vec<f32>,
    onsets: Vec<f32>,
}

impl Look {
    fn at(samples: &[f32]) -> Self {
        let framing = Framing::with_padding(Padding::Constant);
        let magnitudes = stft(samples, framing).magnitudes();
        let mel_db = mel_db(&magnitudes);
        let frames_ahead = framing.frame_samples / (2 * framing.hop_samples);
        Self {
            duration_s: (samples.len() as f64 / f64::from(SAMPLE_RATE_HZ)).max(0.01),
            parts: decompose_hpss(&magnitudes),
            onsets: onset_strength(&mel_db, MEL_BANDS, frames_ahead),
            mel_db,
            magnitudes,
        }
    }

    fn frames(&self) -> usize {
        self.magnitudes.frames()
    }

    fn tempo(&self) -> f64 {
        tempo(&self.onsets, SAMPLE_RATE_HZ, 512)
    }

    fn tempo_words(&self) -> String {
        let tempo = self.tempo();
        if tempo > 0.0 { format!("{tempo:.0} beats/min") } else { "no beat".into() }
    }

    fn centroid(&self) -> Vec<f32> {
        spectral_centroid(&self.magnitudes, SAMPLE_RATE_HZ)
    }

    fn rolloff(&self) -> Vec<f32> {
        spectral_rolloff(&self.magnitudes, SAMPLE_RATE_HZ, ROLL_PERCENT)
    }

    /// Centroid and rolloff on an axis that puts a frequency at a height.
    fn curves(&self, height: impl Fn(f32) -> f64) -> Vec<Curve> {
        vec![
            Curve { name: "centroid".into(), colour: CENTROID, points: points(&self.centroid(), &height) },
            Curve { name: "rolloff 85 %".into(), colour: ROLLOFF, points: points(&self.rolloff(), &height) },
        ]
    }

    fn linear(&self) -> Panel {
        let nyquist_hz = f64::from(SAMPLE_RATE_HZ) / 2.0;
        let bins = self.magnitudes.bins;
        let loudest = self.magnitudes.values.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let rows = bins / 2;
        let at = |frame: usize, row: usize| {
            let pair = &self.magnitudes.values[frame * bins + 2 * row..][..2];
            shade(20.0 * (pair[0].max(pair[1]).max(f32::MIN_POSITIVE) / loudest).log10())
        };
        let mark = |hz: u32| (f64::from(hz) / nyquist_hz, format!("{hz} Hz"));
        Panel {
            title: "Spectrogram".into(),
            grid: grid(self.frames(), rows, at),
            across: seconds(self.duration_s),
            upwards: [0, 2000, 4000, 6000, 8000, 10_000].map(mark).to_vec(),
            curves: self.curves(|hz| f64::from(hz) / nyquist_hz),
        }
    }

    fn mel(&self) -> Panel {
        let mut panel = mel_panel("Mel spectrogram", &self.mel_db, self.duration_s, maximum(&self.mel_db));
        panel.curves = self.curves(|hz| mel_height(f64::from(hz)));
        panel
    }

    /// The harmonic or the percussive part, on the mel scale, as loud as it is beside the whole.
    fn part(&self, part: usize) -> Panel {
        let title = ["Harmonic part: what lasts", "Percussive part: what strikes"][part];
        mel_panel(title, &mel_db(&self.parts[part]), self.duration_s, maximum(&self.mel_db))
    }

    fn chroma(&self) -> Panel {
        let mut power = self.magnitudes.clone();
        power.values.iter_mut().for_each(|value| *value *= *value);
        let chroma = chroma_stft(&power, SAMPLE_RATE_HZ);
        let mark = |(class, name): (usize, &&str)| ((class as f64 + 0.5) / 12.0, (*name).into());
        Panel {
            title: "Chroma".into(),
            // Each class is some rows high, so that no viewer blurs it into the next.
            grid: grid(self.frames(), 12 * CLASS_ROWS, |frame, row| chroma[frame][row / CLASS_ROWS]),
            across: seconds(self.duration_s),
            upwards: CLASSES.iter().enumerate().map(mark).collect(),
            curves: Vec::new(),
        }
    }

    fn tempogram(&self) -> Panel {
        let window = tempogram_window(SAMPLE_RATE_HZ, 512);
        let lags = tempogram(&self.onsets, window);
        let octaves = (TEMPI[1] / TEMPI[0]).log2();
        let height = |bpm: f64| (bpm / TEMPI[0]).log2() / octaves;
        let at = |frame: usize, row: usize| {
            let bpm = TEMPI[0] * (octaves * (row as f64 + 0.5) / TEMPO_ROWS as f64).exp2();
            between(&lags[frame * window..][..window], 60.0 * f64::from(SAMPLE_RATE_HZ) / (512.0 * bpm))
        };
        let mark = |bpm: u32| (height(f64::from(bpm)), format!("{bpm}/min"));
        let tempo = self.tempo();
        let line = vec![(0.0, height(tempo)), (1.0, height(tempo))];
        Panel {
            title: "Tempogram".into(),
            grid: grid(self.frames(), TEMPO_ROWS, at),
            across: seconds(self.duration_s),
            upwards: [30, 60, 90, 120, 180, 240, 320].map(mark).to_vec(),
            curves: if tempo > TEMPI[0] {
                vec![Curve { name: self.tempo_words(), colour: TEMPO, points: line }]
            } else {
                Vec::new()
            },
        }
    }
}

fn mel_panel(title: &str, db: &[f32], duration_s: f64, loudest_db: f32) -> Panel {
    let frames = db.len() / MEL_BANDS;
    let at = |frame: usize, band: usize| shade(db[frame * MEL_BANDS + band] - loudest_db);
    let mark = |hz: u32| (mel_height(f64::from(hz)), format!("{hz} Hz"));
    Panel {
        title: title.into(),
        grid: grid(frames, MEL_BANDS, at),
        across: seconds(duration_s),
        upwards: MEL_HZ.map(mark).to_vec(),
        curves: Vec::new(),
    }
}

/// Where a frequency stands on the mel axis, 0 to 1.
fn mel_height(hz: f64) -> f64 {
    hz_to_mel(hz) / hz_to_mel(f64::from(SAMPLE_RATE_HZ) / 2.0)
}

fn mel_db(magnitudes: &Magnitudes) -> Vec<f32> {
    let bank = mel_filter_bank(SAMPLE_RATE_HZ, 2 * (magnitudes.bins - 1), MEL_BANDS);
    let mut mel = Vec::with_capacity(magnitudes.frames() * MEL_BANDS);
    for frame in magnitudes.values.chunks_exact(magnitudes.bins) {
        let power: Vec<f32> = frame.iter().map(|m| m * m).collect();
        bank.apply(&power, &mut mel);
    }
    power_to_db(&mel, 1.0, 1e-10, None)
}

fn maximum(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::MIN, f32::max)
}

/// How bright a level below the loudest is, 0 to 1.
fn shade(db: f32) -> f32 {
    1.0 + db / RANGE_DB
}

/// A value between two entries.
fn between(values: &[f32], at: f64) -> f32 {
    let below = (at as usize).min(values.len().saturating_sub(2));
    let share = (at - below as f64).clamp(0.0, 1.0) as f32;
    values[below] + share * (values[below + 1] - values[below])
}
