//! Classifiers of feature vectors by the protocols of the networks: what a network has to beat.

use std::collections::HashMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::measure::Evaluation;
use super::{FoldResult, Judgement, tracks_of};
use crate::dataset::folds::Partition;
use crate::dataset::segments::starts;
use crate::dataset::{Dataset, Track};
use crate::features::{FeatureSet, FrontEnd, MelLayout, mel_descriptors, rereference_db};
use crate::train::Settings;
use crate::train::settings::Protocol;
use crate::{Error, ErrorKind, Result};

/// Scores of a standardised feature vector: one a genre, sum 1.
pub type Judge = Box<dyn Fn(&[f64]) -> Vec<f32> + Send + Sync>;

/// A way of learning from feature vectors.
pub trait Classifier: Debug + Send + Sync {
    /// What results call it.
    fn name(&self) -> &str;

    /// Learns from standardised rows and their genres, of `count` genres.
    ///
    /// # Errors
    /// When it finds no solution.
    fn fit(&self, rows: &[Vec<f64>], genres: &[usize], count: usize) -> Result<Judge>;
}

/// What a classifier reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VectorSource {
    /// The features of every segment of `model.patch_frames` frames: those of `[model.features]`, else the 46 that a
    /// spectrogram gives.
    Segments,
    /// The 55 features of whole clips in a published table; a clip is found by its `filename`.
    Table(PathBuf),
}

/// What learns in an evaluation.
#[derive(Clone, Debug, Default)]
pub enum Learner {
    /// The network of the settings.
    #[default]
    Network,
    /// A classifier of feature vectors.
    Vectors {
        /// The classifier.
        classifier: Arc<dyn Classifier>,
        /// What it reads.
        source: VectorSource,
    },
}

impl Learner {
    /// The settings, with the classifier in the place of the network.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] for a table in protocol `segment`: its rows would tell segments of one clip by the
    /// clip.
    pub(super) fn named(&self, settings: &Settings) -> Result<Settings> {
        let mut settings = settings.clone();
        let Self::Vectors { classifier, source } = self else { return Ok(settings) };
        let features = match (source, settings.model.features) {
            (VectorSource::Table(_), _) if settings.folds.protocol == Protocol::Segment => {
                let what =
                    "a table of whole clips tells segments of one clip by the clip; use another protocol";
                return Err(Error::new(ErrorKind::BadSettings, what));
            }
            (VectorSource::Table(_), _) => "55 features of whole clips".to_owned(),
            (VectorSource::Segments, Some(features)) => format!("{} of segments", features.set.name()),
            (VectorSource::Segments, None) => format!("{} of segments", FeatureSet::Mel46.name()),
        };
        settings.model.network = format!("{}, {features}", classifier.name());
        Ok(settings)
    }
}

/// Learns from the training part alone and judges the test part, each track by the mean over its vectors. Tracks that
/// the source does not know are left out.
pub(super) fn fold(
    evaluation: &Evaluation,
    (classifier, source): (&dyn Classifier, &VectorSource),
    partition: &Partition,
) -> Result<FoldResult> {
    let Evaluation { dataset, settings, number, folds, .. } = *evaluation;
    let vectors = vectors(dataset, settings, source)?;
    let judge = learned(dataset, &vectors, classifier, &partition.train)?;
    let judged: Vec<Judgement> = partition
        .test
        .par_iter()
        .flat_map_iter(|&track| judged(evaluation, &judge, &vectors, track))
        .collect();
    let of_segments = *source == VectorSource::Segments;
    let (tracks, segments, segment_answers) = match settings.folds.protocol {
        Protocol::Segment => (Vec::new(), judged, Vec::new()),
        _ if of_segments => (tracks_of(&judged), Vec::new(), evaluation.answers(&judged)),
        _ => (tracks_of(&judged), Vec::new(), Vec::new()),
    };
    Ok(FoldResult {
        fold: number,
        folds,
        genres: dataset.genres.clone(),
        settings: settings.to_toml(),
        train_tracks: partition.train.len(),
        valid_tracks: partition.valid.len(),
        epochs: 0,
        valid_accuracy: None,
        tracks,
        segments,
        segment_answers,
        from_audio: Vec::new(),
    })
}

fn learned(
    dataset: &Dataset,
    vectors: &[Vec<Vec<f64>>],
    classifier: &dyn Classifier,
    train: &[usize],
) -> Result<Judge> {
    let of_track = |&track: &usize| vectors[track].iter().map(move |row| (row.clone(), track));
    let (mut rows, tracks): (Vec<Vec<f64>>, Vec<usize>) = train.iter().flat_map(of_track).unzip();
    let columns = Standard::of(&rows)?;
    rows.iter_mut().for_each(|row| columns.apply(row));
    let judge = classifier.fit(&rows, &dataset.genres_of(&tracks), dataset.genres.len())?;
    Ok(Box::new(move |row| {
        let mut row = row.to_vec();
        columns.apply(&mut row);
        judge(&row)
    }))
}

