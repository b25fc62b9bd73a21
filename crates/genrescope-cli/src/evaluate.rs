//! `genrescope evaluate SETTINGS.toml`: a protocol over one or many networks, fold by fold.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;
use clap::Args as ClapArgs;
use genrescope::evaluate::{
    self, CertaintyResult, Classifier, EvaluateOptions, Figures, ImportanceResult, Learner, Part,
    Perturbation, PerturbedResult, Readings, ResultFile, ScoreFigures, VectorSource,
};
use genrescope::train::Experiment;

use crate::exit::Ending;
use crate::output::print;
use crate::report;
use crate::run_record::{RunRecord, now};
use crate::talk::Talk;
use crate::threads::Threads;
use crate::training_progress::TrainingProgress;

/// Measure ways of training by a protocol
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Several networks in one file: networks = [\"crnn\", \"bicrnn\"], and [[variants]] with a name and what differs; each
then has its own folder below --out; some of them: --set 'networks=[\"crnn\"]', --set 'variants=[{ name = \"a\", seed = 2 }]'.
The same command goes on where a killed one stood.

Examples:
  genrescope evaluate settings.toml --set folds.protocol=cross_validation --out runs/cv
  genrescope evaluate settings.toml --out runs/test --readings readings.csv --what first
  genrescope evaluate settings.toml --out runs/cv --folds 3      # the first three
  genrescope evaluate settings.toml --out runs/cv --fold 2       # one fold, for a scheduler
  genrescope evaluate settings.toml --out runs/cv --collect      # joins them
  genrescope evaluate seeds.toml --out runs/seeds --ensemble     # their mean as well
  genrescope evaluate settings.toml --out best --model best --taggrams tags.npz --readings r.csv
  genrescope evaluate settings.toml --out runs/svm --baseline svm
  genrescope evaluate settings.toml --out runs/cv --perturb transpose   # trained folds
  genrescope evaluate settings.toml --out runs/twin --perturb audio=encoded
  genrescope evaluate settings.toml --out runs/cv --perturb features    # what each feature tells"
)]
pub(crate) struct Args {
    /// Data, network, optimiser, variations and folds
    settings: PathBuf,
    /// Folder for folds, result.json and report.html; folds that are done there are not done again
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Change one setting, such as folds.protocol=artist; may be given many times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Only this fold, counted from 1; the result is then joined by --collect
    #[arg(long, value_name = "K")]
    fold: Option<usize>,
    /// Only the first N folds, and their result; more can be added later
    #[arg(long, value_name = "N", conflicts_with_all = ["fold", "collect"], value_parser = clap::value_parser!(u8).range(1..))]
    folds: Option<u8>,
    /// Only join folds that are there
    #[arg(long, conflicts_with = "fold")]
    collect: bool,
    /// Also the mean of the scores of all networks of the settings, into DIR/ensemble
    #[arg(long, conflicts_with_all = ["fold", "perturb", "model", "baseline"])]
    ensemble: bool,
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
    /// Measure the folds that are trained once more on changed tracks, into a CSV beside result.json: transpose (-6 to 6
    /// semitones into transposition.csv), or values such as transpose=-2,0,2; audio=DIR: from other recordings of the clips
    /// of data.twin_of, a folder each below DIR (into audio.csv); features: with each audio feature dealt out anew, which
    /// shows what genres rest on (into features.csv); may be given many times
    #[arg(long, value_name = "CHANGE", conflicts_with_all = ["fold", "folds", "collect", "baseline", "other_results"])]
    perturb: Vec<Change>,
    /// Train nothing: read a finished joined model (best) once on the test part
    #[arg(long, value_name = "NAME", requires = "taggrams", conflicts_with_all = ["fold", "folds", "collect", "baseline", "perturb"])]
    model: Option<PathBuf>,
    /// Published tag scores of the test tracks, as .npz, that the model reads beside their spectrograms
    #[arg(long, value_name = "FILE", requires = "model")]
    taggrams: Option<PathBuf>,
    #[command(flatten)]
    threads: Threads,
    /// Commit of the code, for run.json and the models' headers
    #[arg(long, env = "GENRESCOPE_COMMIT", default_value = "unknown", hide_env_values = true)]
    commit: String,
}

