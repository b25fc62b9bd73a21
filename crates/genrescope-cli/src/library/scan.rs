//! `genrescope scan`: folders → the library.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use genrescope::ErrorKind;
use genrescope::audio::contained;
use genrescope::model::Model;
use genrescope_library::{FileState, Library, Refresh, Survey, hear, set_aside, survey};

use crate::crew::{self, Event};
use crate::exit::Ending;
use crate::inputs::Input;
use crate::library::place::Place;
use crate::models;
use crate::talk::Talk;
use crate::threads::Threads;

const EXAMPLES: &str = "\
Examples:
  genrescope scan ~/Music                        what is new and changed
  genrescope scan ~/Music --watch                again every minute
  genrescope scan ~/Music --refresh              judge again what another model judged
  genrescope scan /mnt/music --db music.db
  genrescope library                             what is in it";

/// Judge a music library, and remember it
///
/// Each file is judged once: files that have not changed are not read, and a recording that was moved, copied or given
/// other tags is known again by its sound. Folders with a file `.nomedia` are left out.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Folders, with all below, or files
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Judge by this model instead of the one inside: a name or a file
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<PathBuf>,
    /// Judge again what another model judged
    #[arg(long)]
    refresh: bool,
    /// Go on looking for new and changed files until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// With --watch: how long to wait before looking again, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
    /// Rename a damaged library and begin a new one
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    threads: Threads,
}

/// What became of a file.
enum Outcome {
    Judged,
    /// Known by its sound, or judged by another scan meanwhile.
    Known,
    Failed(genrescope::Error),
    /// The library cannot be written.
    Broken(genrescope::Error),
}

/// A file's name, what is to be said of it, and what became of it.
struct Note {
    name: String,
    warnings: Vec<String>,
    outcome: Outcome,
}

#[derive(Default)]
struct Tally {
    judged: usize,
    known: usize,
    failed: usize,
}

/// Counts of what was done and found, over all rounds.
struct Scan<'a> {
    arguments: &'a Arguments,
    talk: &'a Talk,
    model: Arc<Model>,
    library: Arc<Mutex<Library>>,
    events: Sender<Event<Note>>,
    received: Receiver<Event<Note>>,
}

pub(crate) fn run(arguments: &Arguments, talk: &Talk) -> Result<Ending> {
    give_way();
    let model = models::load(arguments.model.as_deref())?;
    let library = open(arguments, talk)?;
    library.keep_model(&model)?;
    talk.detail(&format!("library {}, model {}", library.path().display(), model.hash()));
    let (events, received) = channel();
    crew::watch_for_interrupt(events.clone())?;
    let (model, library) = (Arc::new(model), Arc::new(Mutex::new(library)));
    let scan = Scan { arguments, talk, model, library, events, received };
    loop {
        let ending = scan.round()?;
        if ending == Ending::Interrupted || !arguments.watch {
            return Ok(ending);
        }
        match scan.received.recv_timeout(Duration::from_secs(arguments.every.into())) {
            Ok(Event::Interrupted) => return Ok(Ending::Interrupted),
            Ok(Event::Done(..)) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => (),
        }
    }
}

/// The library; a damaged one is set aside where that was asked for.
fn open(arguments: &Arguments, talk: &Talk) -> Result<Library> {
    let path = arguments.place.path()?;
    match Library::open(&path) {
        Err(error) if error.kind() == ErrorKind::Corrupt && arguments.rebuild => {
            let aside = set_aside(&path)?;
            talk.warning(&format!("{error}; it is now {}", aside.display()));
            Ok(Library::open(&path)?)
        }
        opened => Ok(opened?),
    }
}

/// Other programs go first: a scan may take hours.
fn give_way() {
    #[cfg(unix)]
    let _ = rustix::process::nice(10); // where it is refused, the scan runs as any other program
}

