//! A network, stage by stage: as text, and as boxes whose interaction paths are marked.

use std::collections::HashSet;

use super::{FONT, wrapped};
use crate::model::Stage;
use crate::report::palette::{Rgb, SERIES};
use crate::report::picture::{Anchor, FAINT, INK, Rectangle, Scene};

const BOX: f64 = 264.0;
const LINE: f64 = 15.0;
const PADDING: f64 = 8.0;
const GAP: (f64, f64) = (56.0, 26.0);
const MARGIN: f64 = 30.0;
const TOP: f64 = 62.0;
const MODULE: Rgb = SERIES[0];
const PATH: Rgb = SERIES[1];

/// One line a stage: its name, its layers, the shape it gives, its parameters; and what it reads where that is not the
/// stage before.
pub fn network_text(name: &str, stages: &[Stage]) -> String {
    let parameters: usize = stages.iter().map(|stage| stage.parameters).sum();
    let widest = stages.iter().map(|stage| stage.name.len()).max().unwrap_or(0).max(5);
    let work: usize = stages.iter().map(|stage| stage.multiply_adds).sum();
    let mut text = format!(
        "{name}: {} parameters, running statistics included; {} multiply-adds a patch\n\n",
        grouped(parameters),
        grouped(work)
    );
    text += &format!("  {:<widest$}  {:>13}  {:>10}  layers\n", "stage", "output", "parameters");
    for (place, stage) in stages.iter().enumerate() {
        let mark = if stage.is_interaction { "═▶" } else { "  " };
        let count = if stage.parameters > 0 { grouped(stage.parameters) } else { String::new() };
        let line = format!(
            "{mark}{:<widest$}  {:>13}  {count:>10}  {}",
            stage.name,
            extents(stage.shape),
            layers(stage)
        );
        text += &format!("{}{}\n", line.trim_end(), read(stages, place));
    }
    if stages.iter().any(|stage| stage.is_interaction) {
        text += "\n═▶ interaction path: one module reads the other\n";
    }
    text
}

fn layers(stage: &Stage) -> String {
    if stage.reads.is_empty() { "input".into() } else { stage.layers.join(" · ") }
}

fn read(stages: &[Stage], place: usize) -> String {
    let reads = &stages[place].reads;
    if reads.is_empty() || reads[..] == [place.wrapping_sub(1)] {
        return String::new();
    }
    let names: Vec<&str> = reads.iter().map(|&read| stages[read].name.as_str()).collect();
    format!("  ← {}", names.join(" + "))
}

/// `[65, 64, 16]` as `65x64x16`; extents of 1 are left out.
fn extents(shape: [usize; 3]) -> String {
    match shape {
        [1, 1, n] => n.to_string(),
        [time, 1, n] => format!("{time}x{n}"),
        [time, bands, n] => format!("{time}x{bands}x{n}"),
    }
}

/// `1042090` as `1,042,090`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(",")
}

/// The drawing: time runs down, each module has its column.
pub fn network(name: &str, stages: &[Stage]) -> Scene {
    let layout = Layout::of(stages);
    let mut scene = layout.sheet();
    let parameters: usize = stages.iter().map(|stage| stage.parameters).sum();
    scene.words((MARGIN, 30.0), Anchor::Start, 17.0, INK, name);
    let shapes =
        if stages.iter().any(|stage| stage.is_interaction) { ", interaction paths in red" } else { "" };
    let facts = format!("{} parameters · outputs are time x bands x channels{shapes}", grouped(parameters));
    for (i, line) in wrapped(&facts, scene.width - 2.0 * MARGIN, FONT).iter().enumerate() {
        scene.words((MARGIN, 48.0 + LINE * i as f64), Anchor::Start, FONT, FAINT, line);
    }
    for (place, stage) in stages.iter().enumerate() {
        for &read in &stage.reads {
            layout.arrow(&mut scene, read, place);
        }
    }
    for (place, stage) in stages.iter().enumerate() {
        draw_box(&mut scene, layout.boxes[place], stage);
    }
    scene
}

