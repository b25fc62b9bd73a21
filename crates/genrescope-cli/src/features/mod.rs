//! `genrescope features`: recordings → tables of audio features, or a picture of one.

mod column_set;
mod journal;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
mod picture;
mod rows;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use anyhow::Result;
use genrescope::Error;
use genrescope::features::{FeatureSet, Padding};
use genrescope::model::Model;

use self::column_set::ColumnSet;
use self::journal::{Journal, Key};
use self::rows::{Cut, Row, SegmentLength, rows_of};
use self::table::{Errors, Format};
use crate::crew::{self, Event};
use crate::exit::Ending;
use crate::inputs::{self, Input};
use crate::output::print;
use crate::talk::Talk;
use crate::threads::Threads;

const EXAMPLES: &str = "\
Examples:
  genrescope features song.mp3                                       one row of 57 features
  genrescope features music/ --segment 3 --padding reflect -o features.csv
  genrescope features music/ --set mel46 --segment 3 --format npy -o features.npy
  genrescope features music/ --set embedding --segment 3 --format npy -o embeddings.npy
  genrescope features song.mp3 --picture song.svg";

/// Write audio features of recordings as a table: one row a recording, or one a segment
///
/// The columns are path, segment, start_s, end_s and the set's. With -o the work is safe from being killed: what is
/// finished stands in OUTPUT.journal, the same command goes on from there, and the table is written when all is done.
/// Recordings that fail are listed in OUTPUT.errors.csv.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Files, folders (with all below), or - for audio on standard input
    #[arg(value_name = "PATH", required_unless_present = "files_from")]
    paths: Vec<PathBuf>,
    /// Read paths from this file, one a line or NUL-separated; - for standard input
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,
    /// Which features
    #[arg(long, value_enum, default_value_t = Set::Gtzan57)]
    set: Set,
    /// Cut into segments of this length, which lack their last sample as those of GTZAN's table do; a rest is left out
    /// where there is a whole segment
    #[arg(long, value_name = "SECONDS|whole", default_value = "whole", value_parser = rows::segment_length)]
    segment: SegmentLength,
    /// What stands before the first and after the last sample: zeros as in librosa from 0.9 on, or the signal mirrored
    /// as in librosa up to 0.8 and in GTZAN's table
    #[arg(long, value_enum, default_value_t = PaddingName::Constant)]
    padding: PaddingName,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Draw this one recording instead: .svg or .png
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "format", "segment", "set"])]
    picture: Option<PathBuf>,
    #[command(flatten)]
    threads: Threads,
    /// Stop at the first recording that fails
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Set {
    /// The 57 columns of GTZAN's published table
    Gtzan57,
    /// The same without the spectral bandwidth
    Gtzan55,
    /// What a mel spectrogram alone can give: level, centroid, rolloff, 20 coefficients
    Mel46,
    /// 20 mel-frequency cepstral coefficients
    Mfcc,
    /// 128 mel bands, dB
    Mel,
    /// 200 numbers that musicnn makes its tags of
    Embedding,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PaddingName {
    Constant,
    Reflect,
}

impl Arguments {
    fn cut(&self) -> Result<Cut> {
        let set = match self.set {
            Set::Embedding => {
                let set = ColumnSet::Embedding(Model::musicnn()?.into());
                return Ok(Cut { set, padding: Padding::Reflect, segment: self.segment });
            }
            Set::Gtzan57 => FeatureSet::Gtzan57,
            Set::Gtzan55 => FeatureSet::Gtzan55,
            Set::Mel46 => FeatureSet::Mel46,
            Set::Mfcc => FeatureSet::Mfcc,
            Set::Mel => FeatureSet::Mel,
        };
        let padding = match self.padding {
            PaddingName::Constant => Padding::Constant,
            PaddingName::Reflect => Padding::Reflect,
        };
        Ok(Cut { set: ColumnSet::Features(set), padding, segment: self.segment })
    }
}

/// What became of an input.
type Outcome = Result<Vec<Row>, Error>;

pub(crate) fn run(arguments: &Arguments, talk: &Talk) -> Result<Ending> {
    if let Some(picture) = &arguments.picture {
        return picture::draw(arguments, picture);
    }
    arguments.format.check(arguments.output.is_some())?;
    let inputs = inputs::gather(&arguments.paths, arguments.files_from.as_deref())?;
    match &arguments.output {
        Some(output) => to_file(arguments, inputs, output, talk),
        None => to_stdout(arguments, inputs, talk),
    }
}

/// Rows in the order of the inputs, as soon as it is their turn.
fn to_stdout(arguments: &Arguments, inputs: Vec<Input>, talk: &Talk) -> Result<Ending> {
    let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
    let mut desk = Desk::new(inputs.len(), talk);
    let events = start(arguments, inputs)?;
    let mut waiting = BTreeMap::new();
    print(&table::csv_header(&arguments.cut()?.set))?;
    for (next, name) in names.iter().enumerate() {
        let outcome = loop {
            if let Some(outcome) = waiting.remove(&next) {
                break outcome;
            }
            match events.recv()? {
                Event::Done(number, outcome) => drop(waiting.insert(number, outcome)),
                Event::Interrupted => return Ok(Ending::Interrupted),
            }
        };
        if let Some(rows) = desk.take(name, outcome) {
            let text: String = rows.iter().map(|row| table::csv_row(name, row)).collect();
            desk.talk.aside(|| print(&text))?;
        } else if arguments.strict {
            break;
        }
    }
    Ok(desk.end())
}

/// Rows into the journal as they come; the table from the journal when all are there.
fn to_file(arguments: &Arguments, inputs: Vec<Input>, output: &Path, talk: &Talk) -> Result<Ending> {
    let cut = arguments.cut()?;
    let mut journal = Journal::open(output, &cut)?;
    let keys: Vec<Key> = inputs.iter().map(Key::of).collect();
    let (done, todo): (Vec<_>, Vec<_>) = keys.iter().zip(inputs).partition(|(key, _)| journal.has(key));
    talk.detail(&format!("{} of {} are done already", done.len(), keys.len()));
    let (todo_keys, todo): (Vec<&Key>, Vec<Input>) = todo.into_iter().unzip();
    let mut desk = Desk::new(todo.len(), talk);
    let events = start(arguments, todo)?;
    for _ in 0..todo_keys.len() {
        let Event::Done(number, outcome) = events.recv()? else {
            return Ok(Ending::Interrupted);
        };
        match desk.take(&todo_keys[number].path, outcome) {
            Some(rows) => journal.add(todo_keys[number], &rows)?,
            None if arguments.strict => break,
            None => (),
        }
    }
    table::write(output, arguments.format, &cut.set, &mut journal, &keys)?;
    desk.errors.write(output)?;
    let ending = desk.end();
    journal.close(ending == Ending::Fine)?;
    Ok(ending)
}

fn start(arguments: &Arguments, inputs: Vec<Input>) -> Result<Receiver<Event<Outcome>>> {
    let cut = arguments.cut()?;
    crew::start(inputs, arguments.threads.count(), move |input: &Input| {
        crew::work_on(input, |source| rows_of(source, &cut))
    })
}

/// Where the crew's results come in.
struct Desk {
    talk: Talk,
    errors: Errors,
}

impl Desk {
    fn new(count: usize, talk: &Talk) -> Self {
        Self { talk: talk.counting_to(count), errors: Errors::default() }
    }

    /// The rows, or none for an input that failed and was named.
    fn take(&mut self, name: &str, outcome: Outcome) -> Option<Vec<Row>> {
        let rows = match outcome {
            Ok(rows) => Some(rows),
            Err(error) => {
                self.talk.error(&error.to_string());
                self.errors.add(name, &error);
                None
            }
        };
        self.talk.advance(name);
        rows
    }

    fn end(self) -> Ending {
        self.talk.end();
        if self.errors.is_empty() { Ending::Fine } else { Ending::SomeFailed }
    }
}
