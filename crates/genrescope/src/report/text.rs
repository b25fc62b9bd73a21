//! What a person reads: one line a track; on request the timeline as a line of named blocks, its clock, and
//! the segments with their times.
//!
//! Everything can be read without colour; colour is added only where the caller says that it is seen.

use std::ops::Range;

use super::{Detail, Entry, ModelLabel, palette, ranked};
use crate::predict::{Prediction, Reason, Segment};

/// Whether 24-bit ANSI colours are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain characters only.
    Plain,
    /// 24-bit ANSI escape sequences.
    Ansi,
}

/// How text is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether colours are seen.
    pub colour: Colour,
    /// How many genres are named, the leading one included.
    pub top: usize,
    /// With or without the timeline.
    pub detail: Detail,
}

/// From this score on an answer is called by this word.
const CERTAINTY: [(f32, &str); 4] = [(0.8, "sure"), (0.6, "likely"), (0.4, "perhaps"), (0.0, "a guess")];
const CERTAINTY_COLUMNS: usize = 7;
const WIDEST_TIMELINE: usize = 120;
const INDENT: &str = "  ";

/// The lines of one judged track, with their line ends.
pub fn track(path: &str, prediction: &Prediction, model: &ModelLabel, layout: &Layout) -> String {
    let painter = Painter { model, layout };
    let mut text = painter.summary(path, prediction);
    if layout.detail == Detail::Segments {
        text += &painter.timeline(prediction);
    }
    text
}

/// The lines of one input; a failed one has none, its message is talk and not data.
pub fn entry(entry: &Entry, model: &ModelLabel, layout: &Layout) -> String {
    match &entry.outcome {
        Ok(prediction) => track(&entry.path, prediction, model, layout),
        Err(_) => String::new(),
    }
}

/// Minutes and seconds as on a player: `3:31`, from one hour on `1:02:09`; `decimals` of the seconds follow.
pub fn clock(seconds: f64, decimals: usize) -> String {
    let scale = 10_u64.pow(decimals as u32);
    let ticks = (seconds.max(0.0) * scale as f64).round() as u64;
    let (whole, part) = (ticks / scale, ticks % scale);
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    let mut clock = match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    };
    if decimals > 0 {
        clock += &format!(".{part:0decimals$}");
    }
    clock
}

/// `text` with control characters (a file's name can hold escape sequences) made visible.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

struct Painter<'a> {
    model: &'a ModelLabel,
    layout: &'a Layout,
}

