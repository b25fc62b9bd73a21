//! A scene as PNG: drawn here, with the outlines of a font, so that no font has to be installed.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::scene::{Anchor, Area, Dot, Fill, Grid, Line, Rectangle, Scene, Shape, Text, heat};
use crate::report::palette::Rgb;

/// Pixels of a PNG for each of the scene: sharp on dense screens.
const SCALE: f64 = 2.0;

/// The bytes of a PNG file.
pub fn png(scene: &Scene) -> Vec<u8> {
    let mut canvas = Canvas::new((scene.width * SCALE) as usize, (scene.height * SCALE) as usize);
    for shape in &scene.shapes {
        match shape {
            Shape::Image(place, grid) => canvas.image(place, grid),
            Shape::Line(line) => canvas.line(line),
            Shape::Text(text) => canvas.text(text),
            Shape::Fill(fill) => canvas.rectangle(fill),
            Shape::Area(area) => canvas.area(area),
            Shape::Dot(dot) => canvas.dot(dot),
        }
    }
    encoded(canvas.width, canvas.height, ::png::ColorType::Rgb, None, canvas.pixels.as_flattened())
}

/// A grid of levels as a PNG with the palette of [`heat`].
pub(super) fn grid(grid: &Grid) -> Vec<u8> {
    let palette: Vec<u8> = (0..=255).flat_map(heat).collect();
    let rows = grid.levels.len() / grid.columns.max(1);
    encoded(grid.columns, rows, ::png::ColorType::Indexed, Some(palette), &grid.levels)
}

