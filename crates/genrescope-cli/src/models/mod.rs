//! `genrescope models`: the networks and the models that there are, installing more, and which one judges.

mod choice;
mod folder;
mod list;

use std::path::PathBuf;

use anyhow::Result;

use crate::exit::Ending;
use crate::output::print;
use crate::talk::Talk;

pub(crate) use choice::{find, load, load_tags};
use folder::Folder;
pub(crate) use folder::file_of;

const EXAMPLES: &str = "\
Examples:
  genrescope models
  genrescope models list --json
  genrescope models install runs/mine/model.safetensors --name mine
  genrescope models install theirs.onnx          # made elsewhere: docs/onnx.md
  genrescope classify song.mp3 --model mine
  genrescope models default mine                 # judge by it from now on
  genrescope models default best                 # by the model inside again
  genrescope models remove mine";

/// List the networks and models, install and remove models, choose the one that judges
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Write JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List the networks, the models inside and those installed (also without any action)
    List,
    /// Check a model file, or an ONNX file that says what it reads, and keep a copy of it under a name
    Install {
        /// The model file
        file: PathBuf,
        /// What to call it; as the file calls itself unless given
        #[arg(long)]
        name: Option<String>,
    },
    /// Delete an installed model
    Remove {
        /// Its name, or the first digits of its hash
        #[arg(value_name = "NAME|HASH")]
        model: String,
    },
    /// Say which model judges where none is named, or choose it
    Default {
        /// The name of a model, or the first digits of an installed one's hash
        #[arg(value_name = "NAME|HASH")]
        model: Option<String>,
    },
}

pub(crate) fn run(arguments: &Arguments, talk: &Talk) -> Result<Ending> {
    let folder = Folder::of_the_user();
    match &arguments.action {
        None | Some(Action::List) => print(&list::text(&folder, arguments.json, talk)?),
        Some(Action::Install { file, name }) => print(&folder.install(file, name.as_deref())?),
        Some(Action::Remove { model }) => print(&folder.remove(model)?),
        Some(Action::Default { model: Some(model) }) => print(&folder.choose(model)?),
        Some(Action::Default { model: None }) => print(&(folder.chosen()?.name() + "\n")),
    }
}