impl Args {
    fn part(&self) -> Part {
        match self.fold {
            _ if self.collect => Part::Collect,
            Some(fold) => Part::Fold(fold),
            None => self.folds.map_or(Part::All, |folds| Part::First(folds.into())),
        }
    }
}

pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Ending> {
    args.threads.start()?;
    let experiments = Experiment::read_all(&args.settings, &args.set)?;
    let date = || now().split('T').next().unwrap_or_default().to_owned();
    let what = args.what.clone().unwrap_or_default();
    let readings = args.readings.clone().map(|path| Readings { path, date: date(), what });
    let options = EvaluateOptions {
        out: args.out.clone(),
        commit: args.commit.clone(),
        part: args.part(),
        learner: learner(args)?,
        readings,
        other_results: args.other_results.clone(),
    };
    if let (Some(model), Some(taggrams)) = (&args.model, &args.taggrams) {
        let [Experiment { settings, .. }] = &experiments[..] else {
            anyhow::bail!("a finished model is read by settings of one experiment");
        };
        let model = crate::models::load(Some(model))?;
        let result = evaluate::evaluate_joined(&model, taggrams, settings, &options)?;
        return print(&summary(&result));
    }
    let mut progress = TrainingProgress::new(talk);
    progress.work.one_fold = args.fold.is_some();
    progress.work.most_folds = args.folds.map(usize::from);
    if !args.perturb.is_empty() {
        return perturb(args, &experiments, &options, &mut progress);
    }
    let mut record = RunRecord::new(&args.out, &args.commit);
    let mut results = evaluate::evaluate(&experiments, &options, &mut |event| {
        progress.show_evaluation(&event);
        if let Err(error) = record.observe(&event) {
            talk.warning(&format!("run.json: {error}"));
        }
    })
    .with_context(|| format!("evaluating {}", args.settings.display()))?;
    experiments.iter().try_for_each(|one| record.join(&one.name)).context("run.json")?;
    if args.ensemble {
        results.push(evaluate::ensemble(&experiments, &options)?);
    }
    if !results.is_empty() {
        report::page(std::slice::from_ref(&args.out), &args.out)?;
    }
    print(&results.iter().map(summary).collect::<Vec<_>>().join("\n"))
}

/// What trained folds are measured on once more.
#[derive(Clone, Debug)]
enum Change {
    Levels(Perturbation),
    /// A folder of recordings a change.
    Audio(PathBuf),
    /// Every audio feature by itself.
    Features,
}

impl FromStr for Change {
    type Err = genrescope::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("audio=") {
            Some(folder) => Ok(Self::Audio(folder.into())),
            None if text == "features" => Ok(Self::Features),
            None => text.parse().map(Self::Levels),
        }
    }
}

/// Measures trained folds on changed tracks.
fn perturb(
    args: &Args,
    experiments: &[Experiment],
    options: &EvaluateOptions,
    progress: &mut TrainingProgress,
) -> anyhow::Result<Ending> {
    let mut tables = Vec::new();
    for change in &args.perturb {
        let mut show = |event: evaluate::Event| progress.show_evaluation(&event);
        let found = match (change, experiments) {
            (Change::Levels(change), _) => {
                let results =
                    evaluate::perturb(experiments, options, std::slice::from_ref(change), &mut show);
                results.map(|results| results.iter().map(PerturbedResult::to_csv).collect())
            }
            (Change::Audio(folder), [Experiment { settings, .. }]) => {
                let results = evaluate::measure_recordings(settings, options, folder, &mut show);
                results.map(|results| vec![evaluate::recordings_csv(&results)])
            }
            (Change::Features, _) => {
                let results = evaluate::importance(experiments, options, &mut show);
                results.map(|results| results.iter().map(ImportanceResult::to_csv).collect())
            }
            (Change::Audio(_), _) => anyhow::bail!("recordings are measured by settings of one experiment"),
        };
        tables
            .extend(found.with_context(|| format!("perturbing the tracks of {}", args.settings.display()))?);
    }
    if experiments.iter().any(|one| args.out.join(&one.name).join("result.json").exists()) {
        report::page(std::slice::from_ref(&args.out), &args.out)?;
    }
    print(&tables.join("\n"))
}

