//! Scores of overlapping patches → the genre over time.
//!
//! The track is cut into *cells* of one patch hop. A cell's scores are the mean over the patches that cover it;
//! on request smoothed over some seconds; neighbouring cells that one genre leads are one *segment*. Silent and lost cells belong to no genre.

use super::{Reason, Segment};
use crate::model::{Model, PatchAnswer};

/// Below this mean probability a stretch is no music.
const LEAST_MUSIC: f32 = 0.5;

/// A patch and what the network said of it.
#[derive(Clone, Debug)]
pub(crate) struct JudgedPatch {
    /// Its first frame.
    pub(crate) start: usize,
    /// Its length, frames.
    pub(crate) frames: usize,
    /// One score a genre, of a joined model one a tag behind them, and how likely it is music; or why there is none.
    pub(crate) answer: Result<PatchAnswer, Reason>,
}

/// What means of patches' scores say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labelling<'a> {
    /// The labels.
    pub(crate) genres: &'a [String],
    /// What makes scores of the means of a joined model.
    pub(crate) model: Option<&'a Model>,
}

impl<'a> From<&'a Model> for Labelling<'a> {
    fn from(model: &'a Model) -> Self {
        Self { genres: &model.header.genres, model: Some(model) }
    }
}

impl<'a> Labelling<'a> {
    /// The kind of music that is none of the genres, where patches say so together.
    pub(crate) fn foreign(self, patches: &[JudgedPatch]) -> Option<&'a str> {
        self.model?.foreign(&mean_answer(patches))
    }

    /// What patches say together: the mean of their answers, those without left out.
    pub(crate) fn verdict(self, patches: &[JudgedPatch]) -> Verdict {
        let answers = patches.iter().filter_map(|patch| patch.answer.as_ref().ok());
        let scores = self.settled(mean_answer(patches));
        if scores.is_empty() {
            let gap = patches.iter().all(|patch| matches!(patch.answer, Err(Reason::Gap)));
            return Verdict::unknown(if gap { Reason::Gap } else { Reason::Silence });
        }
        let music: f32 = answers.clone().map(|answer| answer.music).sum::<f32>() / answers.count() as f32;
        let reason = (music < LEAST_MUSIC).then_some(Reason::NotMusic);
        Verdict {
            genre: leader(&scores).filter(|_| reason.is_none()).map(|leader| self.genres[leader].clone()),
            reason,
            scores,
        }
    }

    fn settled(self, means: Vec<f32>) -> Vec<f32> {
        match self.model {
            Some(model) => model.settled(means),
            None => means,
        }
    }
}

/// What is said of a stretch of a track.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// The leading genre.
    pub(crate) genre: Option<String>,
    /// Why there is none.
    pub(crate) reason: Option<Reason>,
    /// One score a genre, sum 1; empty for silence and gaps.
    pub(crate) scores: Vec<f32>,
}

impl Verdict {
    fn unknown(reason: Reason) -> Self {
        Self { genre: None, reason: Some(reason), scores: Vec::new() }
    }

    /// The same, without a genre where the model's scores say too little of one, or it is `foreign` music.
    pub(crate) fn or_unsure(self, model: &Model, foreign: bool) -> Self {
        let least = model.header.certainty.as_ref().map_or(0.0, |certainty| certainty.unsure_below);
        match leader(&self.scores).filter(|_| self.genre.is_some()) {
            Some(leader) if foreign || self.scores[leader] < least => {
                Self { genre: None, reason: Some(Reason::Unsure), ..self }
            }
            _ => self,
        }
    }
}

/// Where cells lie, and how loud they are.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    /// Frames of a cell; the last may be shorter.
    pub(crate) cell_frames: usize,
    /// Frames of the track.
    pub(crate) frames: usize,
    /// Length of a frame, seconds.
    pub(crate) frame_period_s: f64,
    /// Where the first frame lies in the recording, seconds.
    pub(crate) start_s: f64,
    /// Where the last cell ends, seconds.
    pub(crate) end_s: f64,
    /// Over how many seconds cells are averaged.
    pub(crate) smoothing_s: f64,
    /// Why cells have no genre of their own; empty where the waveform is not known, and nothing then counts as silence.
    pub(crate) reasons: Vec<Option<Reason>>,
}

/// The cells of a track. `patches` are in the order of their starts, and cover every frame.
pub(crate) fn cells(patches: &[JudgedPatch], grid: &Grid, labels: Labelling) -> Vec<Segment> {
    let count = grid.frames.div_ceil(grid.cell_frames);
    let cells = (0..count).map(|index| cell(patches, grid, labels, index));
    // The last frame is centred near the end of the audio and may begin behind it.
    cells.filter(|cell| cell.start_s < cell.end_s).collect()
}

