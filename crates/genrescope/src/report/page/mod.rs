//! `report.html`: everything that evaluations came to, in one file that needs no network, light and dark.
//!
//! *Takes* folders with `result.json` and what lies beside it. *Gives* the page, and its figures one by one. *Decides*
//! what stands beside what. What was not measured is shown as missing, never left out.

mod compared;
mod details;
mod drawn;
mod evaluation;
mod experiments;
mod groups;
mod markup;
mod published;
mod timeline;

use std::path::PathBuf;

use self::experiments::Found;
use self::markup::{figure, section};
pub use self::timeline::timeline;
use super::picture::Scene;
use crate::Result;

const STYLE: &str = include_str!("style.css");

/// Results, read and ready to be shown.
#[derive(Debug)]
pub struct Page {
    found: Found,
}

/// A picture of a page.
pub struct Figure {
    /// Of a file: `modes`, `mlfi-benchmark-confusion`.
    pub name: String,
    /// What it shows.
    pub scene: Scene,
}

impl Page {
    /// Reads every evaluation in these folders and below, and every `published.csv` and `speed.csv`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for what is no folder,
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a file that cannot be read.
    pub fn read(folders: &[PathBuf]) -> Result<Self> {
        Ok(Self { found: Found::read(folders)? })
    }

    /// How many evaluations there are.
    pub fn experiments(&self) -> usize {
        self.found.experiments.len()
    }

    /// The figures of the page, each with a name for its file.
    pub fn figures(&self) -> Vec<Figure> {
        let groups = groups::groups(&self.found);
        let mut figures = drawn::overall(&self.found, &groups);
        figures.extend(self.found.experiments.iter().flat_map(evaluation::of_experiment));
        figures
    }

    /// The page.
    pub fn html(&self) -> String {
        let groups = groups::groups(&self.found);
        let overall: String = drawn::overall(&self.found, &groups).iter().map(figure).collect();
        let sections = [
            section("overview", "All results", &details::overview(&self.found, &groups)),
            section("published", "Beside source 1", &published::tables(&self.found, &groups)),
            section("figures", "Figures", &format!("<div class=\"figures\">{overall}</div>")),
            section("tests", "What differs by more than chance", &compared::tables(&groups)),
            section("details", "Each evaluation", &details::experiments(&self.found)),
        ];
        let links = [
            ("overview", "results"),
            ("published", "published"),
            ("figures", "figures"),
            ("tests", "tests"),
            ("details", "details"),
        ];
        let links: String = links.iter().map(|(id, name)| format!("<a href=\"#{id}\">{name}</a>")).collect();
        let header =
            format!("<h1>Results</h1>\n<p>{}</p>\n<nav>{links}</nav>", details::summary(&self.found));
        document("results", "", &header, &sections.concat())
    }
}

/// A page for light and dark screens: its name, style beside that of all pages, and what stands at its head and below.
fn document(name: &str, style: &str, header: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Genrescope: {name}</title>\n\
         <style>\n{STYLE}{style}</style>\n</head>\n<body>\n<header>\n{header}\n</header>\n<main>\n{main}</main>\n\
         </body>\n</html>\n"
    )
}
