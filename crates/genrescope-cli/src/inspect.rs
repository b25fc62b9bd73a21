//! `genrescope inspect`: everything that a model file says of itself; any network of the zoo as text and picture.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use genrescope::model::zoo::{Input, architectures};
use genrescope::model::{Header, Model, ProtocolResult, Stage, outline};
use genrescope::report::figures::{kernels, network, network_text};
use genrescope::report::json;

use crate::exit::Ending;
use crate::output::print;
use crate::{models, picture};

const EXAMPLES: &str = "\
Examples:
  genrescope inspect                         the model inside
  genrescope inspect my-model.safetensors
  genrescope inspect --plan                  how a training pass over its network runs here
  genrescope inspect mlfi-two-way-b2 --frames 38 --features 46
  genrescope inspect mlfi-two-way-b2 --picture two-way-b2.svg
  genrescope inspect my-model.safetensors --filters vertical-kernels.png
  genrescope inspect --json | jq .front_end";

/// Show what a model says of itself
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A name or a file, or a network that `genrescope models` lists; the model that judges unless given
    #[arg(value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Write JSON
    #[arg(long)]
    json: bool,
    /// Show what a training pass over the network does: layers that run together, kernels, memory. Inference leaves out
    /// batch norms behind convolutions, and channels without weights
    #[arg(long, conflicts_with = "json")]
    plan: bool,
    /// Show the network layer by layer, with the shape that each gives
    #[arg(long, conflicts_with_all = ["json", "plan"])]
    layers: bool,
    /// Draw the network, as .svg or .png
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Draw the model's vertical kernels over an axis of Hz, as .svg or .png
    #[arg(long, value_name = "FILE")]
    filters: Option<PathBuf>,
    /// Frames of a patch, for a network without a model
    #[arg(long, value_name = "N")]
    frames: Option<usize>,
    /// Audio features beside the spectrogram, for a network without a model
    #[arg(long, value_name = "N")]
    features: Option<usize>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Ending> {
    let name = arguments.model.as_deref().and_then(|name| name.to_str());
    let is_file = arguments.model.as_deref().is_some_and(|path| path.exists());
    match architectures()
        .find(|architecture| Some(architecture.name) == name && !is_file && name != Some("musicnn"))
    {
        Some(architecture) => {
            let published = architecture.published;
            let input = Input {
                frames: arguments.frames.unwrap_or(published.frames),
                features: arguments.features.unwrap_or(published.features),
                ..published
            };
            if arguments.json || arguments.plan || arguments.filters.is_some() {
                let what = "--json, --plan and --filters are of a model; train one and give its file";
                return Err(anyhow!("{} is a network without weights: {what}", architecture.name));
            }
            draw(arguments, architecture.name, &architecture.outline(Some(input))?)
        }
        None => model(arguments),
    }
}

/// The picture if one is wanted, else the text.
fn draw(arguments: &Arguments, name: &str, stages: &[Stage]) -> Result<Ending> {
    match &arguments.picture {
        Some(path) => picture::write(&network(name, stages), path).map(|()| Ending::Fine),
        None => print(&network_text(name, stages)),
    }
}

fn model(arguments: &Arguments) -> Result<Ending> {
    let model = models::find(arguments.model.as_deref())?;
    if arguments.frames.is_some() || arguments.features.is_some() {
        return Err(anyhow!(
            "a model has its own frames and features; --frames and --features are of networks"
        ));
    }
    if let Some(path) = &arguments.filters {
        return filters(&model, path);
    }
    if arguments.layers || arguments.picture.is_some() {
        return draw(arguments, &model.header.network, &outline(model.network()?));
    }
    if arguments.plan {
        return print(&model.network()?.explain(model.header.patch_frames)?.to_string());
    }
    print(&if arguments.json { json::card(&model) + "\n" } else { text(&model) })
}

fn filters(model: &Model, path: &std::path::Path) -> Result<Ending> {
    let scene = kernels(model).ok_or_else(|| {
        let network = &model.header.network;
        anyhow!("network {network} has no kernel over all bands; v-kernel, crnn and bicrnn have")
    })?;
    picture::write(&scene, path).map(|()| Ending::Fine)
}

fn text(model: &Model) -> String {
    let (header, front_end) = (&model.header, &model.header.front_end);
    let counts = model.parameter_counts();
    let length = if header.any_length { "or any other length" } else { "no other length" };
    let features = header.features.as_ref().map_or("none".to_owned(), |input| {
        let (count, set) = (input.columns.len(), input.extraction.set);
        let from = if set.needs_audio() { "its samples" } else { "its spectrogram" };
        format!("{count} of each patch ({}), from {from}", set.name())
    });
    let other_sound = header.music.as_ref().map_or("not told from music".to_owned(), |gate| {
        format!("told from music, learned from {}", gate.trained_on)
    });
    let rows = [
        ("name", header.name.clone()),
        ("hash", model.hash().to_owned()),
        (
            "network",
            format!("{}, {} parameters ({} trainable)", header.network, counts.all, counts.trainable),
        ),
        ("patch", format!("{} frames = {:.2} s, {length}", header.patch_frames, header.patch_s())),
        (if header.vocabulary.is_genres() { "genres" } else { "tags" }, header.genres.join(", ")),
        ("audio", format!("{} Hz mono", front_end.sample_rate_hz)),
        (
            "spectrogram",
            format!("{} mel bands, every {:.1} ms", front_end.mel_bands, 1000.0 * front_end.frame_period_s()),
        ),
        ("features", features),
        ("other sound", other_sound),
        ("scores", scores(header)),
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
    let joined = model.tagger().map_or_else(String::new, |tagger| {
        let (tags, trained) = (&tagger.model, &tagger.head().trained_on);
        let foreign = tagger.head().foreign.as_ref().map_or_else(String::new, |foreign| {
            format!("; unsure of what is {} above {:.0} %", foreign.tag, 100.0 * foreign.unsure_above)
        });
        format!(
            "{:<12} {} ({}), a head on its {} tags: {}, {} tracks{foreign}\n",
            "joined with",
            tags.header.name,
            tags.hash(),
            tags.header.genres.len(),
            trained.data,
            trained.tracks
        )
    });
    let facts = rows.iter().map(|(name, value)| format!("{name:<12} {value}\n"));
    facts.chain([joined]).chain(header.results.iter().map(result)).collect()
}

/// What is done to scores so that they mean what they say.
fn scores(header: &Header) -> String {
    header.certainty.as_ref().map_or("as the network gives them".to_owned(), |certainty| {
        let (exponent, least) = (certainty.exponent, 100.0 * certainty.unsure_below);
        format!("to the power of {exponent:.2}, unsure below {least:.0} %, fitted on {}", certainty.fitted_on)
    })
}

fn result(result: &ProtocolResult) -> String {
    let interval = result.interval.map_or_else(String::new, |[from, to]| format!(" ({from:.1} to {to:.1})"));
    format!(
        "{:<12} {:.1} %{interval} of {} tracks, protocol {}, {}\n",
        "accuracy", result.accuracy_percent, result.tracks, result.protocol, result.data
    )
}
