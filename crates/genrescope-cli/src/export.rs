//! `genrescope export`: a model as an ONNX file, for other programs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use genrescope::model::ExportInput;
use genrescope::model::zoo::architectures;

use crate::exit::Ending;
use crate::models;

const EXAMPLES: &str = "\
Examples:
  genrescope export fast -o genre.onnx
  genrescope export fast --with-front-end -o genre-of-samples.onnx
  genrescope export musicnn -o tags.onnx
  genrescope export my-model.safetensors -o my-model.onnx";

/// Write a model as ONNX: dB spectrograms in, scores out, all else in the file's metadata
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A name or a file
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Where to write, as .onnx
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Put the front end inside as well: samples of one patch in, as long as the file's metadata say
    #[arg(long)]
    with_front_end: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Ending> {
    let path = &arguments.output;
    if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("onnx")) {
        return Err(anyhow!("{}: an export is .onnx; name it so", path.display()));
    }
    check_has_weights(&arguments.model)?;
    let input = if arguments.with_front_end { ExportInput::Samples } else { ExportInput::Mel };
    let bytes = models::find(Some(&arguments.model))?.to_onnx(input)?;
    fs::write(path, bytes).with_context(|| {
        format!("{}: cannot be written; allow it there, or write elsewhere", path.display())
    })?;
    Ok(Ending::Fine)
}

/// A network of the zoo is not a model before it is trained.
fn check_has_weights(model: &Path) -> Result<()> {
    let named = |name: &str| model.to_str() == Some(name) && !model.exists();
    match architectures().find(|network| network.name != "musicnn" && named(network.name)) {
        Some(network) => {
            Err(anyhow!("{} is a network without weights; train one and give its file", network.name))
        }
        None => Ok(()),
    }
}
