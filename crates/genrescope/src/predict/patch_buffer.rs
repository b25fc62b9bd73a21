//! Samples → patches, while they come: only what later patches need is held.

use std::ops::Range;

use super::plan::{Patch, Plan, fitted};
use super::silence::is_silent;
use super::tag_windows::TagWindows;
use super::{Reason, patch_input};
use crate::error::Result;
use crate::features::{MelFrames, MelStream, Reference, patch_db};
use crate::model::{Model, PatchInput};

/// The end of a sound as far as it has come.
pub(crate) struct PatchBuffer<'a> {
    model: &'a Model,
    plan: Plan,
    /// None once the sound has ended.
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
    /// What the tagger of a joined model hears.
    tags: Option<TagWindows<'a>>,
    previous: Option<usize>,
    samples: usize,
    /// Power that is 0 dB, where that is the recording's loudest.
    clip_maximum: Option<f32>,
}

impl<'a> PatchBuffer<'a> {
    pub(crate) fn new(model: &'a Model, plan: &Plan) -> Result<Self> {
        let front_end = &model.header.front_end;
        let tags = model.tagger().map(|tagger| TagWindows::new(tagger, front_end.sample_rate_hz));
        Ok(Self {
            model,
            plan: plan.clone(),
            mel: Some(MelStream::new(front_end)?),
            held: MelFrames::new(front_end.mel_bands),
            held_lost: Vec::new(),
            lost: Vec::new(),
            dropped: 0,
            waveform: HeldSamples { is_needed: model.header.needs_audio(), ..HeldSamples::default() },
            tags: tags.transpose()?,
            previous: None,
            samples: 0,
            clip_maximum: None,
        })
    }

    /// Frames so far that can be judged: a tagger hears a little later than the network does.
    pub(crate) fn frames(&self) -> usize {
        let tagged_s = self.tags.as_ref().map_or(f64::INFINITY, TagWindows::heard_s);
        let tagged = tagged_s / self.model.header.front_end.frame_period_s();
        self.mel_frames().min(tagged as usize)
    }

    fn mel_frames(&self) -> usize {
        self.dropped + self.held.frames()
    }

    /// Samples so far.
    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// Length so far, seconds.
    pub(crate) fn duration_s(&self) -> f64 {
        self.samples as f64 / f64::from(self.model.header.front_end.sample_rate_hz)
    }

    pub(crate) fn ended(&self) -> bool {
        self.mel.is_none()
    }

    /// Takes samples, and what of the recording was lost, seconds; gives how many frames are held of before.
    pub(crate) fn push(&mut self, samples: &[f32], lost: Vec<Range<f64>>) -> usize {
        let before = self.held.frames();
        self.lost.extend(lost);
        self.samples += samples.len();
        self.waveform.extend(samples);
        if let Some(mel) = &mut self.mel {
            mel.push(samples, &mut self.held);
        }
        self.tags.iter_mut().for_each(|tags| tags.push(samples));
        self.mark_lost();
        before
    }

    /// The sound has ended; gives how many frames are held of before.
    pub(crate) fn end(&mut self) -> usize {
        let before = self.held.frames();
        if let Some(mel) = self.mel.take() {
            mel.finish(&mut self.held);
        }
        self.tags.iter_mut().for_each(TagWindows::end);
        self.mark_lost();
        if self.model.header.front_end.reference == Reference::Clip {
            self.clip_maximum = self.held.power.iter().copied().reduce(f32::max);
        }
        before
    }

    /// Mean squares of the held frames from number `from` on, and which are lost.
    pub(crate) fn held_from(&self, from: usize) -> (&[f32], &[bool]) {
        (&self.held.mean_square[from..], &self.held_lost[from..])
    }

    /// Finds out which of the new frames are lost: those that are centred there.
    fn mark_lost(&mut self) {
        let period_s = self.model.header.front_end.frame_period_s();
        let time_s = |frame: usize| self.plan.from_s + frame as f64 * period_s;
        for frame in self.dropped + self.held_lost.len()..self.mel_frames() {
            self.lost.retain(|span| span.end > time_s(frame));
            self.held_lost.push(self.lost.iter().any(|span| span.contains(&time_s(frame))));
        }
    }

    /// The next patch, if all its frames are there.
    pub(crate) fn cut(&mut self) -> Option<Patch> {
        let needs_end = self.model.header.front_end.reference == Reference::Clip;
        if needs_end && !self.ended() {
            return None;
        }
        let start = self.plan.next_start(self.previous, self.frames(), self.ended())?;
        let patch = self.patch(start, self.plan.frames(self.frames()));
        self.previous = Some(start);
        self.drop_consumed(start);
        Some(patch)
    }

    /// The `frames` frames from number `start` on, which are held.
    pub(crate) fn patch(&self, start: usize, frames: usize) -> Patch {
        let span_s = self.plan.span_s(start..start + frames);
        let tags = self.tags.as_ref().map_or_else(Vec::new, |tags| tags.within(&span_s));
        Patch { start, frames, input: self.input(start, frames), tags }
    }

    /// Mel power of frames that are held.
    pub(crate) fn power(&self, frames: Range<usize>) -> &[f32] {
        let place = |frame: usize| (frame - self.dropped) * self.held.bands;
        &self.held.power[place(frames.start)..place(frames.end)]
    }

    /// Why frames that are held have no genre; none where they have one.
    pub(crate) fn reason(&self, start: usize, frames: usize) -> Option<Reason> {
        let place = start - self.dropped..start - self.dropped + frames;
        let lost = self.held_lost[place.clone()].iter().filter(|&&lost| lost).count();
        if is_gap(lost, frames) {
            return Some(Reason::Gap);
        }
        is_silent(&self.held.mean_square[place]).then_some(Reason::Silence)
    }

    /// What the network sees of the frames, or why they are not judged.
    fn input(&self, start: usize, frames: usize) -> Result<PatchInput, Reason> {
        if let Some(reason) = self.reason(start, frames) {
            return Err(reason);
        }
        let front_end = &self.model.header.front_end;
        let db = patch_db(self.power(start..start + frames), front_end, self.clip_maximum);
        let db = fitted(&db, self.held.bands, self.model.fitting_frames(frames));
        Ok(patch_input(self.model, db, self.waveform.of(front_end.samples_of(start, frames))))
    }

    /// Lets go of what neither the next patch nor the last one, which ends with the track, can need.
    fn drop_consumed(&mut self, start: usize) {
        let last = self.frames().saturating_sub(self.plan.frames(usize::MAX));
        self.drop_before((start + self.plan.hop).min(last));
    }

    /// Lets go of the frames before this one.
    pub(crate) fn drop_before(&mut self, frame: usize) {
        let needed = frame.max(self.dropped);
        self.held.drop_front(needed - self.dropped);
        self.held_lost.drain(..needed - self.dropped);
        self.dropped = needed;
        self.waveform.drop_before(self.model.header.front_end.samples_of(needed, 1).start);
        let from_s = self.plan.span_s(needed..needed).start;
        self.tags.iter_mut().for_each(|tags| tags.drop_before(from_s));
    }
}

/// Whether so much is lost that the rest is not judged: half of it.
pub(crate) fn is_gap(lost_frames: usize, frames: usize) -> bool {
    2 * lost_frames >= frames.max(1)
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
