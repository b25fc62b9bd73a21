//! What a tagger hears beside the patches of a joined model: windows of its own length, side by side from the beginning of
//! the sound. A patch has the mean tag scores of the windows that lie within it.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::plan::{Patch, fitted};
use super::silence::is_silent;
use crate::audio::Resampler;
use crate::error::Result;
use crate::features::{FrontEnd, MelFrames, MelStream, patch_db};
use crate::model::{PatchInput, Tagger};

/// Windows that the tagger sees at once: its convolutions give 20 MB each.
const WINDOWS_AT_ONCE: usize = 2;
/// Rounding of times, seconds.
const ROUNDING_S: f64 = 1e-6;

/// A stretch of sound and its tag scores, once they are known.
#[derive(Debug)]
pub(crate) struct TagWindow {
    /// Where it lies, seconds from the beginning of what is judged.
    pub(crate) span_s: Range<f64>,
    /// What the tagger sees of it; nothing where the scores are given.
    rows: Vec<f32>,
    scores: OnceLock<Vec<f32>>,
}

impl TagWindow {
    /// A window whose scores are known.
    pub(crate) fn scored(span_s: Range<f64>, scores: Vec<f32>) -> Self {
        Self { span_s, rows: Vec::new(), scores: scores.into() }
    }

    /// What the tagger sees when `hide` has changed the frames that lie in a stretch of time; none when none do.
    fn without(
        &self,
        front_end: &FrontEnd,
        span_s: &Range<f64>,
        hide: impl Fn(&[f32], Range<usize>) -> Vec<f32>,
    ) -> Option<PatchInput> {
        let frame =
            |time_s: f64| ((time_s - self.span_s.start) / front_end.frame_period_s()).round() as usize;
        let own = frame(self.span_s.end);
        let hidden = frame(span_s.start).min(own)..frame(span_s.end).min(own);
        let changed = || hide(&self.rows[..own * front_end.mel_bands], hidden.clone());
        let frames = self.rows.len() / front_end.mel_bands;
        (!hidden.is_empty()).then(|| fitted(&changed(), front_end.mel_bands, frames).into())
    }

    pub(crate) fn lies_within(&self, span_s: &Range<f64>) -> bool {
        self.span_s.start >= span_s.start - ROUNDING_S && self.span_s.end <= span_s.end + ROUNDING_S
    }
}

/// The windows of a sound while it comes.
pub(crate) struct TagWindows<'a> {
    tagger: &'a Tagger,
    /// None once the sound has ended.
    streams: Option<(Resampler, MelStream)>,
    resampled: Vec<f32>,
    /// The frames from number `dropped` on.
    held: MelFrames,
    dropped: usize,
    /// Frames that windows were cut from.
    cut: usize,
    windows: VecDeque<Arc<TagWindow>>,
}

impl<'a> TagWindows<'a> {
    /// Windows of a sound that comes at `rate_hz`.
    pub(crate) fn new(tagger: &'a Tagger, rate_hz: u32) -> Result<Self> {
        let front_end = &tagger.model.header.front_end;
        let resampler = Resampler::new(rate_hz, front_end.sample_rate_hz)?;
        Ok(Self {
            tagger,
            streams: Some((resampler, MelStream::new(front_end)?)),
            resampled: Vec::new(),
            held: MelFrames::new(front_end.mel_bands),
            dropped: 0,
            cut: 0,
            windows: VecDeque::new(),
        })
    }

    pub(crate) fn push(&mut self, samples: &[f32]) {
        if let Some((resampler, mel)) = &mut self.streams {
            resampler.push(samples, &mut self.resampled);
            mel.push(&self.resampled, &mut self.held);
            self.resampled.clear();
        }
        self.cut_windows();
    }

    /// The sound has ended.
    pub(crate) fn end(&mut self) {
        if let Some((resampler, mut mel)) = self.streams.take() {
            resampler.finish(&mut self.resampled);
            mel.push(&self.resampled, &mut self.held);
            mel.finish(&mut self.held);
            self.resampled = Vec::new();
        }
        self.cut_windows();
    }

    /// How much of the sound windows can be cut from, seconds; all of it once it has ended.
    pub(crate) fn heard_s(&self) -> f64 {
        let heard = (self.dropped + self.held.frames()) as f64 * self.period_s();
        if self.streams.is_some() { heard } else { f64::INFINITY }
    }

    /// The windows within a stretch of the sound that is held; where it is too short for any, or all are silent, its loudest
    /// part is one.
    pub(crate) fn within(&self, span_s: &Range<f64>) -> Vec<Arc<TagWindow>> {
        let mut found: Vec<_> =
            self.windows.iter().filter(|window| window.lies_within(span_s)).map(Arc::clone).collect();
        if found.is_empty() {
            found.extend(self.loudest_of(span_s));
        }
        found
    }

