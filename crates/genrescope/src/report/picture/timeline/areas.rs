//! Scores over time as areas on top of each other.

use super::Place;
use crate::predict::{Prediction, Segment};
use crate::report::palette::{Rgb, UNKNOWN, colour};
use crate::report::picture::scene::{Area, DARK, LIGHT, Rectangle, Scene, Shape};
use crate::report::ranked;

/// Most points of an area's edge: what a picture shows.
const MOST_POINTS: usize = 1164;
/// A genre that reaches this score nowhere is not shown on its own.
const SEEN: f32 = 0.05;
/// The colour of all of those together.
pub(super) const OTHERS: Rgb = [0xe6, 0xe6, 0xec];

/// The genres of a timeline from the bottom of the areas up: the track's first one first.
pub(super) fn seen(prediction: &Prediction) -> Vec<usize> {
    let judged = || prediction.cells.iter().filter(|cell| cell.genre.is_some());
    let reaches = |genre: usize| judged().any(|cell| cell.scores.get(genre) >= Some(&SEEN));
    ranked(&prediction.scores).into_iter().map(|(genre, _)| genre).filter(|&genre| reaches(genre)).collect()
}

/// Draws the areas; grey where there is no genre.
pub(super) fn draw(prediction: &Prediction, genres: &[String], place: &Place, scene: &mut Scene) {
    let Rectangle { y, height, .. } = place.rectangle;
    let order = seen(prediction);
    let cells = thinned(&prediction.cells);
    for run in cells.chunk_by(|a, b| a.genre.is_none() == b.genre.is_none()) {
        let (start_s, end_s) = (run[0].start_s, run[run.len() - 1].end_s);
        let whole = place.of(start_s, end_s);
        if run[0].genre.is_none() {
            scene.fill(whole, UNKNOWN, 0.25);
            continue;
        }
        scene.fill(whole, OTHERS, 1.0);
        // From the highest edge down, each to the bottom: no seam of paper between neighbours.
        for top in (1..=order.len()).rev() {
            let share = |cell: &Segment| order[..top].iter().map(|&genre| cell.scores[genre]).sum::<f32>();
            let point = |at_s: f64, cell: &Segment| {
                (place.x(at_s), y + height * (1.0 - f64::from(share(cell)).min(1.0)))
            };
            let middles = run.iter().map(|cell| point((cell.start_s + cell.end_s) / 2.0, cell));
            let edge: Vec<_> = std::iter::once(point(start_s, &run[0]))
                .chain(middles)
                .chain([point(end_s, &run[run.len() - 1])])
                .collect();
            let genre = order[top - 1];
            let colour = colour(&genres[genre], genre);
            scene.shapes.push(Shape::Area(Area { edge: edge.clone(), bottom: y + height, colour }));
            scene.polyline(edge, LIGHT, 0.8);
        }
    }
    scene.fill(Rectangle { y: y + height / 2.0, height: 0.8, ..place.rectangle }, DARK, 0.3);
}

/// Cells, neighbours averaged where there are more than a picture shows.
fn thinned(cells: &[Segment]) -> Vec<Segment> {
    let together = cells.len().div_ceil(MOST_POINTS).max(1);
    let mean = |group: &[Segment]| {
        let judged: Vec<&Segment> = group.iter().filter(|cell| cell.genre.is_some()).collect();
        let genres = judged.first().map_or(0, |cell| cell.scores.len());
        let score = |genre| judged.iter().map(|cell| cell.scores[genre]).sum::<f32>() / judged.len() as f32;
        let scores = (0..genres).map(score).collect();
        let shown = judged.first().copied().unwrap_or(&group[0]).clone();
        Segment { start_s: group[0].start_s, end_s: group[group.len() - 1].end_s, scores, ..shown }
    };
    cells.chunks(together).map(mean).collect()
}
