//! A panel: a grid of levels with its title, its axes and lines drawn over it.

use super::scene::{Anchor, FAINT, Grid, INK, Line, Rectangle, Scene, Shape};
use crate::report::palette::Rgb;

const FONT: f64 = 12.0;
const TICK: f64 = 5.0;
/// Most columns and rows of a grid: what a panel can show on a dense screen.
pub(super) const MOST_COLUMNS: usize = 1040;

/// A mark of an axis: where, from 0 to 1, and what stands there.
pub(super) type Mark = (f64, String);

/// What stands in a panel.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) grid: Grid,
    pub(super) across: Vec<Mark>,
    /// From the bottom up.
    pub(super) upwards: Vec<Mark>,
    /// Drawn over the grid.
    pub(super) curves: Vec<Curve>,
}

/// A line over a panel.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) colour: Rgb,
    /// From 0 to 1 to the right and upwards.
    pub(super) points: Vec<(f64, f64)>,
}

impl Panel {
    pub(super) fn draw(self, place: Rectangle, scene: &mut Scene) {
        let Rectangle { x, y, width, height } = place;
        scene.words((x, y - 10.0), Anchor::Start, FONT + 2.0, INK, &self.title);
        scene.shapes.push(Shape::Image(place, self.grid));
        let mut right = x + width;
        for Curve { name, colour, points } in self.curves.into_iter().rev() {
            let points = points.iter().map(|&(px, py)| (x + px * width, y + (1.0 - py) * height)).collect();
            scene.shapes.push(Shape::Line(Line { points, colour, width: 1.6 }));
            scene.words((right, y - 10.0), Anchor::End, FONT, FAINT, &name);
            let legend = right - 6.7 * name.chars().count() as f64 - 6.0;
            scene.stroke((legend - 18.0, y - 14.0), (legend, y - 14.0), colour, 4.0);
            right = legend - 32.0;
        }
        for (at, label) in self.across {
            let px = x + at * width;
            scene.stroke((px, y + height), (px, y + height + TICK), FAINT, 1.0);
            scene.words((px, y + height + TICK + FONT), Anchor::Middle, FONT, INK, &label);
        }
        for (at, label) in self.upwards {
            let py = y + (1.0 - at) * height;
            scene.stroke((x - TICK, py), (x, py), FAINT, 1.0);
            scene.words((x - TICK - 4.0, py + 0.35 * FONT), Anchor::End, FONT, INK, &label);
        }
    }
}

impl Scene {
    /// The colours of levels from 0 to -`range_db`, upwards.
    pub(super) fn colour_bar(&mut self, place: Rectangle, range_db: f64) {
        let grid = Grid { columns: 1, levels: (0..=255).rev().collect() };
        self.shapes.push(Shape::Image(place, grid));
        let x = place.x + place.width;
        for db in (0..=range_db as usize).step_by(20) {
            let y = place.y + place.height * db as f64 / range_db;
            self.stroke((x, y), (x + TICK, y), FAINT, 1.0);
            let label = if db == 0 { "0 dB".into() } else { format!("−{db}") };
            self.words((x + TICK + 4.0, y + 0.35 * FONT), Anchor::Start, FONT, INK, &label);
        }
    }
}

/// A grid of `rows` rows from values over time, `[frames][…]`; `value` gives that of a frame and a row (0 lowest), from
/// 0 to 1. Neighbouring frames that share a column are the largest of them.
pub(super) fn grid(frames: usize, rows: usize, value: impl Fn(usize, usize) -> f32) -> Grid {
    let columns = frames.clamp(1, MOST_COLUMNS);
    let level = |row: usize, column: usize| {
        let from = column * frames / columns;
        let to = ((column + 1) * frames / columns).max(from + 1).min(frames);
        let most = (from..to).map(|frame| value(frame, row)).fold(0.0, f32::max);
        (most.clamp(0.0, 1.0) * 255.0).round() as u8
    };
    let upper_first = (0..rows).rev().flat_map(|row| (0..columns).map(move |column| (row, column)));
    Grid { columns, levels: upper_first.map(|(row, column)| level(row, column)).collect() }
}

/// Marks of a time axis, s: about five, at round numbers.
pub(super) fn seconds(duration_s: f64) -> Vec<Mark> {
    const STEPS_S: [f64; 13] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];
    let step = STEPS_S.into_iter().find(|step| duration_s / step <= 7.0).unwrap_or(1200.0);
    let count = (duration_s / step + 1e-9) as usize;
    let label = |i: usize| {
        let s = i as f64 * step;
        let unit = if i == count { " s" } else { "" };
        if step < 1.0 { format!("{s:.1}{unit}") } else { format!("{s}{unit}") }
    };
    (0..=count).map(|i| (i as f64 * step / duration_s, label(i))).collect()
}

/// Values over time as points of a curve, at most two a pixel: means of neighbours.
pub(super) fn points(values: &[f32], height: impl Fn(f32) -> f64) -> Vec<(f64, f64)> {
    let count = values.len().min(MOST_COLUMNS / 2);
    let point = |i: usize| {
        let part = &values[i * values.len() / count..(i + 1) * values.len() / count];
        let mean = part.iter().sum::<f32>() / part.len() as f32;
        ((i as f64 + 0.5) / count as f64, height(mean).clamp(0.0, 1.0))
    };
    (0..count).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_marked_at_round_numbers() {
        let labels = |s: f64| seconds(s).into_iter().map(|mark| mark.1).collect::<Vec<_>>().join(",");
        assert_eq!(labels(30.0), "0,5,10,15,20,25,30 s");
        assert_eq!(labels(3.0), "0.0,0.5,1.0,1.5,2.0,2.5,3.0 s");
        assert_eq!(labels(211.0), "0,60,120,180 s");
    }

    #[test]
    fn the_lowest_row_is_at_the_bottom_and_the_loudest_frame_of_a_column_is_shown() {
        let grid = grid(2 * MOST_COLUMNS, 2, |frame, row| if row == 0 && frame % 2 == 1 { 1.0 } else { 0.0 });
        assert_eq!(grid.columns, MOST_COLUMNS);
        assert!(grid.levels[..MOST_COLUMNS].iter().all(|&x| x == 0));
        assert!(grid.levels[MOST_COLUMNS..].iter().all(|&x| x == 255));
    }
}
