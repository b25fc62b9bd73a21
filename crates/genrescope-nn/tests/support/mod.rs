//! Shared by the tests of the engine: the comparison, the seeded generator, and graphs built from a golden's JSON.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

use genrescope_nn::layers::{
    Add, Axis, BatchNorm, Concat, Conv2d, Dense, Direction, Dropout, GlobalPool, Initial, L2Normalize, Layer,
    Output, Pool, PoolKind, Recurrent, RecurrentKind, Relu, Reshape, Sigmoid,
};
use genrescope_nn::{Graph, Network, NodeId, Path, Shape};
use serde_json::Value;

/// Where `actual` is further from `expected` than `atol + rtol · |expected|`: shape first, then how many, then which.
pub fn difference(actual: &[f32], expected: &[f64], atol: f64, rtol: f64) -> Option<String> {
    if actual.len() != expected.len() {
        return Some(format!("{} numbers, expected {}", actual.len(), expected.len()));
    }
    let pairs = actual.iter().zip(expected).enumerate();
    let wrong: Vec<_> = pairs
        .filter(|(_, (a, e))| {
            let far = (f64::from(**a) - **e).abs() > atol + rtol * e.abs();
            far || !a.is_finite()
        })
        .collect();
    let first =
        wrong.iter().take(4).map(|(i, (a, e))| format!("[{i}] {a} for {e}")).collect::<Vec<_>>().join(", ");
    (!wrong.is_empty()).then(|| format!("{} of {} differ: {first}", wrong.len(), expected.len()))
}

/// Panics with what [`difference`] finds.
pub fn assert_all_close(actual: &[f32], expected: &[f64], atol: f64, rtol: f64) {
    if let Some(difference) = difference(actual, expected, atol, rtol) {
        panic!("{difference}");
    }
}

/// SplitMix64 of a seed that is the FNV-1a hash of a name, bit for bit as in `reference/make_nn_golden.py`.
pub struct Generator(u64);

