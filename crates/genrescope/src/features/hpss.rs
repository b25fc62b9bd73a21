//! Harmonic-percussive source separation by median filtering (Fitzgerald 2010): what lasts is harmonic, what spans all
//! frequencies is percussive.

use std::ops::Range;

use super::median::{GROUP, SPAN, WINDOW, medians, reflected};
use super::stft::{InverseStft, stft_of_frames};
use super::tile::Tile;
use super::transform::Planes;
use super::vector::{LANES, Lanes, larger, vectorize};
use super::{Framing, Magnitudes, Padding, Stft};

/// Frames that are transformed at a time, half a minute: memory does not grow with the recording.
pub(super) const CHUNK_FRAMES: usize = 1536;
/// Neighbours on each side that a median looks at.
const REACH: usize = WINDOW / 2;

/// A signal in two parts; their sum is the signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Separated {
    /// What lasts: tones.
    pub harmonic: Vec<f32>,
    /// What strikes: drums, onsets, noise.
    pub percussive: Vec<f32>,
}

/// Harmonic and percussive part of a signal: `librosa.effects.hpss` with its defaults (median filters of 31 frames and
/// 31 bins, soft masks of power 2, margin 1).
///
/// With [`Padding::Reflect`] both parts are 0 behind the last whole hop, as those of librosa ≤ 0.8 are.
///
/// # Shape
/// `[samples]` → two of `[samples]`, full scale ±1 as the signal.
pub fn hpss(samples: &[f32], framing: Framing) -> Separated {
    let (mut harmonic, mut percussive) = (vec![0.0; samples.len()], vec![0.0; samples.len()]);
    let mut parts = HarmonicPart::new(samples.len(), framing);
    for own in chunks(framing.frames(samples.len())) {
        parts.add(&Chunk::new(samples, framing, own), |start, piece| {
            harmonic[start..start + piece.len()].copy_from_slice(piece);
            let rest = percussive[start..].iter_mut().zip(&samples[start..]).zip(piece);
            rest.for_each(|((percussive, x), harmonic)| *percussive = x - harmonic);
        });
    }
    Separated { harmonic, percussive }
}

/// The harmonic part alone: `librosa.effects.harmonic`, see [`hpss`].
pub fn harmonic(samples: &[f32], framing: Framing) -> Vec<f32> {
    hpss(samples, framing).harmonic
}

/// The percussive part alone: `librosa.effects.percussive`, see [`hpss`].
pub fn percussive(samples: &[f32], framing: Framing) -> Vec<f32> {
    hpss(samples, framing).percussive
}

/// Harmonic and percussive part of a magnitude spectrogram: `librosa.decompose.hpss`.
///
/// # Shape
/// `[frames, bins]` → two of the same, whose sum is the spectrogram.
pub fn decompose_hpss(magnitudes: &Magnitudes) -> [Magnitudes; 2] {
    let [mut harmonic, mut percussive] = [magnitudes.clone(), magnitudes.clone()];
    let (bins, frames) = (magnitudes.bins, magnitudes.frames());
    let view = View { magnitudes, held: 0..frames, frames };
    let mut masks = Masks::default();
    for first in (0..frames).step_by(GROUP) {
        let cells = first * bins..(first + GROUP).min(frames) * bins;
        let mask = masks.of_group(&view, first);
        let parts = harmonic.values[cells.clone()].iter_mut().zip(&mut percussive.values[cells]).zip(mask);
        parts.for_each(|((harmonic, percussive), mask)| {
            (*harmonic, *percussive) = (*harmonic * mask, *percussive * (1.0 - mask))
        });
    }
    [harmonic, percussive]
}

/// The frames of a signal in stretches of [`CHUNK_FRAMES`].
pub(super) fn chunks(frames: usize) -> impl Iterator<Item = Range<usize>> {
    (0..frames).step_by(CHUNK_FRAMES).map(move |start| start..(start + CHUNK_FRAMES).min(frames))
}

/// A stretch of a signal's frames, with the neighbours that their medians look at.
pub(super) struct Chunk {
    own: Range<usize>,
    held: Range<usize>,
    /// Of the whole signal.
    frames: usize,
    stft: Stft,
    magnitudes: Magnitudes,
}

impl Chunk {
    pub(super) fn new(samples: &[f32], framing: Framing, own: Range<usize>) -> Self {
        let frames = framing.frames(samples.len());
        let held = own.start.saturating_sub(REACH)..(own.end + REACH).min(frames);
        let stft = stft_of_frames(samples, framing, held.clone());
        Self { own, held, frames, magnitudes: stft.magnitudes(), stft }
    }

    /// Magnitudes of the stretch's own frames, `[frames, bins]`.
    pub(super) fn magnitudes(&self) -> &[f32] {
        self.magnitudes.of(self.own.start - self.held.start..self.own.end - self.held.start)
    }

    pub(super) fn bins(&self) -> usize {
        self.magnitudes.bins
    }

    fn view(&self) -> View<'_> {
        View { magnitudes: &self.magnitudes, held: self.held.clone(), frames: self.frames }
    }
}

/// Stretches of a signal → its harmonic part, in order.
pub(super) struct HarmonicPart {
    inverse: InverseStft,
    masks: Masks,
    spectrum: Planes,
}

impl HarmonicPart {
    pub(super) fn new(samples: usize, framing: Framing) -> Self {
        let frames = framing.frames(samples);
        let kept = match framing.padding {
            Padding::Constant => samples,
            Padding::Reflect => frames.saturating_sub(1) * framing.hop_samples,
        };
        Self {
            inverse: InverseStft::new(framing, frames, kept),
            masks: Masks::default(),
            spectrum: Planes::default(),
        }
    }

