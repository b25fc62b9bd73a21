//! Why a genre: how far its odds fall when a part of what the network sees is hidden from it.
//!
//! Occlusion after Zeiler and Fergus (2014): Visualizing and understanding convolutional networks, section 4.2.

use std::ops::Range;

use super::plan::{Patch, Plan};
use super::stream::PatchStream;
use super::timeline::leader;
use super::{PatchLength, Settings, blocks, tag_windows};
use crate::audio::AudioStream;
use crate::error::{Error, ErrorKind, Result};
use crate::features::{FrontEnd, hz_to_mel};
use crate::model::{Model, PatchInput, Tagger};

/// Parts that bands are divided into.
pub const BAND_GROUPS: usize = 8;
/// Parts that a patch is divided into in time.
const SLOTS: usize = 4;
/// Patches that the network sees at once.
const AT_ONCE: usize = 8;
/// Scores nearer to 0 and 1 than this count as this near: odds stay finite.
const LEAST_SCORE: f32 = 1e-6;

/// What speaks for a genre and against it, over time and bands.
#[derive(Clone, Debug, PartialEq)]
pub struct Occlusion {
    /// The genre.
    pub genre: String,
    /// Stretches of time that lie side by side; silence and gaps are left out.
    pub slots: Vec<Slot>,
}

/// A stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Where it begins, seconds of the recording.
    pub start_s: f64,
    /// Where it ends, seconds of the recording.
    pub end_s: f64,
    /// By how much the logarithm of the genre's odds falls when these bands are hidden here: above 0 they speak for it.
    /// One number a group of bands, the lowest first.
    pub weights: [f32; BAND_GROUPS],
}

/// A part of a patch: its number in time, and of its bands.
type Part = [usize; 2];

/// Scores of a patch as it is, then with each part hidden: `[1 + SLOTS * BAND_GROUPS][genres]`.
struct Hidden {
    start: usize,
    frames: usize,
    scores: Vec<Vec<f32>>,
}

/// Hides one part of a recording after another. Patches of the model's length lie side by side; a hidden part has the mean
/// level of each of its bands in the patch; of a joined model it is hidden from both networks. `genre` is the leading one
/// of the whole unless given.
///
/// # Errors
/// [`ErrorKind::BadSettings`] for a genre that the model does not know, and for a model that reads audio features beside
/// the spectrogram; those of [`classify`](super::classify).
pub fn occlusion(
    model: &Model,
    mut stream: AudioStream,
    settings: &Settings,
    genre: Option<&str>,
) -> Result<Occlusion> {
    check(model, genre)?;
    let patch_hop_s = Some(model.header.patch_s());
    let plan = Plan::new(model, &Settings { patch: PatchLength::Model, patch_hop_s, ..settings.clone() })?;
    stream.skip_to(settings.from_s)?;
    let name = stream.name().to_owned();
    let mut hidden = Vec::new();
    for patch in PatchStream::new(model, &plan, blocks(&mut stream), &name)? {
        let patch = patch?;
        if let Ok(input) = &patch.input {
            hidden.push(hide(model, &plan, &patch, input)?);
        }
    }
    let genres = &model.header.genres;
    let chosen = genre.and_then(|genre| genres.iter().position(|known| known == genre));
    let chosen = chosen.or_else(|| leader(&mean_of_whole(&hidden)));
    let Some(chosen) = chosen.filter(|_| !hidden.is_empty()) else {
        return Err(Error::new(
            ErrorKind::TooShort,
            format!("{name}: nothing but silence, which has no genre to explain"),
        ));
    };
    Ok(Occlusion { genre: genres[chosen].clone(), slots: slots(&hidden, chosen, &plan) })
}

fn check(model: &Model, genre: Option<&str>) -> Result<()> {
    let header = &model.header;
    let refuse = |what: String| Err(Error::new(ErrorKind::BadSettings, what));
    if header.features.is_some() {
        return refuse(format!(
            "`{}` reads features beside the spectrogram that parts are hidden of; explain `best` or `fast`",
            header.name
        ));
    }
    match genre.filter(|genre| !header.genres.iter().any(|known| known == genre)) {
        Some(genre) => {
            refuse(format!("`{}` knows no `{genre}`, but {}", header.name, header.genres.join(", ")))
        }
        None => Ok(()),
    }
}

