//! Judgements → stdout or a file, in one of the report formats, as they come.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use genrescope::report::text::{Colour, Layout};
use genrescope::report::{Detail, Entry, ModelLabel, csv, json, text};

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
}

/// Format and detail of what is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) format: Format,
    pub(crate) top: usize,
    pub(crate) detail: Detail,
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
            Format::Text | Format::Jsonl => String::new(),
            Format::Json => "[".into(),
            Format::Csv => csv::header(&report.model),
        };
        report.sink.write(&opening)?;
        Ok(report)
    }

    /// Adds one input.
    pub(crate) fn add(&mut self, entry: &Entry) -> Result<()> {
        let text = self.written(entry);
        self.entries += 1;
        self.sink.write(&text)
    }

    fn written(&self, entry: &Entry) -> String {
        let detail = self.style.detail;
        let between =
            |first: &'static str, others: &'static str| if self.entries == 0 { first } else { others };
        match self.style.format {
            Format::Text if detail == Detail::Segments && entry.outcome.is_ok() => {
                between("", "\n").to_owned() + &text::entry(entry, &self.model, &self.layout)
            }
            Format::Text => text::entry(entry, &self.model, &self.layout),
            Format::Json => between("\n", ",\n").to_owned() + &json::record(entry, &self.model, detail),
            Format::Jsonl => json::record(entry, &self.model, detail) + "\n",
            Format::Csv => csv::rows(entry, &self.model, detail),
        }
    }

    /// Completes the output; a file is at its place only now, and whole.
    pub(crate) fn finish(mut self) -> Result<()> {
        let closing = match (self.style.format, self.entries) {
            (Format::Json, 0) => "]\n",
            (Format::Json, _) => "\n]\n",
            _ => "",
        };
        self.sink.write(closing)?;
        self.sink.finish()
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

/// Where the bytes go.
enum Sink {
    Stdout(BufWriter<io::Stdout>),
    /// Written in place, entry by entry: JSON lines, devices, pipes.
    InPlace(PathBuf, File),
    /// Written beside its place and moved there when it is whole.
    Staged(Staged),
}

struct Staged {
    place: PathBuf,
    draft: PathBuf,
    file: BufWriter<File>,
}

impl Sink {
    fn open(path: Option<&Path>, format: Format) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::Stdout(BufWriter::new(io::stdout()))) };
        // A link stays a link: what it points to is replaced.
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let special = fs::metadata(&place).is_ok_and(|metadata| !metadata.is_file());
        if special || format == Format::Jsonl {
            let file = File::create(&place).with_context(|| cannot_write(&place))?;
            return Ok(Self::InPlace(place, file));
        }
        let mut draft = place.clone().into_os_string();
        draft.push(format!(".{}.part", std::process::id()));
        let draft = PathBuf::from(draft);
        let file = BufWriter::new(File::create(&draft).with_context(|| cannot_write(&place))?);
        Ok(Self::Staged(Staged { place, draft, file }))
    }

    fn write(&mut self, text: &str) -> Result<()> {
        let bytes = text.as_bytes();
        match self {
            Self::Stdout(stdout) => {
                stdout.write_all(bytes).and_then(|()| stdout.flush()).context("standard output")
            }
            Self::InPlace(place, file) => file.write_all(bytes).with_context(|| cannot_write(place)),
            Self::Staged(staged) => staged.file.write_all(bytes).with_context(|| cannot_write(&staged.place)),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Staged(mut staged) => {
                let moved = staged.file.flush().and_then(|()| fs::rename(&staged.draft, &staged.place));
                moved.with_context(|| cannot_write(&staged.place))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Staged {
    /// After the move there is nothing left to remove; before it, a failed run leaves no litter.
    fn drop(&mut self) {
        drop(fs::remove_file(&self.draft));
    }
}

fn cannot_write(place: &Path) -> String {
    format!("{}: cannot be written", place.display())
}

/// The whole output of a command that has only one.
pub(crate) fn print(text: &str) -> Result<Ending> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("standard output")?;
    Ok(Ending::Fine)
}
