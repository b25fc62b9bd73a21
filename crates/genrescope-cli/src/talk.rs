//! What is said on stderr: errors, warnings, progress. stdout is data and never passes through here.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// How much is said.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say what is used and how long it took
    #[arg(short, long, global = true)]
    verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Loudness {
    Quiet,
    Normal,
    Verbose,
}

/// The voice of a run.
#[derive(Clone)]
pub(crate) struct Talk {
    loudness: Loudness,
    bar: ProgressBar,
}

impl Talk {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        let loudness = match (arguments.quiet, arguments.verbose) {
            (true, _) => Loudness::Quiet,
            (_, true) => Loudness::Verbose,
            _ => Loudness::Normal,
        };
        Self { loudness, bar: ProgressBar::hidden() }
    }

    /// Whether progress is unwanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.loudness == Loudness::Quiet
    }

    /// Shows how many of `count` inputs are done; only on a terminal, and only where there is something to wait for.
    pub(crate) fn counting_to(&self, count: usize) -> Self {
        let mut talk = Self { loudness: self.loudness, bar: ProgressBar::hidden() };
        if self.loudness > Loudness::Quiet && count > 1 && std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} · {per_sec} · {eta} left · {msg}");
            talk.bar = ProgressBar::new(count as u64);
            talk.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
        talk
    }

    /// One more input is done.
    pub(crate) fn advance(&self, name: &str) {
        self.bar.set_message(genrescope::report::text::printable(name));
        self.bar.inc(1);
    }

    /// All are done, or the rest is given up.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// Runs what writes to the terminal without the progress line in its way.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    pub(crate) fn error(&self, message: &str) {
        self.say(Loudness::Quiet, &format!("error: {message}"));
    }

    pub(crate) fn warning(&self, message: &str) {
        self.say(Loudness::Normal, &format!("warning: {message}"));
    }

    pub(crate) fn detail(&self, message: &str) {
        self.say(Loudness::Verbose, message);
    }

    /// A closed stderr must not end the work: there is nobody to tell.
    fn say(&self, from: Loudness, message: &str) {
        if self.loudness >= from {
            let printable = genrescope::report::text::printable(message);
            self.aside(|| drop(writeln!(std::io::stderr(), "{printable}")));
        }
    }
}
