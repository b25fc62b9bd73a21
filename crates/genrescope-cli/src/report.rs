//! `genrescope report FOLDER…`: results → one page and its figures.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use genrescope::report::page::Page;

use crate::exit::Ending;
use crate::picture;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  genrescope report runs/cv                            runs/cv/report.html
  genrescope report experiments -o site                site/report.html
  genrescope report experiments -o site --figures png  and site/figures/*.png";

/// Show what evaluations came to, as a page of one file
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Folders with a result.json in them or below
    #[arg(value_name = "FOLDER", required = true)]
    folders: Vec<PathBuf>,
    /// Folder for report.html and figures/; the first of the folders unless given
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write every figure as a file of its own too
    #[arg(long, value_name = "FORMAT", value_enum)]
    figures: Option<Format>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Svg,
    Png,
}

pub(crate) fn run(arguments: &Arguments, talk: &Talk) -> Result<Ending> {
    let out = arguments.out.as_ref().unwrap_or(&arguments.folders[0]);
    let page = page(&arguments.folders, out)?;
    if let Some(format) = arguments.figures {
        figures(&page, &out.join("figures"), format)?;
    }
    talk.detail(&format!("{}: {} evaluations", out.join("report.html").display(), page.experiments()));
    Ok(Ending::Fine)
}

/// Writes `report.html` of all results in these folders.
pub(crate) fn page(folders: &[PathBuf], out: &Path) -> Result<Page> {
    let page = Page::read(folders)?;
    if page.experiments() == 0 {
        let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        bail!("no result.json of `genrescope evaluate` in {}; name a folder that has one", names.join(", "));
    }
    fs::create_dir_all(out).with_context(|| format!("{}: cannot be made", out.display()))?;
    let path = out.join("report.html");
    fs::write(&path, page.html()).with_context(|| format!("{}: cannot be written", path.display()))?;
    Ok(page)
}

fn figures(page: &Page, folder: &Path, format: Format) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    let ending = match format {
        Format::Svg => "svg",
        Format::Png => "png",
    };
    for figure in page.figures() {
        picture::write(&figure.scene, &folder.join(format!("{}.{ending}", figure.name)))?;
    }
    Ok(())
}