fn hide(model: &Model, plan: &Plan, patch: &Patch, input: &PatchInput) -> Result<Hidden> {
    let means = band_means(&input.db, model.header.front_end.mel_bands);
    let frames = input.db.len() / means.len();
    let without = |[slot, group]: Part| {
        let hidden = slot * frames / SLOTS..(slot + 1) * frames / SLOTS;
        PatchInput::from(without(&input.db, &means, hidden, group_bands(group, means.len())))
    };
    let inputs: Vec<PatchInput> = [input.clone()].into_iter().chain(parts().map(without)).collect();
    let mut scores = Vec::with_capacity(inputs.len());
    for inputs in inputs.chunks(AT_ONCE) {
        scores.extend(model.scores(inputs)?);
    }
    if let Some(tagger) = model.tagger() {
        let tags = tags_of_hidden(tagger, &model.header.front_end, plan, patch)?;
        scores = scores.iter().zip(tags).map(|(scores, tags)| tagger.head().join(scores, &tags)).collect();
    }
    Ok(Hidden { start: patch.start, frames: patch.frames, scores })
}

fn parts() -> impl Iterator<Item = Part> {
    (0..SLOTS).flat_map(|slot| (0..BAND_GROUPS).map(move |group| [slot, group]))
}

fn group_bands(group: usize, bands: usize) -> Range<usize> {
    group * bands / BAND_GROUPS..(group + 1) * bands / BAND_GROUPS
}

/// Mean tag scores of a patch as it is, then with each part hidden from the tagger: `[1 + SLOTS * BAND_GROUPS][tags]`.
fn tags_of_hidden(
    tagger: &Tagger,
    front_end: &FrontEnd,
    plan: &Plan,
    patch: &Patch,
) -> Result<Vec<Vec<f32>>> {
    tag_windows::score(tagger, std::slice::from_ref(patch))?;
    let whole = tag_windows::mean_scores(&patch.tags, tagger.model.header.genres.len());
    let heard = &tagger.model.header.front_end;
    let hidden = parts().map(|[slot, group]| {
        let frames = slot * patch.frames / SLOTS..(slot + 1) * patch.frames / SLOTS;
        let span_s = plan.span_s(patch.start + frames.start..patch.start + frames.end);
        let bands = bands_alike(&group_bands(group, front_end.mel_bands), front_end, heard);
        if bands.is_empty() {
            return Ok(whole.clone());
        }
        let hide = |db: &[f32], frames| without(db, &band_means(db, heard.mel_bands), frames, bands.clone());
        tag_windows::mean_scores_without(tagger, &patch.tags, &span_s, hide)
    });
    [Ok(whole.clone())].into_iter().chain(hidden).collect()
}

/// The bands of another front end that are centred in the range of these.
fn bands_alike(bands: &Range<usize>, own: &FrontEnd, other: &FrontEnd) -> Range<usize> {
    let mel = |front_end: &FrontEnd, band: f64| {
        let top = hz_to_mel(f64::from(front_end.sample_rate_hz) / 2.0);
        top * (band + 1.0) / (front_end.mel_bands as f64 + 1.0)
    };
    let first_above = |edge: usize| {
        let lies_below = |band: &usize| mel(other, *band as f64) < mel(own, edge as f64 - 0.5);
        if edge == own.mel_bands {
            other.mel_bands
        } else {
            (0..other.mel_bands).take_while(lies_below).count()
        }
    };
    first_above(bands.start)..first_above(bands.end)
}

fn band_means(db: &[f32], bands: usize) -> Vec<f32> {
    let mut sums = vec![0.0; bands];
    db.chunks_exact(bands).for_each(|row| sums.iter_mut().zip(row).for_each(|(sum, level)| *sum += level));
    let frames = (db.len() / bands).max(1) as f32;
    sums.into_iter().map(|sum| sum / frames).collect()
}

