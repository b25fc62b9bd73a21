//! Networks as they are used, for a race with another program: the same file, the same inputs, both timed in turn.
//!
//! `cargo bench -p genrescope --bench inference -- NAME FOLDER [--batch N]`, NAME of the zoo, `m1`, `m2`, `m3`, or of a
//! model inside, `fast` or `musicnn`; `reference/onnx_runtime.py` runs it in turn with onnxruntime.
//!
//! Writes `NAME.onnx`, the 32-bit floats of each input and `NAME.output` to FOLDER and prints a line of JSON. Then, for
//! every line on stdin, runs for as many milliseconds as it says and prints the shortest and the median pass. One thread.
#![allow(clippy::unwrap_used)]

#[path = "../../genrescope-nn/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use genrescope::model::{ExportInput, Model, PatchInput, zoo};
use genrescope_nn::layers::Layer;
use genrescope_nn::onnx::{Scores, Surroundings};
use genrescope_nn::{Graph, Network};
use serde_json::json;
use support::{Case, Generator};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [name, folder] = [0, 1].map(|at| arguments[at].clone());
    let batch = match &arguments[2..] {
        [] => 1,
        [flag, number] if flag == "--batch" => number.parse().expect("a number of samples"),
        other => panic!("expected --batch N, found {other:?}"),
    };
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    let subject = match name.as_str() {
        "fast" => of_model(&Model::fast().unwrap(), batch),
        "musicnn" => of_model(&Model::musicnn().unwrap(), batch),
        name => of_network(name, batch),
    };
    let write = |what: &str, bytes: &[u8]| {
        std::fs::write(Path::new(&folder).join(format!("{name}.{what}")), bytes).unwrap();
    };
    write("onnx", &subject.file);
    subject.inputs.iter().for_each(|(input, values)| write(input, &bytes(values)));
    write("output", &bytes(&(subject.run)()));
    println!("{}", json!({"network": name, "batch": batch, "frames": subject.frames, "path": subject.path}));
    for line in std::io::stdin().lines() {
        let time = Duration::from_millis(line.unwrap().parse().unwrap());
        // On the pool's thread, as in a program: a pass does not wait for it to wake.
        println!("{}", rayon::scope(|_| round(time, &*subject.run)));
    }
}

/// What is run here, and the file for others to run.
struct Subject {
    file: Vec<u8>,
    frames: usize,
    path: String,
    inputs: Vec<(String, Vec<f32>)>,
    run: Box<dyn Fn() -> Vec<f32> + Sync>,
}

/// A model inside, from dB to scores.
fn of_model(model: &Model, batch: usize) -> Subject {
    let (frames, bands) = (model.header.patch_frames, model.header.front_end.mel_bands);
    let mel = Generator::named("mel").values(batch * frames * bands, 30.0, -40.0);
    let patches: Vec<PatchInput> = mel.chunks(frames * bands).map(|db| db.to_vec().into()).collect();
    let (file, scoring) = (model.to_onnx(ExportInput::Mel).unwrap(), model.clone());
    Subject {
        file,
        frames,
        path: path(model.network().expect("a model of this crate")),
        inputs: vec![("mel".into(), mel)],
        run: Box::new(move || scoring.scores(&patches).unwrap().concat()),
    }
}

/// A network with drawn weights, from normalised inputs to logits.
fn of_network(name: &str, batch: usize) -> Subject {
    let (graph, any_length) = graph(name);
    let network = with_drawn_weights(graph).folded();
    let surroundings = Surroundings {
        name: name.to_owned(),
        preparation: vec![],
        scores: Scores::Logits,
        any_length,
        metadata: vec![],
    };
    let (inputs, frames) = (inputs(&network, batch), network.graph().nodes()[0].shape[0]);
    let values: Vec<Vec<f32>> = inputs.iter().map(|(_, values)| values.clone()).collect();
    Subject {
        file: network.to_onnx(&surroundings).unwrap(),
        frames,
        path: path(&network),
        inputs,
        run: Box::new(move || {
            let values: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
            network.infer(&values, batch, frames).unwrap()
        }),
    }
}

fn path(network: &Network) -> String {
    format!("{:?}", network.path()).to_lowercase()
}

/// A yardstick as its golden describes it, or a network of the zoo at its published input, `-simple` behind its name for
/// recurrent layers without gates; and whether it takes any length.
fn graph(name: &str) -> (Graph, bool) {
    if ["m1", "m2", "m3"].contains(&name) {
        return (Case::starting_with(&format!("yardstick_{name}")).graph(0.0), false);
    }
    let (name, is_simple) = name.strip_suffix("-simple").map_or((name, false), |name| (name, true));
    let architecture = zoo::architecture(name).unwrap();
    let mut input = architecture.published;
    if is_simple {
        input.choices.recurrent = zoo::RecurrentKind::Simple;
    }
    (architecture.graph(input).unwrap(), architecture.any_length)
}

/// Fresh weights, and running statistics that are neither 0 nor 1.
fn with_drawn_weights(graph: Graph) -> Network {
    let mut network = Network::new(graph, 1);
    for parameter in network.parameters_mut() {
        let offset = match parameter.name.rsplit('.').next() {
            Some("gamma" | "variance") => 1.0,
            Some("bias" | "state_bias" | "beta" | "mean") => 0.0,
            _ => continue,
        };
        parameter.data = Generator::named(&parameter.name).values(parameter.data.len(), 0.3, offset);
    }
    network
}

fn inputs(network: &Network, batch: usize) -> Vec<(String, Vec<f32>)> {
    let nodes = network.graph().nodes().iter().filter(|node| node.layer == Layer::Input);
    let values = nodes.map(|node| {
        let count = batch * node.shape.iter().product::<usize>();
        (node.name.clone(), Generator::named(&node.name).values(count, 1.7, 0.0))
    });
    values.collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// The shortest and the median of as many passes as fit into that time, at least three, as JSON.
fn round(time: Duration, run: &(dyn Fn() -> Vec<f32> + Sync)) -> serde_json::Value {
    let (start, mut passes) = (Instant::now(), Vec::new());
    while passes.len() < 3 || start.elapsed() < time {
        let begin = Instant::now();
        run();
        passes.push(1e3 * begin.elapsed().as_secs_f64());
    }
    passes.sort_by(f64::total_cmp);
    json!({"min_ms": passes[0], "median_ms": passes[passes.len() / 2], "passes": passes.len()})
}
