//! The four shallow networks of source 2: vertical kernels over a mel spectrogram seen as an image.
//!
//! Parameter counts are published; kernels and extents are the exact fit to them that is documented with the counts.

use super::{Architecture, Choices, Input};
use genrescope_nn::layers::{
    Conv2d, Dense, Direction, L2Normalize, Layer, Output, Pool, PoolKind, Recurrent, RecurrentKind, Relu,
};
use genrescope_nn::{Graph, NodeId, ShapeError};

const SOURCE: &str =
    "de Matos, de Carvalho, Zanini: \"Shallow\" neural networks for musical genre classification, LAMIR 2024";

/// In the order in which source 2 names them.
pub(super) const NETWORKS: [Architecture; 4] = [
    Architecture { build: v_kernel, ..listed("v-kernel") },
    Architecture { build: v_kernel_l2, ..listed("v-kernel-l2") },
    Architecture { build: crnn, any_length: true, ..listed("crnn") },
    Architecture { build: bicrnn, any_length: true, ..listed("bicrnn") },
];

const fn listed(name: &'static str) -> Architecture {
    Architecture {
        name,
        family: "shallow",
        source: SOURCE,
        any_length: false,
        minimum_frames: 2,
        published: Input { frames: 313, bands: 128, features: 0, genres: 10, choices: Choices::LISTED },
        build: v_kernel,
    }
}

/// Conv 3x3 → ReLU → max pool 2x2 → one kernel over all bands that are left, three steps wide → ReLU.
fn front(graph: &mut Graph, input: Input, [first, second]: [usize; 2]) -> Result<NodeId, ShapeError> {
    let mel = graph.input("mel", [input.frames, input.bands, 1]);
    graph.chain(
        mel,
        vec![
            ("conv1", Conv2d::same([3, 3], first).glorot().into()),
            ("relu1", Relu.into()),
            ("pool1", Pool::new(PoolKind::Max, [2, 2]).into()),
            ("conv2", Conv2d::full_height(3, input.bands / 2, second).glorot().into()),
            ("relu2", Relu.into()),
        ],
    )
}

fn flat(input: Input, normalise: Option<Layer>) -> Result<Graph, ShapeError> {
    let mut graph = Graph::new();
    let front = front(&mut graph, input, [64, 8])?;
    let mut layers: Vec<(&str, Layer)> =
        vec![("dense", Dense { units: 64 }.into()), ("activation", input.choices.activation.into())];
    layers.extend(normalise.map(|layer| ("l2", layer)));
    layers.push(("scores", Dense { units: input.genres }.into()));
    graph.chain(front, layers)?;
    Ok(graph)
}

fn recurrent(input: Input, direction: Direction) -> Result<Graph, ShapeError> {
    let mut graph = Graph::new();
    let front = front(&mut graph, input, [32, 64])?;
    graph.chain(
        front,
        vec![
            (
                "lstm",
                Recurrent { kind: RecurrentKind::Lstm, units: 64, direction, output: Output::Last }.into(),
            ),
            ("scores", Dense { units: input.genres }.into()),
        ],
    )?;
    Ok(graph)
}

/// Two convolutions and two dense layers; takes the frames that it was built for.
fn v_kernel(input: Input) -> Result<Graph, ShapeError> {
    flat(input, None)
}

/// As [`v_kernel`], the hidden layer on the unit sphere.
fn v_kernel_l2(input: Input) -> Result<Graph, ShapeError> {
    flat(input, Some(L2Normalize::default().into()))
}

/// Two convolutions and an LSTM, for any number of frames.
fn crnn(input: Input) -> Result<Graph, ShapeError> {
    recurrent(input, Direction::Forward)
}

/// As [`crnn`] with an LSTM in both directions.
fn bicrnn(input: Input) -> Result<Graph, ShapeError> {
    recurrent(input, Direction::Both)
}

#[cfg(test)]
mod tests {
    use super::*;
    use genrescope_nn::Network;

    #[test]
    fn the_other_fit_to_the_published_count_has_it_at_22_050_hz() {
        let mut graph = Graph::new();
        let mel = graph.input("mel", [431, 128, 1]);
        let layers = vec![
            ("conv1", Conv2d::same([5, 5], 64).into()),
            ("pool1", Pool::new(PoolKind::Max, [2, 2]).into()),
            ("conv2", Conv2d { padding: [0, 0], ..Conv2d::same([5, 64], 8) }.into()),
            ("pool2", Pool::new(PoolKind::Max, [8, 1]).into()),
            ("dense", Dense { units: 64 }.into()),
            ("scores", Dense { units: 10 }.into()),
        ];
        graph.chain(mel, layers).unwrap();
        let shape = |name: &str| graph.nodes().iter().find(|node| node.name == name).unwrap().shape;
        assert_eq!((shape("conv2"), shape("pool2")), ([211, 1, 8], [26, 1, 8]));
        assert_eq!(Network::unset(graph).trainable_count(), 179_538);
    }
}
