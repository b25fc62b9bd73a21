//! Whether scores mean what they say: as they were given, and fitted on other folds; what is fitted for the model that ships.

use serde::{Deserialize, Serialize};

use super::result::rounded;
use super::{FoldResult, Judgement};
use crate::metrics::{best, calibration, certainty, error_by_chance};
use crate::model::Certainty;
use crate::train::settings::Protocol;

/// Fewer answers than this are not fitted to.
const LEAST_ANSWERS: usize = 50;
/// Percents of recordings that prediction sets are measured for.
const SETS: [u8; 4] = [80, 90, 95, 99];
/// Shares of recordings that are answered, percent, the surest first.
const ANSWERED: [usize; 7] = [100, 95, 90, 80, 70, 60, 50];

/// What scores of tracks mean, as it stands in `result.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertaintyResult {
    /// Scores as they were given.
    pub given: ScoreFigures,
    /// Each fold's scores after a fit on the other folds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted: Option<ScoreFigures>,
    /// Accuracy where only the surest are answered; of fitted scores, if there are any.
    pub answered: Vec<Answered>,
    /// Prediction sets, of each fold by the fit on the others; without folds, by the model's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<SetFigures>,
    /// The fit on all folds; none on a test part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainty: Option<Certainty>,
}

/// How far scores are from shares of right answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreFigures {
    /// Expected calibration error in ten bins of equal width, percent.
    pub calibration_error_percent: f64,
    /// What that stays below in 95 % of samples of this size when scores mean what they say, percent.
    pub by_chance_percent: f64,
    /// Mean of `-ln(score of the true genre)`.
    pub log_loss: f64,
    /// Mean squared distance from certainty of the true genre, 0 to 2 (Brier 1950).
    pub brier: f64,
}

/// The surest answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// Share of tracks that they are of, percent.
    pub tracks_percent: usize,
    /// Their least highest score.
    pub least_score: f32,
    /// Share of them that is right, percent.
    pub accuracy_percent: f64,
}

/// Sets that shall hold the true genre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetFigures {
    /// Of how many percent of the tracks they shall.
    pub wanted_percent: u8,
    /// Of how many they do.
    pub held_percent: f64,
    /// Genres in a set, the mean.
    pub genres: f64,
}

/// Truths and scores of tracks that are no silence.
#[derive(Default)]
struct Answers {
    truth: Vec<usize>,
    scores: Vec<Vec<f32>>,
}

impl Answers {
    fn of<'a>(tracks: impl Iterator<Item = &'a Judgement>) -> Self {
        let heard = tracks.filter(|track| !track.scores.is_empty());
        let (truth, scores) = heard.map(|track| (track.genre, track.scores.clone())).unzip();
        Self { truth, scores }
    }

    fn fit(&self, fitted_on: String) -> Certainty {
        certainty(&self.truth, &self.scores, fitted_on)
    }

    fn figures(&self) -> ScoreFigures {
        let found = calibration(&self.truth, &self.scores);
        ScoreFigures {
            calibration_error_percent: rounded(100.0 * found.expected_error, 2),
            by_chance_percent: rounded(100.0 * error_by_chance(&self.scores), 2),
            log_loss: rounded(found.log_loss, 4),
            brier: rounded(found.brier, 4),
        }
    }

    fn answered(&self) -> Vec<Answered> {
        let mut surest: Vec<(f32, bool)> = self
            .truth
            .iter()
            .zip(&self.scores)
            .map(|(&truth, scores)| (scores[best(scores)], best(scores) == truth))
            .collect();
        surest.sort_by(|a, b| b.0.total_cmp(&a.0));
        let of = |tracks_percent: usize| {
            let kept = &surest[..(surest.len() * tracks_percent).div_ceil(100)];
            let right = kept.iter().filter(|(_, right)| *right).count();
            Answered {
                tracks_percent,
                least_score: kept.last().map_or(0.0, |(score, _)| *score),
                accuracy_percent: rounded(100.0 * right as f64 / kept.len().max(1) as f64, 2),
            }
        };
        ANSWERED.map(of).into()
    }

    /// For each of [`SETS`], how many sets hold the truth, and how many genres are in all of them.
    fn sets(&self, certainty: &Certainty) -> [[usize; 2]; SETS.len()] {
        SETS.map(|percent| {
            let least = certainty.least_score(percent).unwrap_or_default();
            self.truth.iter().zip(&self.scores).fold([0, 0], |[held, genres], (&truth, scores)| {
                let is_in = |genre: usize| scores[genre] >= least || genre == best(scores);
                let size = (0..scores.len()).filter(|&genre| is_in(genre)).count();
                [held + usize::from(is_in(truth)), genres + size]
            })
        })
    }
}

