//! `genrescope library`: what a music library holds.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use genrescope::model::Model;
use genrescope::report::text::printable;
use genrescope_library::{Item, Library, Summary, Wanted, hear, like, list, summary};
use serde::Serialize;

use crate::exit::Ending;
use crate::library::place::Place;
use crate::models;
use crate::output::{WholeFile, print};
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  genrescope library                             how many files of each genre, folder, confidence
  genrescope library list --genre jazz --min 0.7 --format m3u8 > jazz.m3u8
  genrescope library list --format csv -o library.csv
  genrescope library --like song.mp3             what sounds like it, nearest first";

/// Columns of a bar of the counts.
const BAR: usize = 30;

/// Show what a scanned music library holds
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    place: Place,
    /// Only files of this genre
    #[arg(long, value_name = "GENRE", global = true)]
    genre: Option<String>,
    /// Only files whose genre has at least this score
    #[arg(long, value_name = "SCORE", global = true, value_parser = score)]
    min: Option<f32>,
    /// List what sounds like this recording, nearest first
    #[arg(long, value_name = "FILE", global = true)]
    like: Option<PathBuf>,
    /// With --like: this many
    #[arg(long, value_name = "N", default_value_t = 20, global = true)]
    top: usize,
    /// What is stale was not judged by this model: a name or a file; the one that judges now unless
    /// given
    #[arg(long, value_name = "NAME|FILE", global = true)]
    model: Option<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE", global = true)]
    output: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List the files, one a row; copies of a recording have the same `recording`
    List,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Lines for people
    Text,
    /// A header and one row a file
    Csv,
    /// One JSON array, or one object of counts
    Json,
    /// A playlist
    M3u8,
}

/// A row of a list.
#[derive(Serialize)]
struct Row<'a> {
    path: String,
    genre: Option<&'a str>,
    score: Option<f32>,
    reason: Option<&'a str>,
    duration_s: Option<f64>,
    recording: Option<String>,
    model: Option<&'a str>,
    stale: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    distance: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorRecord<'a>>,
}

#[derive(Serialize)]
struct ErrorRecord<'a> {
    kind: &'a str,
    message: &'a str,
}

/// A score on the command line.
pub(crate) fn score(text: &str) -> Result<f32, String> {
    let score = text.parse::<f32>().ok().filter(|score| (0.0..=1.0).contains(score));
    score.ok_or_else(|| "expected a score from 0 to 1, for example 0.7".into())
}

pub(crate) fn run(arguments: &Arguments, talk: &Talk) -> Result<Ending> {
    let model = models::load(arguments.model.as_deref())?;
    let library = Library::existing(&arguments.place.path()?)?;
    let genres = &model.header.genres;
    if let Some(genre) = arguments.genre.as_ref().filter(|genre| !genres.contains(genre)) {
        bail!("the model knows no genre `{genre}`; it knows {}", genres.join(", "));
    }
    let wanted = Wanted { genre: arguments.genre.clone(), min: arguments.min };
    let text = match (&arguments.like, &arguments.action) {
        (Some(file), _) => {
            written(arguments, &model, |row| near(library, file, &model, &wanted, arguments.top, row))?
        }
        (None, Some(Action::List)) => written(arguments, &model, |row| {
            list(&library, &wanted, &mut |item| {
                row(&item, None);
                Ok(())
            })
        })?,
        (None, None) => counts(&summary(&library, &wanted, model.hash())?, arguments.format)?,
    };
    warn_of_names(&text, talk);
    match &arguments.output {
        Some(path) => WholeFile::open(path)?.write(text.as_bytes()).map(|()| Ending::Fine),
        None => print(&text),
    }
}

fn warn_of_names(text: &str, talk: &Talk) {
    if text.contains(char::REPLACEMENT_CHARACTER) {
        talk.warning("names that are not UTF-8 are shown with replacement characters");
    }
}

/// What a list calls with each item, and its distance.
type EachRow<'a> = &'a mut dyn FnMut(&Item, Option<f32>);

/// Files that sound like `file`, which may be in the library or not; copies of it are left out.
fn near(
    library: Library,
    file: &Path,
    model: &Model,
    wanted: &Wanted,
    top: usize,
    row: EachRow,
) -> genrescope::Result<()> {
    let library = Mutex::new(library);
    let heard = hear(file, model, &library)?;
    let library = library.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let scores = match heard.scores() {
        Some(scores) => scores.to_vec(),
        None => library.judgement(heard.recording)?.map(|judgement| judgement.scores).unwrap_or_default(),
    };
    let found = like(&library, &scores, model.hash(), wanted)?;
    let others = found.iter().filter(|(_, item)| item.recording != Some(heard.recording));
    others.take(top).for_each(|(distance, item)| row(item, Some(*distance)));
    Ok(())
}

/// A list in the format that was asked for.
fn written(
    arguments: &Arguments,
    model: &Model,
    rows: impl FnOnce(EachRow) -> genrescope::Result<()>,
) -> Result<String> {
    let mut lines = Vec::new();
    rows(&mut |item, distance| {
        let row = row(item, distance, model);
        lines.push(match arguments.format {
            Format::Text => text_line(&row),
            Format::Json => serde_json::to_string(&row).unwrap_or_default(),
            Format::Csv => csv_line(&row),
            Format::M3u8 => m3u8_line(item, &row),
        });
    })?;
    Ok(match arguments.format {
        Format::Text => lines.concat(),
        Format::Csv => CSV_HEADER.to_owned() + &lines.concat(),
        Format::M3u8 => "#EXTM3U\n".to_owned() + &lines.concat(),
        Format::Json if lines.is_empty() => "[]\n".into(),
        Format::Json => format!("[\n{}\n]\n", lines.join(",\n")),
    })
}

