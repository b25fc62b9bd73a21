//! Several networks asked together: the mean of what they said of the same tracks.

use super::fold::{FoldResult, Judgement};
use super::{EvaluateOptions, ResultFile, measure};
use crate::train::{Experiment, Settings, write_atomically};
use crate::{Error, ErrorKind, Result};

/// The folder of an ensemble's folds and result, beside those of its networks; it reads a test part by that name too.
const NAME: &str = "ensemble";

/// The mean of the scores of experiments that were measured on the same tracks, in those folds that all of them have.
/// Nothing is trained; segments by themselves are not joined.
///
/// # Errors
/// [`ErrorKind::BadSettings`] for fewer than two experiments and for other tracks or genres; [`ErrorKind::NotFound`] without a fold
/// that all have.
pub fn ensemble(experiments: &[Experiment], options: &EvaluateOptions) -> Result<ResultFile> {
    let [Experiment { settings, .. }, _, ..] = experiments else {
        return Err(Error::new(ErrorKind::BadSettings, "an ensemble needs several networks or [[variants]]"));
    };
    let own = options.of(NAME);
    let mut done = Vec::new();
    while let Some(folds) = folds_of(experiments, options, done.len() + 1)? {
        done.push(joined(&folds, settings)?);
    }
    if done.is_empty() {
        return Err(Error::new(
            ErrorKind::NotFound,
            "no fold that all networks of the ensemble were measured on",
        ));
    }
    std::fs::create_dir_all(&own.out).map_err(|e| Error::io(own.out.display(), e))?;
    for fold in &done {
        write_atomically(&measure::result_path(&own, fold.fold), &fold.to_json()?)?;
        measure::record(&own, settings.folds.protocol, fold)?;
    }
    let network = format!("ensemble of {}", experiments.len());
    let result = ResultFile { network, ..ResultFile::new(settings, &done) };
    result.write(&own.out.join("result.json"))?;
    Ok(result)
}

/// This fold of every experiment; none unless all have it.
fn folds_of(
    experiments: &[Experiment],
    options: &EvaluateOptions,
    number: usize,
) -> Result<Option<Vec<FoldResult>>> {
    let read = |one: &Experiment| {
        let path = measure::result_path(&options.of(&one.name), number);
        FoldResult::read(&path, &one.settings.to_toml())
    };
    let folds: Vec<Option<FoldResult>> = experiments.iter().map(read).collect::<Result<_>>()?;
    Ok(folds.into_iter().collect())
}

fn joined(folds: &[FoldResult], settings: &Settings) -> Result<FoldResult> {
    let first = &folds[0];
    if folds.iter().any(|fold| fold.genres != first.genres) {
        return Err(Error::new(
            ErrorKind::BadSettings,
            "the networks of an ensemble must have the same genres",
        ));
    }
    let of = |judged: fn(&FoldResult) -> &Vec<Judgement>| {
        mean(&folds.iter().map(|fold| judged(fold).as_slice()).collect::<Vec<_>>())
    };
    Ok(FoldResult {
        settings: settings.to_toml(),
        valid_accuracy: None,
        tracks: of(|fold| &fold.tracks)?,
        segments: of(|fold| &fold.segments)?,
        from_audio: of(|fold| &fold.from_audio)?,
        segment_answers: Vec::new(),
        ..first.clone()
    })
}

/// What was silence to one network counts for nothing in the mean.
fn mean(networks: &[&[Judgement]]) -> Result<Vec<Judgement>> {
    let named =
        |judged: &[Judgement]| judged.iter().map(|one| (one.id.clone(), one.genre)).collect::<Vec<_>>();
    let tracks = named(networks[0]);
    if networks.iter().any(|judged| named(judged) != tracks) {
        let what = "the networks of an ensemble must be measured on the same tracks; folds by another seed are others";
        return Err(Error::new(ErrorKind::BadSettings, what));
    }
    let joined = |(at, one): (usize, &Judgement)| {
        let said: Vec<&[f32]> = networks
            .iter()
            .map(|judged| judged[at].scores.as_slice())
            .filter(|scores| !scores.is_empty())
            .collect();
        let genres = said.first().map_or(0, |scores| scores.len());
        let score = |genre| said.iter().map(|scores| scores[genre]).sum::<f32>() / said.len() as f32;
        Judgement::new(one.id.clone(), [one.genre, one.group], (0..genres).map(score).collect())
    };
    Ok(networks[0].iter().enumerate().map(joined).collect())
}
