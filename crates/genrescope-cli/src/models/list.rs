//! The list of networks and models, for people and as JSON.

use anyhow::Result;
use genrescope::model::zoo::{Architecture, architectures};
use genrescope::model::{Model, Vocabulary};
use serde::Serialize;

use super::folder::{Folder, Installed};
use crate::talk::Talk;

#[derive(Serialize)]
struct Row {
    name: String,
    family: &'static str,
    parameters: usize,
    trainable: usize,
    input: InputRow,
    source: String,
    /// Of an installed model.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
}

#[derive(Serialize)]
struct InputRow {
    mel_bands: usize,
    /// None: any number.
    frames: Option<usize>,
    features: usize,
}

/// The zoo, the models inside and those installed; an installed file that cannot be read is a warning.
pub(super) fn text(folder: &Folder, as_json: bool, talk: &Talk) -> Result<String> {
    let networks = architectures().map(network).collect::<genrescope::Result<Vec<Row>>>()?;
    let (installed, faults) = folder.all()?;
    faults.iter().for_each(|fault| talk.warning(&format!("{fault:#}")));
    if as_json {
        let rows: Vec<Row> = networks.into_iter().chain(installed.iter().map(model)).collect();
        return Ok(serde_json::to_string_pretty(&rows)? + "\n");
    }
    Ok(networks_table(&networks) + &inside()? + &installed_table(&installed) + &judging(folder))
}

fn network(architecture: &Architecture) -> genrescope::Result<Row> {
    let input = architecture.published;
    let counts = architecture.parameter_counts(None)?;
    Ok(Row {
        name: architecture.name.to_owned(),
        family: architecture.family,
        parameters: counts.all,
        trainable: counts.trainable,
        input: InputRow {
            mel_bands: input.bands,
            frames: (!architecture.any_length).then_some(input.frames),
            features: input.features,
        },
        source: architecture.source.to_owned(),
        hash: None,
    })
}

fn model(installed: &Installed) -> Row {
    let header = &installed.model.header;
    let counts = installed.model.parameter_counts();
    let trained = &header.trained_on;
    Row {
        name: installed.name.clone(),
        family: "installed",
        parameters: counts.all,
        trainable: counts.trainable,
        input: InputRow {
            mel_bands: header.front_end.mel_bands,
            frames: (!header.any_length).then_some(header.patch_frames),
            features: header.features.as_ref().map_or(0, |input| input.columns.len()),
        },
        source: format!("{}, trained on {}, {} tracks", header.network, trained.data, trained.tracks),
        hash: Some(installed.model.hash().to_owned()),
    }
}

fn networks_table(rows: &[Row]) -> String {
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
    text
}

fn inside() -> Result<String> {
    let (fast, tags) = (Model::fast()?.header, Model::musicnn()?.header);
    let rows = [
        ("best", "genres: fast joined with those that follow from the tags of musicnn".into()),
        ("fast", format!("genres: {} alone; less often right, in half the time", fast.network)),
        (
            "musicnn",
            format!("{} tags: classify --vocabulary tags, features --set embedding", tags.genres.len()),
        ),
    ];
    let rows: String = rows.iter().map(|(name, what)| format!("{name:<9} {what}\n")).collect();
    Ok(format!("\nthe models inside; more by `genrescope inspect NAME`\n{rows}"))
}

fn installed_table(installed: &[Installed]) -> String {
    if installed.is_empty() {
        return "\nno others are installed: `genrescope models install FILE`\n".into();
    }
    let rows = installed.iter().map(|Installed { name, model }| {
        let header = &model.header;
        let what = match header.vocabulary {
            Vocabulary::Genres => "genres",
            Vocabulary::Tags => "tags",
        };
        format!("{name:<15} {}  {} {what}, {}\n", model.hash(), header.genres.len(), header.network)
    });
    format!("\ninstalled\n{}", rows.collect::<String>())
}

fn judging(folder: &Folder) -> String {
    match folder.chosen() {
        Ok(chosen) => {
            format!("\n{} judges where no model is named: `genrescope models default NAME`\n", chosen.name())
        }
        Err(error) => format!("\n{error:#}\n"),
    }
}

fn extents(input: &InputRow) -> String {
    let frames = input.frames.map_or("any".to_owned(), |frames| frames.to_string());
    let features = if input.features > 0 { format!(" + {}", input.features) } else { String::new() };
    format!("{}x{frames}{features}", input.mel_bands)
}