/// The network of the settings, or the classifier that is asked for.
fn learner(args: &Args) -> anyhow::Result<Learner> {
    let Some(name) = &args.baseline else { return Ok(Learner::Network) };
    let classifier = baseline(name)?;
    let source = args.table.clone().map_or(VectorSource::Segments, VectorSource::Table);
    Ok(Learner::Vectors { classifier, source })
}

#[cfg(feature = "baselines")]
fn baseline(name: &str) -> anyhow::Result<Arc<dyn Classifier>> {
    let baseline: Result<crate::baselines::Baseline, String> = clap::ValueEnum::from_str(name, false);
    let unknown = |_| anyhow::anyhow!("no baseline is called `{name}`; there are svm and logistic");
    Ok(Arc::new(baseline.map_err(unknown)?))
}

#[cfg(not(feature = "baselines"))]
fn baseline(name: &str) -> anyhow::Result<Arc<dyn Classifier>> {
    anyhow::bail!(
        "--baseline {name}: build with `cargo install --path crates/genrescope-cli --features baselines`"
    )
}

/// A result in words: what was measured how, accuracy with its interval, recall of every genre.
pub(crate) fn summary(result: &ResultFile) -> String {
    let mut text = format!(
        "{} · {} · {} · {} · seed {}\n",
        result.network,
        result.data,
        result.protocol_label(),
        result.learn,
        result.seed
    );
    text += &line("tracks", &result.pooled);
    if let Some(figures) = &result.segments {
        text += &line("segments", figures);
    }
    if let Some(figures) = &result.from_audio {
        text += &line("from audio", figures);
    }
    text += &result.certainty.as_ref().map(certainty).unwrap_or_default();
    if let Some(percent) = result.valid_accuracy_percent() {
        text += &format!("validation, by which epochs were chosen: {percent:.1} %\n");
    }
    for (genre, recall) in result.genres.iter().zip(&result.pooled.recall_percent) {
        let recall = recall.map_or("-".to_owned(), |recall| format!("{recall:.1} %"));
        text += &format!("  {genre:<12} {recall:>7}\n");
    }
    text
}

/// What scores mean, in words.
fn certainty(found: &CertaintyResult) -> String {
    let error = |figures: &ScoreFigures| {
        let (error, chance) = (figures.calibration_error_percent, figures.by_chance_percent);
        format!("calibration error {error:.1} % (up to {chance:.1} % by chance)")
    };
    let fitted = found.fitted.as_ref().map(|figures| format!("; fitted on other folds: {}", error(figures)));
    let sets = found.sets.iter().map(|set| {
        let (wanted, held, genres) = (set.wanted_percent, set.held_percent, set.genres);
        format!("sets of {wanted} %: {held:.1} % hold the genre, {genres:.1} genres each\n")
    });
    let scores = format!("scores: {}{}\n", error(&found.given), fitted.unwrap_or_default());
    std::iter::once(scores).chain(sets).collect()
}

fn line(name: &str, figures: &Figures) -> String {
    let [low, high] = figures.interval_percent;
    format!(
        "{name}: {:.1} % of {} ({low:.1} to {high:.1}), macro-F1 {:.3}, log-loss {:.3}\n",
        figures.accuracy_percent, figures.tracks, figures.macro_f1, figures.log_loss
    )
}
