//! `result.json`: what an evaluation came to, with everything that is needed to say what the number means.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Answer, CertaintyResult, FoldResult, Judgement, tracks_of};
use crate::metrics::{self, Bootstrap, Confusion};
use crate::model::{Certainty, ProtocolResult};
use crate::train::settings::Protocol;
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
    /// What of the measured tracks is learned from, where anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leak: Option<String>,
    /// Whether the validation part was learned from: `train` or `train+valid`.
    pub learn: String,
    /// Name of the network.
    pub network: String,
    /// Seed of folds, weights, crops and variations.
    pub seed: u64,
    /// The audio features that the network reads beside the spectrogram.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Genres in the order of `confusion` and `recall_percent`.
    pub genres: Vec<String>,
    /// Over the tracks of all folds.
    pub pooled: Figures,
    /// Over the segments of all folds, each by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<Figures>,
    /// The same clips judged from their audio (protocol `twin`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_audio: Option<Figures>,
    /// What the tracks' scores mean, where no song or artist of theirs is learned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainty: Option<CertaintyResult>,
    /// Fold by fold.
    pub folds: Vec<FoldFigures>,
    /// The effective settings, as TOML.
    pub settings: String,
}

/// How good predictions are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Measured tracks, or segments.
    pub tracks: usize,
    /// Share of them that are right, percent.
    pub accuracy_percent: f64,
    /// 95 % interval of that, by drawing artists with replacement; tracks, where artists are on both sides anyway.
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
    /// Measured tracks (of protocol `segment`: segments).
    pub tracks: usize,
    /// The epoch that was kept.
    pub epochs: usize,
    /// Share of tracks (of protocol `segment`: segments) that are right, percent.
    pub accuracy_percent: f64,
    /// Share of validation tracks that were right in that epoch, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_accuracy_percent: Option<f64>,
}

impl Figures {
    /// Figures of answers. Silence is called no genre: it counts as wrong, as one of the others.
    pub fn new(answers: &[Answer], genres: usize) -> Self {
        let truth: Vec<usize> = answers.iter().map(|answer| answer.genre).collect();
        let other = |genre: usize| usize::from(genre == 0);
        let predicted: Vec<usize> =
            answers.iter().map(|answer| answer.called.unwrap_or(other(answer.genre))).collect();
        let right: Vec<bool> = answers.iter().map(|answer| answer.called == Some(answer.genre)).collect();
        let groups: Vec<usize> = answers.iter().map(|answer| answer.group).collect();
        let of_truth: Vec<Vec<f32>> = answers.iter().map(|answer| vec![answer.score]).collect();
        let interval = metrics::bootstrap(&right, &groups, &Bootstrap::default());
        let confusion = Confusion::new(&truth, &predicted, genres);
        let share = right.iter().filter(|right| **right).count() as f64 / right.len().max(1) as f64;
        Self {
            tracks: answers.len(),
            accuracy_percent: percent(share),
            interval_percent: [percent(interval.low), percent(interval.high)],
            macro_f1: rounded(confusion.macro_f1(), 4),
            log_loss: rounded(metrics::log_loss(&vec![0; answers.len()], &of_truth), 4),
            recall_percent: confusion.recall().into_iter().map(|recall| recall.map(percent)).collect(),
            confusion,
        }
    }
}

impl ResultFile {
    /// The result of folds that are all there.
    pub(super) fn new(settings: &Settings, done: &[FoldResult]) -> Self {
        let protocol = settings.folds.protocol;
        let genres = done.first().map(|fold| fold.genres.clone()).unwrap_or_default();
        let figures = |answers: &[Answer]| Figures::new(answers, genres.len());
        let short = |judged: &[Judgement]| -> Vec<Answer> {
            judged.iter().map(|one| one.answer(genres.len())).collect()
        };
        let all = |of: fn(&FoldResult) -> &Vec<Judgement>| -> Vec<Judgement> {
            done.iter().flat_map(|fold| of(fold).clone()).collect()
        };
        let segments: Vec<Answer> = done.iter().flat_map(FoldResult::answers_of_segments).collect();
        let from_audio = short(&all(|fold| &fold.from_audio));
        let tracks = match protocol {
            Protocol::Segment => tracks_of(&all(|fold| &fold.segments)),
            _ => all(|fold| &fold.tracks),
        };
        let features = settings.model.features.map(|features| features.extraction().columns());
        Self {
            schema: SCHEMA.into(),
            data: settings.data.name.clone(),
            protocol: protocol.name().into(),
            leak: protocol.leak().map(String::from),
            learn: settings.folds.learn.name().into(),
            network: settings.model.network.clone(),
            seed: settings.seed,
            features: features.unwrap_or_default(),
            pooled: figures(&short(&tracks)),
            segments: (!segments.is_empty()).then(|| figures(&segments)),
            from_audio: (!from_audio.is_empty()).then(|| figures(&from_audio)),
            certainty: CertaintyResult::new(protocol, done, None),
            folds: done.iter().map(|fold| FoldFigures::of(fold, protocol)).collect(),
            settings: settings.to_toml(),
            genres,
        }
    }

    /// The protocol's name, and how it leaks.
    pub fn protocol_label(&self) -> String {
        match &self.leak {
            Some(leak) => format!("{} ({leak})", self.protocol),
            None => self.protocol.clone(),
        }
    }

    /// Mean over the folds of the validation accuracy of the epoch that was kept, percent; none where one lacks it.
    pub fn valid_accuracy_percent(&self) -> Option<f64> {
        let of_folds = self.folds.iter().map(|fold| fold.valid_accuracy_percent);
        let percents = of_folds.collect::<Option<Vec<f64>>>().filter(|percents| !percents.is_empty())?;
        Some(percents.iter().sum::<f64>() / percents.len() as f64)
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
        let own = std::iter::once(entry(self.protocol_label(), &self.pooled));
        own.chain(self.from_audio.iter().map(|f| entry(format!("{} from audio", self.protocol), f))).collect()
    }

    /// What was fitted for the model that ships, if anything was.
    pub fn fitted_certainty(&self) -> Option<&Certainty> {
        self.certainty.as_ref()?.certainty.as_ref()
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
    fn of(fold: &FoldResult, protocol: Protocol) -> Self {
        Self {
            fold: fold.fold,
            train_tracks: fold.train_tracks,
            valid_tracks: fold.valid_tracks,
            tracks: fold.measured(protocol).len(),
            epochs: fold.epochs,
            accuracy_percent: percent(fold.accuracy(protocol)),
            valid_accuracy_percent: fold.valid_accuracy.map(percent),
        }
    }
}

fn percent(share: f64) -> f64 {
    rounded(100.0 * share, 2)
}

pub(super) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}