fn lines(stage: &Stage) -> Vec<String> {
    wrapped(&layers(stage), BOX - 2.0 * PADDING, FONT - 1.0)
}

fn box_height(stage: &Stage) -> f64 {
    2.0 * PADDING + LINE * (1 + lines(stage).len()) as f64
}

fn draw_box(scene: &mut Scene, place: Rectangle, stage: &Stage) {
    let Rectangle { x, y, width, height } = place;
    let colour = if stage.is_interaction { PATH } else { MODULE };
    scene.fill(place, crate::report::picture::PAPER, 1.0);
    scene.fill(place, colour, if stage.is_interaction { 0.18 } else { 0.08 });
    let corners = vec![(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)];
    scene.polyline(corners, colour, if stage.is_interaction { 2.0 } else { 1.0 });
    let line = |i: usize| y + PADDING + LINE * (i as f64 + 0.75);
    scene.words((x + PADDING, line(0)), Anchor::Start, FONT, INK, &stage.name);
    scene.words((x + width - PADDING, line(0)), Anchor::End, FONT, INK, &extents(stage.shape));
    for (i, words) in lines(stage).iter().enumerate() {
        scene.words((x + PADDING, line(i + 1)), Anchor::Start, FONT - 1.0, FAINT, words);
    }
}

/// Where every stage stands.
struct Layout {
    columns: Vec<usize>,
    ranks: Vec<usize>,
    boxes: Vec<Rectangle>,
    taken: HashSet<(usize, usize)>,
    crossings: HashSet<usize>,
}

impl Layout {
    fn of(stages: &[Stage]) -> Self {
        let mut layout = Self {
            columns: Vec::new(),
            ranks: Vec::new(),
            boxes: Vec::new(),
            taken: HashSet::new(),
            crossings: (0..stages.len()).filter(|&place| stages[place].is_interaction).collect(),
        };
        let mut continued = vec![false; stages.len()];
        for stage in stages {
            let rank = stage.reads.iter().map(|&read| layout.ranks[read] + 1).max().unwrap_or(0);
            let column = match stage.reads.first() {
                Some(&first) if !continued[first] => {
                    continued[first] = true;
                    layout.columns[first]
                }
                _ => (0..).find(|&column| !layout.taken.contains(&(column, rank))).unwrap_or(0),
            };
            layout.taken.insert((column, rank));
            layout.columns.push(column);
            layout.ranks.push(rank);
        }
        layout.place(stages);
        layout
    }

    /// Rows are as high as their highest box.
    fn place(&mut self, stages: &[Stage]) {
        let ranks = self.ranks.iter().max().map_or(0, |last| last + 1);
        let mut heights = vec![0.0f64; ranks];
        for (stage, &rank) in stages.iter().zip(&self.ranks) {
            heights[rank] = heights[rank].max(box_height(stage));
        }
        let top = |rank: usize| TOP + 16.0 + heights[..rank].iter().map(|height| height + GAP.1).sum::<f64>();
        let place = |(place, stage): (usize, &Stage)| Rectangle {
            x: MARGIN + self.columns[place] as f64 * (BOX + GAP.0),
            y: top(self.ranks[place]),
            width: BOX,
            height: box_height(stage),
        };
        self.boxes = stages.iter().enumerate().map(place).collect();
    }

    fn sheet(&self) -> Scene {
        let far = |edge: fn(&Rectangle) -> f64| self.boxes.iter().map(edge).fold(0.0, f64::max) + MARGIN;
        Scene::of_size(far(|b| b.x + b.width), far(|b| b.y + b.height))
    }

    /// Whether no box stands in a column between two ranks.
    fn is_free(&self, column: usize, above: usize, below: usize) -> bool {
        (above + 1..below).all(|rank| !self.taken.contains(&(column, rank)))
    }

