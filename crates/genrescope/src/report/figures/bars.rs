//! Bars that lie, in groups: accuracy of every mode, and of every protocol.

use super::axes::{Axes, Axis};
use super::{FONT, Heading, LEFT, LETTER, WIDTH};
use crate::report::palette::{Rgb, SERIES};
use crate::report::picture::{Anchor, FAINT, INK, PAPER, Rectangle, Scene};

const ROW: f64 = 21.0;
const GAP: f64 = 9.0;

/// One row.
#[derive(Clone, Debug, Default)]
pub struct Bar {
    /// What it is.
    pub label: String,
    /// How long the bar is; none = not measured.
    pub value: Option<f64>,
    /// What is written on the bar; in its place where there is none.
    pub note: String,
    /// Ends of the thin line over the bar.
    pub interval: Option<[f64; 2]>,
    /// Where the published value stands.
    pub published: Option<f64>,
}

/// Rows under one heading.
#[derive(Clone, Debug, Default)]
pub struct BarGroup {
    /// The heading.
    pub name: String,
    /// Number of the series, which decides the colour.
    pub series: usize,
    /// The rows.
    pub bars: Vec<Bar>,
}

/// A bar chart.
#[derive(Clone, Debug)]
pub struct BarChart {
    /// What it shows.
    pub title: String,
    /// Of what data, how many folds and seeds.
    pub note: String,
    /// Of the bars' length.
    pub axis: Axis,
    /// The rows.
    pub groups: Vec<BarGroup>,
}

impl BarChart {
    /// The picture.
    pub fn scene(&self) -> Scene {
        let has_published = self.bars().any(|bar| bar.published.is_some());
        let heading = Heading { title: &self.title, note: &self.note };
        let mut top = heading.height(WIDTH);
        let rows = self.bars().count() + self.groups.iter().filter(|group| !group.name.is_empty()).count();
        let height = rows as f64 * ROW + self.groups.len() as f64 * GAP;
        let explained = if has_published { FONT + 12.0 } else { 0.0 };
        let mut scene = Scene::of_size(WIDTH, top + explained + height + 50.0);
        heading.draw(&mut scene);
        if has_published {
            scene.stroke((LEFT + 4.0, top), (LEFT + 4.0, top + FONT), INK, 3.0);
            scene.words((LEFT + 14.0, top + FONT - 2.0), Anchor::Start, FONT, INK, "published");
            top += explained;
        }
        self.rows(&mut scene, top, height);
        scene
    }

    fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.groups.iter().flat_map(|group| &group.bars)
    }

    fn rows(&self, scene: &mut Scene, top: f64, height: f64) {
        let longest = self.bars().map(|bar| bar.label.chars().count()).max().unwrap_or(0) as f64;
        let left = (LEFT + LETTER * FONT * longest + 10.0).min(0.45 * WIDTH);
        let place = Rectangle { x: left, y: top, width: WIDTH - left - 62.0, height };
        let nothing = Axis { name: String::new(), ..Axis::linear("", [0.0, 1.0]) };
        let axes = Axes { place, across: &self.axis, upwards: &Axis { range: [2.0, 1.0], ..nothing } };
        axes.draw(scene);
        let mut y = top;
        for group in &self.groups {
            y += GAP;
            if !group.name.is_empty() {
                scene.words((LEFT, y + 14.0), Anchor::Start, FONT, FAINT, &group.name);
                y += ROW;
            }
            for bar in &group.bars {
                row(bar, SERIES[group.series % SERIES.len()], &axes, y, scene);
                y += ROW;
            }
        }
    }
}

fn row(bar: &Bar, colour: Rgb, axes: &Axes, y: f64, scene: &mut Scene) {
    let Rectangle { x, width, .. } = axes.place;
    let at = |value: f64| x + axes.across.share(value).clamp(0.0, 1.0) * width;
    scene.words((x - 6.0, y + 14.0), Anchor::End, FONT, INK, &bar.label);
    match bar.value {
        Some(value) => {
            let place = Rectangle { x, y: y + 3.0, width: at(value) - x, height: ROW - 6.0 };
            scene.fill(place, colour, 0.85);
            scene.words((x + 6.0, y + 14.0), Anchor::Start, FONT - 2.0, PAPER, &bar.note);
            scene.words((x + width + 8.0, y + 14.0), Anchor::Start, FONT, INK, &format!("{value:.2}"));
        }
        None => scene.words((x + 6.0, y + 14.0), Anchor::Start, FONT, FAINT, &bar.note),
    }
    if let Some([low, high]) = bar.interval {
        let middle = y + ROW / 2.0;
        scene.stroke((at(low), middle), (at(high), middle), FAINT, 1.5);
        for end in [low, high] {
            scene.stroke((at(end), middle - 3.0), (at(end), middle + 3.0), FAINT, 1.5);
        }
    }
    if let Some(published) = bar.published {
        scene.stroke((at(published), y + 1.0), (at(published), y + ROW - 1.0), INK, 3.0);
    }
}
