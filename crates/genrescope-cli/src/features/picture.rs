//! `genrescope features FILE --picture OUT`: one recording → a picture of its features.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use genrescope::audio::Waveform;
use genrescope::features::SAMPLE_RATE_HZ;
use genrescope::report::picture::{png, recording, svg};
use genrescope::report::text::printable;

use super::Arguments;
use crate::exit::Ending;
use crate::{crew, inputs};

pub(super) fn draw(arguments: &Arguments, picture: &Path) -> Result<Ending> {
    let ending = picture.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let is_svg = match ending.as_deref() {
        Some("svg") => true,
        Some("png") => false,
        _ => bail!("{}: a picture is .svg or .png; name it so", picture.display()),
    };
    let inputs = inputs::gather(&arguments.paths, arguments.files_from.as_deref())?;
    let [input] = &inputs[..] else {
        bail!("a picture shows one recording, here are {}; name one", inputs.len());
    };
    let waveform = crew::work_on(input, |source| Waveform::from_stream(source.open(SAMPLE_RATE_HZ)?))?;
    let name = Path::new(&input.name).file_name().map_or("-".into(), |name| name.to_string_lossy());
    let scene = recording(&printable(&name), &waveform.samples);
    let bytes = if is_svg { svg(&scene).into_bytes() } else { png(&scene) };
    fs::write(picture, bytes).with_context(|| format!("{}: cannot be written", picture.display()))?;
    Ok(Ending::Fine)
}
