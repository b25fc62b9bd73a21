//! A scene as a file: `.svg` or `.png`, by its ending.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use genrescope::report::picture::{Scene, png, svg};

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PictureFormat {
    Svg,
    Png,
}

impl PictureFormat {
    /// The format that a path's ending asks for.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => bail!("{}: a picture is .svg or .png; name it so", path.display()),
        }
    }
}

/// Writes the file.
pub(crate) fn write(scene: &Scene, path: &Path) -> Result<()> {
    fs::write(path, bytes_of(scene, PictureFormat::of(path)?))
        .with_context(|| format!("{}: cannot be written; allow it there, or write elsewhere", path.display()))
}

/// What the file holds.
pub(crate) fn bytes_of(scene: &Scene, format: PictureFormat) -> Vec<u8> {
    match format {
        PictureFormat::Svg => svg(scene).into_bytes(),
        PictureFormat::Png => png(scene),
    }
}