fn encoded(
    width: usize,
    height: usize,
    colour: ::png::ColorType,
    palette: Option<Vec<u8>>,
    data: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(colour);
    encoder.set_depth(::png::BitDepth::Eight);
    if let Some(palette) = palette {
        encoder.set_palette(palette);
    }
    let mut writer = encoder.write_header().expect("memory can be written, and the size is not 0");
    writer.write_image_data(data).expect("there is a byte for each sample");
    writer.finish().expect("memory can be written");
    bytes
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Rgb>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![[255; 3]; width * height] }
    }

    /// Lays a colour over a pixel; `cover` from 0 to 1.
    fn blend(&mut self, x: usize, y: usize, colour: Rgb, cover: f32) {
        let Some(pixel) = self.pixels.get_mut(y * self.width + x).filter(|_| x < self.width) else { return };
        for (under, over) in pixel.iter_mut().zip(colour) {
            let (a, b) = (f32::from(*under), f32::from(over));
            *under = (a + (b - a) * cover.clamp(0.0, 1.0)).round() as u8;
        }
    }

    fn image(&mut self, place: &Rectangle, grid: &Grid) {
        let rows = grid.levels.len() / grid.columns.max(1);
        let scaled = |from: f64, length: f64| ((from * SCALE) as usize, ((from + length) * SCALE) as usize);
        let (left, right) = scaled(place.x, place.width);
        let (top, bottom) = scaled(place.y, place.height);
        for y in top..bottom.min(self.height) {
            let row = (y - top) * rows / (bottom - top);
            for x in left..right.min(self.width) {
                let column = (x - left) * grid.columns / (right - left);
                self.pixels[y * self.width + x] = heat(grid.levels[row * grid.columns + column]);
            }
        }
    }

    /// Covers each pixel by how near the line it is; all pieces together, so that joints are not darker.
    fn line(&mut self, line: &Line) {
        let half = line.width * SCALE / 2.0;
        let mut cover: HashMap<(usize, usize), f32> = HashMap::new();
        for piece in line.points.windows(2) {
            let [a, b] = [piece[0], piece[1]].map(|(x, y)| (x * SCALE, y * SCALE));
            let range = |a: f64, b: f64| {
                ((a.min(b) - half - 1.0).max(0.0) as usize, (a.max(b) + half + 1.0) as usize)
            };
            let ((left, right), (top, bottom)) = (range(a.0, b.0), range(a.1, b.1));
            for (y, x) in (top..=bottom).flat_map(|y| (left..=right).map(move |x| (y, x))) {
                let covered = (half + 0.5 - distance((x as f64 + 0.5, y as f64 + 0.5), a, b)) as f32;
                if covered > 0.0 {
                    let most = cover.entry((x, y)).or_default();
                    *most = most.max(covered);
                }
            }
        }
        cover.into_iter().for_each(|((x, y), covered)| self.blend(x, y, line.colour, covered));
    }

    /// Edges cover their pixels in part.
    fn rectangle(&mut self, fill: &Fill) {
        let Rectangle { x, y, width, height } = fill.place;
        let inside = |pixel: usize, from: f64, to: f64| {
            let (start, end) = (pixel as f64, (pixel + 1) as f64);
            (end.min(to * SCALE) - start.max(from * SCALE)).clamp(0.0, 1.0)
        };
        for py in (y * SCALE).max(0.0) as usize..=((y + height) * SCALE) as usize {
            for px in (x * SCALE).max(0.0) as usize..=((x + width) * SCALE) as usize {
                let cover = inside(px, x, x + width) * inside(py, y, y + height);
                self.blend(px, py, fill.colour, (cover * fill.opacity) as f32);
            }
        }
    }

    /// Column by column: the edge runs from left to right.
    fn area(&mut self, area: &Area) {
        let edge: Vec<(f64, f64)> = area.edge.iter().map(|&(x, y)| (x * SCALE, y * SCALE)).collect();
        let (Some(&(left, _)), Some(&(right, _))) = (edge.first(), edge.last()) else { return };
        let bottom = area.bottom * SCALE;
        for x in left as usize..right.ceil() as usize {
            let across = (right.min((x + 1) as f64) - left.max(x as f64)).clamp(0.0, 1.0);
            let top = height_at(&edge, (x as f64 + 0.5).clamp(left, right));
            for y in top.max(0.0) as usize..bottom.ceil().max(0.0) as usize {
                let down = (bottom.min((y + 1) as f64) - top.max(y as f64)).clamp(0.0, 1.0);
                self.blend(x, y, area.colour, (across * down) as f32);
            }
        }
    }

    fn dot(&mut self, dot: &Dot) {
        let (x, y, radius) = (dot.at.0 * SCALE, dot.at.1 * SCALE, dot.radius * SCALE);
        for py in (y - radius - 1.0).max(0.0) as usize..=(y + radius + 1.0).max(0.0) as usize {
            for px in (x - radius - 1.0).max(0.0) as usize..=(x + radius + 1.0).max(0.0) as usize {
                let far = (px as f64 + 0.5 - x).hypot(py as f64 + 0.5 - y);
                let cover = (radius + 0.5 - far).clamp(0.0, 1.0);
                self.blend(px, py, dot.colour, (cover * dot.opacity) as f32);
            }
        }
    }

    fn text(&mut self, text: &Text) {
        let size = text.size * SCALE / 100.0;
        let letters: Vec<&Letter> = text.words.chars().map(letter).collect();
        let length: f64 = letters.iter().map(|letter| letter.advance * size).sum();
        let before = match text.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => length / 2.0,
            Anchor::End => length,
        };
        let (sin, cos) = text.turn_degrees.to_radians().sin_cos();
        let mut x = -before;
        for letter in letters {
            let place = |&(px, py): &(f64, f64)| {
                let (along, down) = (x + px * size, -py * size);
                (text.at.0 * SCALE + along * cos - down * sin, text.at.1 * SCALE + along * sin + down * cos)
            };
            let contours: Vec<Vec<(f64, f64)>> =
                letter.contours.iter().map(|contour| contour.iter().map(place).collect()).collect();
            self.fill(&contours, text.colour);
            x += letter.advance * size;
        }
    }

    /// Fills what contours go around, an inner contour the other way round being a hole; four samples a pixel and
    /// direction.
    fn fill(&mut self, contours: &[Vec<(f64, f64)>], colour: Rgb) {
        const SAMPLES: usize = 4;
        let points = || contours.iter().flatten();
        let least =
            |f: fn(&(f64, f64)) -> f64| points().map(f).fold(f64::INFINITY, f64::min).max(0.0) as usize;
        let most = |f: fn(&(f64, f64)) -> f64| points().map(f).fold(0.0, f64::max) as usize;
        if contours.is_empty() {
            return;
        }
        for y in least(|p| p.1)..=most(|p| p.1) {
            for x in least(|p| p.0)..=most(|p| p.0) {
                let offset = |i: usize| (i as f64 + 0.5) / SAMPLES as f64;
                let samples = (0..SAMPLES * SAMPLES)
                    .map(|i| (x as f64 + offset(i % SAMPLES), y as f64 + offset(i / SAMPLES)));
                let inside = samples.filter(|&sample| winding(contours, sample) != 0).count();
                self.blend(x, y, colour, inside as f32 / (SAMPLES * SAMPLES) as f32);
            }
        }
    }
}

