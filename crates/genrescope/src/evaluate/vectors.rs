//! Classifiers of feature vectors by the protocols of the networks: what a network has to beat.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{EvaluateOptions, Event, FoldResult, Judgement, ResultFile, reads_test_part};
use crate::dataset::folds::Partition;
use crate::dataset::{Dataset, Track};
use crate::features::{FeatureSet, FrontEnd, MelLayout, mel_descriptors, rereference_db};
use crate::train::{self, Settings, parts, write_atomically};
use crate::{Error, ErrorKind, Result};

/// Scores of a standardised feature vector: one a genre, sum 1.
pub type Judge = Box<dyn Fn(&[f64]) -> Vec<f32> + Send + Sync>;

/// A way of learning from feature vectors.
pub trait Classifier: Sync {
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
    /// 46 features of every segment of `model.patch_frames` frames, side by side, of the stored spectrograms.
    Segments,
    /// The 55 features of whole clips in a published table; a clip is found by its `filename`.
    Table(PathBuf),
}

impl VectorSource {
    fn name(&self) -> &'static str {
        match self {
            Self::Segments => "46 features of segments",
            Self::Table(_) => "55 features of whole clips",
        }
    }
}

/// As [`evaluate`](super::evaluate), of a classifier in place of the settings' network; leaves folds and `result.json`.
///
/// # Errors
/// As [`evaluate`](super::evaluate); [`ErrorKind::BadSettings`] for a table in a protocol of segments, whose rows
/// would tell segments of one clip by the clip; [`ErrorKind::BadManifest`] for a table without the columns.
pub fn evaluate_vectors(
    settings: &Settings,
    (classifier, source): (&dyn Classifier, &VectorSource),
    options: &EvaluateOptions,
    progress: &mut dyn FnMut(Event),
) -> Result<Option<ResultFile>> {
    let protocol = settings.folds.protocol;
    if reads_test_part(protocol) && options.readings.is_none() {
        let what = format!("protocol {} reads a test part: say where to record that", protocol.name());
        return Err(Error::new(ErrorKind::BadSettings, what));
    }
    if protocol.name() == "segment" && *source != VectorSource::Segments {
        let what = "a table of whole clips tells segments of one clip by the clip; use another protocol";
        return Err(Error::new(ErrorKind::BadSettings, what));
    }
    let dataset = train::read(settings, &mut |event| progress(Event::Training(event)))?;
    let vectors = vectors(&dataset, settings, source)?;
    let partitions = parts::for_evaluation(&dataset, settings)?;
    let mut settings = settings.clone();
    settings.model.network = format!("{}, {}", classifier.name(), source.name());
    let evaluation = Evaluation { dataset: &dataset, vectors, settings: &settings, classifier, options };
    let mut done = Vec::new();
    for (number, partition) in (1..).zip(&partitions) {
        let chosen = options.fold.is_none_or(|fold| fold == number);
        let (folds, tracks) = (partitions.len(), partition.test.len());
        let fold = match evaluation.read(number)? {
            None if chosen => {
                progress(Event::Fold { number, folds, tracks });
                Some(evaluation.fold(number, partition)?)
            }
            kept => kept,
        };
        fold.iter().for_each(|fold| progress(Event::Measured { fold, accuracy: fold.accuracy() }));
        done.extend(fold);
    }
    if done.len() < partitions.len() {
        return Ok(None);
    }
    let result = ResultFile::new(&settings, &options.commit, &dataset, &done);
    result.write(&options.out.join("result.json"))?;
    Ok(Some(result))
}

/// Everything that the folds share.
struct Evaluation<'a> {
    dataset: &'a Dataset,
    /// One list a track; empty for tracks that the source does not know.
    vectors: Vec<Vec<Vec<f64>>>,
    settings: &'a Settings,
    classifier: &'a dyn Classifier,
    options: &'a EvaluateOptions,
}

impl Evaluation<'_> {
    fn path(&self, number: usize) -> PathBuf {
        self.options.out.join(format!("fold-{number}.json"))
    }

    fn read(&self, number: usize) -> Result<Option<FoldResult>> {
        FoldResult::read(&self.path(number), &self.settings.to_toml())
    }

    fn fold(&self, number: usize, partition: &Partition) -> Result<FoldResult> {
        let fold = FoldResult {
            fold: number,
            settings: self.settings.to_toml(),
            train_tracks: partition.train.len(),
            valid_tracks: partition.valid.len(),
            epochs: 0,
            tracks: self.judged(partition)?,
            from_audio: Vec::new(),
        };
        let protocol = self.settings.folds.protocol;
        if let Some(readings) = self.options.readings.as_ref().filter(|_| reads_test_part(protocol)) {
            readings.append(protocol.name(), fold.accuracy())?;
        }
        std::fs::create_dir_all(&self.options.out).map_err(|e| Error::io(self.options.out.display(), e))?;
        write_atomically(&self.path(number), &fold.to_json()?)?;
        Ok(fold)
    }

    /// Learns from the training part alone and judges the test part, each track by the mean over its vectors.
    fn judged(&self, partition: &Partition) -> Result<Vec<Judgement>> {
        let of_training = |&track: &usize| self.vectors[track].iter().map(move |row| (row.clone(), track));
        let (mut rows, tracks): (Vec<Vec<f64>>, Vec<usize>) =
            partition.train.iter().flat_map(of_training).unzip();
        let genres = self.dataset.genres_of(&tracks);
        let columns = Standard::of(&rows)?;
        rows.iter_mut().for_each(|row| columns.apply(row));
        let judge = self.classifier.fit(&rows, &genres, self.dataset.genres.len())?;
        let judged = |&track: &usize| {
            let scores = self.vectors[track].iter().map(|row| {
                let mut row = row.clone();
                columns.apply(&mut row);
                judge(&row)
            });
            let Track { id, genre, .. } = &self.dataset.tracks[track];
            Judgement { id: id.clone(), genre: *genre, scores: mean(scores.collect()) }
        };
        let known: Vec<usize> =
            partition.test.iter().copied().filter(|&track| !self.vectors[track].is_empty()).collect();
        Ok(known.par_iter().map(judged).collect())
    }
}

fn mean(scores: Vec<Vec<f32>>) -> Vec<f32> {
    let count = scores.len() as f32;
    let sum = scores.into_iter().reduce(|a, b| a.iter().zip(b).map(|(a, b)| a + b).collect());
    sum.unwrap_or_default().into_iter().map(|sum| sum / count).collect()
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

/// Features of the segments of a track: as many as fit, spread evenly; each from its own frames alone.
fn segments(track: &Track, frames: usize, front_end: &FrontEnd) -> Vec<Vec<f64>> {
    let spectrogram = &track.spectrogram;
    let count = (spectrogram.frames() / frames.max(1)).max(1);
    let layout = MelLayout {
        sample_rate_hz: front_end.sample_rate_hz,
        n_fft: front_end.n_fft,
        bands: front_end.mel_bands,
    };
    let features = |segment: usize| {
        let mut db = spectrogram.crop(segment * spectrogram.frames() / count, frames);
        rereference_db(&mut db, front_end);
        mel_descriptors(&db, layout).values()
    };
    (0..count).map(features).collect()
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

    #[test]
    fn a_track_has_the_mean_of_its_segments() {
        assert_eq!(mean(vec![vec![1.0, 0.0], vec![0.5, 0.5]]), [0.75, 0.25]);
        assert!(mean(Vec::new()).is_empty());
    }
}
