//! Blocks of samples → patches, while they come: only what later patches need is held.

use std::ops::Range;

use super::plan::{Patch, Plan, fitted};
use super::silence::{is_silent, is_silent_level};
use super::{Block, LONGEST_PATCH_S, Reason, SHORTEST_S, patch_input};
use crate::error::{Error, ErrorKind, Result};
use crate::features::{MelFrames, MelStream, Reference, patch_db};
use crate::model::{Model, PatchInput};

/// Samples that may be missing at [`SHORTEST_S`]: resampling rounds a recording's length.
const ROUNDING_S: f64 = 0.005;

/// The patches of a recording, in the order of their starts.
pub(crate) struct PatchStream<'a, Blocks> {
    model: &'a Model,
    plan: &'a Plan,
    name: &'a str,
    blocks: Blocks,
    /// None once the recording has ended.
    mel: Option<MelStream>,
    /// The frames from number `dropped` on.
    held: MelFrames,
    /// Which of the held frames are lost.
    held_lost: Vec<bool>,
    /// What was lost and no frame lies behind yet, seconds of the recording.
    lost: Vec<Range<f64>>,
    dropped: usize,
    /// The samples that features of later patches need, if the network reads such.
    waveform: HeldSamples,
    previous: Option<usize>,
    samples: usize,
    cells: CellTotals,
    /// Power that is 0 dB, where that is the recording's loudest.
    clip_maximum: Option<f32>,
}

impl<'a, Blocks: Iterator<Item = Result<Block>>> PatchStream<'a, Blocks> {
    pub(crate) fn new(model: &'a Model, plan: &'a Plan, blocks: Blocks, name: &'a str) -> Result<Self> {
        let front_end = &model.header.front_end;
        Ok(Self {
            model,
            plan,
            name,
            blocks,
            mel: Some(MelStream::new(front_end)?),
            held: MelFrames::new(front_end.mel_bands),
            held_lost: Vec::new(),
            lost: Vec::new(),
            dropped: 0,
            waveform: HeldSamples { is_needed: model.header.needs_audio(), ..HeldSamples::default() },
            previous: None,
            samples: 0,
            cells: CellTotals { cell_frames: plan.hop, frames: 0, totals: Vec::new() },
            clip_maximum: None,
        })
    }

    /// Frames so far.
    pub(crate) fn frames(&self) -> usize {
        self.dropped + self.held.frames()
    }

    /// Length so far, seconds.
    pub(crate) fn duration_s(&self) -> f64 {
        self.samples as f64 / f64::from(self.model.header.front_end.sample_rate_hz)
    }

    /// Why cells of the timeline have no genre.
    pub(crate) fn into_reasons(self) -> Vec<Option<Reason>> {
        self.cells.reasons()
    }

    fn ended(&self) -> bool {
        self.mel.is_none()
    }

    /// Takes the next block in, or the end.
    fn pull(&mut self) -> Result<()> {
        let before = self.held.frames();
        match (self.next_samples()?, self.mel.as_mut()) {
            (Some(samples), Some(mel)) => {
                self.samples += samples.len();
                self.waveform.extend(&samples);
                mel.push(&samples, &mut self.held);
            }
            _ => self.end()?,
        }
        self.mark_lost();
        self.cells.extend(&self.held.mean_square[before..], &self.held_lost[before..]);
        if self.plan.patch.is_none() && self.duration_s() > LONGEST_PATCH_S {
            return self.refuse(
                ErrorKind::LimitExceeded,
                format!("more than {LONGEST_PATCH_S} s are too long for one sequence; judge it in patches"),
            );
        }
        Ok(())
    }

    /// Finds out which of the new frames are lost: those that are centred there.
    fn mark_lost(&mut self) {
        let period_s = self.model.header.front_end.frame_period_s();
        let time_s = |frame: usize| self.plan.from_s + frame as f64 * period_s;
        for frame in self.dropped + self.held_lost.len()..self.frames() {
            self.lost.retain(|span| span.end > time_s(frame));
            self.held_lost.push(self.lost.iter().any(|span| span.contains(&time_s(frame))));
        }
    }

    /// The next block, cut at the end of the part that is judged.
    fn next_samples(&mut self) -> Result<Option<Vec<f32>>> {
        let rate_hz = f64::from(self.model.header.front_end.sample_rate_hz);
        let wanted =
            self.plan.to_s.map_or(usize::MAX, |to_s| ((to_s - self.plan.from_s) * rate_hz).round() as usize);
        if self.samples >= wanted {
            return Ok(None);
        }
        let block = self.blocks.next().transpose()?;
        Ok(block.map(|(mut samples, lost)| {
            self.lost.extend(lost);
            samples.truncate(wanted - self.samples);
            samples
        }))
    }

