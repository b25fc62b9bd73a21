//! `result.json`: what an evaluation came to, with everything that is needed to say what the number means.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{FoldResult, Judgement};
use crate::dataset::{Dataset, folds};
use crate::metrics::{self, Bootstrap, Confusion};
use crate::model::ProtocolResult;
use crate::train::{Settings, write_atomically};
use crate::{Error, ErrorKind, Result};

/// Name and version of the layout.
const SCHEMA: &str = "genrescope.result/1";

/// An evaluation, as it is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultFile {
    /// Layout of the file.
    pub schema: String,
    /// Name of the data set.
    pub data: String,
    /// Name of the protocol.
    pub protocol: String,
    /// Whether the validation part was learned from: `train` or `train+valid`.
    pub learn: String,
    /// Name of the network.
    pub network: String,
    /// Seed of folds, weights, crops and variations.
    pub seed: u64,
    /// Commit of the code.
    pub commit: String,
    /// Genres in the order of `confusion` and `recall_percent`.
    pub genres: Vec<String>,
    /// Over the tracks of all folds.
    pub pooled: Figures,
    /// The same clips judged from their audio (protocol `twin`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_audio: Option<Figures>,
    /// Fold by fold.
    pub folds: Vec<FoldFigures>,
    /// The effective settings, as TOML.
    pub settings: String,
}

/// How good predictions are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Measured tracks.
    pub tracks: usize,
    /// Share of tracks that are right, percent.
    pub accuracy_percent: f64,
    /// 95 % interval of that, by drawing artists with replacement.
    pub interval_percent: [f64; 2],
    /// Macro-averaged F1, 0 to 1.
    pub macro_f1: f64,
    /// Mean of `-ln(score of the true genre)`.
    pub log_loss: f64,
    /// Share of each genre's tracks that were found, percent; null where there was none.
    pub recall_percent: Vec<Option<f64>>,
    /// `[true genre][predicted genre]`.
    pub confusion: Confusion,
}

/// One fold in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldFigures {
    /// Counted from 1.
    pub fold: usize,
    /// Tracks learned from.
    pub train_tracks: usize,
    /// Tracks that the epoch was chosen by.
    pub valid_tracks: usize,
    /// Measured tracks.
    pub tracks: usize,
    /// The epoch that was kept.
    pub epochs: usize,
    /// Share of tracks that are right, percent.
    pub accuracy_percent: f64,
}

impl Figures {
    /// Figures of judged tracks; `group_of` gives a track's artist group by its id.
    pub fn new(tracks: &[Judgement], genres: usize, group_of: &HashMap<&str, usize>) -> Self {
        let truth: Vec<usize> = tracks.iter().map(|track| track.genre).collect();
        // Silence is judged no genre: it counts as wrong, and as evenly unsure.
        let even = || vec![1.0 / genres as f32; genres];
        let scores: Vec<Vec<f32>> = tracks
            .iter()
            .map(|track| if track.scores.is_empty() { even() } else { track.scores.clone() })
            .collect();
        let predicted: Vec<usize> = scores.iter().map(|scores| metrics::best(scores)).collect();
        let right: Vec<bool> = tracks.iter().map(Judgement::is_right).collect();
        let groups: Vec<usize> =
            tracks.iter().map(|track| group_of.get(&*track.id).copied().unwrap_or(usize::MAX)).collect();
        let interval = metrics::bootstrap(&right, &groups, &Bootstrap::default());
        let confusion = Confusion::new(&truth, &predicted, genres);
        let share = right.iter().filter(|right| **right).count() as f64 / right.len().max(1) as f64;
        Self {
            tracks: tracks.len(),
            accuracy_percent: percent(share),
            interval_percent: [percent(interval.low), percent(interval.high)],
            macro_f1: rounded(confusion.macro_f1(), 4),
            log_loss: rounded(metrics::log_loss(&truth, &scores), 4),
            recall_percent: confusion.recall().into_iter().map(|recall| recall.map(percent)).collect(),
            confusion,
        }
    }
}

impl ResultFile {
    /// The result of folds that are all there.
    pub(super) fn new(settings: &Settings, commit: &str, dataset: &Dataset, done: &[FoldResult]) -> Self {
        let groups = folds::groups(&dataset.tracks);
        let group_of: HashMap<&str, usize> =
            dataset.tracks.iter().zip(groups).map(|(track, group)| (track.id.as_str(), group)).collect();
        let figures = |tracks: Vec<Judgement>| Figures::new(&tracks, dataset.genres.len(), &group_of);
        let from_audio: Vec<Judgement> = done.iter().flat_map(|fold| fold.from_audio.clone()).collect();
        Self {
            schema: SCHEMA.into(),
            data: settings.data.name.clone(),
            protocol: settings.folds.protocol.name().into(),
            learn: settings.folds.learn.name().into(),
            network: settings.model.network.clone(),
            seed: settings.seed,
            commit: commit.into(),
            genres: dataset.genres.clone(),
            pooled: figures(done.iter().flat_map(|fold| fold.tracks.clone()).collect()),
            from_audio: (!from_audio.is_empty()).then(|| figures(from_audio)),
            folds: done.iter().map(FoldFigures::of).collect(),
            settings: settings.to_toml(),
        }
    }

    /// What a model's header says of this result.
    pub fn for_header(&self) -> Vec<ProtocolResult> {
        let entry = |protocol: String, figures: &Figures| ProtocolResult {
            protocol,
            accuracy_percent: figures.accuracy_percent,
            interval: Some(figures.interval_percent),
            tracks: figures.tracks,
            data: self.data.clone(),
            seed: self.seed,
        };
        let own = std::iter::once(entry(self.protocol.clone(), &self.pooled));
        own.chain(self.from_audio.iter().map(|f| entry(format!("{} from audio", self.protocol), f))).collect()
    }

    /// Reads a `result.json`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Corrupt`].
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|e| Error::io(path.display(), e))?;
        let corrupt = |what: String| Error::new(ErrorKind::Corrupt, format!("{}: {what}", path.display()));
        let result: Self = serde_json::from_slice(&bytes).map_err(|e| corrupt(e.to_string()))?;
        match result.schema == SCHEMA {
            true => Ok(result),
            false => Err(corrupt(format!("expected schema {SCHEMA}, found {}", result.schema))),
        }
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::new(ErrorKind::Io, path.display().to_string()).with_source(e))?;
        json.push(b'\n');
        write_atomically(path, &json)
    }
}

impl FoldFigures {
    fn of(fold: &FoldResult) -> Self {
        Self {
            fold: fold.fold,
            train_tracks: fold.train_tracks,
            valid_tracks: fold.valid_tracks,
            tracks: fold.tracks.len(),
            epochs: fold.epochs,
            accuracy_percent: percent(fold.accuracy()),
        }
    }
}

fn percent(share: f64) -> f64 {
    rounded(100.0 * share, 2)
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}
