//! The audio features of GTZAN's published table, all from one transform of the signal.

use super::chroma::{CHROMA, chroma_filter_bank};
use super::hpss::{Chunk, HarmonicPart, chunks};
use super::level::{rms, zero_crossing_rate};
use super::mfcc::mfcc;
use super::rhythm::{onset_strength, tempo};
use super::spectral::{Moments, ROLL_PERCENT};
use super::statistics::{Statistics, Sums, statistics};
use super::stft::stft_of_frames;
use super::tile::{Tile, for_each_tile};
use super::tuning::{Pitch, piptrack, tuning_of};
use super::{Framing, MelFilterBank, Padding, mel_filter_bank, power_to_db};

/// Sample rate of the published features, Hz.
pub const SAMPLE_RATE_HZ: u32 = 22_050;
/// Bands of the mel spectrogram under the coefficients.
pub const MEL_BANDS: usize = 128;
/// Mel-frequency cepstral coefficients.
pub const COEFFICIENTS: usize = 20;
/// Least power that has a logarithm, and the range that is kept below the loudest cell, dB: `librosa.power_to_db`.
const LEAST_POWER: f32 = 1e-10;
const TOP_DB: f32 = 80.0;

/// What the published table says of a recording; means and population variances are over all frames, or samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Descriptors {
    /// Of the twelve pitch classes, each frame's largest 1.
    pub chroma_stft: Statistics,
    /// Root mean square, full scale 1.
    pub rms: Statistics,
    /// Hz.
    pub spectral_centroid: Statistics,
    /// Hz.
    pub spectral_bandwidth: Statistics,
    /// Hz.
    pub rolloff: Statistics,
    /// Share of samples.
    pub zero_crossing_rate: Statistics,
    /// Samples of the harmonic part, full scale 1.
    pub harmony: Statistics,
    /// Samples of the percussive part, full scale 1.
    pub perceptr: Statistics,
    /// Beats a minute; 0 without any onset.
    pub tempo: f64,
    /// Of each coefficient.
    pub mfcc: Vec<Statistics>,
}

/// The 57 features of `samples` at [`SAMPLE_RATE_HZ`]: frames of 2048 samples every 512.
///
/// [`Padding::Reflect`] gives the numbers of the published table (librosa ≤ 0.8), [`Padding::Constant`] those of
/// librosa ≥ 0.10 with its defaults.
///
/// # Shape
/// `[samples]` → one of each; an empty signal has zeros.
pub fn descriptors(samples: &[f32], padding: Padding) -> Descriptors {
    let framing = Framing::with_padding(padding);
    let (mut shapes, mut tonal) = (Shapes::default(), Tonal::default());
    let mut parts = Parts::new(samples, framing);
    let frames = framing.frames(samples.len());
    let mut only_chunk = None;
    for own in chunks(frames) {
        let chunk = Chunk::new(samples, framing, own);
        for_each_tile(chunk.magnitudes(), chunk.bins(), |tile| shapes.add(tile));
        tonal.listen(&chunk);
        parts.add(&chunk);
        only_chunk = Some(chunk).filter(|_| chunks(frames).count() == 1);
    }
    let tuning = tuning_of(std::mem::take(&mut tonal.pitches));
    for own in chunks(frames) {
        // Memory stays bounded: what does not fit into one chunk is transformed again.
        let chunk = only_chunk.take().unwrap_or_else(|| Chunk::new(samples, framing, own));
        tonal.classify(&chunk, tuning);
    }
    let db = shapes.mel.db();
    let [harmony, perceptr] = parts.statistics();
    Descriptors {
        chroma_stft: statistics(tonal.classes.iter().flatten().copied()),
        rms: statistics(rms(samples, framing)),
        spectral_centroid: statistics(shapes.centroid_hz),
        spectral_bandwidth: statistics(shapes.bandwidth_hz),
        rolloff: statistics(shapes.rolloff_hz),
        zero_crossing_rate: statistics(zero_crossing_rate(samples, framing)),
        harmony,
        perceptr,
        tempo: tempo_of(&db, framing),
        mfcc: mfcc_statistics(&db, MEL_BANDS),
    }
}

/// Mel spectrogram of a signal at [`SAMPLE_RATE_HZ`] in dB, as the coefficients are made of: `[frames, MEL_BANDS]`.
pub fn mel_db(samples: &[f32], padding: Padding) -> Vec<f32> {
    let framing = Framing::with_padding(padding);
    let mut mel = MelPart::default();
    for own in chunks(framing.frames(samples.len())) {
        let magnitudes = stft_of_frames(samples, framing, own).magnitudes();
        for_each_tile(&magnitudes.values, magnitudes.bins, |tile| {
            tile.square();
            mel.add(tile);
        });
    }
    mel.db()
}