impl Painter<'_> {
    /// `rock  71 %  ██████████░░░░  likely   then metal 14 %  song.mp3`
    fn summary(&self, path: &str, prediction: &Prediction) -> String {
        let path = printable(path);
        let bar_columns = if self.layout.width >= 100 { 20 } else { 12 };
        let genre_columns = self.genre_columns();
        let (genre, percent, bar, word) = match (&prediction.genre, ranked(&prediction.scores).first()) {
            (Some(genre), Some(&(index, score))) => {
                let bar = self.bar(score, bar_columns, palette::colour(genre, index));
                (genre.as_str(), percent(score), bar, certainty(score))
            }
            _ => ("unknown", String::new(), " ".repeat(bar_columns), reason(prediction)),
        };
        let others = self.beside(prediction);
        let others_columns = self.layout.top.saturating_sub(1).min(2) * (genre_columns + 7) + 4;
        let answer = format!("{word:<CERTAINTY_COLUMNS$}  {others}");
        let answer_columns = CERTAINTY_COLUMNS + 2 + others_columns;
        format!("{genre:<genre_columns$}  {percent:>5}  {bar}  {answer:<answer_columns$}  {path}\n")
    }

    fn genre_columns(&self) -> usize {
        let names = self.model.genres.iter().map(|genre| genre.chars().count());
        names.chain(["unknown".len()]).max().unwrap_or_default()
    }

    fn bar(&self, score: f32, columns: usize, colour: palette::Rgb) -> String {
        let full = (score * columns as f32).round() as usize;
        let full = full.min(columns);
        self.foreground(&"█".repeat(full), colour) + &"░".repeat(columns - full)
    }

    /// What stands behind the answer: its prediction set if sets are asked for, else other genres.
    fn beside(&self, prediction: &Prediction) -> String {
        let scores = &prediction.scores;
        match (self.model.set, prediction.reason) {
            (Some(limit), None | Some(Reason::Unsure)) => {
                format!(
                    "{} %: {}",
                    limit.percent,
                    self.model.set_of(prediction).unwrap_or_default().join(", ")
                )
            }
            (_, None) => self.others(scores),
            (_, Some(Reason::Unsure)) => self.named(scores, 0..self.layout.top.max(2)),
            _ => String::new(),
        }
    }

    /// The genres after the leading one: `then metal 14 %, pop 5 %`.
    fn others(&self, scores: &[f32]) -> String {
        let others = self.named(scores, 1..self.layout.top);
        if others.is_empty() { others } else { format!("then {others}") }
    }

    /// The genres at these places with their scores: `metal 14 %, pop 5 %`.
    fn named(&self, scores: &[f32], places: Range<usize>) -> String {
        let ranked = ranked(scores).into_iter().take(places.end).skip(places.start);
        let named = ranked.map(|(index, score)| format!("{} {}", self.model.genres[index], percent(score)));
        named.collect::<Vec<_>>().join(", ")
    }

    fn timeline(&self, prediction: &Prediction) -> String {
        let columns = self.layout.width.saturating_sub(2 * INDENT.len()).clamp(20, WIDEST_TIMELINE);
        let span = Span { start_s: prediction.start_s, duration_s: prediction.duration_s, columns };
        let blocks = self.blocks(&prediction.segments, &span);
        let list: String = self.segment_lines(&prediction.segments);
        format!("{INDENT}{blocks}\n{INDENT}{}\n{list}", span.axis())
    }

    fn blocks(&self, segments: &[Segment], span: &Span) -> String {
        let mut blocks = String::new();
        for segment in segments {
            let columns = span.column(segment.end_s).saturating_sub(span.column(segment.start_s));
            blocks += &self.block(segment, columns);
        }
        blocks
    }

    /// The segment's name in a block of its colour; a name that does not fit is cut.
    fn block(&self, segment: &Segment, columns: usize) -> String {
        let name = segment.words();
        let (margin, filler) = match self.layout.colour {
            Colour::Plain => ("", '─'),
            Colour::Ansi if columns >= name.chars().count() + 2 => (" ", ' '),
            Colour::Ansi => ("", ' '),
        };
        let label: String =
            margin.chars().chain(name.chars()).chain(std::iter::repeat(filler)).take(columns).collect();
        self.background(&label, self.segment_colour(segment))
    }

    fn segment_lines(&self, segments: &[Segment]) -> String {
        let decimals = usize::from(segments.iter().any(|segment| segment.end_s - segment.start_s < 2.0));
        let times: Vec<[String; 2]> =
            segments.iter().map(|s| [s.start_s, s.end_s].map(|time| clock(time, decimals))).collect();
        let clock_columns = times.iter().flatten().map(String::len).max().unwrap_or_default();
        let line = |([start, end], segment): (&[String; 2], &Segment)| {
            let swatch = self.foreground("■", self.segment_colour(segment));
            let text = self.segment_text(segment);
            format!("{INDENT}{start:>clock_columns$} – {end:>clock_columns$}  {swatch} {text}\n")
        };
        times.iter().zip(segments).map(line).collect()
    }

    fn segment_text(&self, segment: &Segment) -> String {
        let scores = if segment.genre.is_some() { &segment.scores[..] } else { &[] };
        let best = ranked(scores).first().map(|best| percent(best.1)).unwrap_or_default();
        let genre_columns = self.genre_columns();
        let text = format!("{:<genre_columns$}  {best:>5}  {}", segment.words(), self.others(scores));
        text.trim_end().to_owned()
    }

    fn segment_colour(&self, segment: &Segment) -> palette::Rgb {
        let Some(genre) = &segment.genre else { return palette::UNKNOWN };
        let index = self.model.genres.iter().position(|known| known == genre);
        palette::colour(genre, index.unwrap_or_default())
    }

    fn foreground(&self, text: &str, [r, g, b]: palette::Rgb) -> String {
        match self.layout.colour {
            Colour::Plain => text.to_owned(),
            Colour::Ansi => format!("\x1b[38;2;{r};{g};{b}m{text}\x1b[0m"),
        }
    }

    fn background(&self, text: &str, colour: palette::Rgb) -> String {
        let ([r, g, b], ink) = (colour, palette::ink(colour));
        match self.layout.colour {
            Colour::Plain => text.to_owned(),
            Colour::Ansi => format!("\x1b[48;2;{r};{g};{b}m{}", self.foreground(text, ink)),
        }
    }
}

/// A stretch of time on a line of characters.
struct Span {
    start_s: f64,
    duration_s: f64,
    columns: usize,
}

impl Span {
    /// Distances of the clock's marks, seconds.
    const STEPS_S: [f64; 13] =
        [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0];
    /// Columns between two marks, at least.
    const MARK_COLUMNS: f64 = 9.0;

    fn column(&self, time_s: f64) -> usize {
        let position = (time_s - self.start_s) / self.duration_s.max(1e-9) * self.columns as f64;
        (position.round().max(0.0) as usize).min(self.columns)
    }

    /// `0:00      1:00      2:00`: a mark begins at the column of its time.
    fn axis(&self) -> String {
        let column_s = self.duration_s / self.columns as f64;
        let far_enough = |step: &&f64| **step / column_s >= Self::MARK_COLUMNS;
        let hours = 3600.0 * (Self::MARK_COLUMNS * column_s / 3600.0).ceil();
        let step = Self::STEPS_S.iter().find(far_enough).copied().unwrap_or(hours);
        let mut axis = String::new();
        let mut time = (self.start_s / step).ceil() * step;
        while time < self.start_s + self.duration_s {
            let mark = clock(time, 0);
            if self.column(time) + mark.len() <= self.columns {
                axis = format!("{axis:<width$}{mark}", width = self.column(time));
            }
            time += step;
        }
        axis
    }
}

fn reason(prediction: &Prediction) -> &'static str {
    prediction.reason.map(|reason| reason.words()).unwrap_or_default()
}

/// How sure an answer of this score is, in a word.
pub(super) fn certainty(score: f32) -> &'static str {
    CERTAINTY.iter().find(|(from, _)| score >= *from).map_or("a guess", |(_, word)| word)
}

/// A score as `71 %`.
pub(super) fn percent(score: f32) -> String {
    format!("{:.0} %", 100.0 * score)
}
