//! `genrescope models`: the networks there are; and how a model is found.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use genrescope::model::Model;
use genrescope::model::zoo::{Architecture, architectures};
use serde::Serialize;

use crate::exit::Ending;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  genrescope models
  genrescope models list --json";

/// List the networks and what each takes
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
    /// List the networks (also without any action)
    List,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    family: &'static str,
    parameters: usize,
    trainable: usize,
    input: InputRow,
    source: &'static str,
}

#[derive(Serialize)]
struct InputRow {
    mel_bands: usize,
    /// None: any number.
    frames: Option<usize>,
    features: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Ending> {
    let (None | Some(Action::List)) = arguments.action;
    let rows = architectures().map(row).collect::<genrescope::Result<Vec<Row>>>()?;
    print(&if arguments.json { serde_json::to_string_pretty(&rows)? + "\n" } else { table(&rows)? })
}

/// The model inside, one by name, or one from a file.
pub(crate) fn load(choice: Option<&Path>) -> Result<Model> {
    let embedded = Model::embedded()?;
    match choice {
        Some(name) if name != Path::new("default") && name != Path::new(&embedded.header.name) => {
            from_file(name)
        }
        _ => Ok(embedded),
    }
}

fn from_file(path: &Path) -> Result<Model> {
    let is_name = path.extension().is_none() && path.components().count() == 1;
    if is_name && !path.exists() {
        let name = path.display();
        return Err(anyhow!("no model is called `{name}`; give `default` or a model file"));
    }
    Model::load(path).context("the model cannot be used")
}

fn row(architecture: &Architecture) -> genrescope::Result<Row> {
    let input = architecture.published;
    let counts = architecture.parameter_counts()?;
    Ok(Row {
        name: architecture.name,
        family: architecture.family,
        parameters: counts.all,
        trainable: counts.trainable,
        input: InputRow {
            mel_bands: input.bands,
            frames: (!architecture.any_length).then_some(input.frames),
            features: input.features,
        },
        source: architecture.source,
    })
}

fn table(rows: &[Row]) -> Result<String> {
    let mut text = format!("{:<15} {:>9}   {:<12} family\n", "network", "trainable", "input");
    for row in rows {
        text +=
            &format!("{:<15} {:>9}   {:<12} {}\n", row.name, row.trainable, extents(&row.input), row.family);
    }
    text += "\ninput: mel bands x frames + audio features\n";
    for (index, row) in rows.iter().enumerate() {
        if !rows[..index].iter().any(|before| before.family == row.family) {
            text += &format!("{}: {}\n", row.family, row.source);
        }
    }
    let header = Model::embedded()?.header;
    text += &format!(
        "\nthe model inside: {} (network {}); more by `genrescope inspect`\n",
        header.name, header.network
    );
    Ok(text)
}

fn extents(input: &InputRow) -> String {
    let frames = input.frames.map_or("any".to_owned(), |frames| frames.to_string());
    let features = if input.features > 0 { format!(" + {}", input.features) } else { String::new() };
    format!("{}x{frames}{features}", input.mel_bands)
}