/// Every vector of a track; numbered, where the track is no segment already.
fn judged(evaluation: &Evaluation, judge: &Judge, vectors: &[Vec<Vec<f64>>], track: usize) -> Vec<Judgement> {
    let Track { id, genre, .. } = &evaluation.dataset.tracks[track];
    let is_segment = evaluation.settings.folds.protocol == Protocol::Segment;
    let judgement = |(number, row): (usize, &Vec<f64>)| {
        let id = if is_segment { id.clone() } else { format!("{id}#{number}") };
        Judgement::new(id, [*genre, evaluation.groups[track]], judge(row))
    };
    vectors[track].iter().enumerate().map(judgement).collect()
}

/// Mean and deviation of every column of the training part.
struct Standard(Vec<[f64; 2]>);

impl Standard {
    fn of(rows: &[Vec<f64>]) -> Result<Self> {
        let count = rows.len() as f64;
        let columns = rows.first().map_or(0, Vec::len);
        if columns == 0 {
            return Err(Error::new(ErrorKind::BadManifest, "no track to learn from has features"));
        }
        let column = |column: usize| {
            let mean = rows.iter().map(|row| row[column]).sum::<f64>() / count;
            let variance = rows.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>() / count;
            [mean, if variance > 0.0 { variance.sqrt() } else { 1.0 }]
        };
        Ok(Self((0..columns).map(column).collect()))
    }

    fn apply(&self, row: &mut [f64]) {
        row.iter_mut()
            .zip(&self.0)
            .for_each(|(value, [mean, deviation])| *value = (*value - mean) / deviation);
    }
}

fn vectors(dataset: &Dataset, settings: &Settings, source: &VectorSource) -> Result<Vec<Vec<Vec<f64>>>> {
    match source {
        VectorSource::Segments => {
            let of_track = |track: &Track| segments(track, settings.model.patch_frames, &settings.features);
            Ok(dataset.tracks.par_iter().map(of_track).collect())
        }
        VectorSource::Table(path) => {
            let mut table = table(path)?;
            let row = |track: &Track| table.remove(&track.id).into_iter().collect();
            Ok(dataset.tracks.iter().map(row).collect())
        }
    }
}

/// Features of the segments of a track, each from its own frames alone.
fn segments(track: &Track, frames: usize, front_end: &FrontEnd) -> Vec<Vec<f64>> {
    if !track.vectors.is_empty() {
        return track.vectors.iter().map(|row| row.iter().map(|&value| f64::from(value)).collect()).collect();
    }
    let layout = MelLayout {
        sample_rate_hz: front_end.sample_rate_hz,
        n_fft: front_end.n_fft,
        bands: front_end.mel_bands,
    };
    let features = |start: usize| {
        let mut db = track.spectrogram.crop(start, frames);
        rereference_db(&mut db, front_end);
        mel_descriptors(&db, layout).values()
    };
    starts(track.spectrogram.frames(), frames).into_iter().map(features).collect()
}

/// The 55 columns of a table, by the name of the clip without its ending.
fn table(path: &Path) -> Result<HashMap<String, Vec<f64>>> {
    let bad = |what: String| Error::new(ErrorKind::BadManifest, format!("{}: {what}", path.display()));
    let mut reader = csv::Reader::from_path(path).map_err(|e| bad(e.to_string()))?;
    let header = reader.headers().map_err(|e| bad(e.to_string()))?.clone();
    let place = |name: &str| {
        let found = header.iter().position(|column| column == name);
        found.ok_or_else(|| {
            bad(format!("no column {name}; give a table of `genrescope features --set gtzan57`"))
        })
    };
    let clip = place("filename")?;
    let columns = FeatureSet::Gtzan55.columns();
    let columns = columns.iter().map(|column| place(&column.name)).collect::<Result<Vec<usize>>>()?;
    let mut rows = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(|e| bad(e.to_string()))?;
        let number = |&column: &usize| {
            let field = record.get(column).unwrap_or_default();
            field.parse::<f64>().map_err(|e| bad(format!("{:?}: {field:?}: {e}", &record[clip])))
        };
        let id = record[clip].rsplit_once('.').map_or(&record[clip], |(stem, _)| stem).to_owned();
        rows.insert(id, columns.iter().map(number).collect::<Result<Vec<f64>>>()?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standardised_columns_have_mean_0_and_deviation_1_and_constant_ones_stay_finite() {
        let mut rows = vec![vec![1.0, 7.0], vec![3.0, 7.0]];
        let columns = Standard::of(&rows).unwrap();
        rows.iter_mut().for_each(|row| columns.apply(row));
        assert_eq!(rows, [[-1.0, 0.0], [1.0, 0.0]]);
        assert!(Standard::of(&[]).is_err());
    }
}