    /// Lets go of what lies before this time.
    pub(crate) fn drop_before(&mut self, time_s: f64) {
        while self.windows.front().is_some_and(|window| window.span_s.start < time_s - ROUNDING_S) {
            self.windows.pop_front();
        }
        let frame = ((time_s / self.period_s()) as usize).min(self.cut);
        self.held.drop_front(frame.saturating_sub(self.dropped));
        self.dropped = self.dropped.max(frame);
    }

    fn period_s(&self) -> f64 {
        self.tagger.model.header.front_end.frame_period_s()
    }

    fn cut_windows(&mut self) {
        let length = self.tagger.model.header.patch_frames;
        while self.dropped + self.held.frames() >= self.cut + length {
            let frames = self.cut..self.cut + length;
            self.cut = frames.end;
            // The tags of silence say nothing of the music around it.
            let quiet = is_silent(&self.held.mean_square[frames.start - self.dropped..][..length]);
            self.windows.extend((!quiet).then(|| Arc::new(self.window(frames))));
        }
    }

    fn loudest_of(&self, span_s: &Range<f64>) -> Option<Arc<TagWindow>> {
        let frame = |time_s: f64| (time_s / self.period_s() + ROUNDING_S) as usize;
        let last = self.dropped + self.held.frames();
        let (start, end) = (frame(span_s.start).clamp(self.dropped, last), frame(span_s.end).min(last));
        let length =
            self.tagger.model.header.patch_frames.min(end.checked_sub(start).filter(|frames| *frames > 0)?);
        let loudness = &self.held.mean_square[start - self.dropped..end - self.dropped];
        let sums = loudness.windows(length).map(|squares| squares.iter().sum::<f32>());
        let (loudest, _) = sums.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Arc::new(self.window(start + loudest..start + loudest + length)))
    }

    /// Frames that are held, repeated where there are fewer than a window has.
    fn window(&self, frames: Range<usize>) -> TagWindow {
        let header = &self.tagger.model.header;
        let (bands, time_s) = (self.held.bands, |frame: usize| frame as f64 * self.period_s());
        let power =
            &self.held.power[(frames.start - self.dropped) * bands..(frames.end - self.dropped) * bands];
        let rows = patch_db(&self.tagger.head().heard(power), &header.front_end, None);
        TagWindow {
            span_s: time_s(frames.start)..time_s(frames.end),
            rows: fitted(&rows, bands, header.patch_frames),
            scores: OnceLock::new(),
        }
    }
}

/// Asks the tagger for the windows of patches that have no scores yet.
pub(crate) fn score(tagger: &Tagger, patches: &[Patch]) -> Result<()> {
    let mut waiting: Vec<&Arc<TagWindow>> = Vec::new();
    for window in patches.iter().filter(|patch| patch.input.is_ok()).flat_map(|patch| &patch.tags) {
        let known = window.scores.get().is_some() || waiting.iter().any(|other| Arc::ptr_eq(other, window));
        waiting.extend((!known).then_some(window));
    }
    let inputs: Vec<PatchInput> = waiting.iter().map(|window| window.rows.clone().into()).collect();
    for (window, scores) in waiting.iter().zip(scores_of(tagger, &inputs)?) {
        window.scores.get_or_init(|| scores);
    }
    Ok(())
}

fn scores_of(tagger: &Tagger, inputs: &[PatchInput]) -> Result<Vec<Vec<f32>>> {
    let mut scores = Vec::with_capacity(inputs.len());
    for inputs in inputs.chunks(WINDOWS_AT_ONCE) {
        scores.extend(tagger.model.scores(inputs)?);
    }
    Ok(scores)
}

/// Mean tag scores of windows that have some: `[tags]`, all 0 without any window.
pub(crate) fn mean_scores(windows: &[Arc<TagWindow>], tags: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; tags];
    for scores in windows.iter().filter_map(|window| window.scores.get()) {
        sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += f64::from(*score));
    }
    sums.into_iter().map(|sum| (sum / windows.len().max(1) as f64) as f32).collect()
}

/// Mean tag scores of windows that have some, when `hide` has changed the levels of their frames that lie in a stretch of
/// time.
pub(crate) fn mean_scores_without(
    tagger: &Tagger,
    windows: &[Arc<TagWindow>],
    span_s: &Range<f64>,
    hide: impl Fn(&[f32], Range<usize>) -> Vec<f32>,
) -> Result<Vec<f32>> {
    let header = &tagger.model.header;
    let mut windows = windows.to_vec();
    let changed = windows.iter_mut().filter_map(|window| {
        let input = window.without(&header.front_end, span_s, &hide)?;
        Some((window, input))
    });
    let (changed, inputs): (Vec<_>, Vec<_>) = changed.unzip();
    let scores = scores_of(tagger, &inputs)?;
    for (window, scores) in changed.into_iter().zip(scores) {
        *window = Arc::new(TagWindow::scored(window.span_s.clone(), scores));
    }
    Ok(mean_scores(&windows, header.genres.len()))
}