    /// Takes the next stretch; gives `take` the samples that are complete with it, and where they begin.
    pub(super) fn add(&mut self, chunk: &Chunk, mut take: impl FnMut(usize, &[f32])) {
        let (view, bins) = (chunk.view(), chunk.bins());
        let Planes { re, im } = &mut self.spectrum;
        re.resize(bins, 0.0);
        im.resize(bins, 0.0);
        for first in chunk.own.clone().step_by(GROUP) {
            let masks = self.masks.of_group(&view, first);
            for frame in first..(first + GROUP).min(chunk.own.end) {
                let mask = &masks[(frame - first) * bins..][..bins];
                let cells = (frame - chunk.held.start) * bins..(frame - chunk.held.start + 1) * bins;
                multiply(&chunk.stft.real[cells.clone()], mask, re);
                multiply(&chunk.stft.imaginary[cells], mask, im);
                self.inverse.add(re, im, &mut take);
            }
        }
    }
}

fn multiply(values: &[f32], mask: &[f32], out: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || out.iter_mut().zip(values).zip(mask).for_each(|((out, value), mask)| *out = value * mask),
    );
}

/// Magnitudes of the frames `held` of a signal of `frames` frames.
struct View<'a> {
    magnitudes: &'a Magnitudes,
    held: Range<usize>,
    frames: usize,
}

impl View<'_> {
    /// Frame `first` and the up to fifteen behind it that are held, `[frames, bins]`.
    fn group(&self, first: usize) -> &[f32] {
        let local = first - self.held.start;
        self.magnitudes.of(local..(local + GROUP).min(self.held.len()))
    }

    /// A frame that may lie before or behind the signal.
    fn frame(&self, frame: isize) -> &[f32] {
        let inside = reflected(frame, self.frames).clamp(self.held.start, self.held.end - 1);
        let local = inside - self.held.start;
        self.magnitudes.of(local..local + 1)
    }
}

/// Buffers for the masks of sixteen frames.
#[derive(Default)]
struct Masks {
    tile: Tile,
    /// The tile with its first and last bins mirrored around it.
    rows: Vec<Lanes>,
    percussive: Vec<f32>,
    mask: Vec<f32>,
}

impl Masks {
    /// How much of each cell is harmonic, 0 to 1: of frame `first` and the fifteen behind it, `[16, bins]`; what lies
    /// behind the frames that are held means nothing.
    fn of_group(&mut self, view: &View, first: usize) -> &[f32] {
        let bins = view.magnitudes.bins;
        self.percussive.resize(GROUP * bins, 0.0);
        self.mask.resize(GROUP * bins, 0.0);
        self.filter_over_bins(view, first);
        let frames: [&[f32]; SPAN] =
            std::array::from_fn(|j| view.frame((first + j) as isize - REACH as isize));
        let mut span = [[0.0; LANES]; SPAN];
        for bin in (0..bins).step_by(LANES) {
            let width = LANES.min(bins - bin);
            for (lanes, frame) in span.iter_mut().zip(frames) {
                match frame[bin..].first_chunk() {
                    Some(all) => *lanes = *all,
                    None => lanes[..width].copy_from_slice(&frame[bin..]),
                }
            }
            self.compare(&span, bin, width);
        }
        &self.mask
    }

    /// Medians over bins, frame by frame.
    fn filter_over_bins(&mut self, view: &View, first: usize) {
        let bins = view.magnitudes.bins;
        self.tile.load(view.group(first), bins);
        let padded = bins.next_multiple_of(GROUP) + 2 * REACH;
        let row = |row: usize| self.tile.rows[reflected(row as isize - REACH as isize, bins)];
        self.rows.clear();
        self.rows.extend((0..padded).map(row));
        let mut found = [[0.0; LANES]; GROUP];
        for bin in (0..bins).step_by(GROUP) {
            let span =
                self.rows[bin..].first_chunk::<SPAN>().expect("the rows reach a window beyond the last bin");
            medians(span, &mut found);
            let width = GROUP.min(bins - bin);
            for lane in 0..LANES {
                let out = &mut self.percussive[lane * bins + bin..][..width];
                out.iter_mut().zip(&found).for_each(|(out, row)| *out = row[lane]);
            }
        }
    }

    /// Medians over time of up to sixteen bins, and the masks of both.
    fn compare(&mut self, span: &[Lanes; SPAN], bin: usize, width: usize) {
        let bins = self.tile.rows.len();
        let mut harmonic = [[0.0; LANES]; GROUP];
        medians(span, &mut harmonic);
        for (frame, harmonic) in harmonic.iter().enumerate() {
            let cells = frame * bins + bin..frame * bins + bin + width;
            let (mask, percussive) = (&mut self.mask[cells.clone()], &self.percussive[cells]);
            vectorize(
                #[inline(always)]
                || {
                    for ((mask, &h), &p) in mask.iter_mut().zip(harmonic).zip(percussive) {
                        *mask = soft_mask(h, p);
                    }
                },
            );
        }
    }
}

/// h² / (h² + p²), scaled so that small squares do not vanish; one half where both are tiny: `librosa.util.softmask`.
#[inline(always)]
fn soft_mask(harmonic: f32, percussive: f32) -> f32 {
    let largest = larger(harmonic, percussive);
    let scale = 1.0 / larger(largest, f32::MIN_POSITIVE);
    let (h, p) = (harmonic * scale, percussive * scale);
    let mask = h * h / larger(h * h + p * p, f32::MIN_POSITIVE);
    if largest < f32::MIN_POSITIVE { 0.5 } else { mask }
}
