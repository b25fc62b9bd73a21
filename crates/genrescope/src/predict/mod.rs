//! A recording → its genre, and how that changes over the track. The pipeline as one list:
//!
//! ```text
//! AudioStream ─▶ MelStream ─▶ patches ─▶ silent? ─▶ patch_db ─▶ Model::scores ─▶ mean ─▶ Prediction
//!  (a thread)                 sliding      │ unknown  features ┘              └▶ cells ─▶ segments
//! ```
//!
//! *Takes* a [`Model`] and audio (or the stored spectrogram of a track). *Gives* a [`Prediction`]. *Decides* where
//! patches lie and what is too quiet or too short to be judged. *Never* holds more of a long track than a patch
//! and what the timeline needs; [`PatchLength::Whole`] and [`Reference::Clip`](crate::features::Reference::Clip)
//! need the mel spectrogram to the end, 24 MB an hour.

mod carried;
mod embedding;
mod live;
mod patch_buffer;
mod plan;
pub mod silence;
mod stored;
mod stream;
mod tag_windows;
mod timeline;
mod why;

use std::ops::Range;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::audio::AudioStream;
use crate::error::Result;
use crate::model::{FeatureInput, Model, PatchInput};

use plan::{Patch, Plan};
use stream::PatchStream;
use timeline::{Grid, JudgedPatch, Labelling, Verdict};

pub use embedding::{EMBEDDING, embedding};
pub use live::{LIVE_HOP_S, Listener, Moment};
pub use stored::{Taggram, classify_frames, classify_frames_and_tags};
pub use timeline::merge;
pub use why::{BAND_GROUPS, Occlusion, Slot, occlusion};

/// Less audio than this is not judged, seconds.
pub const SHORTEST_S: f64 = 0.5;
/// Longest patch, seconds: a network's memory grows with it.
pub const LONGEST_PATCH_S: f64 = 1800.0;
/// The patch hop, unless it is set, as a fraction of the model's patch.
pub const PATCH_HOP: f64 = 0.25;

/// Patches that the network sees at once. More cost memory and gain no speed.
const BATCH: usize = 8;
/// Blocks of audio that the decoder may be ahead.
const BLOCKS_AHEAD: usize = 64;

/// How long the patches are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PatchLength {
    /// As long as those that the model was made for.
    Model,
    /// This many seconds; for networks of any length.
    Seconds(f64),
    /// The track as one sequence; for networks of any length.
    Whole,
}

/// Where the decoder runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoding {
    /// In a thread of its own, ahead of the network: for one recording.
    Ahead,
    /// In the calling thread: for many recordings, one a thread.
    Inline,
    /// In the calling thread, and each patch is judged as soon as it is whole: for sound that is still being made.
    Live,
}

/// How a recording is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How long the patches are.
    pub patch: PatchLength,
    /// Distance of neighbouring patches, seconds; [`PATCH_HOP`] of the model's patch unless given.
    pub patch_hop_s: Option<f64>,
    /// Where the part that is judged begins, seconds.
    pub from_s: f64,
    /// Where it ends, seconds; the end of the recording unless given.
    pub to_s: Option<f64>,
    /// Over how many seconds the timeline's scores are averaged beyond what patches do, centred; 0: not at all.
    pub smoothing_s: f64,
    /// Where the decoder runs.
    pub decoding: Decoding,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            patch: PatchLength::Model,
            patch_hop_s: None,
            from_s: 0.0,
            to_s: None,
            smoothing_s: 0.0,
            decoding: Decoding::Ahead,
        }
    }
}

impl Settings {
    /// Whether a model can be used with these settings.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`](crate::ErrorKind::BadSettings) with what is out of range and what is possible.
    pub fn check(&self, model: &Model) -> Result<()> {
        Plan::new(model, self).map(|_| ())
    }
}

/// Why there is no genre.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Too quiet, see [`silence`].
    Silence,
    /// Half of it or more is missing from a damaged file.
    Gap,
    /// Noise, speech, tones, applause, see [`MusicGate`](crate::model::MusicGate); there are scores all the same.
    NotMusic,
    /// The highest score is too low to say anything, see [`Certainty`](crate::model::Certainty), or it is music of another
    /// kind, see [`Foreign`](crate::model::Foreign); only of whole recordings.
    Unsure,
}

