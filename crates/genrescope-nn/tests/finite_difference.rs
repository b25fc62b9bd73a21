//! Each layer's gradients against central differences of the engine's own forward, in training mode.
//!
//! The input of every graph is the weight of a dense layer that reads the sample's number, one-hot: its gradient is
//! the gradient of the input. The loss is a fixed weighted sum of all outputs, added in float64.
#![allow(clippy::unwrap_used)]

mod support;

use genrescope_nn::layers::{
    Add, Axis, BatchNorm, Concat, Conv2d, Dense, Direction, Dropout, GlobalPool, Initial, L2Normalize, Layer,
    Mode, Output, Pool, PoolKind, Recurrent, RecurrentKind, Relu, Reshape, Sigmoid,
};
use genrescope_nn::{Graph, Network, NodeId, Path, Session, Shape};
use support::{Generator, assert_all_close};

const SAMPLES: usize = 3;
/// Large enough that float32 rounding of the outputs (1e-7) stays far below the tolerance.
const STEP: f32 = 1e-3;
/// Of the tensor's largest gradient: rounding, curvature and an occasional kink of ReLU or max pool.
const TOLERANCE: f64 = 1e-2;
const PROBED: usize = 24;
const TRAINING: Mode = Mode::Train { seed: 5 };

struct Case {
    name: &'static str,
    shape: Shape,
    layers: Vec<Layer>,
}

fn chain(name: &'static str, shape: Shape, layers: Vec<Layer>) -> Case {
    Case { name, shape, layers }
}

fn recurrent(kind: RecurrentKind, direction: Direction, output: Output) -> Layer {
    Recurrent { kind, units: 4, direction, output }.into()
}

fn cases() -> Vec<Case> {
    let conv = |kernel, channels, padding| Conv2d { kernel, channels, padding, initial: Initial::He }.into();
    let lstm = |direction, output| recurrent(RecurrentKind::Lstm, direction, output);
    let gru = |direction, output| recurrent(RecurrentKind::Gru, direction, output);
    let simple = |direction, output| recurrent(RecurrentKind::Simple, direction, output);
    let pool = |kind, size| Pool::new(kind, size).into();
    let overlapping = |kind| Pool { kind, size: [3, 3], stride: [1, 2], padding: [1, 1] }.into();
    let global = |kind, axis| GlobalPool { kind, axis }.into();
    vec![
        chain("conv same", [4, 5, 2], vec![conv([3, 3], 3, [1, 1])]),
        chain("conv full band", [5, 4, 3], vec![conv([3, 4], 2, [1, 0])]),
        chain("conv valid, ReLU merged", [5, 4, 2], vec![conv([3, 2], 17, [0, 0]), Relu.into()]),
        chain("batch norm", [3, 4, 3], vec![BatchNorm::default().into()]),
        chain("batch norm, ReLU merged", [3, 4, 3], vec![BatchNorm::default().into(), Relu.into()]),
        chain("sigmoid", [2, 3, 2], vec![Sigmoid.into()]),
        chain("max pool", [5, 4, 3], vec![pool(PoolKind::Max, [2, 2])]),
        chain("average pool", [4, 5, 3], vec![pool(PoolKind::Average, [2, 3])]),
        chain("overlapping max pool", [4, 5, 3], vec![overlapping(PoolKind::Max)]),
        chain("overlapping average pool", [4, 5, 3], vec![overlapping(PoolKind::Average)]),
        chain("global maximum over time", [4, 3, 3], vec![global(PoolKind::Max, Axis::Time)]),
        chain("global mean over bands", [4, 3, 3], vec![global(PoolKind::Average, Axis::Bands)]),
        chain("dropout", [3, 3, 4], vec![Dropout { rate: 0.4 }.into()]),
        chain(
            "batch norm behind means",
            [4, 4, 3],
            vec![Pool::new(PoolKind::Average, [2, 2]).into(), BatchNorm::default().into()],
        ),
        chain(
            "batch norm behind sliding maxima",
            [4, 3, 2],
            vec![
                Pool { stride: [1, 1], padding: [1, 1], ..Pool::new(PoolKind::Max, [3, 3]) }.into(),
                BatchNorm::default().into(),
            ],
        ),
        chain("dense", [1, 2, 5], vec![Dense { units: 3 }.into()]),
        chain("LSTM, last state", [6, 1, 3], vec![lstm(Direction::Forward, Output::Last)]),
        chain("LSTM, all states", [6, 1, 3], vec![lstm(Direction::Forward, Output::Sequence)]),
        chain("BiLSTM, last state", [6, 1, 3], vec![lstm(Direction::Both, Output::Last)]),
        chain("BiLSTM, all states", [6, 1, 3], vec![lstm(Direction::Both, Output::Sequence)]),
        chain("GRU, last state", [6, 1, 3], vec![gru(Direction::Forward, Output::Last)]),
        chain("BiGRU, all states", [6, 1, 3], vec![gru(Direction::Both, Output::Sequence)]),
        chain(
            "two GRU layers",
            [5, 2, 2],
            vec![gru(Direction::Forward, Output::Sequence), gru(Direction::Forward, Output::Last)],
        ),
        chain("simple RNN, last state", [6, 1, 3], vec![simple(Direction::Forward, Output::Last)]),
        chain("simple RNN both ways, all states", [6, 1, 3], vec![simple(Direction::Both, Output::Sequence)]),
        chain("reshape", [4, 3, 2], vec![Reshape { shape: [2, 4, 3] }.into(), conv([1, 3], 2, [0, 1])]),
        chain("L2 normalise", [1, 1, 6], vec![L2Normalize::default().into()]),
    ]
}