fn cell(patches: &[JudgedPatch], grid: &Grid, labels: Labelling, index: usize) -> Segment {
    let first = index * grid.cell_frames;
    let end = (first + grid.cell_frames).min(grid.frames);
    let own_reason = grid.reasons.get(index).copied().flatten();
    let covering = &patches[patches.partition_point(|patch| patch.start + patch.frames < end)..];
    let covering = &covering[..covering.partition_point(|patch| patch.start <= first)];
    let Verdict { genre, reason, scores } =
        own_reason.map_or_else(|| labels.verdict(covering), Verdict::unknown);
    let time_s = |frame: usize| grid.start_s + frame as f64 * grid.frame_period_s;
    Segment {
        start_s: time_s(first),
        end_s: if end == grid.frames { grid.end_s } else { time_s(end) },
        genre,
        reason,
        scores,
    }
}

/// The cells with the mean scores of `smoothing_s` seconds around their middles. What has no genre has none after it,
/// and counts for nothing in its neighbours.
pub(crate) fn smoothed(cells: Vec<Segment>, smoothing_s: f64, genres: &[String]) -> Vec<Segment> {
    if smoothing_s == 0.0 {
        return cells;
    }
    let smooth = |cell: &Segment| {
        if cell.genre.is_none() {
            return cell.clone();
        }
        let middle_s = (cell.start_s + cell.end_s) / 2.0;
        let (from_s, to_s) = (middle_s - smoothing_s / 2.0, middle_s + smoothing_s / 2.0);
        let near = &cells[cells.partition_point(|other| other.end_s <= from_s)..];
        let near = &near[..near.partition_point(|other| other.start_s < to_s)];
        let shared_s = |other: &Segment| other.end_s.min(to_s) - other.start_s.max(from_s);
        let judged = near.iter().filter(|other| other.genre.is_some());
        let scores = mean(judged.map(|other| (other.scores.as_slice(), shared_s(other))));
        let genre = leader(&scores).map(|leader| genres[leader].clone());
        Segment { genre, scores, ..cell.clone() }
    };
    cells.iter().map(smooth).collect()
}

/// Neighbouring cells of one leading genre as one segment; scores are averaged over time.
pub fn merge(cells: &[Segment]) -> Vec<Segment> {
    cells.chunk_by(|a, b| a.genre == b.genre && a.reason == b.reason).map(merged).collect()
}

fn merged(run: &[Segment]) -> Segment {
    let (first, last) = (&run[0], &run[run.len() - 1]);
    let weighted = run.iter().map(|cell| (cell.scores.as_slice(), cell.end_s - cell.start_s));
    let scores = if run.len() == 1 { first.scores.clone() } else { mean(weighted) };
    Segment { end_s: last.end_s, scores, ..first.clone() }
}

/// The genre with the highest score; the first of equals.
pub(crate) fn leader(scores: &[f32]) -> Option<usize> {
    (0..scores.len()).reduce(|best, index| if scores[index] > scores[best] { index } else { best })
}

fn mean_answer(patches: &[JudgedPatch]) -> Vec<f32> {
    let answers = patches.iter().filter_map(|patch| patch.answer.as_ref().ok());
    mean(answers.map(|answer| (answer.scores.as_slice(), 1.0)))
}