    fn arrow(&self, scene: &mut Scene, from: usize, to: usize) {
        let (source, target) = (self.boxes[from], self.boxes[to]);
        let (columns, ranks) = ([self.columns[from], self.columns[to]], [self.ranks[from], self.ranks[to]]);
        let crosses = self.crossings.contains(&to) && columns[0] != columns[1];
        let (colour, width) = if crosses { (PATH, 3.0) } else { (FAINT, 1.3) };
        let middle = |b: Rectangle| b.x + b.width / 2.0;
        let (bottom, top) = ((middle(source), source.y + source.height), (middle(target), target.y));
        let points = if crosses {
            beside(source, target, columns[0] < columns[1])
        } else if columns[0] == columns[1] && self.is_free(columns[1], ranks[0], ranks[1]) {
            vec![bottom, top]
        } else if columns[0] == columns[1] {
            let (x, below) = (source.x - 14.0, target.y + target.height / 2.0);
            vec![(source.x, bottom.1 - 12.0), (x, bottom.1 - 12.0), (x, below), (target.x, below)]
        } else if self.is_free(columns[1], ranks[0], ranks[1]) {
            let y = bottom.1 + GAP.1 / 2.0;
            vec![bottom, (bottom.0, y), (top.0, y), top]
        } else {
            let y = top.1 - GAP.1 / 2.0;
            vec![bottom, (bottom.0, y), (top.0, y), top]
        };
        head(scene, &points, colour, width);
        scene.polyline(points, colour, width);
    }
}

/// From the side of one box through the gap between the columns to the side of the other.
fn beside(source: Rectangle, target: Rectangle, rightwards: bool) -> Vec<(f64, f64)> {
    let (start, gap, end) = if rightwards {
        (source.x + source.width, target.x - GAP.0 / 3.0, target.x)
    } else {
        (source.x, target.x + target.width + GAP.0 / 3.0, target.x + target.width)
    };
    let (from, to) = (source.y + source.height / 2.0, target.y + target.height / 2.0);
    vec![(start, from), (gap, from), (gap, to), (end, to)]
}

fn head(scene: &mut Scene, points: &[(f64, f64)], colour: Rgb, width: f64) {
    let [.., (x0, y0), (x, y)] = points[..] else { return };
    let length = (x - x0).hypot(y - y0).max(1e-9);
    let (dx, dy) = ((x - x0) / length, (y - y0) / length);
    let size = 4.0 + width;
    let wing = |side: f64| (x - size * dx + 0.6 * side * size * dy, y - size * dy - 0.6 * side * size * dx);
    scene.polyline(vec![wing(1.0), (x, y), wing(-1.0)], colour, width.max(1.5));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo::{architecture, architectures};

    #[test]
    fn no_box_lies_over_another_in_any_network() {
        for architecture in architectures() {
            let stages = architecture.outline(None).unwrap();
            let boxes = Layout::of(&stages).boxes;
            for (i, a) in boxes.iter().enumerate() {
                for b in &boxes[i + 1..] {
                    let apart = a.x + a.width <= b.x
                        || b.x + b.width <= a.x
                        || a.y + a.height <= b.y
                        || b.y + b.height <= a.y;
                    assert!(apart, "{}: {a:?} {b:?}", architecture.name);
                }
            }
        }
    }

    #[test]
    fn the_text_names_shapes_and_what_crosses() {
        let text = |name: &str| network_text(name, &architecture(name).unwrap().outline(None).unwrap());
        let two_way = text("mlfi-two-way-b2");
        assert!(two_way.contains("65x64x16") && two_way.contains("40x16"), "{two_way}");
        assert!(two_way.contains("═▶vision_to_audio") && two_way.contains("← dense2 + gru2"), "{two_way}");
        assert!(!text("mlfi-benchmark").contains("═▶"));
    }
}
