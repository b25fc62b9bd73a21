//! What L2 normalisation does, on a toy (source 2): a network, two classes, and where its hidden layer puts them before
//! and after.

use super::{FONT, Heading, LETTER};
use crate::report::palette::{Rgb, SERIES};
use crate::report::picture::{Anchor, FAINT, INK, RULE, Rectangle, Scene};
use crate::train::toy::Toy;

const PANEL: f64 = 250.0;
const GAP: f64 = 24.0;
const MARGIN: f64 = 20.0;

/// Four panels: the network, the classes, behind the sigmoid layer, behind the L2 normalisation.
pub fn sphere(toy: &Toy) -> Scene {
    let width = 2.0 * (PANEL + MARGIN) + GAP;
    let heading = Heading {
        title: "What L2 normalisation of a hidden layer does",
        note: "A toy after source 2: two classes of a plane, three sigmoid units, each point's hidden values divided \
               by their length. All lie on a part of the unit sphere that is not centred at the origin.",
    };
    let top = heading.height(width) + 10.0;
    let mut scene = Scene::of_size(width, top + 2.0 * (PANEL + 34.0));
    heading.draw(&mut scene);
    let names = ["a network", "two classes", "after the sigmoid layer", "after sigmoid and L2"];
    let panels: Vec<Rectangle> = (0..4)
        .map(|i| Rectangle {
            x: MARGIN + f64::from(i % 2) * (PANEL + GAP),
            y: top + 18.0 + f64::from(i / 2) * (PANEL + 34.0),
            width: PANEL,
            height: PANEL,
        })
        .collect();
    for (panel, name) in panels.iter().zip(names) {
        scene.words((panel.x, panel.y - 7.0), Anchor::Start, FONT + 1.0, INK, name);
    }
    wiring(&mut scene, panels[0]);
    plane(&mut scene, panels[1], toy);
    space(&mut scene, panels[2], &toy.sigmoid, &toy.classes);
    arcs(&mut scene, panels[3]);
    space(&mut scene, panels[3], &toy.unit, &toy.classes);
    scene
}

fn class_colour(class: usize) -> Rgb {
    SERIES[class.min(1)]
}

/// Two inputs, three sigmoid units, their normalisation, two scores.
fn wiring(scene: &mut Scene, panel: Rectangle) {
    let layers: [(&str, usize); 4] = [("input", 2), ("sigmoid", 3), ("L2", 3), ("scores", 2)];
    let at = |layer: usize, unit: usize| {
        let x = panel.x + 24.0 + layer as f64 * (PANEL - 48.0) / 3.0;
        (x, panel.y + PANEL / 2.0 + (unit as f64 - (layers[layer].1 - 1) as f64 / 2.0) * 62.0)
    };
    for layer in 0..3 {
        for (a, b) in (0..layers[layer].1).flat_map(|a| (0..layers[layer + 1].1).map(move |b| (a, b))) {
            scene.stroke(at(layer, a), at(layer + 1, b), FAINT, 0.8);
        }
    }
    for (layer, (name, units)) in layers.into_iter().enumerate() {
        for unit in 0..units {
            let colour = if layer == 3 { class_colour(unit) } else { SERIES[2] };
            scene.dot(at(layer, unit), 11.0, colour, 1.0);
        }
        let below = (at(layer, 0).0, panel.y + PANEL - 20.0);
        scene.words(below, Anchor::Middle, FONT, INK, name);
    }
}

fn plane(scene: &mut Scene, panel: Rectangle, toy: &Toy) {
    let most = toy.plane.iter().flatten().fold(1e-6f32, |most, x| most.max(x.abs()));
    let place = |value: f32| 0.46 * PANEL * f64::from(value / most);
    let (x, y) = (panel.x + PANEL / 2.0, panel.y + PANEL / 2.0);
    scene.stroke((panel.x, y), (panel.x + PANEL, y), RULE, 1.0);
    scene.stroke((x, panel.y), (x, panel.y + PANEL), RULE, 1.0);
    for (point, &class) in toy.plane.iter().zip(&toy.classes) {
        scene.dot((x + place(point[0]), y - place(point[1])), 3.0, class_colour(class), 0.75);
    }
}

/// Seen from the front, the first axis to the left, the second to the right, the third upwards.
fn projected(panel: Rectangle, [a, b, c]: [f64; 3]) -> (f64, f64) {
    let scale = 0.5 * PANEL;
    let x = panel.x + PANEL / 2.0 + scale * 0.88 * (b - a);
    (x, panel.y + 0.62 * PANEL + scale * (0.5 * (a + b) - 1.1 * c))
}

fn space(scene: &mut Scene, panel: Rectangle, points: &[[f32; 3]], classes: &[usize]) {
    let origin = projected(panel, [0.0; 3]);
    for (axis, name) in ["h1", "h2", "h3"].into_iter().enumerate() {
        let end = projected(panel, std::array::from_fn(|i| f64::from(u8::from(i == axis))));
        scene.stroke(origin, end, FAINT, 1.2);
        let away = |from: f64, to: f64| {
            to + 10.0 * (to - from).signum() * f64::from(u8::from((to - from).abs() > 1.0))
        };
        let at = (away(origin.0, end.0), end.1 + if axis == 2 { -5.0 } else { 0.35 * FONT });
        scene.words(at, Anchor::Middle, FONT, INK, name);
    }
    scene.words((origin.0 - 0.5 * LETTER * FONT, origin.1 + 14.0), Anchor::Start, FONT - 1.0, FAINT, "0");
    for (point, &class) in points.iter().zip(classes) {
        scene.dot(projected(panel, point.map(f64::from)), 3.0, class_colour(class), 0.75);
    }
}

/// The edges of the eighth of the unit sphere whose points have no negative part, and a mesh on it.
fn arcs(scene: &mut Scene, panel: Rectangle) {
    let quarter = std::f64::consts::FRAC_PI_2;
    let steps = || (0..=24).map(|i| f64::from(i) / 24.0 * quarter);
    for line in 0..=6 {
        let fixed = f64::from(line) / 6.0 * quarter;
        let edge = line == 0 || line == 6;
        let (colour, width) = if edge { (FAINT, 1.2) } else { (RULE, 1.0) };
        let on = |polar: f64, around: f64| {
            projected(panel, [polar.sin() * around.cos(), polar.sin() * around.sin(), polar.cos()])
        };
        scene.polyline(steps().map(|t| on(t, fixed)).collect(), colour, width);
        scene.polyline(steps().map(|t| on(fixed, t)).collect(), colour, width);
    }
}
