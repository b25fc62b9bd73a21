//! Answers → stdout: one line that is kept up to date, lines where the genre changes, or JSON.

use std::io::{IsTerminal, Write, stdout};

use anyhow::Result;
use genrescope::predict::Moment;
use genrescope::report::{ModelLabel, live};

/// Goes back to the beginning of the terminal's line and clears it.
const CLEAR: &str = "\r\x1b[2K";

enum Style {
    Json,
    /// On a terminal.
    Line,
    /// Elsewhere; holds what was written last.
    Changes(Option<String>),
}

pub(super) struct Screen {
    style: Style,
    model: ModelLabel,
    times: live::GenreTimes,
}

impl Screen {
    pub(super) fn new(json: bool, model: ModelLabel) -> Self {
        let style = match (json, stdout().is_terminal()) {
            (true, _) => Style::Json,
            (false, true) => Style::Line,
            (false, false) => Style::Changes(None),
        };
        Self { style, model, times: live::GenreTimes::default() }
    }

    /// Writes the answers; what is written can be seen at once.
    pub(super) fn show(&mut self, moments: &[Moment]) -> Result<()> {
        let mut out = stdout().lock();
        for moment in moments {
            self.times.add(moment);
            match &mut self.style {
                Style::Json => writeln!(out, "{}", live::record(moment, &self.model))?,
                Style::Line => write!(out, "{CLEAR}{}", live::line(moment, &self.model))?,
                Style::Changes(last) if last.as_deref() == Some(moment.segment.name()) => (),
                Style::Changes(last) => {
                    *last = Some(moment.segment.name().to_owned());
                    writeln!(out, "{}", live::line(moment, &self.model))?;
                }
            }
        }
        Ok(out.flush()?)
    }

    /// Says something on stderr that is not in the way of the line.
    pub(super) fn aside(&self, say: impl FnOnce()) -> Result<()> {
        if matches!(self.style, Style::Line) {
            write!(stdout(), "{CLEAR}")?;
            stdout().flush()?;
        }
        say();
        Ok(())
    }

    /// How long each genre was heard.
    pub(super) fn end(self) -> Result<()> {
        let mut out = stdout().lock();
        match self.style {
            Style::Json => writeln!(out, "{}", self.times.record())?,
            Style::Line => write!(out, "{CLEAR}{}", self.times.lines())?,
            Style::Changes(_) => write!(out, "{}", self.times.lines())?,
        }
        Ok(out.flush()?)
    }
}