/// How often the contours go around a point.
fn winding(contours: &[Vec<(f64, f64)>], (x, y): (f64, f64)) -> i32 {
    let mut turns = 0;
    for contour in contours {
        for (i, &(x1, y1)) in contour.iter().enumerate() {
            let (x0, y0) = contour[(i + contour.len() - 1) % contour.len()];
            if (y0 <= y) != (y1 <= y) && x < x0 + (y - y0) / (y1 - y0) * (x1 - x0) {
                turns += if y0 < y1 { 1 } else { -1 };
            }
        }
    }
    turns
}

/// Where an edge that runs from left to right stands at `x`.
fn height_at(edge: &[(f64, f64)], x: f64) -> f64 {
    let next = edge.partition_point(|point| point.0 < x).clamp(1, edge.len().max(2) - 1);
    let ((x0, y0), (x1, y1)) = (edge[next - 1], edge[next.min(edge.len() - 1)]);
    y0 + (y1 - y0) * ((x - x0) / (x1 - x0).max(1e-9)).clamp(0.0, 1.0)
}

/// Of a point from the line between two others.
fn distance(point: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = (dx * dx + dy * dy).max(1e-12);
    let share = (((point.0 - a.0) * dx + (point.1 - a.1) * dy) / length).clamp(0.0, 1.0);
    (point.0 - a.0 - share * dx).hypot(point.1 - a.1 - share * dy)
}

/// How long words are in the font of pictures.
pub(super) fn width_of(words: &str, size: f64) -> f64 {
    words.chars().map(|c| letter(c).advance * size / 100.0).sum()
}

/// The outline of a letter, hundredths of the font's size, upwards.
struct Letter {
    advance: f64,
    contours: Vec<Vec<(f64, f64)>>,
}

/// A letter's outline; one that is not there is a question mark.
fn letter(c: char) -> &'static Letter {
    static LETTERS: OnceLock<HashMap<char, Letter>> = OnceLock::new();
    let letters = LETTERS.get_or_init(|| include_str!("letters.txt").lines().filter_map(parsed).collect());
    letters.get(&c).unwrap_or_else(|| &letters[&'?'])
}

fn parsed(line: &str) -> Option<(char, Letter)> {
    let c = line.chars().next()?;
    let (advance, outline) = line[c.len_utf8()..].trim_start().split_once(' ')?;
    let contour = |text: &str| {
        let numbers: Vec<f64> = text.split(' ').filter_map(|number| number.parse().ok()).collect();
        numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>()
    };
    let contours = outline.split(';').map(contour).filter(|contour| !contour.is_empty()).collect();
    Some((c, Letter { advance: advance.parse().ok()?, contours }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printable_letter_has_an_outline() {
        assert_eq!(letter(' ').contours.len(), 0);
        assert!(('!'..='~').all(|c| !letter(c).contours.is_empty() && letter(c).advance > 10.0));
        assert_eq!(letter('o').contours.len(), 2);
    }

    #[test]
    fn an_area_fills_what_lies_under_its_edge() {
        let mut canvas = Canvas::new(20, 20);
        canvas.area(&Area { edge: vec![(0.0, 10.0), (5.0, 0.0), (9.0, 0.0)], bottom: 8.0, colour: [0; 3] });
        let at = |x: usize, y: usize| canvas.pixels[y * 20 + x];
        assert_eq!(
            [at(1, 8), at(9, 8), at(17, 1), at(18, 8), at(9, 16)],
            [[255; 3], [0; 3], [0; 3], [255; 3], [255; 3]]
        );
    }

    #[test]
    fn a_hole_is_not_filled() {
        let ring = [
            vec![(0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0)],
            vec![(3.0, 3.0), (3.0, 6.0), (6.0, 6.0), (6.0, 3.0)],
        ];
        let mut canvas = Canvas::new(10, 10);
        canvas.fill(&ring, [0; 3]);
        let at = |x: usize, y: usize| canvas.pixels[y * 10 + x];
        assert_eq!([at(1, 1), at(4, 4), at(9, 9)], [[0; 3], [255; 3], [255; 3]]);
    }
}
