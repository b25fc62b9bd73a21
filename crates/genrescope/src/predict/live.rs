//! A sound that is still being made → what it sounds like, twice a second, in memory that does not grow.

use std::ops::Range;

use super::carried::Carried;
use super::patch_buffer::PatchBuffer;
use super::plan::{Patch, Plan};
use super::timeline::JudgedPatch;
use super::{PatchLength, SHORTEST_S, Segment, Settings, judge};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Reference;
use crate::model::{Model, PatchAnswer};

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
    /// Whether less than a full patch was heard: it is padded as a short recording is.
    pub provisional: bool,
}

/// Hears a sound block by block.
pub struct Listener<'a> {
    model: &'a Model,
    plan: Plan,
    buffer: PatchBuffer<'a>,
    /// Frames at which the next provisional answer is due; with carried state, the next of all.
    due: usize,
    full: bool,
    carried: Option<Carried<'a>>,
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
        Self::starting(model, hop_s, None)
    }

    /// A listener whose network goes on from answer to answer instead of starting anew with each patch: an answer is to all
    /// that was heard, and the last one that of [`PatchLength::Whole`] where nothing was louder than the first second. 0 dB
    /// is the loudest so far.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] for a hop as above, and those of [`Sequence::new`](crate::model::Sequence::new).
    pub fn carrying(model: &'a Model, hop_s: f64) -> Result<Self> {
        Self::starting(model, hop_s, Some(Carried::new(model)?))
    }

    fn starting(model: &'a Model, hop_s: f64, carried: Option<Carried<'a>>) -> Result<Self> {
        let front_end = &model.header.front_end;
        // Rounded down: a frame more would come late.
        let frames = (hop_s / front_end.frame_period_s()).floor().max(1.0);
        let patch_hop_s = Some(if hop_s > 0.0 { frames * front_end.frame_period_s() } else { hop_s });
        let plan =
            Plan::new(model, &Settings { patch: PatchLength::Model, patch_hop_s, ..Settings::default() })?;
        let due = (FIRST_ANSWER_S / front_end.frame_period_s()).ceil() as usize;
        let buffer = PatchBuffer::new(model, &plan)?;
        Ok(Self { model, plan, buffer, due, full: false, carried })
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
        if let Some(carried) = self.carried.take() {
            return self.carried_answers(carried);
        }
        let mut patches = Vec::new();
        while let Some(patch) = self.next_patch() {
            patches.push(patch);
        }
        let judged = judge(self.model, patches.into_iter().map(Ok), &self.plan, &mut |_| Ok(()))?;
        Ok(judged.iter().map(|patch| self.moment(patch)).collect())
    }

    /// One answer a hop, and one at the end.
    fn carried_answers(&mut self, mut carried: Carried<'a>) -> Result<Vec<Moment>> {
        let (frames, hop, mut moments) = (self.buffer.frames(), self.plan.hop, Vec::new());
        loop {
            let rest = self.buffer.ended() && carried.answered < frames;
            let end = if rest { self.due.min(frames) } else { self.due };
            if end > frames {
                break;
            }
            let scores = carried.scores(&self.buffer, end)?;
            let newest = hop.min(end);
            let pause = self.buffer.reason(end - newest, newest);
            let answer = PatchAnswer { scores, music: 1.0 };
            let judged = JudgedPatch { start: 0, frames: end, answer: pause.map_or(Ok(answer), Err) };
            moments.push(self.moment(&judged));
            self.due = end + hop;
        }
        self.buffer.drop_before(carried.first_frame().min(self.due.saturating_sub(2 * hop)));
        self.carried = Some(carried);
        Ok(moments)
    }

    fn moment(&self, judged: &JudgedPatch) -> Moment {
        let segment = self.plan.segment(judged, self.model);
        Moment { segment, provisional: judged.frames < self.plan.frames(usize::MAX) }
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
