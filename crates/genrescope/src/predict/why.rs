//! Why a genre: how far its odds fall when a part of what the network sees is hidden from it.
//!
//! Occlusion after Zeiler and Fergus (2014): Visualizing and understanding convolutional networks, section 4.2.

use super::plan::{Patch, Plan};
use super::stream::PatchStream;
use super::timeline::leader;
use super::{PatchLength, Settings, blocks};
use crate::audio::AudioStream;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Model, PatchInput};

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

/// Scores of a patch as it is, then with each part hidden: `[1 + SLOTS * BAND_GROUPS][genres]`.
struct Hidden {
    start: usize,
    frames: usize,
    scores: Vec<Vec<f32>>,
}

/// Hides one part of a recording after another. Patches of the model's length lie side by side; a hidden part has the mean
/// level of each of its bands in the patch. `genre` is the leading one of the whole unless given.
///
/// # Errors
/// [`ErrorKind::BadSettings`] for a genre that the model does not know, and for a model that reads more than the
/// spectrogram; those of [`classify`](super::classify).
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
            hidden.push(hide(model, &patch, input)?);
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
    if header.features.is_some() || model.tagger().is_some() {
        return refuse(format!(
            "`{}` reads more than the spectrogram that parts are hidden of; explain `fast`",
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

fn hide(model: &Model, patch: &Patch, input: &PatchInput) -> Result<Hidden> {
    let bands = model.header.front_end.mel_bands;
    let means = band_means(&input.db, bands);
    let mut inputs = vec![input.clone()];
    for slot in 0..SLOTS {
        inputs.extend((0..BAND_GROUPS).map(|group| without(input, &means, [slot, group]).into()));
    }
    let mut scores = Vec::with_capacity(inputs.len());
    for inputs in inputs.chunks(AT_ONCE) {
        scores.extend(model.scores(inputs)?);
    }
    Ok(Hidden { start: patch.start, frames: patch.frames, scores })
}

fn band_means(db: &[f32], bands: usize) -> Vec<f32> {
    let mut sums = vec![0.0; bands];
    db.chunks_exact(bands).for_each(|row| sums.iter_mut().zip(row).for_each(|(sum, level)| *sum += level));
    let frames = (db.len() / bands).max(1) as f32;
    sums.into_iter().map(|sum| sum / frames).collect()
}

/// The levels with one part at its bands' means.
fn without(input: &PatchInput, means: &[f32], [slot, group]: [usize; 2]) -> Vec<f32> {
    let bands = means.len();
    let frames = input.db.len() / bands;
    let hidden_bands = group * bands / BAND_GROUPS..(group + 1) * bands / BAND_GROUPS;
    let mut db = input.db.clone();
    for row in db.chunks_exact_mut(bands).take((slot + 1) * frames / SLOTS).skip(slot * frames / SLOTS) {
        row[hidden_bands.clone()].copy_from_slice(&means[hidden_bands.clone()]);
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
        let input = PatchInput::from(db.clone());
        let hidden = without(&input, &means, [1, 7]);
        for (cell, (before, after)) in db.iter().zip(&hidden).enumerate() {
            let (frame, band) = (cell / 16, cell % 16);
            let is_hidden = (2..4).contains(&frame) && band >= 14;
            assert_eq!(*after, if is_hidden { means[band] } else { *before }, "{frame} {band}");
        }
    }

    #[test]
    fn odds_of_certain_scores_are_finite() {
        assert_eq!(log_odds(0.5), 0.0);
        assert!(log_odds(1.0).is_finite() && log_odds(0.0).is_finite());
    }
}
