//! Judgements → stdout or a file, in one of the report formats, as they come.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use genrescope::audio::Title;
use genrescope::model::Vocabulary;
use genrescope::report::text::{Colour, Layout};
use genrescope::report::{Detail, Entry, ModelLabel, audacity, csv, jams, json, tags, text};

use crate::exit::Ending;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Lines for people
    Text,
    /// One JSON array
    Json,
    /// One JSON object a line
    Jsonl,
    /// A header and one row a recording; with --timeline one row a segment
    Csv,
    /// Labels for Audacity: the segments of one recording
    Audacity,
    /// JAMS, the JSON Annotated Music Specification: the scores and segments of one recording
    Jams,
}

impl Format {
    /// Whether it has room for one recording only.
    pub(crate) fn is_of_one_recording(self) -> bool {
        matches!(self, Self::Audacity | Self::Jams)
    }
}

/// Format and detail of what is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) format: Format,
    pub(crate) top: usize,
    pub(crate) detail: Detail,
    pub(crate) vocabulary: Vocabulary,
}

/// A report that is being written.
pub(crate) struct Report {
    sink: Sink,
    style: Style,
    layout: Layout,
    model: ModelLabel,
    entries: usize,
}

impl Report {
    /// Opens the output; a file that cannot be written is found before any work is done.
    pub(crate) fn open(path: Option<&Path>, style: Style, model: ModelLabel) -> Result<Self> {
        let sink = Sink::open(path, style.format)?;
        let layout = layout(&style, &sink);
        let mut report = Self { sink, style, layout, model, entries: 0 };
        let opening = match style.format {
            Format::Text | Format::Jsonl | Format::Audacity | Format::Jams => String::new(),
            Format::Json => "[".into(),
            Format::Csv if style.vocabulary == Vocabulary::Tags => tags::csv_header(&report.model),
            Format::Csv => csv::header(&report.model),
        };
        report.sink.write(opening.as_bytes())?;
        Ok(report)
    }

    /// Adds one input.
    pub(crate) fn add(&mut self, entry: &Entry) -> Result<()> {
        let text = self.written(entry);
        self.entries += 1;
        self.sink.write_entry(&text, self.closing())
    }

    /// What a whole output ends with.
    fn closing(&self) -> &'static str {
        match (self.style.format, self.entries) {
            (Format::Json, 0) => "]\n",
            (Format::Json, _) => "\n]\n",
            _ => "",
        }
    }

    fn written(&self, entry: &Entry) -> String {
        let detail = self.style.detail;
        let between =
            |first: &'static str, others: &'static str| if self.entries == 0 { first } else { others };
        let are_tags = self.style.vocabulary == Vocabulary::Tags;
        let text = if are_tags { tags::text } else { text::entry };
        let record = if are_tags { tags::record } else { json::record };
        match self.style.format {
            Format::Text if detail == Detail::Segments && entry.outcome.is_ok() => {
                between("", "\n").to_owned() + &text(entry, &self.model, &self.layout)
            }
            Format::Text => text(entry, &self.model, &self.layout),
            Format::Json => between("\n", ",\n").to_owned() + &record(entry, &self.model, detail),
            Format::Jsonl => record(entry, &self.model, detail) + "\n",
            Format::Csv if are_tags => tags::csv_rows(entry, &self.model, detail),
            Format::Csv => csv::rows(entry, &self.model, detail),
            Format::Audacity => entry.outcome.as_ref().map(audacity::labels).unwrap_or_default(),
            Format::Jams => jams::document(entry, &Title::default(), &self.model),
        }
    }

    /// Completes the output; a file is at its place only now, and whole.
    pub(crate) fn finish(mut self) -> Result<()> {
        let closing = self.closing();
        self.sink.finish(closing)
    }
}

/// Colour and width of a terminal; what goes elsewhere is plain, and 80 columns wide unless `COLUMNS` says more.
fn layout(style: &Style, sink: &Sink) -> Layout {
    let terminal = matches!(sink, Sink::Stdout(_)) && io::stdout().is_terminal();
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let seen = terminal && !set("NO_COLOR") && !dumb;
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let size =
        || console::Term::stdout().size_checked().filter(|_| terminal).map(|(_, columns)| columns.into());
    Layout {
        width: columns.or_else(size).unwrap_or(80),
        colour: if seen { Colour::Ansi } else { Colour::Plain },
        top: style.top,
        detail: style.detail,
    }
}

