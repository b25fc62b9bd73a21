//! `genrescope features FILE --picture OUT`: one recording → a picture of its features.

use std::path::Path;

use anyhow::{Result, bail};
use genrescope::audio::Waveform;
use genrescope::features::SAMPLE_RATE_HZ;
use genrescope::report::picture::recording;
use genrescope::report::text::printable;

use super::Arguments;
use crate::exit::Ending;
use crate::picture::{PictureFormat, write};
use crate::{crew, inputs};

pub(super) fn draw(arguments: &Arguments, picture: &Path) -> Result<Ending> {
    PictureFormat::of(picture)?;
    let inputs = inputs::gather(&arguments.paths, arguments.files_from.as_deref())?;
    let [input] = &inputs[..] else {
        bail!("a picture shows one recording, here are {}; name one", inputs.len());
    };
    let waveform = crew::work_on(input, |source| Waveform::from_stream(source.open(SAMPLE_RATE_HZ)?))?;
    let name = Path::new(&input.name).file_name().map_or("-".into(), |name| name.to_string_lossy());
    write(&recording(&printable(&name), &waveform.samples), picture)?;
    Ok(Ending::Fine)
}