impl Reason {
    /// The reason as machine output names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Gap => "gap",
            Self::NotMusic => "not_music",
            Self::Unsure => "unsure",
        }
    }

    /// The reason as people read it.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotMusic => "no music",
            other => other.name(),
        }
    }
}

/// An interval of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Where it begins, seconds of the recording.
    pub start_s: f64,
    /// Where it ends, seconds of the recording.
    pub end_s: f64,
    /// Its leading genre.
    pub genre: Option<String>,
    /// One score a genre in the model's order, sum 1; empty for silence and gaps.
    pub scores: Vec<f32>,
    /// Why there is no genre.
    pub reason: Option<Reason>,
}

impl Segment {
    /// Its genre, or the reason why it has none.
    pub fn name(&self) -> &str {
        self.genre.as_deref().or(self.reason.map(Reason::name)).unwrap_or("unknown")
    }

    /// The same, as people read it.
    pub fn words(&self) -> &str {
        self.genre.as_deref().or(self.reason.map(Reason::words)).unwrap_or("unknown")
    }
}

/// What a recording was judged to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Where the judged part begins, seconds of the recording.
    pub start_s: f64,
    /// Length of the judged part, seconds.
    pub duration_s: f64,
    /// The leading genre.
    pub genre: Option<String>,
    /// The mean of the patches' scores: one a genre in the model's order, sum 1; empty for silence and gaps.
    pub scores: Vec<f32>,
    /// Why there is no genre.
    pub reason: Option<Reason>,
    /// The timeline, as fine as the patch hop: what pictures draw.
    pub cells: Vec<Segment>,
    /// The timeline, neighbouring cells of one genre merged.
    pub segments: Vec<Segment>,
    /// What was repaired, left out or stretched.
    pub warnings: Vec<String>,
}

impl Prediction {
    /// Whether there is no genre.
    pub fn unknown(&self) -> bool {
        self.genre.is_none()
    }
}

/// Judges a recording.
///
/// # Errors
/// Those of [`AudioStream::next_block`]; [`ErrorKind::TooShort`](crate::ErrorKind::TooShort) below [`SHORTEST_S`]; those of [`Settings::check`].
pub fn classify(model: &Model, stream: AudioStream, settings: &Settings) -> Result<Prediction> {
    classify_watched(model, stream, settings, Watch { heard: &mut |_| Ok(()), judged: &mut |_| Ok(()) })
}

/// Who is told how a judgement comes along; an error of theirs ends it.
pub struct Watch<'a> {
    /// Takes the next samples: mono, at the front end's rate, from the beginning of the judged part on; those of the last
    /// call may go on behind its end.
    pub heard: &'a mut dyn FnMut(&[f32]) -> Result<()>,
    /// Takes what the network said of the next patch. Patches overlap: the timeline is made of their means, at the end.
    pub judged: &'a mut dyn FnMut(&Segment) -> Result<()>,
}

/// Judges a recording while somebody watches.
///
/// # Errors
/// Those of [`classify`], and those of the watch.
pub fn classify_watched(
    model: &Model,
    mut stream: AudioStream,
    settings: &Settings,
    watch: Watch,
) -> Result<Prediction> {
    let plan = Plan::new(model, settings)?;
    stream.skip_to(settings.from_s)?;
    match settings.decoding {
        Decoding::Ahead => classify_ahead(model, stream, &plan, watch),
        Decoding::Inline | Decoding::Live => {
            let (name, Watch { heard, judged }) = (stream.name().to_owned(), watch);
            let blocks = overheard(blocks(&mut stream), heard);
            let prediction = judge_blocks(model, blocks, &plan, (&name, judged))?;
            Ok(with_warnings(prediction, &stream))
        }
    }
}

/// A patch with the features that the network reads, from that patch alone.
fn patch_input(model: &Model, db: Vec<f32>, samples: &[f32]) -> PatchInput {
    let header = &model.header;
    let of = |input: &FeatureInput| input.extraction.of_patch(&db, samples, &header.front_end);
    let features = header.features.as_ref().map(of).unwrap_or_default();
    PatchInput { db, features }
}

fn classify_ahead(model: &Model, stream: AudioStream, plan: &Plan, watch: Watch) -> Result<Prediction> {
    let (name, Watch { heard, judged }) = (stream.name().to_owned(), watch);
    let mut stream = stream.on_threads(rayon::current_num_threads());
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(BLOCKS_AHEAD);
        let decoder = scope.spawn(move || {
            // A send fails once nothing more is needed: the part that is judged has ended, or there was an error.
            let _ = blocks(&mut stream).try_for_each(|block| sender.send(block));
            stream
        });
        let blocks = overheard(receiver.into_iter(), heard);
        let prediction = judge_blocks(model, blocks, plan, (&name, judged));
        let stream = decoder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok(with_warnings(prediction?, &stream))
    })
}

