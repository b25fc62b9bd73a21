//! Tracks of which a spectrogram is stored and no audio: judged by the same patches, in the same way.

use std::ops::Range;
use std::sync::Arc;

use super::plan::{Patch, Plan, fitted};
use super::tag_windows::TagWindow;
use super::{Prediction, Settings, judge, patch_input, summary};
use crate::error::{Error, ErrorKind, Result};
use crate::features::rereference_db;
use crate::model::Model;

/// Judges a track by its stored spectrogram; the level is not known, so nothing counts as silence.
///
/// # Shape
/// `[frames, bands]`, dB, as the model's front end makes it but for the reference.
///
/// # Errors
/// [`ErrorKind::TooShort`] without frames; [`ErrorKind::BadSettings`] when a part of the track is asked for, or the
/// network reads features that only the audio has, and those of [`Settings::check`].
pub fn classify_frames(model: &Model, db: &[f32], settings: &Settings) -> Result<Prediction> {
    if model.tagger().is_some() {
        let what = format!("`{}` hears tags in the audio, not in a spectrogram", model.header.name);
        return Err(Error::new(ErrorKind::BadSettings, what + "; give the audio file, or a taggram"));
    }
    judge_frames(model, db, &[], settings)
}

/// Tag scores of a track, window by window.
#[derive(Clone, Debug, PartialEq)]
pub struct Taggram {
    /// Length of a window, seconds.
    pub window_s: f64,
    /// Distance of neighbouring windows, seconds.
    pub hop_s: f64,
    /// `[windows][tags]`.
    pub scores: Vec<Vec<f32>>,
}

/// Judges a track by its stored spectrogram and taggram, with a joined model.
///
/// # Shape
/// As [`classify_frames`].
///
/// # Errors
/// Those of [`classify_frames`]; [`ErrorKind::BadSettings`] for a model that reads no tags, or others than these.
pub fn classify_frames_and_tags(
    model: &Model,
    db: &[f32],
    taggram: &Taggram,
    settings: &Settings,
) -> Result<Prediction> {
    let tags = model.tagger().map(|tagger| tagger.model.header.genres.len());
    let fits = |scores: &Vec<f32>| Some(scores.len()) == tags;
    if taggram.scores.is_empty() || !taggram.scores.iter().all(fits) {
        let what = format!("`{}` does not read this taggram; give the model `best`", model.header.name);
        return Err(Error::new(ErrorKind::BadSettings, what));
    }
    let window = |(number, scores): (usize, &Vec<f32>)| {
        let start_s = number as f64 * taggram.hop_s;
        Arc::new(TagWindow::scored(start_s..start_s + taggram.window_s, scores.clone()))
    };
    let windows: Vec<_> = taggram.scores.iter().enumerate().map(window).collect();
    judge_frames(model, db, &windows, settings)
}

fn judge_frames(
    model: &Model,
    db: &[f32],
    windows: &[Arc<TagWindow>],
    settings: &Settings,
) -> Result<Prediction> {
    let plan = Plan::new(model, settings)?;
    let (front_end, frames) = (&model.header.front_end, db.len() / model.header.front_end.mel_bands);
    if settings.from_s > 0.0 || settings.to_s.is_some() {
        return Err(Error::new(ErrorKind::BadSettings, "a stored spectrogram is judged as a whole"));
    }
    if model.header.needs_audio() {
        let what = format!("`{}` reads features of the audio, not of a spectrogram alone", model.header.name);
        return Err(Error::new(ErrorKind::BadSettings, what + "; give it the audio file"));
    }
    if !front_end.compression.is_decibels() {
        let what = format!("`{}` does not read dB, as stored spectrograms are", model.header.name);
        return Err(Error::new(ErrorKind::BadSettings, what + "; give it the audio file"));
    }
    if frames == 0 {
        return Err(Error::new(ErrorKind::TooShort, "a spectrogram without frames"));
    }
    let patch = |start: usize| {
        let (covered, bands) = (plan.frames(frames), front_end.mel_bands);
        let mut rows = db[start * bands..(start + covered) * bands].to_vec();
        rereference_db(&mut rows, front_end);
        let rows = fitted(&rows, bands, model.fitting_frames(covered));
        let tags = within(windows, &plan.span_s(start..start + covered));
        Ok(Patch { start, frames: covered, input: Ok(patch_input(model, rows, &[])), tags })
    };
    let patches = plan.starts(frames).map(patch);
    let judged = judge(model, patches, &plan, &mut |_| Ok(()))?;
    let duration_s = frames as f64 * front_end.frame_period_s();
    Ok(summary(model, &judged, &plan.grid(frames, duration_s, Vec::new())))
}

/// The windows within a patch; where it is too short for any, the one whose middle is nearest to its own.
fn within(windows: &[Arc<TagWindow>], span_s: &Range<f64>) -> Vec<Arc<TagWindow>> {
    let found: Vec<_> = windows.iter().filter(|window| window.lies_within(span_s)).map(Arc::clone).collect();
    if !found.is_empty() {
        return found;
    }
    let far =
        |window: &Arc<TagWindow>| (window.span_s.start + window.span_s.end - span_s.start - span_s.end).abs();
    windows.iter().min_by(|a, b| far(a).total_cmp(&far(b))).map(Arc::clone).into_iter().collect()
}
