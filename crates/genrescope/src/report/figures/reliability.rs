//! A reliability diagram: how often answers of some confidence are right, and how many there are.

use super::axes::{Axes, Axis};
use super::{FONT, Heading, WIDTH};
use crate::metrics::{BINS, Calibration};
use crate::report::palette::SERIES;
use crate::report::picture::{Anchor, FAINT, INK, Rectangle, Scene};

const SIZE: f64 = 240.0;
const COUNTS: f64 = 54.0;
const SIDE: f64 = 50.0;

/// The diagram of a network's answers.
pub fn reliability(title: &str, note: &str, calibration: &Calibration) -> Scene {
    let figures = format!(
        "calibration error {:.3} · Brier {:.3} · log-loss {:.3}",
        calibration.expected_error, calibration.brier, calibration.log_loss
    );
    let note = format!("{note} {figures}");
    let heading = Heading { title, note: &note };
    let top = heading.height(WIDTH) + 18.0;
    let mut scene = Scene::of_size(WIDTH, top + SIZE + 44.0 + COUNTS + 20.0);
    heading.draw(&mut scene);
    let (across, upwards) =
        (Axis::linear("highest score", [0.0, 1.0]), Axis::linear("share that is right", [0.0, 1.0]));
    let place = Rectangle { x: SIDE, y: top, width: WIDTH - SIDE - 24.0, height: SIZE };
    let axes = Axes { place, across: &across, upwards: &upwards };
    axes.draw(&mut scene);
    scene.stroke(axes.at(0.0, 0.0), axes.at(1.0, 1.0), FAINT, 1.0);
    curve(calibration, &axes, &mut scene);
    counts(calibration, Rectangle { y: top + SIZE + 44.0, height: COUNTS, ..place }, &mut scene);
    scene
}

fn curve(calibration: &Calibration, axes: &Axes, scene: &mut Scene) {
    let filled: Vec<_> = calibration.bins.iter().filter(|bin| bin.count > 0).collect();
    for bin in &filled {
        let (ideal, found) = (axes.at(bin.confidence, bin.confidence), axes.at(bin.confidence, bin.accuracy));
        scene.stroke(ideal, found, SERIES[1], 3.0);
    }
    let points = filled.iter().map(|bin| axes.at(bin.confidence, bin.accuracy)).collect::<Vec<_>>();
    scene.polyline(points.clone(), SERIES[0], 2.0);
    points.into_iter().for_each(|point| scene.dot(point, 4.5, SERIES[0], 1.0));
}

fn counts(calibration: &Calibration, place: Rectangle, scene: &mut Scene) {
    let most = calibration.bins.iter().map(|bin| bin.count).max().unwrap_or(0).max(1) as f64;
    let width = place.width / BINS as f64;
    for (i, bin) in calibration.bins.iter().enumerate() {
        let height = (place.height - FONT) * bin.count as f64 / most;
        let bar = Rectangle {
            x: place.x + i as f64 * width + 1.0,
            y: place.y + place.height - height,
            width: width - 2.0,
            height,
        };
        scene.fill(bar, SERIES[0], 0.5);
        if bin.count > 0 {
            let at = (bar.x + bar.width / 2.0, bar.y - 3.0);
            scene.words(at, Anchor::Middle, FONT - 2.0, INK, &bin.count.to_string());
        }
    }
    let below = (place.x, place.y + place.height + FONT + 3.0);
    scene.words(below, Anchor::Start, FONT, FAINT, "how many answers have that score");
}
