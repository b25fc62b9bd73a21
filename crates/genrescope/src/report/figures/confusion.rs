//! A confusion matrix: rows are true, columns predicted, cells shares of their row.

use super::{FONT, Heading, LEFT, LETTER, WIDTH};
use crate::metrics::Confusion;
use crate::report::palette::SERIES;
use crate::report::picture::{Anchor, FAINT, INK, PAPER, RULE, Rectangle, Scene};

/// Height of the slanted names over the columns.
const NAMES: f64 = 58.0;

/// The matrix of `genres`; `note` says of what.
pub fn confusion(title: &str, note: &str, genres: &[String], counts: &Confusion) -> Scene {
    let heading = Heading { title, note };
    let longest = genres.iter().map(|genre| genre.chars().count()).max().unwrap_or(0) as f64;
    let left = LEFT + LETTER * FONT * longest + 8.0;
    let cell = (WIDTH - left - 34.0) / genres.len().max(1) as f64;
    let top = heading.height(WIDTH) + NAMES;
    let mut scene = Scene::of_size(WIDTH, top + cell * genres.len() as f64 + 30.0);
    heading.draw(&mut scene);
    for (i, genre) in genres.iter().enumerate() {
        let middle = (i as f64 + 0.5) * cell;
        let column = (left + middle - 2.0, top - 8.0);
        scene.turned(column, Anchor::Start, (FONT, -45.0), INK, genre);
        scene.words((left - 8.0, top + middle + 0.35 * FONT), Anchor::End, FONT, INK, genre);
    }
    for (t, row) in counts.0.iter().enumerate() {
        let all: usize = row.iter().sum();
        for (p, &count) in row.iter().enumerate() {
            let place =
                Rectangle { x: left + p as f64 * cell, y: top + t as f64 * cell, width: cell, height: cell };
            draw_cell(&mut scene, place, count as f64 / all.max(1) as f64, t == p);
        }
    }
    frame(&mut scene, (left, top), cell, genres.len());
    let below = top + cell * genres.len() as f64 + 18.0;
    scene.words(
        (left, below),
        Anchor::Start,
        FONT,
        FAINT,
        "rows: true · columns: predicted · shares of the row",
    );
    scene
}

fn draw_cell(scene: &mut Scene, place: Rectangle, share: f64, right: bool) {
    let colour = if right { SERIES[0] } else { SERIES[1] };
    if share > 0.0 {
        // The square root lets small shares be seen.
        scene.fill(place, colour, (0.92 * share.sqrt()).max(0.05));
    }
    if share >= 0.005 {
        let ink = if share.sqrt() > 0.62 { PAPER } else { INK };
        let words = if share >= 0.995 { "1".into() } else { format!("{share:.2}")[1..].to_owned() };
        let at = (place.x + place.width / 2.0, place.y + place.height / 2.0 + 0.35 * (FONT - 1.0));
        scene.words(at, Anchor::Middle, FONT - 1.0, ink, &words);
    }
}

fn frame(scene: &mut Scene, (left, top): (f64, f64), cell: f64, genres: usize) {
    let length = cell * genres as f64;
    for i in 0..=genres {
        let at = i as f64 * cell;
        scene.stroke((left, top + at), (left + length, top + at), RULE, 1.0);
        scene.stroke((left + at, top), (left + at, top + length), RULE, 1.0);
    }
}