#[test]
fn every_layer_on_every_path() {
    for case in cases() {
        let build = |graph: &mut Graph, mut from: NodeId| {
            for (index, layer) in case.layers.iter().enumerate() {
                from = graph.add(&format!("layer {index}"), layer.clone(), &[from]).unwrap();
            }
        };
        check(case.name, case.shape, build);
    }
}

#[test]
fn nodes_that_several_layers_read() {
    let conv = Conv2d::same([3, 3], 2);
    check("add", [4, 3, 2], |graph, input| {
        let side = graph.add("side", conv.clone(), &[input]).unwrap();
        graph.add("sum", Add, &[side, input]).unwrap();
    });
    for axis in [Axis::Time, Axis::Bands, Axis::Channels] {
        check("concat", [4, 3, 2], |graph, input| {
            let side = graph.add("side", conv.clone(), &[input]).unwrap();
            let all = graph.add("all", Concat { axis }, &[side, input, side]).unwrap();
            graph.add("sigmoid", Sigmoid, &[all]).unwrap();
        });
        check("batch norms behind concat", [4, 3, 2], |graph, input| {
            let side = graph.add("side", conv.clone(), &[input]).unwrap();
            let all = graph.add("all", Concat { axis }, &[side, input]).unwrap();
            let norms = ["one", "two"].map(|name| graph.add(name, BatchNorm::default(), &[all]).unwrap());
            let bent = graph.add("sigmoid", Sigmoid, &[norms[1]]).unwrap();
            graph.add("sum", Add, &[norms[0], bent]).unwrap();
        });
    }
}

fn check(name: &str, shape: Shape, build: impl Fn(&mut Graph, NodeId)) {
    for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
        let mut graph = Graph::new();
        let sample = graph.input("sample", [1, 1, SAMPLES]);
        let table = graph.add("table", Dense { units: shape.iter().product() }, &[sample]).unwrap();
        let input = graph.add("input", Reshape { shape }, &[table]).unwrap();
        build(&mut graph, input);
        let mut network = Network::new(graph, 1).with_path(path);
        for parameter in network.parameters_mut().iter_mut().filter(|parameter| parameter.is_trained()) {
            let generator = Generator::named(&format!("{name}/{}", parameter.name));
            parameter.data = generator.values(parameter.data.len(), 0.7, 0.2);
        }
        println!("{name} on {path:?}");
        compare(network);
    }
}

fn compare(mut network: Network) {
    let weights = Generator::named("loss").values(forward(&network).1.len(), 1.0, 0.0);
    let (mut session, _) = forward(&network);
    let gradients = session.backward(&network, &[&one_hot()], &weights).to_vec();
    let trained: Vec<usize> =
        (0..gradients.len()).filter(|i| network.parameters()[*i].is_trained()).collect();
    for index in trained {
        let length = gradients[index].len();
        let probes: Vec<usize> = (0..length).step_by(length.div_ceil(PROBED)).collect();
        let measured: Vec<f64> =
            probes.iter().map(|at| slope(&mut network, [index, *at], &weights)).collect();
        let analytic: Vec<f32> = probes.iter().map(|at| gradients[index][*at]).collect();
        let largest = gradients[index].iter().fold(0.0_f32, |most, g| most.max(g.abs()));
        assert_all_close(&analytic, &measured, TOLERANCE * f64::from(largest.max(0.1)), 0.0);
    }
}

fn slope(network: &mut Network, [parameter, at]: [usize; 2], weights: &[f32]) -> f64 {
    let kept = network.parameters()[parameter].data[at];
    let mut loss_at = |value: f32| {
        network.parameters_mut()[parameter].data[at] = value;
        forward(network).1.iter().zip(weights).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum::<f64>()
    };
    let (above, below) = (kept + STEP, kept - STEP);
    let slope = (loss_at(above) - loss_at(below)) / f64::from(above - below);
    loss_at(kept);
    slope
}

fn one_hot() -> Vec<f32> {
    (0..SAMPLES * SAMPLES).map(|i| if i % (SAMPLES + 1) == 0 { 1.0 } else { 0.0 }).collect()
}

fn forward(network: &Network) -> (Session, Vec<f32>) {
    let mut session = Session::new();
    let output = session.forward(network, &[&one_hot()], [SAMPLES, 1], TRAINING).unwrap().to_vec();
    (session, output)
}
