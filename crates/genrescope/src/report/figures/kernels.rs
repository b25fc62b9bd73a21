//! Vertical kernels on an axis of Hz: which frequencies each of them weighs.

use super::{FONT, Heading, LEFT, WIDTH};
use crate::features::{hz_to_mel, mel_to_hz};
use crate::model::{Model, VerticalKernels, vertical_kernels};
use crate::report::picture::{Anchor, FAINT, Grid, INK, Rectangle, Scene, Shape};

const HEIGHT: f64 = 150.0;
const SIDE: f64 = 66.0;
const GAP: f64 = 8.0;
/// Most kernels of a row.
const ROW: usize = 8;
const MARKS_HZ: [f64; 5] = [250.0, 500.0, 1000.0, 2000.0, 4000.0];

/// The kernels over all bands of a trained network, in order of the frequency that they weigh most, the lowest first;
/// `None` for a network without such kernels.
pub fn kernels(model: &Model) -> Option<Scene> {
    let (header, kernels) = (&model.header, vertical_kernels(model)?);
    let trained = &header.trained_on;
    let note = format!(
        "{}, {} epochs on {}, seed {}. Rows are mel bands, columns {} steps of time; brightness is the root mean \
         square of the weights of all input channels, from each kernel's weakest to its strongest.",
        header.network, trained.epochs, trained.data, trained.seed, kernels.steps
    );
    Some(drawn("What each vertical kernel weighs", &note, &kernels, header.front_end.sample_rate_hz))
}

fn drawn(title: &str, note: &str, kernels: &VerticalKernels, sample_rate_hz: u32) -> Scene {
    let heading = Heading { title, note };
    let top = heading.height(WIDTH);
    let rows = kernels.strengths.len().div_ceil(ROW);
    let mut scene = Scene::of_size(WIDTH, top + rows as f64 * (HEIGHT + 26.0) + 10.0);
    heading.draw(&mut scene);
    let mut order: Vec<usize> = (0..kernels.strengths.len()).collect();
    order.sort_by(|&a, &b| centre(kernels, a).total_cmp(&centre(kernels, b)));
    let width = (WIDTH - SIDE - LEFT - (ROW - 1) as f64 * GAP) / ROW as f64;
    for (place, &kernel) in order.iter().enumerate() {
        let x = SIDE + (place % ROW) as f64 * (width + GAP);
        let y = top + (place / ROW) as f64 * (HEIGHT + 26.0);
        let place = Rectangle { x, y, width, height: HEIGHT };
        scene.shapes.push(Shape::Image(place, grid(kernels, kernel)));
        let below = (x + width / 2.0, y + HEIGHT + FONT + 1.0);
        scene.words(below, Anchor::Middle, FONT - 2.0, FAINT, &kernel.to_string());
    }
    (0..rows).for_each(|row| axis(&mut scene, top + row as f64 * (HEIGHT + 26.0), sample_rate_hz));
    scene
}

/// The row that a kernel weighs most on average.
fn centre(kernels: &VerticalKernels, kernel: usize) -> f32 {
    let (mut sum, mut weighted) = (0.0, 0.0);
    for (cell, strength) in kernels.strengths[kernel].iter().enumerate() {
        sum += strength * strength;
        weighted += strength * strength * (cell % kernels.rows) as f32;
    }
    weighted / sum.max(f32::MIN_POSITIVE)
}

/// From a kernel's own weakest place, black, to its strongest.
fn grid(kernels: &VerticalKernels, kernel: usize) -> Grid {
    let strengths = &kernels.strengths[kernel];
    let most = strengths.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let least = strengths.iter().copied().fold(most, f32::min);
    let shade = |strength: f32| (strength - least) / (most - least).max(f32::MIN_POSITIVE);
    let upper_first = (0..kernels.rows).rev().flat_map(|row| (0..kernels.steps).map(move |step| (row, step)));
    let level =
        |(row, step): (usize, usize)| (255.0 * shade(strengths[step * kernels.rows + row])).round() as u8;
    // Cells several pixels high, so that no viewer blurs them.
    const FINE: usize = 8;
    let levels: Vec<u8> = upper_first.map(level).collect();
    let fine_row = |row: &[u8]| row.iter().flat_map(|&level| [level; FINE]).collect::<Vec<_>>();
    let rows = levels.chunks_exact(kernels.steps).flat_map(|row| fine_row(row).repeat(2));
    Grid { columns: kernels.steps * FINE, levels: rows.collect() }
}

fn axis(scene: &mut Scene, top: f64, sample_rate_hz: u32) {
    let highest = hz_to_mel(f64::from(sample_rate_hz) / 2.0);
    for hz in MARKS_HZ.into_iter().filter(|hz| hz_to_mel(*hz) < highest).chain([mel_to_hz(highest)]) {
        let y = top + HEIGHT * (1.0 - hz_to_mel(hz) / highest);
        scene.stroke((SIDE - 5.0, y), (SIDE, y), FAINT, 1.0);
        let label =
            if hz < 1000.0 { format!("{hz:.0} Hz") } else { format!("{} kHz", (hz / 100.0).round() / 10.0) };
        scene.words((SIDE - 8.0, y + 0.35 * FONT), Anchor::End, FONT - 1.0, INK, &label);
    }
}
