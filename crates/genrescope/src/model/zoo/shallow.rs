//! The four shallow networks of source 2: vertical kernels over a mel spectrogram seen as an image.
//!
//! Parameter counts are published; kernels and extents are the exact fit to them that is documented with the counts.

use super::Input;
use genrescope_nn::layers::{
    Conv2d, Dense, Direction, L2Normalize, Layer, Output, Pool, PoolKind, Recurrent, RecurrentKind, Relu,
};
use genrescope_nn::{Graph, NodeId, ShapeError};

/// Conv 3x3 → ReLU → max pool 2x2 → one kernel over all bands that are left, three steps wide → ReLU.
fn front(graph: &mut Graph, input: Input, [first, second]: [usize; 2]) -> Result<NodeId, ShapeError> {
    let mel = graph.input("mel", [input.frames, input.bands, 1]);
    graph.chain(
        mel,
        vec![
            ("conv1", Conv2d::same([3, 3], first).into()),
            ("relu1", Relu.into()),
            ("pool1", Pool::new(PoolKind::Max, [2, 2]).into()),
            ("conv2", Conv2d::full_height(3, input.bands / 2, second).into()),
            ("relu2", Relu.into()),
        ],
    )
}

fn flat(input: Input, normalise: Option<Layer>) -> Result<Graph, ShapeError> {
    let mut graph = Graph::new();
    let front = front(&mut graph, input, [64, 8])?;
    let mut layers: Vec<(&str, Layer)> = vec![("dense", Dense { units: 64 }.into()), ("relu3", Relu.into())];
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
pub(super) fn v_kernel(input: Input) -> Result<Graph, ShapeError> {
    flat(input, None)
}

/// As [`v_kernel`], the hidden layer on the unit sphere.
pub(super) fn v_kernel_l2(input: Input) -> Result<Graph, ShapeError> {
    flat(input, Some(L2Normalize::default().into()))
}

/// Two convolutions and an LSTM, for any number of frames.
pub(super) fn crnn(input: Input) -> Result<Graph, ShapeError> {
    recurrent(input, Direction::Forward)
}

/// As [`crnn`] with an LSTM in both directions.
pub(super) fn bicrnn(input: Input) -> Result<Graph, ShapeError> {
    recurrent(input, Direction::Both)
}
