//! Blocks of samples → the patches of a recording, with its limits.

use super::patch_buffer::{PatchBuffer, is_gap};
use super::plan::{Patch, Plan};
use super::silence::is_silent_level;
use super::{Block, LONGEST_PATCH_S, Reason, SHORTEST_S};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Model;

/// Samples that may be missing at [`SHORTEST_S`]: resampling rounds a recording's length.
const ROUNDING_S: f64 = 0.005;

/// The patches of a recording, in the order of their starts.
pub(crate) struct PatchStream<'a, Blocks> {
    plan: &'a Plan,
    name: &'a str,
    sample_rate_hz: u32,
    blocks: Blocks,
    buffer: PatchBuffer<'a>,
    cells: CellTotals,
}

impl<'a, Blocks: Iterator<Item = Result<Block>>> PatchStream<'a, Blocks> {
    pub(crate) fn new(model: &'a Model, plan: &'a Plan, blocks: Blocks, name: &'a str) -> Result<Self> {
        Ok(Self {
            plan,
            name,
            sample_rate_hz: model.header.front_end.sample_rate_hz,
            blocks,
            buffer: PatchBuffer::new(model, plan)?,
            cells: CellTotals { cell_frames: plan.hop, frames: 0, totals: Vec::new() },
        })
    }

    /// Frames so far.
    pub(crate) fn frames(&self) -> usize {
        self.buffer.frames()
    }

    /// Length so far, seconds.
    pub(crate) fn duration_s(&self) -> f64 {
        self.buffer.duration_s()
    }

    /// Why cells of the timeline have no genre.
    pub(crate) fn into_reasons(self) -> Vec<Option<Reason>> {
        self.cells.reasons()
    }

    /// Takes the next block in, or the end.
    fn pull(&mut self) -> Result<()> {
        let (before, ended) = match self.next_block()? {
            Some((samples, lost)) => (self.buffer.push(&samples, lost), false),
            None => (self.buffer.end(), true),
        };
        if ended {
            self.check_length()?;
        }
        let (mean_squares, lost) = self.buffer.held_from(before);
        self.cells.extend(mean_squares, lost);
        if self.plan.patch.is_none() && self.duration_s() > LONGEST_PATCH_S {
            return self.refuse(
                ErrorKind::LimitExceeded,
                format!("more than {LONGEST_PATCH_S} s are too long for one sequence; judge it in patches"),
            );
        }
        Ok(())
    }

    /// The next block, cut at the end of the part that is judged.
    fn next_block(&mut self) -> Result<Option<Block>> {
        let rate_hz = f64::from(self.sample_rate_hz);
        let wanted =
            self.plan.to_s.map_or(usize::MAX, |to_s| ((to_s - self.plan.from_s) * rate_hz).round() as usize);
        if self.buffer.samples() >= wanted {
            return Ok(None);
        }
        let block = self.blocks.next().transpose()?;
        Ok(block.map(|(mut samples, lost)| {
            samples.truncate(wanted - self.buffer.samples());
            (samples, lost)
        }))
    }

    fn check_length(&self) -> Result<()> {
        let seconds = self.duration_s();
        if seconds >= SHORTEST_S - ROUNDING_S && self.frames() > 0 {
            return Ok(());
        }
        let from = match self.plan.from_s {
            0.0 => String::new(),
            from_s => format!(" from {from_s} s on"),
        };
        self.refuse(
            ErrorKind::TooShort,
            format!("{seconds:.2} s of audio{from}, at least {SHORTEST_S} s are needed; give more of it"),
        )
    }

    fn refuse(&self, kind: ErrorKind, message: String) -> Result<()> {
        Err(Error::new(kind, message).at(self.name))
    }
}

impl<Blocks: Iterator<Item = Result<Block>>> Iterator for PatchStream<'_, Blocks> {
    type Item = Result<Patch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(patch) = self.buffer.cut() {
                return Some(Ok(patch));
            }
            if self.buffer.ended() {
                return None;
            }
            if let Err(error) = self.pull() {
                self.buffer.end();
                return Some(Err(error));
            }
        }
    }
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
