//! `genrescope models`: the networks there are; and how a model is found.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use genrescope::model::zoo::{Architecture, architectures};
use genrescope::model::{Model, Vocabulary};
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

/// A model of genres: the one inside, one by name, or one from a file.
pub(crate) fn load(choice: Option<&Path>) -> Result<Model> {
    let model = find(choice)?;
    if model.header.vocabulary == Vocabulary::Genres {
        return Ok(model);
    }
    Err(anyhow!(
        "`{}` gives tags, no genres; choose `best`, whose genres rest on its tags, or `classify --vocabulary tags`",
        model.header.name
    ))
}

/// A model of tags: musicnn, or one from a file.
pub(crate) fn load_tags(choice: Option<&Path>) -> Result<Model> {
    let Some(choice) = choice else { return Ok(Model::musicnn()?) };
    let model = find(Some(choice))?;
    let model = model.tagger().map(|tagger| tagger.model.clone()).unwrap_or(model);
    if model.header.vocabulary == Vocabulary::Tags {
        return Ok(model);
    }
    Err(anyhow!("`{}` gives genres, no tags; choose `musicnn`", model.header.name))
}

/// Any model: the one inside, one by name, or one from a file.
pub(crate) fn find(choice: Option<&Path>) -> Result<Model> {
    Model::find(choice).context("the model cannot be used")
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
    text += "\nthe models inside; more by `genrescope inspect NAME`\n";
    let (fast, tags) = (Model::embedded()?.header, Model::musicnn()?.header);
    text += &format!(
        "{:<9} {}, for genres; also called {}: used unless --model says more\n",
        "fast", fast.network, fast.name
    );
    text += &format!("{:<9} fast joined with genres that follow from the tags of musicnn: slower\n", "best");
    text += &format!(
        "{:<9} {} tags: classify --vocabulary tags, features --set embedding\n",
        "musicnn",
        tags.genres.len()
    );
    Ok(text)
}

fn extents(input: &InputRow) -> String {
    let frames = input.frames.map_or("any".to_owned(), |frames| frames.to_string());
    let features = if input.features > 0 { format!(" + {}", input.features) } else { String::new() };
    format!("{}x{frames}{features}", input.mel_bands)
}
