//! The timeline of one recording as a page: the picture, and its segments as a table.

use super::document;
use super::markup::{section, table, text};
use crate::predict::Segment;
use crate::report::palette::{Rgb, SERIES};
use crate::report::picture::inline;
use crate::report::picture::timeline::Timeline;
use crate::report::ranked;
use crate::report::text::{clock, percent};

/// Genres that a row names.
const NAMED: usize = 3;

/// The page, in one file that needs no network.
pub fn timeline(timeline: &Timeline) -> String {
    let (name, prediction) = (timeline.name(), timeline.prediction);
    let drawn = inline(&timeline.scene(), &format!("{name}: the genre over time, as in the table below"));
    let row = |segment: &Segment| {
        let scores = ranked(&segment.scores).into_iter().take(NAMED);
        let scores =
            scores.map(|(genre, score)| format!("{} {}", timeline.model.genres[genre], percent(score)));
        vec![
            format!("{} – {}", clock(segment.start_s, 1), clock(segment.end_s, 1)),
            text(segment.words()),
            text(&scores.collect::<Vec<_>>().join(", ")),
        ]
    };
    let rows: Vec<Vec<String>> = prediction.segments.iter().map(row).collect();
    let answer = prediction.genre.as_deref().unwrap_or("unknown");
    let head = format!(
        "<h1>The genre over time</h1>\n<p>{}: {}, judged by {}</p>",
        text(&name),
        text(answer),
        text(&timeline.model.name)
    );
    let main = format!("<figure class=\"scroll\">{drawn}</figure>\n")
        + &section(
            "segments",
            "Segments",
            &table("Mean scores of each", &["time", "genre", "scores"], &rows),
        );
    document(&text(&name), &style(), &head, &main)
}

/// A genre keeps its colour in the dark: areas lie on each other, not on the page.
fn style() -> String {
    let variable = |(place, colour): (usize, &Rgb)| {
        let [r, g, b] = colour;
        format!("--series-{place}: #{r:02x}{g:02x}{b:02x}; ")
    };
    let colours: String = SERIES.iter().enumerate().map(variable).collect();
    format!(
        ":root {{ {colours}}}\nfigure.scroll svg {{ width: 100%; max-width: none; max-height: none; min-width: 44rem; height: auto; }}\n.figures {{ display: block; }}\n"
    )
}
