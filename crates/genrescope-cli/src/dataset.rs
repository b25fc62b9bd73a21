//! `genrescope dataset check`: what a person should know of a data set before it is learned from.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Subcommand;
use genrescope::dataset::Dataset;
use genrescope::dataset::check::{Check, Crossing, Pair, check};
use genrescope::features::FrontEnd;
use genrescope::report::text::printable;

use crate::exit::Ending;
use crate::output::print;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  genrescope dataset check music/               folders of audio named by genre
  genrescope dataset check music/tracks.csv     with its artists and splits
  genrescope dataset check spectrograms/ --json";

/// Look at a data set
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Check(CheckArguments),
}

/// Name unreadable files, odd lengths, duplicates, and groups that lie on both sides of a split
///
/// Near-duplicates are pairs whose spectrograms have a correlation of 0.85 and more, at any shift in time.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
struct CheckArguments {
    /// A folder of genres, a folder of spectrograms with its tracks.csv, or a tracks.csv
    #[arg(value_name = "DIR|MANIFEST")]
    path: PathBuf,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, talk: &Talk) -> Result<Ending> {
    let Action::Check(arguments) = &arguments.action;
    let front_end = FrontEnd::gtzan_mel();
    let found = check(&read(&arguments.path, &front_end)?, &front_end);
    print(&if arguments.json { serde_json::to_string_pretty(&found)? + "\n" } else { text(&found) })?;
    found.unreadable.iter().for_each(|file| talk.error(&file.message));
    Ok(if found.unreadable.is_empty() { Ending::Fine } else { Ending::SomeFailed })
}

fn read(path: &Path, front_end: &FrontEnd) -> genrescope::Result<Dataset> {
    if !path.is_file() {
        return Dataset::read(path, None, front_end);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Dataset::read(folder, Some(path), front_end)
}

fn text(found: &Check) -> String {
    let mut out = String::new();
    let [shortest, median, longest] = found.duration_s.range;
    let total_h = found.duration_s.total / 3600.0;
    let lengths = format!("{shortest:.1} to {longest:.1} s, median {median:.1} s");
    let mut say = |line: String| out.push_str(&(printable(&line) + "\n"));
    say(format!("{} tracks, {total_h:.1} h: {lengths}", found.tracks));
    found.genres.iter().for_each(|(genre, count)| say(format!("  {count:>5}  {genre}")));
    say(format!("unreadable: {}", found.unreadable.len()));
    found.unreadable.iter().for_each(|file| say(format!("  {}", file.message)));
    say(format!("of odd length: {}", found.duration_s.odd.len()));
    found.duration_s.odd.iter().for_each(|(id, seconds)| say(format!("  {id}: {seconds:.1} s")));
    let exact = found.duplicates.iter().filter(|pair| pair.exact).count();
    let listed = found.duplicates.iter().filter(|pair| pair.listed).count();
    say(format!("duplicates: {} pairs, {exact} exact, {listed} in the manifest", found.duplicates.len()));
    found.duplicates.iter().for_each(|pair| say(pair_line(pair)));
    say(format!("in the manifest but not found: {}", found.listed_but_not_found.len()));
    found.listed_but_not_found.iter().for_each(|[a, b]| say(format!("  {a} {b}")));
    say(format!("groups across a split: {}", found.crossing.len()));
    found.crossing.iter().for_each(|crossing| say(crossing_line(crossing)));
    out
}

fn pair_line(pair: &Pair) -> String {
    let [a, b] = &pair.tracks;
    let kind = if pair.exact { "exact" } else { "near" };
    let remarks = [
        (pair.shift_s.abs() > 0.01, format!(", {:+.1} s later", pair.shift_s)),
        (pair.genres_differ, ", genres differ".into()),
        (!pair.listed, ", not in the manifest".into()),
    ];
    let remarks: String = remarks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| text).collect();
    format!("  {kind} {:.3}  {a}  {b}{remarks}", pair.correlation)
}

fn crossing_line(crossing: &Crossing) -> String {
    let parts = crossing.parts.iter().map(|(part, tracks)| format!("{part}: {}", tracks.join(" ")));
    format!("  {} ({})  {}", crossing.split, crossing.group, parts.collect::<Vec<_>>().join(" | "))
}
