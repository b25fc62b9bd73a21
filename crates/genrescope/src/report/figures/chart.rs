//! Lines and points over two axes: training curves, transposition, accuracy against size and speed.

use super::axes::{Axes, Axis};
use super::{FONT, Heading, LETTER, WIDTH, legend};
use crate::report::palette::{Rgb, SERIES};
use crate::report::picture::{Anchor, INK, Rectangle, Scene};

const HEIGHT: f64 = 230.0;
const SIDE: f64 = 50.0;

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A line through its points.
    Line,
    /// A line with a dot on each point.
    Marked,
    /// Dots, each with its name beside it.
    Named,
}

/// Points that belong together.
#[derive(Clone, Debug)]
pub struct Series {
    /// What they are; empty where the legend is not to say it.
    pub name: String,
    /// Along the two axes; what lies outside of them is not drawn.
    pub points: Vec<(f64, f64)>,
    /// A name for each point; empty but for [`Style::Named`].
    pub names: Vec<String>,
    /// How they are drawn.
    pub style: Style,
    /// Number of their colour; the next one unless given.
    pub colour: Option<usize>,
}

/// A chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// Of what data, how many folds and seeds.
    pub note: String,
    /// The axis to the right.
    pub across: Axis,
    /// The axis upwards.
    pub upwards: Axis,
    /// What is drawn.
    pub series: Vec<Series>,
}

impl Chart {
    /// The picture.
    pub fn scene(&self) -> Scene {
        let heading = Heading { title: &self.title, note: &self.note };
        let legend_top = heading.height(WIDTH) + FONT;
        let colours = self
            .series
            .iter()
            .enumerate()
            .map(|(i, series)| SERIES[series.colour.unwrap_or(i) % SERIES.len()]);
        let drawn: Vec<(&Series, Rgb)> = self.series.iter().zip(colours).collect();
        let named = drawn.iter().filter(|(series, _)| !series.name.is_empty());
        let names: Vec<_> = named.map(|(series, colour)| (&*series.name, *colour)).collect();
        let top = legend(&mut Scene::of_size(WIDTH, 0.0), legend_top, &names) + 34.0;
        let mut scene = Scene::of_size(WIDTH, top + HEIGHT + 46.0);
        heading.draw(&mut scene);
        legend(&mut scene, legend_top, &names);
        let place = Rectangle { x: SIDE, y: top, width: WIDTH - SIDE - 24.0, height: HEIGHT };
        let axes = Axes { place, across: &self.across, upwards: &self.upwards };
        axes.draw(&mut scene);
        drawn.iter().for_each(|(series, colour)| draw(series, *colour, &axes, &mut scene));
        scene
    }
}

fn draw(series: &Series, colour: Rgb, axes: &Axes, scene: &mut Scene) {
    let inside = |&(x, y): &(f64, f64)| {
        let within = |share: f64| (-1e-9..=1.0 + 1e-9).contains(&share);
        within(axes.across.share(x)) && within(axes.upwards.share(y))
    };
    let points: Vec<_> =
        series.points.iter().filter(|point| inside(point)).map(|&(x, y)| axes.at(x, y)).collect();
    if series.style != Style::Named && points.len() > 1 {
        scene.polyline(points.clone(), colour, 2.0);
    }
    if series.style != Style::Line || points.len() == 1 {
        points.iter().for_each(|&point| scene.dot(point, 4.0, colour, 0.9));
    }
    let named = series.points.iter().zip(&series.names).filter(|(point, _)| inside(point));
    for (&(x, y), name) in named.filter(|_| series.style == Style::Named) {
        let (px, py) = axes.at(x, y);
        let fits = px + 8.0 + LETTER * FONT * name.chars().count() as f64 <= WIDTH;
        let (at, anchor) = if fits { (px + 8.0, Anchor::Start) } else { (px - 8.0, Anchor::End) };
        scene.words((at, py + 0.35 * FONT), anchor, FONT - 1.0, INK, name);
    }
}
