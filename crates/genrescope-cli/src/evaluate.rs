//! `genrescope evaluate SETTINGS.toml`: a protocol, fold by fold.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::Args as ClapArgs;
use genrescope::evaluate::{self, EvaluateOptions, Event, Figures, Readings, ResultFile};
use genrescope::train::Settings;

use crate::exit::Ending;
use crate::output::print;
use crate::report;
use crate::talk::Talk;
use crate::training_progress::TrainingProgress;

/// Measure a way of training by a protocol
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  genrescope evaluate settings.toml --set folds.protocol=cross_validation --out runs/cv
  genrescope evaluate settings.toml --set folds.protocol=cross_validation --fold 2 --out runs/cv
  genrescope evaluate settings.toml --baseline svm --out runs/svm
  genrescope evaluate settings.toml --out runs/test --readings readings.csv --what first")]
pub(crate) struct Args {
    /// Data, network, optimiser, variations and folds
    settings: PathBuf,
    /// Folder for folds, result.json and report.html; folds that are done there are not done again
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Change one setting, such as folds.protocol=artist; may be given many times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Only this fold, counted from 1
    #[arg(long, value_name = "K")]
    fold: Option<usize>,
    /// CSV that readings of a test part are added to; protocols filtered and artist need it
    #[arg(long, value_name = "FILE", requires = "what")]
    readings: Option<PathBuf>,
    /// What is read, for that CSV
    #[arg(long, value_name = "TEXT")]
    what: Option<String>,
    /// A result.json of another protocol that the model's header lists as well; may be given many times
    #[arg(long = "with-result", value_name = "FILE")]
    other_results: Vec<PathBuf>,
    /// In place of the network: svm or logistic, of 46 features of every segment (cargo feature `baselines`)
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// A table of 55 features of whole clips, as GTZAN's, that the baseline reads instead
    #[arg(long, value_name = "FILE", requires = "baseline")]
    table: Option<PathBuf>,
    /// Commit of the code, for the result
    #[arg(long, env = "GENRESCOPE_COMMIT", default_value = "unknown", hide_env_values = true)]
    commit: String,
}

pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Ending> {
    let settings = Settings::read(&args.settings, &args.set)?;
    let readings = args.readings.clone().map(|path| Readings {
        path,
        date: today(),
        what: args.what.clone().unwrap_or_default(),
    });
    let options = EvaluateOptions {
        out: args.out.clone(),
        commit: args.commit.clone(),
        fold: args.fold,
        readings,
        other_results: args.other_results.clone(),
    };
    let mut progress = TrainingProgress::new(talk);
    let mut show = |event: Event| show(&mut progress, &event);
    let result = match &args.baseline {
        Some(name) => baseline(name, args.table.as_ref(), (&settings, &options), &mut show),
        None => Ok(evaluate::evaluate(&settings, &options, &mut show)?),
    };
    let result = result.with_context(|| format!("evaluating {}", args.settings.display()))?;
    if result.is_some() {
        report::page(std::slice::from_ref(&args.out), &args.out)?;
    }
    print(&result.map(|result| summary(&result)).unwrap_or_default())
}

#[cfg(feature = "baselines")]
fn baseline(
    name: &str,
    table: Option<&PathBuf>,
    (settings, options): (&Settings, &EvaluateOptions),
    show: &mut dyn FnMut(Event),
) -> anyhow::Result<Option<ResultFile>> {
    use clap::ValueEnum;
    use genrescope::evaluate::{VectorSource, evaluate_vectors};
    let baseline = crate::baselines::Baseline::from_str(name, false)
        .map_err(|_| anyhow::anyhow!("no baseline is called `{name}`; there are svm and logistic"))?;
    let source = table.map_or(VectorSource::Segments, |path| VectorSource::Table(path.clone()));
    Ok(evaluate_vectors(settings, (&baseline, &source), options, show)?)
}

#[cfg(not(feature = "baselines"))]
fn baseline(
    name: &str,
    _: Option<&PathBuf>,
    _: (&Settings, &EvaluateOptions),
    _: &mut dyn FnMut(Event),
) -> anyhow::Result<Option<ResultFile>> {
    anyhow::bail!(
        "--baseline {name}: build with `cargo install --path crates/genrescope-cli --features baselines`"
    )
}

fn show(progress: &mut TrainingProgress, event: &Event) {
    match event {
        Event::Training(event) => progress.show(event),
        Event::Fold { number, folds, tracks } => {
            progress.line(&format!("fold {number} of {folds}: {tracks} tracks to measure"));
        }
        Event::Measured { fold, accuracy } => {
            progress.line(&format!(
                "fold {}: {:.1} % of {} tracks",
                fold.fold,
                100.0 * accuracy,
                fold.tracks.len()
            ));
        }
        _ => {}
    }
}

fn summary(result: &ResultFile) -> String {
    let mut text = format!(
        "{} · {} · {} ({}) · seed {}\n",
        result.network, result.data, result.protocol, result.learn, result.seed
    );
    text += &line("tracks", &result.pooled);
    if let Some(figures) = &result.from_audio {
        text += &line("from audio", figures);
    }
    for (genre, recall) in result.genres.iter().zip(&result.pooled.recall_percent) {
        let recall = recall.map_or("-".to_owned(), |recall| format!("{recall:.1} %"));
        text += &format!("  {genre:<12} {recall:>7}\n");
    }
    text
}

fn line(name: &str, figures: &Figures) -> String {
    let [low, high] = figures.interval_percent;
    format!(
        "{name}: {:.1} % of {} ({low:.1} to {high:.1} by artists), macro-F1 {:.3}, log-loss {:.3}\n",
        figures.accuracy_percent, figures.tracks, figures.macro_f1, figures.log_loss
    )
}

/// Today in UTC, `YYYY-MM-DD`.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let [year, month, day] = date_of(since.as_secs() as i64 / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Civil date of a day counted from 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn date_of(days: i64) -> [i64; 3] {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    [year_of_era + era * 400 + i64::from(month <= 2), month, day]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        let cases =
            [(0, [1970, 1, 1]), (11_016, [2000, 2, 29]), (20_779, [2026, 11, 22]), (-1, [1969, 12, 31])];
        for (days, date) in cases {
            assert_eq!(date_of(days), date, "{days}");
        }
    }
}
