//! Where the patches of a track lie.

use std::ops::Range;
use std::sync::Arc;

use super::tag_windows::TagWindow;
use super::timeline::{Grid, JudgedPatch, Labelling, Verdict};
use super::{BATCH, Decoding, LONGEST_PATCH_S, PATCH_HOP, PatchLength, Reason, Segment, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Model, PatchInput};

/// What goes to the network at once.
#[derive(Clone, Debug)]
pub(crate) struct Patch {
    /// Its first frame.
    pub(crate) start: usize,
    /// How many frames of the track it covers.
    pub(crate) frames: usize,
    /// What the network sees of it, or why it is not judged. A short track is repeated to what the network takes.
    pub(crate) input: Result<PatchInput, Reason>,
    /// What the tagger of a joined model hears of it; else none.
    pub(crate) tags: Vec<Arc<TagWindow>>,
}

/// Settings, checked and counted in frames.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Frames of a patch; none for the track as one.
    pub(crate) patch: Option<usize>,
    /// Frames between the starts of neighbours, at least one.
    pub(crate) hop: usize,
    /// Patches that the network sees at once.
    pub(crate) batch: usize,
    /// The part of the recording, seconds.
    pub(crate) from_s: f64,
    pub(crate) to_s: Option<f64>,
    smoothing_s: f64,
    frame_period_s: f64,
}

impl Plan {
    pub(crate) fn new(model: &Model, settings: &Settings) -> Result<Self> {
        let frame_period_s = model.header.front_end.frame_period_s();
        let patch = patch_frames(model, settings.patch)?;
        let patch_s = patch.unwrap_or(model.header.patch_frames) as f64 * frame_period_s;
        let hop_s = settings.patch_hop_s.unwrap_or(PATCH_HOP * patch_s);
        let to_s = settings.to_s.unwrap_or(f64::INFINITY);
        if hop_s.is_nan() || hop_s <= 0.0 || (patch.is_some() && hop_s > patch_s * 1.001) {
            let message = format!(
                "patch hop {hop_s} s: between patches of {patch_s:.2} s it must be above 0 s and at most as long"
            );
            return Err(Error::new(ErrorKind::BadSettings, message));
        }
        if !(settings.from_s >= 0.0 && settings.from_s.is_finite() && to_s > settings.from_s) {
            let message = format!(
                "the part from {} s to {to_s} s is empty; let it end after it begins",
                settings.from_s
            );
            return Err(Error::new(ErrorKind::BadSettings, message));
        }
        if !(settings.smoothing_s >= 0.0 && settings.smoothing_s.is_finite()) {
            let message = format!("smoothing over {} s; it must be 0 s or more", settings.smoothing_s);
            return Err(Error::new(ErrorKind::BadSettings, message));
        }
        let hop = ((hop_s / frame_period_s).round() as usize).max(1);
        let hop = patch.map_or(hop, |patch| hop.min(patch));
        let (from_s, to_s, smoothing_s) = (settings.from_s, settings.to_s, settings.smoothing_s);
        let batch = if settings.decoding == Decoding::Live { 1 } else { BATCH };
        Ok(Self { patch, hop, batch, from_s, to_s, smoothing_s, frame_period_s })
    }

    /// The start of the patch after the one at `previous`, if the `frames` so far are enough for it. At the end
    /// of a track one more patch ends with it.
    pub(crate) fn next_start(&self, previous: Option<usize>, frames: usize, ended: bool) -> Option<usize> {
        let regular = previous.map_or(0, |previous| previous + self.hop);
        let patch = self.patch.unwrap_or(usize::MAX);
        let patch = if ended { patch.min(frames) } else { patch };
        let last = frames.checked_sub(patch)?;
        if regular <= last {
            return Some(regular);
        }
        (ended && previous.is_none_or(|previous| previous < last)).then_some(last)
    }

