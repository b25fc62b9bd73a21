//! `genrescope train SETTINGS.toml`, `genrescope train --from MODEL DIR`: one model.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args as ClapArgs;
use genrescope::evaluate::{self, EvaluateOptions};
use genrescope::train::{self, Experiment, Resume, Settings, TrainOptions};

use crate::evaluate::summary;
use crate::exit::Ending;
use crate::models;
use crate::output::print;
use crate::talk::Talk;
use crate::threads::Threads;
use crate::training_progress::TrainingProgress;

/// Train one model from a settings file, or go on from a model with the genres of a folder
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  genrescope train experiments/default-model/settings.toml --out runs/fast
  genrescope train settings.toml --set train.epochs=20 --set seed=7 --out runs/seven
  genrescope train settings.toml --out runs/fast --resume   # go on after a kill
  genrescope train --from fast music/ --out runs/mine          # folders of audio named by genre
  genrescope train --from fast music/ --set train.freeze=[\"block1\"] --out runs/mine")]
pub(crate) struct Args {
    /// Data, network, optimiser, variations and folds; every key has a documented default. With --from: a folder of
    /// audio named by genre
    #[arg(value_name = "SETTINGS.toml|DIR")]
    input: PathBuf,
    /// Start from the weights of this model: fast, an installed one, or a file; a head for other genres is made anew
    #[arg(long, value_name = "MODEL")]
    from: Option<PathBuf>,
    /// Folder for model.safetensors, history.csv, checkpoints and the effective settings
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Change one setting, such as train.epochs=20; may be given many times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Go on from the folder's last checkpoint; with --from that is done anyway
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    threads: Threads,
    /// Commit of the code, for the model's header
    #[arg(long, env = "GENRESCOPE_COMMIT", default_value = "unknown", hide_env_values = true)]
    commit: String,
}

pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Ending> {
    args.threads.start()?;
    if let Some(model) = &args.from {
        return fine_tune(args, &models::file_of(model)?, talk);
    }
    let settings = Settings::read(&args.input, &args.set)?;
    let options = TrainOptions {
        out: Some(args.out.clone()),
        resume: if args.resume { Resume::Continue } else { Resume::Afresh },
        stop_after: None,
        commit: args.commit.clone(),
    };
    let mut progress = TrainingProgress::new(talk);
    train::train(&settings, &options, &mut |event| progress.show(&event))
        .with_context(|| format!("training from {}", args.input.display()))?;
    print(&format!("{}\n", args.out.join("model.safetensors").display()))
}

/// Goes on from a model with the genres of a folder, and measures the result on what it held out.
fn fine_tune(args: &Args, model: &Path, talk: &Talk) -> anyhow::Result<Ending> {
    let settings = Settings::fine_tuning(model, &args.input, &args.set)?;
    let options =
        EvaluateOptions { out: args.out.clone(), commit: args.commit.clone(), ..EvaluateOptions::default() };
    let mut progress = TrainingProgress::new(talk);
    let experiments = [Experiment { name: String::new(), settings }];
    let results = evaluate::evaluate(&experiments, &options, &mut |event| progress.show_evaluation(&event))
        .with_context(|| format!("training from {}", args.input.display()))?;
    let model = args.out.join("model.safetensors");
    print(&format!("{}{}\n", results.iter().map(summary).collect::<String>(), model.display()))
}
