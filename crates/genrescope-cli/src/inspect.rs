//! `genrescope inspect`: everything that a model file says of itself.

use std::path::PathBuf;

use anyhow::Result;
use genrescope::model::{Header, Model, ProtocolResult};
use serde::Serialize;

use crate::exit::Ending;
use crate::models;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  genrescope inspect                         the model inside
  genrescope inspect my-model.safetensors
  genrescope inspect --plan                  how a pass over its network runs here
  genrescope inspect --json | jq .front_end";

/// Show what a model says of itself
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A name or a file; the model inside unless given
    #[arg(value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Write JSON
    #[arg(long)]
    json: bool,
    /// Show what a pass over the network does: layers that run together, kernels, memory
    #[arg(long, conflicts_with = "json")]
    plan: bool,
}

#[derive(Serialize)]
struct Record<'a> {
    hash: &'a str,
    parameters: usize,
    trainable: usize,
    #[serde(flatten)]
    header: &'a Header,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Ending> {
    let model = models::load(arguments.model.as_deref())?;
    if arguments.plan {
        return print(&model.network().explain(model.header.patch_frames)?.to_string());
    }
    let counts = model.parameter_counts();
    let (parameters, trainable) = (counts.all, counts.trainable);
    let record = Record { hash: model.hash(), parameters, trainable, header: &model.header };
    print(&if arguments.json { serde_json::to_string_pretty(&record)? + "\n" } else { text(&record, &model) })
}

fn text(record: &Record, model: &Model) -> String {
    let (header, front_end) = (&model.header, &model.header.front_end);
    let length = if header.any_length { "or any other length" } else { "no other length" };
    let features = header.features.as_ref().map_or("none".to_owned(), |input| {
        let (count, set) = (input.columns.len(), input.extraction.set);
        let from = if set.needs_audio() { "its samples" } else { "its spectrogram" };
        format!("{count} of each patch ({}), from {from}", set.name())
    });
    let rows = [
        ("name", header.name.clone()),
        ("hash", record.hash.to_owned()),
        (
            "network",
            format!("{}, {} parameters ({} trainable)", header.network, record.parameters, record.trainable),
        ),
        ("patch", format!("{} frames = {:.2} s, {length}", header.patch_frames, header.patch_s())),
        ("genres", header.genres.join(", ")),
        ("audio", format!("{} Hz mono", front_end.sample_rate_hz)),
        (
            "spectrogram",
            format!("{} mel bands, every {:.1} ms", front_end.mel_bands, 1000.0 * front_end.frame_period_s()),
        ),
        ("features", features),
        (
            "trained on",
            format!(
                "{}, {} tracks, {} epochs, seed {}",
                header.trained_on.data,
                header.trained_on.tracks,
                header.trained_on.epochs,
                header.trained_on.seed
            ),
        ),
        ("licence", header.licence.clone()),
        ("commit", header.commit.clone()),
    ];
    let facts = rows.iter().map(|(name, value)| format!("{name:<12} {value}\n"));
    facts.chain(header.results.iter().map(result)).collect()
}

fn result(result: &ProtocolResult) -> String {
    let interval = result.interval.map_or_else(String::new, |[from, to]| format!(" ({from:.1} to {to:.1})"));
    format!(
        "{:<12} {:.1} %{interval} of {} tracks, protocol {}, {}\n",
        "accuracy", result.accuracy_percent, result.tracks, result.protocol, result.data
    )
}