/// The levels with one part at its bands' means.
fn without(db: &[f32], means: &[f32], frames: Range<usize>, bands: Range<usize>) -> Vec<f32> {
    let mut db = db.to_vec();
    for row in db.chunks_exact_mut(means.len()).take(frames.end).skip(frames.start) {
        row[bands.clone()].copy_from_slice(&means[bands.clone()]);
    }
    db
}

fn mean_of_whole(hidden: &[Hidden]) -> Vec<f32> {
    let mut sums = Vec::new();
    for Hidden { scores, .. } in hidden {
        sums.resize(scores[0].len(), 0.0);
        sums.iter_mut().zip(&scores[0]).for_each(|(sum, score)| *sum += score);
    }
    sums
}

/// Of a last patch that reaches back into the one before it, what is new.
fn slots(hidden: &[Hidden], genre: usize, plan: &Plan) -> Vec<Slot> {
    let (mut slots, mut known_s) = (Vec::<Slot>::new(), 0.0);
    for Hidden { start, frames, scores } in hidden {
        let whole = log_odds(scores[0][genre]);
        for slot in 0..SLOTS {
            let span_s = plan.span_s(start + slot * frames / SLOTS..start + (slot + 1) * frames / SLOTS);
            let (start_s, end_s) = (plan.from_s + span_s.start.max(known_s), plan.from_s + span_s.end);
            if end_s > start_s {
                let of_group = |group: usize| whole - log_odds(scores[1 + slot * BAND_GROUPS + group][genre]);
                slots.push(Slot { start_s, end_s, weights: std::array::from_fn(of_group) });
            }
        }
        known_s = plan.span_s(*start..start + frames).end;
    }
    slots
}

fn log_odds(score: f32) -> f32 {
    let score = score.clamp(LEAST_SCORE, 1.0 - LEAST_SCORE);
    (score / (1.0 - score)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_part_has_the_means_of_its_bands_and_the_rest_stays() {
        let db: Vec<f32> = (0..8 * 16).map(|cell| -(cell as f32)).collect();
        let means = band_means(&db, 16);
        assert_eq!(means[3], -(0..8).map(|frame| (frame * 16 + 3) as f32).sum::<f32>() / 8.0);
        let hidden = without(&db, &means, 2..4, group_bands(7, 16));
        for (cell, (before, after)) in db.iter().zip(&hidden).enumerate() {
            let (frame, band) = (cell / 16, cell % 16);
            let is_hidden = (2..4).contains(&frame) && band >= 14;
            assert_eq!(*after, if is_hidden { means[band] } else { *before }, "{frame} {band}");
        }
    }

    #[test]
    fn bands_alike_are_centred_between_the_same_frequencies_and_no_band_is_left_out() {
        let front_end =
            |sample_rate_hz, mel_bands| FrontEnd { sample_rate_hz, mel_bands, ..FrontEnd::default() };
        let (own, other) = (front_end(22_050, 128), front_end(16_000, 96));
        assert_eq!(bands_alike(&(16..32), &own, &own), 16..32);
        let groups: Vec<_> =
            (0..BAND_GROUPS).map(|group| bands_alike(&group_bands(group, 128), &own, &other)).collect();
        assert_eq!((groups[0].start, groups[BAND_GROUPS - 1].end), (0, 96));
        assert!(groups.windows(2).all(|pair| pair[0].end == pair[1].start), "{groups:?}");
        // The uppermost reaches from 7.4 to 11 kHz, of which the other hears the part below 8 kHz.
        assert!(groups[BAND_GROUPS - 1].len() == 3 && groups[BAND_GROUPS - 2].len() == 13, "{groups:?}");
    }

    #[test]
    fn odds_of_certain_scores_are_finite() {
        assert_eq!(log_odds(0.5), 0.0);
        assert!(log_odds(1.0).is_finite() && log_odds(0.0).is_finite());
    }
}
