//! What a picture is made of, before it is SVG or PNG.

use crate::report::palette::Rgb;

/// A picture: shapes on white, later ones over earlier ones; lengths in pixels, y downwards.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// What it shows.
    pub shapes: Vec<Shape>,
}

/// A part of a picture.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A grid of colours, stretched over a rectangle.
    Image(Rectangle, Grid),
    /// Straight lines from point to point.
    Line(Line),
    /// Words.
    Text(Text),
    /// A filled rectangle.
    Fill(Fill),
    /// What lies under a line.
    Area(Area),
    /// A filled circle.
    Dot(Dot),
}

/// Where something lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rectangle {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// Levels from 0 to 255, each a colour of [`heat`].
#[derive(Clone, Debug)]
pub struct Grid {
    /// Columns, from left to right.
    pub columns: usize,
    /// `[rows, columns]` row-major, the upper row first.
    pub levels: Vec<u8>,
}

/// A line of several points.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its points.
    pub points: Vec<(f64, f64)>,
    /// Its colour.
    pub colour: Rgb,
    /// Its width.
    pub width: f64,
}

/// Words on one line.
#[derive(Clone, Debug)]
pub struct Text {
    /// Where their anchor stands on the base line.
    pub at: (f64, f64),
    /// Which part of them stands there.
    pub anchor: Anchor,
    /// Height of the font.
    pub size: f64,
    /// Colour of the letters.
    pub colour: Rgb,
    /// What they say.
    pub words: String,
    /// How far they are turned about their anchor, clockwise.
    pub turn_degrees: f64,
}

/// A filled rectangle.
#[derive(Clone, Debug)]
pub struct Fill {
    /// Where it lies.
    pub place: Rectangle,
    /// Its colour.
    pub colour: Rgb,
    /// How much it covers what is under it, 0 to 1.
    pub opacity: f64,
}

/// What lies between a line and the bottom.
#[derive(Clone, Debug)]
pub struct Area {
    /// Its upper edge, from left to right.
    pub edge: Vec<(f64, f64)>,
    /// Its lower edge.
    pub bottom: f64,
    /// Its colour.
    pub colour: Rgb,
}

/// A filled circle.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Its centre.
    pub at: (f64, f64),
    /// Its radius.
    pub radius: f64,
    /// Its colour.
    pub colour: Rgb,
    /// How much it covers what is under it, 0 to 1.
    pub opacity: f64,
}

/// What is written.
pub(crate) const INK: Rgb = [0x22, 0x22, 0x2a];
/// What is written beside.
pub(crate) const FAINT: Rgb = [0x6b, 0x6b, 0x76];
/// Lines of a grid.
pub(crate) const RULE: Rgb = [0xdf, 0xdf, 0xe6];
/// What is white, and what is black, on every screen: it lies on colours that stay, not on paper.
pub(crate) const LIGHT: Rgb = [0xfe, 0xfe, 0xfe];
pub(crate) const DARK: Rgb = [0x12, 0x12, 0x16];
/// What it is written on.
pub(crate) const PAPER: Rgb = [0xff, 0xff, 0xff];

impl Scene {
    /// A picture without shapes.
    pub(crate) fn of_size(width: f64, height: f64) -> Self {
        Self { width, height, shapes: Vec::new() }
    }

    pub(crate) fn words(&mut self, at: (f64, f64), anchor: Anchor, size: f64, colour: Rgb, words: &str) {
        self.turned(at, anchor, (size, 0.0), colour, words);
    }

    /// Words of a size, turned clockwise by degrees.
    pub(crate) fn turned(
        &mut self,
        at: (f64, f64),
        anchor: Anchor,
        (size, turn_degrees): (f64, f64),
        colour: Rgb,
        words: &str,
    ) {
        let words = words.into();
        self.shapes.push(Shape::Text(Text { at, anchor, size, colour, words, turn_degrees }));
    }

    pub(crate) fn stroke(&mut self, from: (f64, f64), to: (f64, f64), colour: Rgb, width: f64) {
        self.polyline(vec![from, to], colour, width);
    }

    pub(crate) fn polyline(&mut self, points: Vec<(f64, f64)>, colour: Rgb, width: f64) {
        self.shapes.push(Shape::Line(Line { points, colour, width }));
    }

    pub(crate) fn fill(&mut self, place: Rectangle, colour: Rgb, opacity: f64) {
        self.shapes.push(Shape::Fill(Fill { place, colour, opacity }));
    }

    pub(crate) fn dot(&mut self, at: (f64, f64), radius: f64, colour: Rgb, opacity: f64) {
        self.shapes.push(Shape::Dot(Dot { at, radius, colour, opacity }));
    }
}

/// Which part of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its beginning.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// Eight steps from black over violet and orange to pale yellow; equal steps look equal (matplotlib's `magma`).
const HEAT: [Rgb; 9] = [
    [0x00, 0x00, 0x04],
    [0x1d, 0x11, 0x47],
    [0x51, 0x12, 0x7c],
    [0x82, 0x25, 0x81],
    [0xb7, 0x37, 0x79],
    [0xe7, 0x52, 0x63],
    [0xfc, 0x89, 0x61],
    [0xfe, 0xc4, 0x88],
    [0xfc, 0xfd, 0xbf],
];

/// The colour of a level.
pub fn heat(level: u8) -> Rgb {
    let place = f64::from(level) / 255.0 * (HEAT.len() - 1) as f64;
    let step = (place as usize).min(HEAT.len() - 2);
    let share = place - step as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + share * (f64::from(b) - f64::from(a))).round() as u8;
    std::array::from_fn(|i| mix(HEAT[step][i], HEAT[step + 1][i]))
}