impl Scan<'_> {
    /// One look through all folders.
    fn round(&self) -> Result<Ending> {
        let started = Instant::now();
        let refresh = if self.arguments.refresh { Refresh::Stale } else { Refresh::No };
        let mut survey = self
            .with_library(|library| survey(library, &self.arguments.folders, self.model.hash(), refresh))?;
        survey.errors.iter().for_each(|error| self.talk.error(&error.to_string()));
        let work: Vec<Input> = std::mem::take(&mut survey.work).into_iter().map(Input::file).collect();
        let talk = self.talk.counting_to(work.len());
        let (tally, interrupted) = self.hear_all(work, &talk)?;
        talk.end();
        self.with_library(|library| library.write_back()); // threads may hold the library when the program ends
        self.report(&survey, &tally, started.elapsed())?;
        Ok(match (interrupted, tally.failed + survey.errors.len()) {
            (true, _) => Ending::Interrupted,
            (false, 0) => Ending::Fine,
            _ => Ending::SomeFailed,
        })
    }

    fn with_library<T>(&self, work: impl FnOnce(&mut Library) -> T) -> T {
        work(&mut self.library.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hears files on all threads; each is in the library as soon as it is heard.
    fn hear_all(&self, work: Vec<Input>, talk: &Talk) -> Result<(Tally, bool)> {
        let (model, library) = (Arc::clone(&self.model), Arc::clone(&self.library));
        let (count, threads) = (work.len(), self.arguments.threads.count());
        let mut tally = Tally::default();
        crew::send_out(work, threads, move |input| note(input, &model, &library), &self.events)?;
        for _ in 0..count {
            match self.received.recv()? {
                Event::Done(_, note) => tally.take(note, talk)?,
                Event::Interrupted => return Ok((tally, true)),
            }
        }
        Ok((tally, false))
    }

    /// Numbers on standard output, where they can be read by programs.
    fn report(&self, survey: &Survey, tally: &Tally, elapsed: Duration) -> Result<()> {
        let heard = tally.judged + tally.known;
        let Tally { judged, known, failed } = tally;
        let Survey { unchanged, stale, gone, .. } = survey;
        let before = survey.failed;
        crate::output::print(&format!(
            "{judged} judged, {known} known by their sound, {failed} failed, {unchanged} unchanged ({before} of them failed before, {stale} stale), {gone} gone\n"
        ))?;
        if *stale > 0 {
            self.talk
                .warning(&format!("{stale} files were judged by another model; --refresh judges them again"));
        }
        let elapsed_s = elapsed.as_secs_f64();
        self.talk.detail(&format!("{elapsed_s:.1} s, {:.2} songs a second", heard as f64 / elapsed_s));
        Ok(())
    }
}

impl Tally {
    fn take(&mut self, note: Note, talk: &Talk) -> Result<()> {
        note.warnings.iter().for_each(|warning| talk.warning(&format!("{}: {warning}", note.name)));
        match note.outcome {
            Outcome::Judged => self.judged += 1,
            Outcome::Known => self.known += 1,
            Outcome::Failed(error) => {
                self.failed += 1;
                talk.error(&error.to_string());
            }
            Outcome::Broken(error) => return Err(error.into()),
        }
        talk.advance(&note.name);
        Ok(())
    }
}

/// Hears one file and keeps what was heard.
fn note(input: &Input, model: &Model, library: &Mutex<Library>) -> Note {
    let mut warnings: Vec<String> = input.warning().into_iter().collect();
    let outcome = match &input.source {
        Ok(crate::inputs::Source::File(path)) => {
            hear_one(path, model, library, &mut warnings).unwrap_or_else(Outcome::Broken)
        }
        _ => Outcome::Known,
    };
    Note { name: input.name.clone(), warnings, outcome }
}

/// An error of the library is an error; one of the file is an outcome, and remembered.
fn hear_one(
    path: &Path,
    model: &Model,
    library: &Mutex<Library>,
    warnings: &mut Vec<String>,
) -> genrescope::Result<Outcome> {
    let locked = || library.lock().unwrap_or_else(PoisonError::into_inner);
    let state = match FileState::of(path) {
        Ok(state) => state,
        Err(error) => return Ok(Outcome::Failed(error)),
    };
    if locked().is_current(path, state, model.hash())? {
        return Ok(Outcome::Known);
    }
    match contained(&path.display().to_string(), || hear(path, model, library)) {
        Ok(heard) => {
            warnings.extend_from_slice(heard.warnings());
            locked().keep(path, state, &heard)?;
            Ok(if heard.was_known() { Outcome::Known } else { Outcome::Judged })
        }
        Err(error) => {
            locked().keep_error(path, state, &error)?;
            Ok(Outcome::Failed(error))
        }
    }
}
