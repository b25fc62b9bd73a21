//! A finished joined model, read once on a test part: by stored spectrograms and published taggrams, through the head and
//! the joining that ship.

use std::path::Path;

use rayon::prelude::*;

use super::{
    CertaintyResult, EvaluateOptions, FoldResult, Judgement, ResultFile, groups, measure, refuse_unrecorded,
};
use crate::dataset::{Dataset, taggrams};
use crate::model::Model;
use crate::predict::{self, Taggram, classify_frames_and_tags};
use crate::train::{self, Settings, parts, write_atomically};
use crate::{Error, ErrorKind, Result};

/// Frames between the windows of published taggrams: what musicnn makes of a second.
const HOP_FRAMES: f64 = 61.0;

/// Judges the test tracks of a protocol of one fold; nothing is trained.
///
/// # Errors
/// Those of [`taggrams::read`]; [`ErrorKind::BadSettings`] for a protocol of several folds, another front end than the
/// model's, a model that is not joined, and a test part that would be read without a record; [`ErrorKind::BadManifest`] for
/// a test track without taggram.
pub fn evaluate_joined(
    model: &Model,
    taggram_file: &Path,
    settings: &Settings,
    options: &EvaluateOptions,
) -> Result<ResultFile> {
    let Some(tagger) = model.tagger() else {
        return refuse(format!("`{}` reads no taggrams; give the model `best`", model.header.name));
    };
    if settings.features != model.header.front_end {
        return refuse(format!("the settings' features are not those of `{}`", model.header.name));
    }
    let dataset = train::read(settings, &mut |_| ())?;
    refuse_unrecorded(&dataset, settings, options)?;
    let partitions = parts::for_evaluation(&dataset, settings)?;
    let [partition] = &partitions[..] else {
        return refuse(format!(
            "a finished model is read on one test part, not on {} folds",
            partitions.len()
        ));
    };
    let windows = taggrams::read(taggram_file)?;
    let groups = groups(&dataset, settings.folds.protocol);
    let front_end = &tagger.model.header.front_end;
    let judge = |&t: &usize| -> Result<Judgement> {
        let track = &dataset.tracks[t];
        let scores = windows.get(&track.id).cloned().ok_or_else(|| {
            let what = format!("{}: no taggram of {}", taggram_file.display(), track.id);
            Error::new(ErrorKind::BadManifest, what)
        })?;
        let taggram = Taggram {
            window_s: tagger.model.header.patch_s(),
            hop_s: HOP_FRAMES * front_end.frame_period_s(),
            scores,
        };
        let whole = predict::Settings::default();
        let prediction = classify_frames_and_tags(model, &track.spectrogram.db, &taggram, &whole);
        let scores = prediction.map_err(|e| e.at(&track.id))?.scores;
        Ok(Judgement::new(track.id.clone(), [track.genre, groups[t]], scores))
    };
    let tracks: Vec<Judgement> = partition.test.par_iter().map(judge).collect::<Result<_>>()?;
    keep(model, settings, options, fold(&dataset, model, settings, tracks))
}

fn refuse<T>(what: String) -> Result<T> {
    Err(Error::new(ErrorKind::BadSettings, what))
}

fn fold(dataset: &Dataset, model: &Model, settings: &Settings, tracks: Vec<Judgement>) -> FoldResult {
    FoldResult {
        fold: 1,
        folds: 1,
        genres: dataset.genres.clone(),
        settings: settings.to_toml(),
        train_tracks: model.header.trained_on.tracks,
        valid_tracks: 0,
        epochs: model.header.trained_on.epochs,
        valid_accuracy: None,
        tracks,
        segments: Vec::new(),
        segment_answers: Vec::new(),
        from_audio: Vec::new(),
    }
}

/// Writes the judgements and the result, and records the reading.
fn keep(
    model: &Model,
    settings: &Settings,
    options: &EvaluateOptions,
    fold: FoldResult,
) -> Result<ResultFile> {
    std::fs::create_dir_all(&options.out).map_err(|e| Error::io(options.out.display(), e))?;
    write_atomically(&measure::result_path(options, 1), &fold.to_json()?)?;
    let protocol = settings.folds.protocol;
    if let Some(readings) = options.readings.as_ref().filter(|_| protocol.reads_test_part()) {
        readings.record(protocol.name(), fold.accuracy(protocol))?;
    }
    let certainty =
        CertaintyResult::new(protocol, std::slice::from_ref(&fold), model.header.certainty.as_ref());
    let mut result = ResultFile::new(settings, &[fold]);
    result.certainty = certainty;
    result.network = format!("{} ({})", model.header.name, model.hash());
    result.write(&options.out.join("result.json"))?;
    Ok(result)
}