impl Generator {
    pub fn named(name: &str) -> Self {
        let hash = |value: u64, byte: u8| (value ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        Self(name.bytes().fold(0xCBF2_9CE4_8422_2325, hash))
    }

    pub fn bits(&self, index: u64) -> u64 {
        let z = self.0.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In [-1, 1).
    pub fn uniform(&self, index: usize) -> f64 {
        (self.bits(index as u64) >> 40) as f64 / 8_388_608.0 - 1.0
    }

    pub fn values(&self, count: usize, scale: f64, offset: f64) -> Vec<f32> {
        (0..count).map(|index| (offset + scale * self.uniform(index)) as f32).collect()
    }
}

/// Soft targets, rows summing to 1.
pub fn targets(name: &str, samples: usize, classes: usize) -> Vec<f32> {
    let generator = Generator::named(name);
    let raw: Vec<f64> = (0..samples * classes).map(|index| generator.uniform(index) + 1.05).collect();
    let row = |row: &[f64]| {
        let sum: f64 = row.iter().sum();
        row.iter().map(|value| (value / sum) as f32).collect::<Vec<_>>()
    };
    raw.chunks(classes).flat_map(row).collect()
}

/// A golden: the description of a graph and what PyTorch made of it.
pub struct Case(pub Value);

impl Case {
    pub fn all() -> Vec<Self> {
        // The benchmark of `genrescope` reads them as well.
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../genrescope-nn/tests/golden");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
            .iter()
            .map(|file| Self(serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()))
            .collect()
    }

    pub fn starting_with(name: &str) -> Self {
        Self::all().into_iter().find(|case| case.name().starts_with(name)).unwrap()
    }

    pub fn name(&self) -> &str {
        self.0["case"].as_str().unwrap()
    }

    pub fn samples(&self) -> usize {
        number(&self.0["samples"])
    }

    pub fn shape(&self) -> Shape {
        numbers(&self.0["shape"])
    }

    /// The inputs of all samples.
    pub fn input(&self) -> Vec<f32> {
        let count = self.samples() * self.shape().iter().product::<usize>();
        Generator::named(&format!("{}/input", self.name())).values(count, 1.0, 0.0)
    }

    /// The feature vectors of all samples, where the graph reads some.
    pub fn features(&self) -> Option<Vec<f32>> {
        let count = self.samples() * number(self.0.get("features")?);
        Some(Generator::named(&format!("{}/features", self.name())).values(count, 1.0, 0.0))
    }

    /// The graph, reading the input as it is.
    pub fn graph(&self, dropout: f32) -> Graph {
        let mut graph = Graph::new();
        let input = graph.input("input", self.shape());
        self.add_layers(&mut graph, input, dropout);
        graph
    }

    /// The network with the golden's weights.
    pub fn network(&self, path: Path) -> Network {
        self.with_weights(self.graph(0.0), path)
    }

    /// The same network behind a dense layer whose weights are the inputs and which reads the number of the sample,
    /// one-hot: the gradient of those weights is the gradient of the input.
    pub fn network_with_learned_input(&self, path: Path) -> Network {
        let mut graph = Graph::new();
        let sample = graph.input("sample", [1, 1, self.samples()]);
        let units = self.shape().iter().product();
        let table = graph.add("input table", Dense { units }, &[sample]).unwrap();
        let input = graph.add("input", Reshape { shape: self.shape() }, &[table]).unwrap();
        self.add_layers(&mut graph, input, 0.0);
        let mut network = self.with_weights(graph, path);
        network.parameters_mut()[0].data = self.input();
        network
    }

    fn add_layers(&self, graph: &mut Graph, input: NodeId, dropout: f32) {
        let mut nodes = vec![("input", input)];
        if let Some(count) = self.0.get("features") {
            nodes.push(("features", graph.input("features", [1, 1, number(count)])));
        }
        for spec in self.0["layers"].as_array().unwrap() {
            let find = |name: &Value| nodes.iter().find(|(known, _)| *known == name).unwrap().1;
            let sources: Vec<NodeId> = spec["from"].as_array().unwrap().iter().map(find).collect();
            let name = spec["name"].as_str().unwrap();
            let first = &spec["from"][0];
            let from = graph.nodes().iter().find(|node| node.name == *first).unwrap().shape;
            let layer = match layer(spec, from) {
                Layer::Dropout(_) => Dropout { rate: dropout }.into(),
                layer => layer,
            };
            nodes.push((name, graph.add(name, layer, &sources).unwrap()));
        }
    }

    fn with_weights(&self, graph: Graph, path: Path) -> Network {
        let mut network = Network::new(graph, 0).with_path(path);
        let drawn = self.0["parameters"].as_object().unwrap();
        let mut found = 0;
        for parameter in network.parameters_mut() {
            let Some(spec) = drawn.get(&parameter.name) else { continue };
            found += 1;
            let (scale, offset) = (spec["scale"].as_f64().unwrap(), spec["offset"].as_f64().unwrap());
            let shape: Vec<usize> = spec["shape"].as_array().unwrap().iter().map(number).collect();
            assert_eq!(parameter.shape, shape, "{} of {}", parameter.name, self.name());
            let generator = Generator::named(&format!("{}/{}", self.name(), parameter.name));
            parameter.data = generator.values(parameter.data.len(), scale, offset);
        }
        assert_eq!(found, drawn.len(), "{} has other parameters", self.name());
        network
    }
}

fn layer(spec: &Value, from: Shape) -> Layer {
    let pool = |kind| {
        let pool = Pool::new(kind, numbers(&spec["size"]));
        let stride = spec.get("stride").map_or(pool.stride, numbers);
        let padding = spec.get("padding").map_or(pool.padding, numbers);
        Pool { stride, padding, ..pool }.into()
    };
    let global = |kind| GlobalPool { kind, axis: axis(&spec["over"]) }.into();
    match spec["kind"].as_str().unwrap() {
        "conv2d" => Conv2d {
            kernel: numbers(&spec["kernel"]),
            channels: number(&spec["channels"]),
            padding: numbers(&spec["padding"]),
            initial: Initial::He,
        }
        .into(),
        "batch_norm" => BatchNorm { momentum: real(&spec["momentum"]), eps: real(&spec["eps"]) }.into(),
        "relu" => Relu.into(),
        "sigmoid" => Sigmoid.into(),
        "dropout" => Dropout { rate: real(&spec["rate"]) }.into(),
        "max_pool" => pool(PoolKind::Max),
        "average_pool" => pool(PoolKind::Average),
        "global_max" => global(PoolKind::Max),
        "global_mean" => global(PoolKind::Average),
        "dense" => Dense { units: number(&spec["units"]) }.into(),
        "flatten" => Reshape { shape: [1, 1, from.iter().product()] }.into(),
        "reshape" => Reshape { shape: numbers(&spec["shape"]) }.into(),
        "add" => Add.into(),
        "concat" => Concat { axis: axis(&spec["over"]) }.into(),
        "l2_normalize" => L2Normalize { eps: real(&spec["eps"]) }.into(),
        "recurrent" => Recurrent {
            kind: match spec["cell"].as_str().unwrap() {
                "lstm" => RecurrentKind::Lstm,
                "gru" => RecurrentKind::Gru,
                _ => RecurrentKind::Simple,
            },
            units: number(&spec["units"]),
            direction: if spec["both_ways"] == true { Direction::Both } else { Direction::Forward },
            output: output(&spec["output"]),
        }
        .into(),
        other => panic!("no layer is called {other}"),
    }
}

fn axis(value: &Value) -> Axis {
    match value.as_str().unwrap() {
        "time" => Axis::Time,
        "bands" => Axis::Bands,
        _ => Axis::Channels,
    }
}

fn output(value: &Value) -> Output {
    if value == "last" { Output::Last } else { Output::Sequence }
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn real(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

fn numbers<const N: usize>(value: &Value) -> [usize; N] {
    std::array::from_fn(|index| number(&value[index]))
}
