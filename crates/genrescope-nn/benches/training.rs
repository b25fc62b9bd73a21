//! Milliseconds of a training step on M1, M2, M3, as JSON.
//!
//! `cargo bench -p genrescope-nn --bench training -- NAME [--threads N] [--batch N] [--steps N] [--path avx512|avx2|portable]`
#![allow(clippy::unwrap_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use genrescope_nn::{Adam, Network, Path, Trainer};
use std::time::Instant;
use support::{Case, targets};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).map(|at| arguments[at + 1].clone());
    let number = |name: &str, default: usize| value(name).map_or(default, |n| n.parse().unwrap());
    let (threads, batch, steps) = (number("--threads", 1), number("--batch", 64), number("--steps", 8));
    let path = match value("--path").as_deref() {
        Some("avx2") => Path::Avx2,
        Some("portable") => Path::Portable,
        _ => Path::detect(),
    };
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().unwrap();
    let case = Case::starting_with(&format!("yardstick_{}", arguments[0]));
    let shape = case.shape();
    let mut trainer = Trainer::new(Network::new(case.graph(0.25), 1).with_path(path), Adam::default());
    let generate = |name: &str, count: usize| support::Generator::named(name).values(count, 1.7, 0.0);
    let mel = generate("mel", batch * shape.iter().product::<usize>());
    let features = generate("features", batch * 55);
    let inputs: Vec<&[f32]> = if case.features().is_some() { vec![&mel, &features] } else { vec![&mel] };
    let targets = targets("targets", batch, 10);
    let mut times: Vec<f64> = (0..steps + 3)
        .map(|_| {
            let start = Instant::now();
            trainer.step(&inputs, batch, shape[0], &targets, 1e-3).unwrap();
            1e3 * start.elapsed().as_secs_f64()
        })
        .skip(3)
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "{} {path:?} batch {batch} threads {threads}: min {:.2} median {:.2} ms",
        arguments[0],
        times[0],
        times[steps / 2]
    );
}
