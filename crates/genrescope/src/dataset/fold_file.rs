//! `folds.csv`: which part of every fold each track lies in, to be read and to be given back.
//!
//! One row a track (or segment), one column a fold: `track,genre,1,2,…` with `train`, `valid`, `test` or nothing.

use std::collections::HashMap;
use std::path::Path;

use super::folds::Partition;
use super::{Dataset, segments};
use crate::{Error, ErrorKind, Result};

/// The file's bytes, rows in the order of the data set.
///
/// # Errors
/// [`ErrorKind::Io`] when they cannot be made.
pub fn to_csv(dataset: &Dataset, partitions: &[Partition]) -> Result<Vec<u8>> {
    let mut columns: Vec<HashMap<usize, &str>> = Vec::new();
    for Partition { train, valid, test } in partitions {
        let parts = [("train", train), ("valid", valid), ("test", test)];
        let named = parts.into_iter().flat_map(|(name, part)| part.iter().map(move |&t| (t, name)));
        columns.push(named.collect());
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let bad = |e: csv::Error| Error::new(ErrorKind::Io, format!("folds: {e}"));
    let numbers = (1..=partitions.len()).map(|fold| fold.to_string());
    writer.write_record(["track".into(), "genre".into()].into_iter().chain(numbers)).map_err(bad)?;
    for (t, track) in dataset.tracks.iter().enumerate() {
        let parts = columns.iter().map(|column| column.get(&t).copied().unwrap_or_default());
        let names = [track.id.as_str(), &dataset.genres[track.genre]];
        writer.write_record(names.into_iter().chain(parts)).map_err(bad)?;
    }
    writer.into_inner().map_err(|e| Error::new(ErrorKind::Io, format!("folds: {e}")))
}

/// The partitions of a file. Tracks that it does not list are left out; tracks that could not be read may be listed.
///
/// # Errors
/// [`ErrorKind::NotFound`], or [`ErrorKind::BadManifest`] with the row that is wrong: a track that there is not or
/// that is listed twice, a part with another name, a fold without tracks to learn from or to measure.
pub fn read(path: &Path, dataset: &Dataset) -> Result<Vec<Partition>> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path.display(), e))?;
    parse(&bytes, dataset).map_err(|what| {
        let remedy = "give a file that `evaluate` wrote for this data set";
        Error::new(ErrorKind::BadManifest, format!("{}: {what}; {remedy}", path.display()))
    })
}

fn parse(bytes: &[u8], dataset: &Dataset) -> Result<Vec<Partition>, String> {
    let mut reader = csv::Reader::from_reader(bytes);
    let folds = reader.headers().map_err(|e| e.to_string())?.len().saturating_sub(2);
    let mut index: HashMap<&str, usize> =
        dataset.tracks.iter().enumerate().map(|(t, track)| (track.id.as_str(), t)).collect();
    let mut partitions = vec![Partition::default(); folds];
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let id = record.get(0).unwrap_or_default();
        let Some(track) = index.remove(id) else {
            if is_skipped(dataset, id) {
                continue;
            }
            return Err(format!("track {id:?} is not in the data set, or listed twice"));
        };
        for (partition, part) in partitions.iter_mut().zip(record.iter().skip(2)) {
            match part {
                "train" => partition.train.push(track),
                "valid" => partition.valid.push(track),
                "test" => partition.test.push(track),
                "" => {}
                other => return Err(format!("track {id:?} lies in {other:?}, not in train, valid or test")),
            }
        }
    }
    let lacking = |partition: &Partition| partition.train.is_empty() || partition.test.is_empty();
    match partitions.iter().position(lacking) {
        Some(fold) => Err(format!("fold {} has no track to learn from or none to measure", fold + 1)),
        None if folds == 0 => Err("it has no fold".into()),
        None => Ok(partitions),
    }
}

/// Whether a track (or its segment) is one of those that could not be read.
fn is_skipped(dataset: &Dataset, id: &str) -> bool {
    let track = segments::track_id(id);
    let skipped = |path: &Path| path.ends_with(track) || path.file_stem().is_some_and(|clip| clip == track);
    dataset.skipped.iter().any(|file| skipped(&file.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::toy;

    fn partitions() -> Vec<Partition> {
        vec![
            Partition { train: vec![0, 1], valid: vec![2], test: vec![3, 4] },
            Partition { train: vec![3, 4], valid: vec![], test: vec![0, 2] },
        ]
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let dataset = toy(6, 2, 4);
        let bytes = to_csv(&dataset, &partitions()).unwrap();
        assert_eq!(parse(&bytes, &dataset).unwrap(), partitions());
        assert!(String::from_utf8(bytes).unwrap().starts_with("track,genre,1,2\nlow.00000,low,train,test\n"));
    }

    #[test]
    fn rows_that_are_wrong_are_named() {
        let dataset = toy(4, 2, 4);
        let cases = [
            ("track,genre,1\nlow.00000,low,train\nlow.00000,low,test\n", "listed twice"),
            ("track,genre,1\nlow.00009,low,train\n", "low.00009"),
            ("track,genre,1\nlow.00000,low,held\n", "held"),
            ("track,genre,1\nlow.00000,low,train\n", "fold 1"),
            ("track,genre\nlow.00000,low\n", "no fold"),
        ];
        for (text, expected) in cases {
            let error = parse(text.as_bytes(), &dataset).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_track_that_could_not_be_read_may_be_listed() {
        let mut dataset = toy(2, 2, 4);
        let error = Error::new(ErrorKind::Corrupt, "no audio");
        dataset.skipped.push(crate::dataset::Skipped { path: "data/low/low.00002.wav".into(), error });
        let text = "track,genre,1\nlow.00000,low,train\nhigh.00001,high,test\nlow.00002,low,test\n";
        assert_eq!(parse(text.as_bytes(), &dataset).unwrap()[0].test, [1]);
        let segments = text.replace("00002,", "00002#3,");
        assert_eq!(parse(segments.as_bytes(), &dataset).unwrap()[0].test, [1]);
    }
}