/// A file that is written at the end of the work and opened before it: a place that cannot be written is found first.
pub(crate) struct WholeFile(Sink);

impl WholeFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Sink::open(Some(path), Format::Json).map(Self)
    }

    pub(crate) fn write(mut self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes)?;
        self.0.finish("")
    }
}

/// Where the bytes go.
enum Sink {
    Stdout(BufWriter<io::Stdout>),
    /// Written in place, entry by entry: JSON lines, devices, pipes.
    InPlace(Written),
    /// Written beside its place and moved there when it is whole.
    Staged(Staged),
}

/// A file, and how much of it is whole.
struct Written {
    place: PathBuf,
    file: File,
    whole_bytes: u64,
}

struct Staged {
    written: Written,
    draft: PathBuf,
    entries: usize,
    /// Where the last entry begins.
    last_entry: u64,
}

impl Written {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| cannot_write(&self.place, &error))?;
        self.whole_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Takes back what could be written only in part; devices and pipes cannot.
    fn cut_to_whole(&mut self) {
        let cut = self.file.set_len(self.whole_bytes);
        drop(cut.and_then(|()| self.file.seek(SeekFrom::Start(self.whole_bytes))));
    }
}

impl Staged {
    fn publish(&mut self) -> Result<()> {
        fs::rename(&self.draft, &self.written.place)
            .map_err(|error| cannot_write(&self.written.place, &error))
    }

    /// On a full disk, what is finished is at its place all the same; the last entry makes room for `closing`.
    fn keep_what_is_whole(&mut self, closing: &str) {
        if self.entries > 0 {
            self.written.cut_to_whole();
            if self.written.write(closing.as_bytes()).is_err() {
                self.written.whole_bytes = self.last_entry;
                self.written.cut_to_whole();
                drop(self.written.write(closing.as_bytes()));
            }
            drop(self.publish());
        }
    }
}

impl Sink {
    fn open(path: Option<&Path>, format: Format) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::Stdout(BufWriter::new(io::stdout()))) };
        // A link stays a link: what it points to is replaced.
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let special = fs::metadata(&place).is_ok_and(|metadata| !metadata.is_file());
        let create = |at: &Path| File::create(at).map_err(|error| cannot_write(&place, &error));
        if special || format == Format::Jsonl {
            let file = create(&place)?;
            return Ok(Self::InPlace(Written { place, file, whole_bytes: 0 }));
        }
        let mut draft = place.clone().into_os_string();
        draft.push(format!(".{}.part", std::process::id()));
        let draft = PathBuf::from(draft);
        let file = create(&draft)?;
        Ok(Self::Staged(Staged {
            written: Written { place, file, whole_bytes: 0 },
            draft,
            entries: 0,
            last_entry: 0,
        }))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Stdout(stdout) => {
                let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
                written.context("standard output")
            }
            Self::InPlace(written) => written.write(bytes).inspect_err(|_| written.cut_to_whole()),
            Self::Staged(staged) => staged.written.write(bytes),
        }
    }

    /// Writes one input's part; `closing` is what a whole file ends with.
    fn write_entry(&mut self, text: &str, closing: &str) -> Result<()> {
        let Self::Staged(staged) = self else { return self.write(text.as_bytes()) };
        let start = staged.written.whole_bytes;
        staged.written.write(text.as_bytes()).inspect_err(|_| staged.keep_what_is_whole(closing))?;
        staged.entries += 1;
        staged.last_entry = start;
        Ok(())
    }

    fn finish(&mut self, closing: &str) -> Result<()> {
        let Self::Staged(staged) = self else { return self.write(closing.as_bytes()) };
        staged.written.write(closing.as_bytes()).inspect_err(|_| staged.keep_what_is_whole(closing))?;
        staged.publish()
    }
}

impl Drop for Staged {
    /// After the move there is nothing left to remove; before it, a failed run leaves no litter.
    fn drop(&mut self) {
        drop(fs::remove_file(&self.draft));
    }
}

/// An error with its remedy; what is finished by then stays in the file.
fn cannot_write(place: &Path, error: &io::Error) -> anyhow::Error {
    let what = format!("{error}; make room or allow it there, or write elsewhere");
    anyhow::Error::new(io::Error::new(error.kind(), what))
        .context(format!("{}: cannot be written", place.display()))
}

/// The whole output of a command that has only one.
pub(crate) fn print(text: &str) -> Result<Ending> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("standard output")?;
    Ok(Ending::Fine)
}
