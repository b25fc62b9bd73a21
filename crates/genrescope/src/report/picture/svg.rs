//! A scene as SVG: lines and words stay sharp at any size, grids are PNG pictures inside.

use std::fmt::Write;

use super::png;
use super::scene::{
    Anchor, Area, Dot, FAINT, Fill, Grid, INK, Line, PAPER, RULE, Rectangle, Scene, Shape, Text,
};
use crate::report::palette::{Rgb, SERIES};

/// The text of an SVG file.
pub fn svg(scene: &Scene) -> String {
    let (width, height) = (scene.width, scene.height);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"DejaVu Sans, Verdana, sans-serif\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{}</svg>\n",
        shapes(scene, hex)
    )
}

/// As an element of a page, whose style sheet says what `--ink`, `--faint`, `--rule`, `--paper` and the colours of
/// series, `--series-0` and so on, are; `title` is read aloud.
pub(crate) fn inline(scene: &Scene, title: &str) -> String {
    let (width, height) = (scene.width, scene.height);
    let title = escaped(title);
    format!(
        "<svg role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\">\n{}</svg>\n",
        shapes(scene, themed)
    )
}

/// How a colour is written.
type Paint = fn(Rgb) -> String;

fn shapes(scene: &Scene, paint: Paint) -> String {
    let shape = |shape: &Shape| match shape {
        Shape::Image(place, grid) => image(place, grid),
        Shape::Line(line) => polyline(line, paint),
        Shape::Text(text) => words(text, paint),
        Shape::Fill(fill) => rectangle(fill, paint),
        Shape::Area(shape) => area(shape, paint),
        Shape::Dot(dot) => circle(dot, paint),
    };
    scene.shapes.iter().map(shape).collect()
}

fn themed(colour: Rgb) -> String {
    let neutral = [(INK, "ink"), (FAINT, "faint"), (RULE, "rule"), (PAPER, "paper")];
    if let Some((_, name)) = neutral.iter().find(|(known, _)| *known == colour) {
        return format!("var(--{name})");
    }
    match SERIES.iter().position(|known| *known == colour) {
        Some(place) => format!("var(--series-{place})"),
        None => hex(colour),
    }
}

fn rectangle(fill: &Fill, paint: Paint) -> String {
    let Rectangle { x, y, width, height } = fill.place;
    format!(
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{}\"{}/>\n",
        paint(fill.colour),
        opacity(fill.opacity)
    )
}

fn area(area: &Area, paint: Paint) -> String {
    let (Some(first), Some(last)) = (area.edge.first(), area.edge.last()) else { return String::new() };
    let edge: String = area.edge.iter().map(|(x, y)| format!("{x:.1},{y:.1} ")).collect();
    format!(
        "<polygon fill=\"{}\" points=\"{edge}{:.1},{bottom:.1} {:.1},{bottom:.1}\"/>\n",
        paint(area.colour),
        last.0,
        first.0,
        bottom = area.bottom
    )
}

fn circle(dot: &Dot, paint: Paint) -> String {
    let ((x, y), radius) = (dot.at, dot.radius);
    format!(
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{}\"{}/>\n",
        paint(dot.colour),
        opacity(dot.opacity)
    )
}

fn opacity(opacity: f64) -> String {
    if opacity < 1.0 { format!(" fill-opacity=\"{opacity:.2}\"") } else { String::new() }
}

fn image(place: &Rectangle, grid: &Grid) -> String {
    let Rectangle { x, y, width, height } = place;
    let data = base64(&png::grid(grid));
    format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
         xlink:href=\"data:image/png;base64,{data}\"/>\n"
    )
}

fn polyline(line: &Line, paint: Paint) -> String {
    let mut points = String::new();
    for (x, y) in &line.points {
        let _ = write!(points, "{x:.1},{y:.1} ");
    }
    format!(
        "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\" points=\"{}\"/>\n",
        paint(line.colour),
        line.width,
        points.trim_end()
    )
}

fn words(text: &Text, paint: Paint) -> String {
    let anchor = match text.anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    let (x, y) = text.at;
    let turn = match text.turn_degrees {
        0.0 => String::new(),
        degrees => format!(" transform=\"rotate({degrees} {x:.1} {y:.1})\""),
    };
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{}\" fill=\"{}\"{turn}>{}</text>\n",
        text.size,
        paint(text.colour),
        escaped(&text.words)
    )
}

/// Text inside of an element or of an attribute.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |group: &[u8]| {
        let at = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        let digit = |i: usize| {
            if i > group.len() { '=' } else { char::from(DIGITS[(bits >> (18 - 6 * i) & 63) as usize]) }
        };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    bytes.chunks(3).flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
