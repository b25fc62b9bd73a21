//! `genrescope tag` and `genrescope undo`: what was heard into the files' tags, and back.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use genrescope::report::text::printable;
use genrescope_library::{Changes, GenreMap, Library, Mtime, Present, Proposal, Proposed, Wanted, propose};

use crate::exit::Ending;
use crate::library::place::Place;
use crate::models;
use crate::output::print;
use crate::talk::Talk;

const TAG_EXAMPLES: &str = "\
Examples:
  genrescope tag --dry-run                       what would be written
  genrescope tag --min 0.8 --yes
  genrescope tag --append --genre jazz
  genrescope tag --overwrite --map names.toml    names of your own
  genrescope undo                                all of the last run, byte by byte";

const UNDO_EXAMPLES: &str = "\
Examples:
  genrescope undo
  genrescope undo --yes                          without asking";

/// Write what a scan heard into the files' tags
///
/// Shows the plan and asks. Only the genre changes: sound and all other tags are compared before a file is replaced, and
/// `genrescope undo` gives the original bytes back. A map is a TOML file: `[names]` with `hiphop = "Hip-Hop"`, several as
/// a list, none as `[]`; `[parents]` with `Swing = "Jazz"`; `also = 0.3` writes further genres from that score on.
#[derive(clap::Args)]
#[command(after_help = TAG_EXAMPLES)]
pub(crate) struct TagArguments {
    #[command(flatten)]
    place: Place,
    /// Put the genre behind those that a file has
    #[arg(long, conflicts_with = "overwrite")]
    append: bool,
    /// Put the genre in the place of those that a file has
    #[arg(long)]
    overwrite: bool,
    /// Names of genres, and what stands above them
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Only recordings whose genre has at least this score
    #[arg(long, value_name = "SCORE", default_value_t = 0.7, value_parser = super::look::score)]
    min: f32,
    /// Only recordings of this genre
    #[arg(long, value_name = "GENRE")]
    genre: Option<String>,
    /// Only recordings that this model judged: a name or a file; the one that judges now unless given
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<PathBuf>,
    /// Leave the time of the files' last change as it is
    #[arg(long)]
    keep_mtime: bool,
    /// Show the plan and end
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Take the last run of `genrescope tag` back
///
/// Files that were changed since stay as they are, and are named.
#[derive(clap::Args)]
#[command(after_help = UNDO_EXAMPLES)]
pub(crate) struct UndoArguments {
    #[command(flatten)]
    place: Place,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn tag(arguments: &TagArguments, talk: &Talk) -> Result<Ending> {
    let path = arguments.place.path()?;
    let library = Library::existing(&path)?;
    let model = models::load(arguments.model.as_deref())?;
    let genres = &model.header.genres;
    let map =
        arguments.map.as_deref().map(|map| GenreMap::read(map, genres)).transpose()?.unwrap_or_default();
    let present = match (arguments.append, arguments.overwrite) {
        (true, _) => Present::Extended,
        (_, true) => Present::Replaced,
        _ => Present::Kept,
    };
    let lock = (!arguments.dry_run).then(|| alone(&path)).transpose()?;
    if lock.is_some() {
        library.settle()?;
    }
    let wanted = Wanted { genre: arguments.genre.clone(), min: Some(arguments.min) };
    let proposed = propose(&library, &wanted, (model.hash(), genres), (present, &map))?;
    print(&preview(&proposed))?;
    proposed.errors.iter().for_each(|error| talk.error(&error.to_string()));
    let failed = proposed.errors.len();
    if arguments.dry_run || proposed.proposals.is_empty() || !agreed(arguments.yes, "write these tags")? {
        return Ok(if failed > 0 { Ending::SomeFailed } else { Ending::Fine });
    }
    let mtime = if arguments.keep_mtime { Mtime::Kept } else { Mtime::New };
    let changes = Changes { run: library.begin_run()?, mtime, told: &|_| () };
    let all = work_through(&proposed.proposals, talk, |proposal: &Proposal| {
        proposal.check()?;
        library.change_genres(&proposal.path, &proposal.after, &changes)
    })?;
    all.end("tagged; `genrescope undo` takes it back", failed)
}

pub(crate) fn undo(arguments: &UndoArguments, talk: &Talk) -> Result<Ending> {
    let path = arguments.place.path()?;
    let library = Library::existing(&path)?;
    let _lock = alone(&path)?;
    library.settle()?;
    let changes = library.last_changes()?;
    for change in &changes {
        print(&format!(
            "{}: back from {}\n",
            printable(&change.path.to_string_lossy()),
            change.genres.join("; ")
        ))?;
    }
    if changes.is_empty() {
        return print("nothing to take back\n");
    }
    if !agreed(arguments.yes, "take these changes back")? {
        return Ok(Ending::Fine);
    }
    work_through(&changes, talk, |change| library.take_back(change, &|_| ()))?
        .end("back to the original bytes", 0)
}

/// Only one program changes files of a library: the lock ends with the program, however it ends.
fn alone(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::create(&name).with_context(|| name.to_string_lossy().into_owned())?;
    if file.try_lock().is_err() {
        bail!("{}: another genrescope is changing tags; wait until it has ended", path.display());
    }
    Ok(file)
}

fn preview(proposed: &Proposed) -> String {
    let line = |proposal: &Proposal| {
        let before = if proposal.before.is_empty() { "no genre".into() } else { proposal.before.join("; ") };
        let path = proposal.path.to_string_lossy();
        printable(&format!("{path}: {before} → {}", proposal.after.join("; "))) + "\n"
    };
    let Proposed { proposals, fine, unsure, changed, errors } = proposed;
    let mut text: String = proposals.iter().map(line).collect();
    text += &format!(
        "{} to tag, {fine} as they should be, {unsure} without a genre that is sure enough, {changed} changed since the scan, {} that cannot be tagged\n",
        proposals.len(),
        errors.len()
    );
    text
}

/// Asks on a terminal; elsewhere nobody can agree but by `--yes`.
fn agreed(yes: bool, what: &str) -> Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        bail!("nobody can be asked here; give --yes to {what}, or --dry-run to only look");
    }
    write!(std::io::stderr(), "{what}? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// How far the work came.
struct Worked {
    done: usize,
    failed: usize,
    interrupted: bool,
}

/// Works on all, and goes on behind what fails; Ctrl-C ends it behind a whole file.
fn work_through<T>(
    all: &[T],
    talk: &Talk,
    mut work: impl FnMut(&T) -> genrescope::Result<()>,
) -> Result<Worked> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .context("Ctrl-C cannot be watched for")?;
    let talk = talk.counting_to(all.len());
    let mut worked = Worked { done: 0, failed: 0, interrupted: false };
    for one in all {
        if stop.load(Ordering::Relaxed) {
            worked.interrupted = true;
            break;
        }
        match work(one) {
            Ok(()) => worked.done += 1,
            Err(error) => {
                worked.failed += 1;
                talk.error(&error.to_string());
            }
        }
        talk.advance("");
    }
    talk.end();
    Ok(worked)
}

impl Worked {
    fn end(&self, what: &str, failed_before: usize) -> Result<Ending> {
        print(&format!("{} {what}; {} failed and stay as they were\n", self.done, self.failed))?;
        Ok(match (self.interrupted, self.failed + failed_before) {
            (true, _) => Ending::Interrupted,
            (false, 0) => Ending::Fine,
            _ => Ending::SomeFailed,
        })
    }
}