    /// The starts of all patches of a track.
    pub(crate) fn starts(&self, frames: usize) -> impl Iterator<Item = usize> {
        let next = move |previous: &usize| self.next_start(Some(*previous), frames, true);
        std::iter::successors(self.next_start(None, frames, true), next)
    }

    /// Frames of a patch of a track of so many frames.
    pub(crate) fn frames(&self, track_frames: usize) -> usize {
        self.patch.unwrap_or(usize::MAX).min(track_frames)
    }

    /// What a person should know about a track that is shorter than a patch.
    pub(crate) fn short_warning(
        &self,
        model: &Model,
        track_frames: usize,
        duration_s: f64,
    ) -> Option<String> {
        let patch = self.patch.filter(|patch| *patch > track_frames)?;
        let patch_s = patch as f64 * self.frame_period_s;
        let remedy = match model.fitting_frames(track_frames) == track_frames {
            true => "judged by what there is",
            false => "repeated to fill what the network needs",
        };
        Some(format!("{duration_s:.1} s is shorter than a patch of {patch_s:.1} s: {remedy}"))
    }

    /// Where frames lie, seconds from the beginning of what is judged.
    pub(crate) fn span_s(&self, frames: Range<usize>) -> Range<f64> {
        frames.start as f64 * self.frame_period_s..frames.end as f64 * self.frame_period_s
    }

    /// Where a patch lies in the recording, and what the network said of it.
    pub(crate) fn segment(&self, patch: &JudgedPatch, model: &Model) -> Segment {
        let time_s = |frame: usize| self.from_s + frame as f64 * self.frame_period_s;
        let Verdict { genre, reason, scores } = Labelling::from(model).verdict(std::slice::from_ref(patch));
        Segment {
            start_s: time_s(patch.start),
            end_s: time_s(patch.start + patch.frames),
            genre,
            reason,
            scores,
        }
    }

    /// The cells of a track's timeline.
    pub(crate) fn grid(&self, frames: usize, duration_s: f64, reasons: Vec<Option<Reason>>) -> Grid {
        Grid {
            cell_frames: self.hop,
            frames,
            frame_period_s: self.frame_period_s,
            start_s: self.from_s,
            end_s: self.from_s + duration_s,
            smoothing_s: self.smoothing_s,
            reasons,
        }
    }
}

/// The frames of a track from `start` on, repeated where the network needs more than there are.
///
/// # Shape
/// `[frames, bands]` → `[fitting frames, bands]`
pub(crate) fn fitted(rows: &[f32], bands: usize, fitting_frames: usize) -> Vec<f32> {
    rows.iter().copied().cycle().take(fitting_frames * bands).collect()
}

fn patch_frames(model: &Model, length: PatchLength) -> Result<Option<usize>> {
    let header = &model.header;
    let refuse = |message: String| Err(Error::new(ErrorKind::BadSettings, message));
    match length {
        PatchLength::Model => Ok(Some(header.patch_frames)),
        PatchLength::Whole if header.any_length => Ok(None),
        PatchLength::Seconds(seconds) if seconds > 0.0 && seconds <= LONGEST_PATCH_S => {
            let frames = (seconds / header.front_end.frame_period_s()).round() as usize;
            let fitting = model.fitting_frames(frames);
            if fitting == frames {
                return Ok(Some(frames));
            }
            let fitting_s = fitting as f64 * header.front_end.frame_period_s();
            refuse(format!(
                "a patch of {seconds} s is not what `{}` takes; the nearest is {fitting_s:.2} s",
                header.name
            ))
        }
        PatchLength::Seconds(seconds) => {
            refuse(format!("a patch of {seconds} s; it must be above 0 s and at most {LONGEST_PATCH_S} s"))
        }
        PatchLength::Whole => {
            let patch_s = header.patch_s();
            refuse(format!(
                "`{}` takes patches of {patch_s:.1} s only, no whole tracks; use a network of any length (crnn, bicrnn)",
                header.name
            ))
        }
    }
}
