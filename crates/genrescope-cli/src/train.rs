//! `genrescope train SETTINGS.toml`: one model.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args as ClapArgs;
use genrescope::train::{self, Resume, Settings, TrainOptions};

use crate::exit::Ending;
use crate::output::print;
use crate::talk::Talk;
use crate::training_progress::TrainingProgress;

/// Train one model from a settings file
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  genrescope train experiments/default-model/settings.toml --out runs/default
  genrescope train settings.toml --set train.epochs=20 --set seed=7 --out runs/seven
  genrescope train settings.toml --out runs/default --resume   # go on after a kill")]
pub(crate) struct Args {
    /// Data, network, optimiser, variations and folds; every key has a documented default
    settings: PathBuf,
    /// Folder for model.safetensors, history.csv, checkpoints and the effective settings
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Change one setting, such as train.epochs=20; may be given many times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Go on from the folder's last checkpoint
    #[arg(long)]
    resume: bool,
    /// Commit of the code, for the model's header
    #[arg(long, env = "GENRESCOPE_COMMIT", default_value = "unknown", hide_env_values = true)]
    commit: String,
}

pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Ending> {
    let settings = Settings::read(&args.settings, &args.set)?;
    let options = TrainOptions {
        out: Some(args.out.clone()),
        resume: if args.resume { Resume::Continue } else { Resume::Afresh },
        stop_after: None,
        commit: args.commit.clone(),
    };
    let mut progress = TrainingProgress::new(talk);
    train::train(&settings, &options, &mut |event| progress.show(&event))
        .with_context(|| format!("training from {}", args.settings.display()))?;
    print(&format!("{}\n", args.out.join("model.safetensors").display()))
}
