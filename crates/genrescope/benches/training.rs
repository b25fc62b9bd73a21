//! Milliseconds of a training step, as one line of JSON: of a network of the zoo, or of a yardstick `m1`, `m2`, `m3`.
//!
//! `cargo bench -p genrescope --bench training -- NAME [--threads N] [--batch N] [--steps N] [--frames N]
//! [--path avx512|avx2|neon|portable]`; `reference/measure_training.py` runs it in turn with PyTorch.
//!
//! Dropout is on (in yardsticks 0.25), the optimiser is Adam; three steps warm up and are not counted.
#![allow(clippy::unwrap_used)]

#[path = "../../genrescope-nn/tests/support/mod.rs"]
mod support;

use genrescope::model::zoo::{self, Input};
use genrescope_nn::layers::Layer;
use genrescope_nn::{Adam, Graph, Network, Path, Trainer};
use serde_json::json;
use std::time::Instant;
use support::{Case, Generator, targets};

const WARM_UP_STEPS: usize = 3;
const YARDSTICK_DROPOUT: f32 = 0.25;
const GENRES: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let name = arguments.first().expect("the name of a network, or m1, m2, m3");
    let value = |flag: &str| arguments.iter().position(|a| a == flag).map(|at| arguments[at + 1].clone());
    let number = |flag: &str| value(flag).map(|n| n.parse::<usize>().expect(flag));
    let (threads, steps) = (number("--threads").unwrap_or(1), number("--steps").unwrap_or(8));
    let batch = number("--batch").unwrap_or(if name == "bbnn" { 8 } else { 64 });
    let path = path(value("--path").as_deref());
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().unwrap();

    let network = Network::new(graph(name, number("--frames")), 1).with_path(path);
    let (frames, trainable) = (network.graph().nodes()[0].shape[0], network.trainable_count());
    let times = step_milliseconds(network, batch, steps);
    let record = json!({
        "network": name, "threads": threads, "batch": batch, "frames": frames, "steps": steps,
        "path": format!("{path:?}").to_lowercase(), "trainable": trainable,
        "min_ms": rounded(times[0]), "median_ms": rounded(times[steps / 2]), "peak_mb": peak_megabytes(),
    });
    println!("{record}");
}

fn path(name: Option<&str>) -> Path {
    let path = match name {
        None => Path::detect(),
        Some("avx512") => Path::Avx512,
        Some("avx2") => Path::Avx2,
        Some("neon") => Path::Neon,
        Some("portable") => Path::Portable,
        Some(other) => panic!("no kernel path is called {other}; there are avx512, avx2, neon, portable"),
    };
    assert!(path.is_available(), "this processor does not have {path:?}");
    path
}

/// A yardstick as its golden describes it, or a network of the zoo at its published input but for the frames.
fn graph(name: &str, frames: Option<usize>) -> Graph {
    if ["m1", "m2", "m3"].contains(&name) {
        assert!(frames.is_none(), "the frames of {name} are fixed");
        return Case::starting_with(&format!("yardstick_{name}")).graph(YARDSTICK_DROPOUT);
    }
    let architecture = zoo::architecture(name).unwrap();
    let published = architecture.published;
    architecture.graph(Input { frames: frames.unwrap_or(published.frames), ..published }).unwrap()
}

/// Of the steps behind the warm-up, shortest first.
fn step_milliseconds(network: Network, batch: usize, steps: usize) -> Vec<f64> {
    let nodes = network.graph().nodes().iter();
    let inputs = nodes.filter(|node| node.layer == Layer::Input).map(|node| {
        let count = batch * node.shape.iter().product::<usize>();
        Generator::named(&node.name).values(count, 1.7, 0.0)
    });
    let inputs: Vec<Vec<f32>> = inputs.collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let (frames, targets) = (network.graph().nodes()[0].shape[0], targets("targets", batch, GENRES));
    let mut trainer = Trainer::new(network, Adam::default());
    let mut step = || {
        let start = Instant::now();
        let loss = trainer.step(&inputs, batch, frames, &targets, 1e-3).unwrap().loss;
        assert!(loss.is_finite(), "the loss is {loss}");
        1e3 * start.elapsed().as_secs_f64()
    };
    let mut times: Vec<f64> = (0..WARM_UP_STEPS + steps).map(|_| step()).skip(WARM_UP_STEPS).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// Largest resident memory of the process so far; none where the system does not say.
fn peak_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some((kilobytes / 1024.0).round())
}

fn rounded(milliseconds: f64) -> f64 {
    (100.0 * milliseconds).round() / 100.0
}