/// Who is told of judged patches.
type Judged<'a> = &'a mut dyn FnMut(&Segment) -> Result<()>;

/// Samples, and what of the recording so far was lost, seconds.
type Block = (Vec<f32>, Vec<Range<f64>>);

fn blocks(stream: &mut AudioStream) -> impl Iterator<Item = Result<Block>> {
    std::iter::from_fn(|| {
        let block = stream.next_block().transpose()?;
        Some(block.map(|samples| (samples, stream.take_lost())))
    })
}

fn overheard(
    blocks: impl Iterator<Item = Result<Block>>,
    heard: &mut dyn FnMut(&[f32]) -> Result<()>,
) -> impl Iterator<Item = Result<Block>> {
    blocks.map(|block| block.and_then(|block| heard(&block.0).map(|()| block)))
}

fn with_warnings(mut prediction: Prediction, stream: &AudioStream) -> Prediction {
    prediction.warnings.extend_from_slice(stream.warnings());
    prediction
}

fn judge_blocks(
    model: &Model,
    blocks: impl Iterator<Item = Result<Block>>,
    plan: &Plan,
    (name, watch): (&str, Judged),
) -> Result<Prediction> {
    let mut patches = PatchStream::new(model, plan, blocks, name)?;
    let judged = judge(model, &mut patches, plan, watch)?;
    let (frames, duration_s) = (patches.frames(), patches.duration_s());
    let mut prediction = summary(model, &judged, &plan.grid(frames, duration_s, patches.into_reasons()));
    prediction.warnings.extend(plan.short_warning(model, frames, duration_s));
    Ok(prediction)
}

/// Patches to the network in batches; silent ones do not go there.
fn judge(
    model: &Model,
    mut patches: impl Iterator<Item = Result<Patch>>,
    plan: &Plan,
    watch: Judged,
) -> Result<Vec<JudgedPatch>> {
    let mut judged: Vec<JudgedPatch> = Vec::new();
    loop {
        let batch: Vec<Patch> = patches.by_ref().take(plan.batch).collect::<Result<_>>()?;
        if batch.is_empty() {
            return Ok(judged);
        }
        let heard: Vec<PatchInput> = batch.iter().filter_map(|patch| patch.input.clone().ok()).collect();
        let mut answers = if heard.is_empty() { vec![] } else { model.answers(&heard)? }.into_iter();
        if let Some(tagger) = model.tagger() {
            tag_windows::score(tagger, &batch)?;
        }
        let tags = model.tagger().map(|tagger| tagger.model.header.genres.len());
        let mut answer = |patch: &Patch| {
            let mut answer = answers.next().expect("one answer for each patch that was heard");
            answer
                .scores
                .extend(tags.map(|tags| tag_windows::mean_scores(&patch.tags, tags)).unwrap_or_default());
            answer
        };
        let known = judged.len();
        judged.extend(batch.into_iter().map(|patch| JudgedPatch {
            start: patch.start,
            frames: patch.frames,
            answer: patch.input.as_ref().map(|_| answer(&patch)).map_err(|reason| *reason),
        }));
        judged[known..].iter().try_for_each(|patch| watch(&plan.segment(patch, model)))?;
    }
}

fn summary(model: &Model, judged: &[JudgedPatch], grid: &Grid) -> Prediction {
    let genres = &model.header.genres;
    let labels = Labelling::from(model);
    let foreign = labels.foreign(judged);
    let Verdict { genre, reason, scores } = labels.verdict(judged).or_unsure(model, foreign.is_some());
    let strange = foreign.filter(|_| reason == Some(Reason::Unsure));
    let cells = timeline::smoothed(timeline::cells(judged, grid, labels), grid.smoothing_s, genres);
    Prediction {
        start_s: grid.start_s,
        duration_s: grid.end_s - grid.start_s,
        genre,
        reason,
        scores,
        segments: merge(&cells),
        cells,
        warnings: strange
            .map(|kind| format!("sounds {kind}, which is none of its genres"))
            .into_iter()
            .collect(),
    }
}