/// Statistics of the coefficients of a mel spectrogram in dB, `[frames, bands]`.
pub(super) fn mfcc_statistics(db: &[f32], bands: usize) -> Vec<Statistics> {
    let frames = mfcc(db, bands, COEFFICIENTS);
    (0..COEFFICIENTS).map(|c| statistics(frames.iter().skip(c).step_by(COEFFICIENTS).copied())).collect()
}

fn tempo_of(db: &[f32], framing: Framing) -> f64 {
    let frames_ahead = framing.frame_samples / (2 * framing.hop_samples);
    let onsets = onset_strength(db, MEL_BANDS, frames_ahead);
    tempo(&onsets, SAMPLE_RATE_HZ, framing.hop_samples)
}

/// Mel power of the frames so far.
struct MelPart {
    bank: MelFilterBank,
    bands: Tile,
    power: Vec<f32>,
}

impl Default for MelPart {
    fn default() -> Self {
        let framing = Framing::with_padding(Padding::Constant);
        let bank = mel_filter_bank(SAMPLE_RATE_HZ, framing.frame_samples, MEL_BANDS);
        Self { bank, bands: Tile::default(), power: Vec::new() }
    }
}

impl MelPart {
    fn add(&mut self, power: &Tile) {
        self.bank.apply_to_tile(power, &mut self.bands);
        self.bands.unload(&mut self.power);
    }

    fn db(&self) -> Vec<f32> {
        power_to_db(&self.power, 1.0, LEAST_POWER, Some(TOP_DB))
    }
}

/// Shapes of the spectra so far.
#[derive(Default)]
struct Shapes {
    mel: MelPart,
    centroid_hz: Vec<f32>,
    bandwidth_hz: Vec<f32>,
    rolloff_hz: Vec<f32>,
}

impl Shapes {
    /// Takes magnitudes, leaves power.
    fn add(&mut self, tile: &mut Tile) {
        let bin_hz = SAMPLE_RATE_HZ as f32 / (2 * (tile.rows.len() - 1)) as f32;
        let moments = Moments::of(tile, bin_hz);
        tile.keep(&moments.centroid_hz, &mut self.centroid_hz);
        tile.keep(&moments.bandwidth(tile, bin_hz), &mut self.bandwidth_hz);
        tile.keep(&moments.rolloff(tile, bin_hz, ROLL_PERCENT), &mut self.rolloff_hz);
        tile.square();
        self.mel.add(tile);
    }
}

/// Pitches that tell the tuning, and the pitch classes that it leads to.
#[derive(Default)]
struct Tonal {
    pitches: Vec<Pitch>,
    classes: Vec<[f32; CHROMA]>,
}

impl Tonal {
    fn listen(&mut self, chunk: &Chunk) {
        let mut power = vec![0.0; chunk.bins()];
        for frame in chunk.magnitudes().chunks_exact(chunk.bins()) {
            power.iter_mut().zip(frame).for_each(|(power, &magnitude)| *power = magnitude * magnitude);
            piptrack(&power, SAMPLE_RATE_HZ, &mut self.pitches);
        }
    }

    fn classify(&mut self, chunk: &Chunk, tuning: f64) {
        let bank = chroma_filter_bank(SAMPLE_RATE_HZ, 2 * (chunk.bins() - 1), tuning);
        for_each_tile(chunk.magnitudes(), chunk.bins(), |tile| {
            tile.square();
            bank.apply(tile, &mut self.classes);
        });
    }
}

/// Sums over the samples of the harmonic and the percussive part.
struct Parts<'a> {
    samples: &'a [f32],
    harmonic: HarmonicPart,
    sums: [Sums; 2],
}

impl<'a> Parts<'a> {
    fn new(samples: &'a [f32], framing: Framing) -> Self {
        Self { samples, harmonic: HarmonicPart::new(samples.len(), framing), sums: [Sums::default(); 2] }
    }

    fn add(&mut self, chunk: &Chunk) {
        let [harmonic, percussive] = &mut self.sums;
        self.harmonic.add(chunk, |start, piece| {
            for (x, &part) in self.samples[start..].iter().zip(piece) {
                harmonic.add(part);
                percussive.add(x - part);
            }
        });
    }

    fn statistics(&self) -> [Statistics; 2] {
        self.sums.map(|sums| sums.statistics(self.samples.len()))
    }
}