impl CertaintyResult {
    /// Of the tracks of folds that one protocol measured. `own` is the certainty of a finished model that answered.
    /// None where a song is learned from as well, which says nothing of others, and of too few tracks.
    pub(super) fn new(protocol: Protocol, folds: &[FoldResult], own: Option<&Certainty>) -> Option<Self> {
        let all = Answers::of(folds.iter().flat_map(|fold| &fold.tracks));
        if protocol.leak().is_some() || all.truth.len() < LEAST_ANSWERS {
            return None;
        }
        let mut fitted = Answers::default();
        let mut sets = [[0; 2]; SETS.len()];
        for own_fold in folds.iter().filter(|_| folds.len() > 1) {
            let others = folds.iter().filter(|fold| fold.fold != own_fold.fold);
            let fit = Answers::of(others.flat_map(|fold| &fold.tracks)).fit(String::new());
            let mut answers = Answers::of(own_fold.tracks.iter());
            answers.scores.iter_mut().for_each(|scores| *scores = fit.applied(scores));
            add(&mut sets, answers.sets(&fit));
            fitted.truth.extend(answers.truth);
            fitted.scores.extend(answers.scores);
        }
        if let Some(own) = own {
            add(&mut sets, all.sets(own));
        }
        let crossed = (!fitted.truth.is_empty()).then_some(fitted);
        let has_sets = own.is_some() || crossed.is_some();
        let tracks = all.truth.len();
        // Protocol twin measures clips of the test part.
        let may_fit = matches!(protocol, Protocol::CrossValidation | Protocol::Groups | Protocol::HoldOut);
        let fitted_on = format!("{tracks} tracks, protocol {}", protocol.name());
        Some(Self {
            given: all.figures(),
            fitted: crossed.as_ref().map(Answers::figures),
            answered: crossed.as_ref().unwrap_or(&all).answered(),
            sets: if has_sets { set_figures(sets, tracks) } else { Vec::new() },
            certainty: may_fit.then(|| all.fit(fitted_on)),
        })
    }
}

fn add(sums: &mut [[usize; 2]], more: [[usize; 2]; SETS.len()]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum = [sum[0] + more[0], sum[1] + more[1]];
    }
}

fn set_figures(sums: [[usize; 2]; SETS.len()], tracks: usize) -> Vec<SetFigures> {
    let of = |(wanted_percent, [held, genres]): (u8, [usize; 2])| SetFigures {
        wanted_percent,
        held_percent: rounded(100.0 * held as f64 / tracks as f64, 2),
        genres: rounded(genres as f64 / tracks as f64, 2),
    };
    SETS.into_iter().zip(sums).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tracks of two genres whose first has a score of 0.9 and is right three times in four.
    fn fold(number: usize, tracks: usize) -> FoldResult {
        let track = |n: usize| Judgement {
            id: format!("{number}-{n}"),
            genre: usize::from(n.is_multiple_of(4)),
            group: n,
            scores: if n == 1 { Vec::new() } else { vec![0.9, 0.1] },
        };
        FoldResult {
            fold: number,
            folds: 2,
            genres: ["jazz", "rock"].map(String::from).to_vec(),
            settings: String::new(),
            train_tracks: 0,
            valid_tracks: 0,
            epochs: 1,
            valid_accuracy: None,
            tracks: (0..tracks).map(track).collect(),
            segments: Vec::new(),
            segment_answers: Vec::new(),
            from_audio: Vec::new(),
        }
    }

    #[test]
    fn other_folds_make_scores_mean_what_they_say() {
        let folds = [fold(1, 401), fold(2, 401)];
        let found = CertaintyResult::new(Protocol::CrossValidation, &folds, None).unwrap();
        let fitted = found.fitted.unwrap();
        assert!((found.given.calibration_error_percent - 15.0).abs() < 0.5, "{:?}", found.given);
        assert!(fitted.calibration_error_percent < 0.5 && fitted.log_loss < found.given.log_loss);
        assert!(fitted.calibration_error_percent < fitted.by_chance_percent);
        assert!((found.answered[0].accuracy_percent - 75.0).abs() < 0.5, "{:?}", found.answered);
        for set in found.sets {
            let both = set.wanted_percent > 75;
            assert_eq!((set.held_percent, set.genres), if both { (100.0, 2.0) } else { (75.0, 1.0) });
        }
        let certainty = found.certainty.unwrap();
        assert!(
            (certainty.applied(&[0.9, 0.1])[0] - 0.75).abs() < 0.01 && certainty.fitted_on.contains("800")
        );
    }

    #[test]
    fn a_test_part_is_measured_and_not_fitted_to() {
        let measured = |protocol| CertaintyResult::new(protocol, &[fold(1, 401)], None);
        let found = measured(Protocol::Filtered).unwrap();
        assert!(found.fitted.is_none() && found.certainty.is_none() && found.sets.is_empty());
        assert!(measured(Protocol::HoldOut).unwrap().certainty.is_some());
        assert!(measured(Protocol::Track).is_none(), "other songs of its artists say nothing");
        assert!(CertaintyResult::new(Protocol::HoldOut, &[fold(1, 40)], None).is_none(), "too few");
    }

    #[test]
    fn a_finished_model_is_measured_by_its_own_sets() {
        let own = Answers::of(fold(1, 401).tracks.iter()).fit("other music".into());
        let found = CertaintyResult::new(Protocol::Filtered, &[fold(1, 401)], Some(&own)).unwrap();
        assert_eq!(found.sets.len(), SETS.len());
    }
}