fn mean<'a>(weighted: impl Iterator<Item = (&'a [f32], f64)>) -> Vec<f32> {
    let (mut sums, mut weights) = (Vec::new(), 0.0);
    for (scores, weight) in weighted {
        sums.resize(scores.len(), 0.0);
        sums.iter_mut().zip(scores).for_each(|(sum, &score)| *sum += weight * f64::from(score));
        weights += weight;
    }
    sums.into_iter().map(|sum| (sum / weights) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled<T>(of: impl Fn(Labelling) -> T) -> T {
        of(Labelling { genres: &genres(), model: None })
    }

    fn genres() -> Vec<String> {
        ["jazz", "rock"].map(String::from).to_vec()
    }

    fn answer(jazz: f32, music: f32) -> PatchAnswer {
        PatchAnswer { scores: vec![jazz, 1.0 - jazz], music }
    }

    fn patch(start: usize, jazz: Option<f32>) -> JudgedPatch {
        JudgedPatch { start, frames: 4, answer: jazz.map(|jazz| answer(jazz, 1.0)).ok_or(Reason::Silence) }
    }

    fn grid(frames: usize, reasons: Vec<Option<Reason>>) -> Grid {
        Grid {
            cell_frames: 2,
            frames,
            frame_period_s: 0.5,
            start_s: 10.0,
            end_s: 10.0 + frames as f64 / 2.0,
            smoothing_s: 0.0,
            reasons,
        }
    }

    #[test]
    fn a_cell_is_the_mean_of_the_patches_that_cover_it() {
        let patches = [patch(0, Some(0.75)), patch(2, Some(0.25)), patch(4, Some(0.0))];
        let cells = labelled(|labels| cells(&patches, &grid(8, vec![]), labels));
        let jazz: Vec<f32> = cells.iter().map(|cell| cell.scores[0]).collect();
        assert_eq!(jazz, [0.75, 0.5, 0.125, 0.0]);
        assert_eq!((cells[1].start_s, cells[1].end_s), (11.0, 12.0));
    }

    #[test]
    fn the_last_cell_ends_with_the_track_and_an_extra_patch_covers_it() {
        let patches = [patch(0, Some(1.0)), patch(2, Some(1.0)), patch(3, Some(0.0))];
        let cells = labelled(|labels| cells(&patches, &grid(7, vec![]), labels));
        assert_eq!(cells.len(), 4);
        assert_eq!(cells[3].scores, [0.0, 1.0]);
        assert_eq!(cells[3].end_s, 13.5);
    }

    #[test]
    fn neighbours_of_one_genre_merge_and_are_averaged_over_time() {
        let patches = [patch(0, Some(1.0)), patch(2, Some(0.6)), patch(4, Some(0.0))];
        let segments = labelled(|labels| merge(&cells(&patches, &grid(8, vec![]), labels)));
        assert_eq!(segments.len(), 2);
        assert_eq!((segments[0].start_s, segments[0].end_s), (10.0, 12.0));
        assert_eq!(segments[0].genre.as_deref(), Some("jazz"));
        assert!((segments[0].scores[0] - 0.9).abs() < 1e-6);
        assert_eq!(segments[1].genre.as_deref(), Some("rock"));
    }

    #[test]
    fn a_silent_cell_has_no_genre_though_patches_with_music_reach_into_it() {
        let patches = [patch(0, Some(1.0)), patch(2, Some(1.0)), patch(4, None)];
        let grid = grid(8, vec![None, None, Some(Reason::Silence), Some(Reason::Gap)]);
        let segments = labelled(|labels| merge(&cells(&patches, &grid, labels)));
        assert_eq!(segments.len(), 3);
        assert_eq!((segments[1].genre.clone(), segments[1].reason), (None, Some(Reason::Silence)));
        assert_eq!((segments[2].genre.clone(), segments[2].reason), (None, Some(Reason::Gap)));
        assert!(segments[1].scores.is_empty());
    }

    #[test]
    fn smoothing_averages_over_its_seconds_but_not_over_silence() {
        let patches = [patch(0, Some(1.0)), patch(2, Some(1.0)), patch(4, Some(0.0)), patch(6, Some(0.0))];
        let reasons = vec![None, None, None, None, Some(Reason::Silence)];
        let grid = grid(10, reasons);
        let cells = labelled(|labels| cells(&patches, &grid, labels));
        let jazz = |cells: &[Segment]| cells.iter().map(|c| c.scores.first().copied()).collect::<Vec<_>>();
        assert_eq!(jazz(&cells), [Some(1.0), Some(1.0), Some(0.5), Some(0.0), None]);
        assert_eq!(
            smoothed(cells.clone(), 0.5, &genres()),
            cells,
            "within a cell there is nothing to average"
        );
        let smooth = smoothed(cells, 2.0, &genres());
        assert_eq!(jazz(&smooth), [Some(1.0), Some(0.875), Some(0.5), Some(1.0 / 6.0), None]);
        assert_eq!(smooth[3].genre.as_deref(), Some("rock"));
    }

    #[test]
    fn silent_patches_do_not_count_in_the_track() {
        let scores = |patches: &[JudgedPatch]| labelled(|labels| labels.verdict(patches).scores);
        assert_eq!(scores(&[patch(0, Some(0.5)), patch(2, None), patch(4, Some(1.0))]), [0.75, 0.25]);
        assert!(scores(&[patch(0, None)]).is_empty());
    }

    #[test]
    fn what_is_no_music_has_scores_and_no_genre_and_stays_out_of_its_neighbours() {
        let talk = JudgedPatch { answer: Ok(answer(0.9, 0.1)), ..patch(4, None) };
        let patches = [patch(0, Some(1.0)), patch(2, Some(0.0)), talk];
        let cells = labelled(|labels| cells(&patches, &grid(8, vec![]), labels));
        let reasons: Vec<_> = cells.iter().map(|cell| cell.reason).collect();
        assert_eq!(reasons, [None, None, None, Some(Reason::NotMusic)], "the third is half music");
        assert_eq!((cells[3].genre.clone(), cells[3].scores.len()), (None, 2));
        assert_eq!(merge(&cells).len(), 3);
        let smooth = smoothed(cells.clone(), 4.0, &genres());
        assert_eq!(smooth[3], cells[3]);
        // Half a second of the first cell, all of the second and of itself.
        assert!((smooth[2].scores[0] - (0.5 * 1.0 + 0.5 + 0.45) / 2.5).abs() < 1e-6, "{smooth:?}");
        let whole = |music| {
            let talk = JudgedPatch { answer: Ok(answer(0.9, music)), ..patch(4, None) };
            labelled(|labels| labels.verdict(&[patch(0, Some(1.0)), talk.clone(), talk.clone()]))
        };
        assert_eq!(whole(0.3).genre.as_deref(), Some("jazz"));
        assert_eq!((whole(0.2).genre, whole(0.2).reason), (None, Some(Reason::NotMusic)));
    }

    #[test]
    fn the_first_of_equals_leads() {
        assert_eq!(leader(&[0.4, 0.4, 0.2]), Some(0));
        assert_eq!(leader(&[]), None);
    }
}
