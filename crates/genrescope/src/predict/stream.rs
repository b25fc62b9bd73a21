//! Blocks of samples → patches, while they come: only what later patches need is held.

use super::plan::{Patch, Plan, fitted};
use super::silence::is_silent;
use super::{LONGEST_PATCH_S, SHORTEST_S};
use crate::error::{Error, ErrorKind, Result};
use crate::features::{MelFrames, MelStream, Reference, patch_db};
use crate::model::Model;

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
    dropped: usize,
    previous: Option<usize>,
    samples: usize,
    levels: CellLevels,
    /// Power that is 0 dB, where that is the recording's loudest.
    clip_maximum: Option<f32>,
}

impl<'a, Blocks: Iterator<Item = Result<Vec<f32>>>> PatchStream<'a, Blocks> {
    pub(crate) fn new(model: &'a Model, plan: &'a Plan, blocks: Blocks, name: &'a str) -> Result<Self> {
        let front_end = &model.header.front_end;
        Ok(Self {
            model,
            plan,
            name,
            blocks,
            mel: Some(MelStream::new(front_end)?),
            held: MelFrames::new(front_end.mel_bands),
            dropped: 0,
            previous: None,
            samples: 0,
            levels: CellLevels { cell_frames: plan.hop, frames: 0, sums: Vec::new() },
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

    /// The mean square of each cell of the timeline.
    pub(crate) fn into_levels(self) -> Vec<f64> {
        self.levels.means()
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
                mel.push(&samples, &mut self.held);
            }
            _ => self.end()?,
        }
        self.levels.extend(&self.held.mean_square[before..]);
        if self.plan.patch.is_none() && self.duration_s() > LONGEST_PATCH_S {
            return self.refuse(
                ErrorKind::LimitExceeded,
                format!("more than {LONGEST_PATCH_S} s are too long for one sequence; judge it in patches"),
            );
        }
        Ok(())
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
        Ok(block.map(|mut block| {
            block.truncate(wanted - self.samples);
            block
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
        let db = self.db(start - self.dropped, frames);
        self.drop_consumed(start);
        Some(Patch { start, frames, db })
    }

    /// `frames` held frames from number `first` on, in dB; none when they are silent.
    fn db(&self, first: usize, frames: usize) -> Option<Vec<f32>> {
        if is_silent(&self.held.mean_square[first..first + frames]) {
            return None;
        }
        let bands = self.held.bands;
        let power = &self.held.power[first * bands..(first + frames) * bands];
        let front_end = &self.model.header.front_end;
        let fitting_frames = self.model.fitting_frames(frames);
        Some(fitted(&patch_db(power, front_end, self.clip_maximum), bands, fitting_frames))
    }

    /// Lets go of what neither the next patch nor the last one, which ends with the track, can need.
    fn drop_consumed(&mut self, start: usize) {
        let last = self.frames().saturating_sub(self.plan.frames(usize::MAX));
        let needed = (start + self.plan.hop).min(last).max(self.dropped);
        self.held.drop_front(needed - self.dropped);
        self.dropped = needed;
    }
}

impl<Blocks: Iterator<Item = Result<Vec<f32>>>> Iterator for PatchStream<'_, Blocks> {
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

/// The loudness of the timeline's cells, gathered frame by frame.
struct CellLevels {
    cell_frames: usize,
    frames: usize,
    sums: Vec<f64>,
}

impl CellLevels {
    fn extend(&mut self, mean_squares: &[f32]) {
        for &mean_square in mean_squares {
            let cell = self.frames / self.cell_frames;
            self.sums.resize(cell + 1, 0.0);
            self.sums[cell] += f64::from(mean_square);
            self.frames += 1;
        }
    }

    fn means(&self) -> Vec<f64> {
        let frames = |cell: usize| self.cell_frames.min(self.frames - cell * self.cell_frames);
        self.sums.iter().enumerate().map(|(cell, sum)| sum / frames(cell) as f64).collect()
    }
}
