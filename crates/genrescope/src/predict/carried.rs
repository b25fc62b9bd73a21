//! A sound that is still being made, as one sequence: each answer is to all that was heard.

use super::patch_buffer::PatchBuffer;
use crate::error::Result;
use crate::features::{FrontEnd, Reference, patch_db};
use crate::model::{Model, Sequence};

/// What a recurrent network makes of the sound so far.
pub(super) struct Carried<'a> {
    sequence: Sequence<'a>,
    front_end: FrontEnd,
    /// Mel power that is 0 dB: the largest so far.
    loudest: f32,
    /// Frames at the last answer.
    pub(super) answered: usize,
}

impl<'a> Carried<'a> {
    pub(super) fn new(model: &'a Model) -> Result<Self> {
        let sequence = Sequence::new(model)?;
        let front_end = FrontEnd { reference: Reference::Clip, ..model.header.front_end.clone() };
        Ok(Self { sequence, front_end, loudest: 0.0, answered: 0 })
    }

    /// The scores after `frames` frames.
    pub(super) fn scores(&mut self, buffer: &PatchBuffer, frames: usize) -> Result<Vec<f32>> {
        let power = buffer.power(self.sequence.first_frame()..frames);
        self.loudest = power.iter().copied().fold(self.loudest, f32::max);
        self.answered = frames;
        self.sequence.scores(patch_db(power, &self.front_end, Some(self.loudest)))
    }

    /// The first frame that is needed still.
    pub(super) fn first_frame(&self) -> usize {
        self.sequence.first_frame()
    }
}