    fn end(&mut self) -> Result<()> {
        if let Some(mel) = self.mel.take() {
            mel.finish(&mut self.held);
        }
        if self.duration_s() < SHORTEST_S - ROUNDING_S || self.frames() == 0 {
            let from = match self.plan.from_s {
                0.0 => String::new(),
                from_s => format!(" from {from_s} s on"),
            };
            let seconds = self.duration_s();
            return self.refuse(
                ErrorKind::TooShort,
                format!("{seconds:.2} s of audio{from}, at least {SHORTEST_S} s are needed; give more of it"),
            );
        }
        if self.model.header.front_end.reference == Reference::Clip {
            self.clip_maximum = self.held.power.iter().copied().reduce(f32::max);
        }
        Ok(())
    }

    fn refuse(&self, kind: ErrorKind, message: String) -> Result<()> {
        Err(Error::new(kind, message).at(self.name))
    }

    /// The next patch, if all its frames are there.
    fn cut(&mut self) -> Option<Patch> {
        let needs_end = self.model.header.front_end.reference == Reference::Clip;
        if needs_end && !self.ended() {
            return None;
        }
        let start = self.plan.next_start(self.previous, self.frames(), self.ended())?;
        let frames = self.plan.frames(self.frames());
        self.previous = Some(start);
        let input = self.input(start, frames);
        self.drop_consumed(start);
        Some(Patch { start, frames, input })
    }

    /// What the network sees of the `frames` frames from number `start` on, or why they are not judged.
    fn input(&self, start: usize, frames: usize) -> Result<PatchInput, Reason> {
        let first = start - self.dropped;
        let lost = self.held_lost[first..first + frames].iter().filter(|&&lost| lost).count();
        if is_gap(lost, frames) {
            return Err(Reason::Gap);
        }
        if is_silent(&self.held.mean_square[first..first + frames]) {
            return Err(Reason::Silence);
        }
        let bands = self.held.bands;
        let power = &self.held.power[first * bands..(first + frames) * bands];
        let front_end = &self.model.header.front_end;
        let fitting_frames = self.model.fitting_frames(frames);
        let db = fitted(&patch_db(power, front_end, self.clip_maximum), bands, fitting_frames);
        Ok(patch_input(self.model, db, self.waveform.of(front_end.samples_of(start, frames))))
    }

    /// Lets go of what neither the next patch nor the last one, which ends with the track, can need.
    fn drop_consumed(&mut self, start: usize) {
        let last = self.frames().saturating_sub(self.plan.frames(usize::MAX));
        let needed = (start + self.plan.hop).min(last).max(self.dropped);
        self.held.drop_front(needed - self.dropped);
        self.held_lost.drain(..needed - self.dropped);
        self.dropped = needed;
        self.waveform.drop_before(self.model.header.front_end.samples_of(needed, 1).start);
    }
}

impl<Blocks: Iterator<Item = Result<Block>>> Iterator for PatchStream<'_, Blocks> {
    type Item = Result<Patch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(patch) = self.cut() {
                return Some(Ok(patch));
            }
            if self.ended() {
                return None;
            }
            if let Err(error) = self.pull() {
                self.mel = None;
                return Some(Err(error));
            }
        }
    }
}

/// The samples from number `dropped` on.
#[derive(Default)]
struct HeldSamples {
    is_needed: bool,
    samples: Vec<f32>,
    dropped: usize,
}

impl HeldSamples {
    fn extend(&mut self, samples: &[f32]) {
        if self.is_needed {
            self.samples.extend_from_slice(samples);
        }
    }

    /// These samples, but for those behind the end.
    fn of(&self, range: Range<usize>) -> &[f32] {
        let place = |sample: usize| sample.saturating_sub(self.dropped).min(self.samples.len());
        &self.samples[place(range.start)..place(range.end)]
    }

    fn drop_before(&mut self, sample: usize) {
        let unneeded = sample.saturating_sub(self.dropped).min(self.samples.len());
        self.samples.drain(..unneeded);
        self.dropped += unneeded;
    }
}

/// Whether so much is lost that the rest is not judged: half of it.
fn is_gap(lost_frames: usize, frames: usize) -> bool {
    2 * lost_frames >= frames.max(1)
}

/// The loudness of the timeline's cells and what is lost of them, gathered frame by frame.
struct CellTotals {
    cell_frames: usize,
    frames: usize,
    /// Sum of the mean squares, and lost frames.
    totals: Vec<(f64, usize)>,
}

impl CellTotals {
    fn extend(&mut self, mean_squares: &[f32], lost: &[bool]) {
        for (&mean_square, &lost) in mean_squares.iter().zip(lost) {
            let cell = self.frames / self.cell_frames;
            self.totals.resize(cell + 1, (0.0, 0));
            self.totals[cell].0 += f64::from(mean_square);
            self.totals[cell].1 += usize::from(lost);
            self.frames += 1;
        }
    }

    fn reasons(&self) -> Vec<Option<Reason>> {
        let frames = |cell: usize| self.cell_frames.min(self.frames - cell * self.cell_frames);
        let reason = |(cell, &(sum, lost)): (usize, &(f64, usize))| match frames(cell) {
            frames if is_gap(lost, frames) => Some(Reason::Gap),
            frames => is_silent_level(sum / frames as f64).then_some(Reason::Silence),
        };
        self.totals.iter().enumerate().map(reason).collect()
    }
}