fn row<'a>(item: &'a Item, distance: Option<f32>, model: &Model) -> Row<'a> {
    Row {
        path: item.path.to_string_lossy().into_owned(),
        genre: item.genre.as_deref(),
        score: item.score,
        reason: item.reason.as_deref(),
        duration_s: item.duration_s.map(|s| (s * 1000.0).round() / 1000.0),
        recording: item.recording.map(|hash| hash.to_string()),
        model: item.model.as_deref(),
        stale: item.model.as_deref().is_some_and(|judge| judge != model.hash()),
        distance,
        error: item.error.as_ref().map(|(kind, message)| ErrorRecord { kind, message }),
    }
}

fn text_line(row: &Row) -> String {
    let name = row.genre.or(row.reason).unwrap_or("failed");
    let measure = match (row.distance, row.score) {
        (Some(distance), _) => format!("{distance:5.3}"),
        (None, Some(score)) => format!("{:3.0} %", score * 100.0),
        (None, None) => "     ".into(),
    };
    let stale = if row.stale { "  (stale)" } else { "" };
    format!("{name:<10} {measure}  {}{stale}\n", printable(&row.path))
}

const CSV_HEADER: &str =
    "path,genre,score,reason,duration_s,recording,model,stale,distance,error_kind,error\n";

fn csv_line(row: &Row) -> String {
    let field = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let number = |value: Option<f32>| value.map(|value| value.to_string()).unwrap_or_default();
    let (kind, message) = row.error.as_ref().map(|error| (error.kind, error.message)).unzip();
    let fields = [
        field(Some(&row.path)),
        field(row.genre),
        number(row.score),
        field(row.reason),
        row.duration_s.map(|s| s.to_string()).unwrap_or_default(),
        row.recording.clone().unwrap_or_default(),
        field(row.model),
        row.stale.to_string(),
        number(row.distance),
        field(kind),
        field(message),
    ];
    genrescope::report::csv::line(fields)
}

/// What could not be judged does not play, a name with a line break would be two entries: they are left out.
fn m3u8_line(item: &Item, row: &Row) -> String {
    let name = item.path.file_stem().unwrap_or_default().to_string_lossy();
    if row.error.is_some() || row.path.contains(['\n', '\r']) || item.path.to_str().is_none() {
        return String::new();
    }
    format!("#EXTINF:{:.0},{name}\n{}\n", row.duration_s.unwrap_or(-1.0), row.path)
}

#[derive(Serialize)]
struct Counts<'a> {
    schema: &'static str,
    files: usize,
    recordings: usize,
    duration_s: f64,
    failed: usize,
    stale: usize,
    gone: usize,
    genres: Vec<NamedCount<'a>>,
    confidence: &'a [usize],
    folders: Vec<FolderRow<'a>>,
}

#[derive(Serialize)]
struct NamedCount<'a> {
    genre: &'a str,
    files: usize,
}

#[derive(Serialize)]
struct FolderRow<'a> {
    folder: String,
    files: usize,
    genre: Option<&'a str>,
}

fn counts(summary: &Summary, format: Format) -> Result<String> {
    match format {
        Format::Text => Ok(text_counts(summary)),
        Format::Json => {
            let counts = Counts {
                schema: "genrescope.library/1",
                files: summary.files,
                recordings: summary.recordings,
                duration_s: summary.duration_s.round(),
                failed: summary.failed,
                stale: summary.stale,
                gone: summary.gone,
                genres: summary
                    .genres
                    .iter()
                    .map(|(genre, files)| NamedCount { genre, files: *files })
                    .collect(),
                confidence: &summary.confidence,
                folders: summary
                    .folders
                    .iter()
                    .map(|count| FolderRow {
                        folder: count.folder.to_string_lossy().into_owned(),
                        files: count.files,
                        genre: count.genre.as_deref(),
                    })
                    .collect(),
            };
            Ok(serde_json::to_string_pretty(&counts).context("counts as JSON")? + "\n")
        }
        Format::Csv | Format::M3u8 => {
            bail!("counts are text or json; `genrescope library list` gives the files as csv or m3u8")
        }
    }
}

fn text_counts(summary: &Summary) -> String {
    let hours = summary.duration_s / 3600.0;
    let mut text = format!("{} files, {} recordings, {hours:.1} hours", summary.files, summary.recordings);
    for (count, what) in [
        (summary.failed, "could not be judged"),
        (summary.stale, "stale, judged by another model"),
        (summary.gone, "gone"),
    ] {
        if count > 0 {
            text += &format!("; {count} {what}");
        }
    }
    text += "\n\n";
    let most = summary.genres.iter().map(|(_, files)| *files).max().unwrap_or(1);
    for (genre, files) in &summary.genres {
        text += &format!("{genre:<12} {files:>7}  {}\n", "█".repeat((files * BAR).div_ceil(most)));
    }
    text += "\nscore of the genre\n";
    let most = summary.confidence.iter().copied().max().unwrap_or(0).max(1);
    for (step, files) in summary.confidence.iter().enumerate().filter(|(_, files)| **files > 0) {
        text += &format!(
            "{:>3} to {:>3} % {files:>7}  {}\n",
            step * 10,
            step * 10 + 10,
            "█".repeat((files * BAR).div_ceil(most))
        );
    }
    text += "\nfolders\n";
    for count in &summary.folders {
        let genre = count.genre.as_deref().unwrap_or("");
        text += &format!("{:>7}  {genre:<10} {}\n", count.files, printable(&count.folder.to_string_lossy()));
    }
    text
}
