//! A sound that is still being made → what it sounds like, twice a second, in memory that does not grow.

use std::ops::Range;

use super::patch_buffer::PatchBuffer;
use super::plan::{Patch, Plan};
use super::{PatchLength, SHORTEST_S, Segment, Settings, judge};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Reference;
use crate::model::Model;

/// Distance of neighbouring answers unless it is set, seconds.
pub const LIVE_HOP_S: f64 = 0.5;
/// Before a first patch is full there are answers from this length on, seconds.
const FIRST_ANSWER_S: f64 = 1.0;

/// What the last seconds sound like.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Where the patch lies, seconds from the beginning, and its scores: those of
    /// [`classify`](super::classify) for that patch. While the newest part is silent there is no genre.
    pub segment: Segment,
    /// Whether the patch is not full yet: it is padded as a short recording is.
    pub provisional: bool,
}

/// Hears a sound block by block.
pub struct Listener<'a> {
    model: &'a Model,
    plan: Plan,
    buffer: PatchBuffer<'a>,
    /// Frames at which the next provisional answer is due.
    due: usize,
    full: bool,
}

impl<'a> Listener<'a> {
    /// A listener that has heard nothing; answers are at most `hop_s` seconds apart.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] for a hop that is not above 0 s or is longer than a patch, and for a model whose 0 dB are
    /// the loudest place of the whole recording.
    pub fn new(model: &'a Model, hop_s: f64) -> Result<Self> {
        let front_end = &model.header.front_end;
        if front_end.reference == Reference::Clip {
            let what =
                format!("`{}` measures against the loudest place of a whole recording", model.header.name);
            return Err(Error::new(ErrorKind::BadSettings, what + "; live sound needs another model"));
        }
        // Rounded down: a frame more would come late.
        let frames = (hop_s / front_end.frame_period_s()).floor().max(1.0);
        let patch_hop_s = Some(if hop_s > 0.0 { frames * front_end.frame_period_s() } else { hop_s });
        let plan =
            Plan::new(model, &Settings { patch: PatchLength::Model, patch_hop_s, ..Settings::default() })?;
        let due = (FIRST_ANSWER_S / front_end.frame_period_s()).ceil() as usize;
        let buffer = PatchBuffer::new(model, &plan)?;
        Ok(Self { model, plan, buffer, due, full: false })
    }

    /// Takes the next samples (mono, at the front end's rate) and what of the sound so far was lost, seconds; gives the
    /// answers that are complete with them, in order.
    ///
    /// # Errors
    /// Those of [`Model::scores`].
    pub fn push(&mut self, samples: &[f32], lost: Vec<Range<f64>>) -> Result<Vec<Moment>> {
        self.buffer.push(samples, lost);
        self.answers()
    }

    /// The sound has ended: answers for what no patch has covered yet.
    ///
    /// # Errors
    /// Those of [`Model::scores`].
    pub fn finish(mut self) -> Result<Vec<Moment>> {
        if self.buffer.duration_s() < SHORTEST_S {
            return Ok(Vec::new());
        }
        self.buffer.end();
        self.answers()
    }

    /// How much was heard, seconds.
    pub fn duration_s(&self) -> f64 {
        self.buffer.duration_s()
    }

    fn answers(&mut self) -> Result<Vec<Moment>> {
        let mut patches = Vec::new();
        while let Some(patch) = self.next_patch() {
            patches.push(patch);
        }
        let judged = judge(self.model, patches.into_iter().map(Ok), &self.plan, &mut |_| Ok(()))?;
        let whole = self.plan.frames(usize::MAX);
        let moment = |patch| {
            let segment = self.plan.segment(patch, &self.model.header.genres);
            Moment { segment, provisional: patch.frames < whole }
        };
        Ok(judged.iter().map(moment).collect())
    }

    /// A full patch, or what there is of the first one where an answer is due.
    fn next_patch(&mut self) -> Option<Patch> {
        let hop = self.plan.hop;
        let mut patch = self.buffer.cut();
        self.full |= patch.is_some();
        let frames = self.buffer.frames();
        if !self.full && frames >= self.due {
            self.due = frames + hop;
            patch = Some(self.buffer.patch(0, frames));
        }
        let newest = |patch: &Patch| {
            let frames = hop.min(patch.frames);
            self.buffer.reason(patch.start + patch.frames - frames, frames)
        };
        let pause = patch.as_ref().and_then(newest);
        patch.map(|patch| Patch { input: pause.map_or(patch.input, Err), ..patch })
    }
}
