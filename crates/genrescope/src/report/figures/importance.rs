//! What audio features tell of each genre: rows are features, columns genres, cells what is lost without.

use super::{FONT, Heading, LEFT, LETTER, WIDTH};
use crate::report::palette::SERIES;
use crate::report::picture::{Anchor, INK, PAPER, Rectangle, Scene};

/// Height of the slanted names over the columns.
const NAMES: f64 = 58.0;
const ROW: f64 = 20.0;

/// How much a genre's scores fall without a feature.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureRow {
    /// The feature.
    pub feature: String,
    /// Over all genres, the mean fall of `ln(score)`.
    pub fall: f64,
    /// The same of each genre.
    pub by_genre: Vec<f64>,
}

/// The features in the order they are given; `note` says of what.
pub fn importance(title: &str, note: &str, genres: &[String], rows: &[FeatureRow]) -> Scene {
    let heading = Heading { title, note };
    let longest = rows.iter().map(|row| row.feature.chars().count()).max().unwrap_or(0) as f64;
    let left = LEFT + LETTER * FONT * longest + 8.0;
    let width = (WIDTH - left - 34.0) / genres.len().max(1) as f64;
    let top = heading.height(WIDTH) + NAMES;
    let mut scene = Scene::of_size(WIDTH, top + ROW * rows.len() as f64 + 12.0);
    heading.draw(&mut scene);
    for (i, genre) in genres.iter().enumerate() {
        let column = (left + (i as f64 + 0.5) * width - 2.0, top - 8.0);
        scene.turned(column, Anchor::Start, (FONT, -45.0), INK, genre);
    }
    let most = rows.iter().flat_map(|row| &row.by_genre).fold(0.0, |most: f64, fall| most.max(fall.abs()));
    for (i, row) in rows.iter().enumerate() {
        let y = top + i as f64 * ROW;
        scene.words((left - 8.0, y + ROW / 2.0 + 0.35 * FONT), Anchor::End, FONT, INK, &row.feature);
        for (genre, &fall) in row.by_genre.iter().enumerate() {
            let place =
                Rectangle { x: left + genre as f64 * width, y, width: width - 1.0, height: ROW - 1.0 };
            draw_cell(&mut scene, place, fall, most);
        }
    }
    scene
}

fn draw_cell(scene: &mut Scene, place: Rectangle, fall: f64, most: f64) {
    let share = if most > 0.0 { fall.abs() / most } else { 0.0 };
    scene.fill(place, if fall > 0.0 { SERIES[0] } else { SERIES[1] }, (0.92 * share.sqrt()).max(0.03));
    if fall.abs() >= 0.005 {
        let ink = if share.sqrt() > 0.62 { PAPER } else { INK };
        let words = format!("{fall:.2}").replace('-', "−");
        let words = words.strip_prefix("0").map_or(words.replace("−0.", "−."), str::to_owned);
        let at = (place.x + place.width / 2.0, place.y + place.height / 2.0 + 0.35 * (FONT - 2.0));
        scene.words(at, Anchor::Middle, FONT - 2.0, ink, &words);
    }
}
