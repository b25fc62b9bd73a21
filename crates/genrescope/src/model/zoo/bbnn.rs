//! The bottom-up broadcast neural network (BBNN): every block's input goes on to all blocks behind it.
//!
//! ```text
//! shallow      conv 3x3 → batch norm → ReLU → max pool 4 in time
//! broadcast    three inception blocks, each joined with what it read
//! transition   conv 1x1 → average pool 2x2
//! decision     batch norm → ReLU → mean over time and bands → dense
//! ```
//!
//! Published for the 647 frames of a whole 30-s clip; the mean at its end takes any number.

use super::{Architecture, Choices, Input, KERAS_BATCH_NORM};
use genrescope_nn::layers::{Axis, Concat, Conv2d, Dense, GlobalPool, Pool, PoolKind, Relu};
use genrescope_nn::{Graph, NodeId, ShapeError};

/// Channels of every convolution.
const CHANNELS: usize = 32;
const BROADCAST_BLOCKS: usize = 3;

pub(super) const NETWORKS: [Architecture; 1] = [Architecture {
    name: "bbnn",
    family: "bbnn",
    source: "Liu, Feng, Liu, Wang, Liu: Bottom-up broadcast neural network for music genre classification, \
             Multimedia Tools and Applications 80, 2021",
    any_length: true,
    minimum_frames: 8,
    published: Input { frames: 647, bands: 128, features: 0, genres: 10, choices: Choices::LISTED },
    build: bbnn,
}];

fn bbnn(input: Input) -> Result<Graph, ShapeError> {
    let mut graph = Graph::new();
    let mel = graph.input("mel", [input.frames, input.bands, 1]);
    let mut node = graph.chain(
        mel,
        vec![
            ("shallow.conv", Conv2d::same([3, 3], CHANNELS).glorot().into()),
            ("shallow.norm", KERAS_BATCH_NORM.into()),
            ("shallow.relu", Relu.into()),
            ("shallow.pool", Pool::new(PoolKind::Max, [4, 1]).into()),
        ],
    )?;
    for number in 1..=BROADCAST_BLOCKS {
        node = inception(&mut graph, node, &format!("broadcast{number}"))?;
    }
    let node = convolution(&mut graph, node, "transition", 1)?;
    graph.chain(
        node,
        vec![
            ("transition.pool", Pool::new(PoolKind::Average, [2, 2]).into()),
            ("decision.norm", KERAS_BATCH_NORM.into()),
            ("decision.relu", Relu.into()),
            ("decision.bands", GlobalPool { kind: PoolKind::Average, axis: Axis::Bands }.into()),
            ("decision.mean", GlobalPool { kind: PoolKind::Average, axis: Axis::Time }.into()),
            ("scores", Dense { units: input.genres }.into()),
        ],
    )?;
    Ok(graph)
}

/// Four branches side by side, and behind them what they read.
fn inception(graph: &mut Graph, from: NodeId, name: &str) -> Result<NodeId, ShapeError> {
    let named = |part: &str| format!("{name}.{part}");
    let one = convolution(graph, from, &named("one"), 1)?;
    let three = convolution(graph, from, &named("before_three"), 1)?;
    let three = convolution(graph, three, &named("three"), 3)?;
    let five = convolution(graph, from, &named("before_five"), 1)?;
    let five = convolution(graph, five, &named("five"), 5)?;
    let smooth = Pool { stride: [1, 1], padding: [1, 1], ..Pool::new(PoolKind::Max, [3, 3]) };
    let pooled = graph.add(&named("pool"), smooth, &[from])?;
    let pooled = convolution(graph, pooled, &named("pooled"), 1)?;
    graph.add(name, Concat { axis: Axis::Channels }, &[one, three, five, pooled, from])
}

/// Batch norm → ReLU → convolution.
fn convolution(graph: &mut Graph, from: NodeId, name: &str, size: usize) -> Result<NodeId, ShapeError> {
    graph.chain(
        from,
        vec![
            (&format!("{name}.norm"), KERAS_BATCH_NORM.into()),
            (&format!("{name}.relu"), Relu.into()),
            (&format!("{name}.conv"), Conv2d::same([size, size], CHANNELS).glorot().into()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_have_the_published_shapes() {
        let graph = NETWORKS[0].graph(NETWORKS[0].published).unwrap();
        let shape = |name: &str| graph.nodes().iter().find(|node| node.name == name).unwrap().shape;
        assert_eq!(shape("shallow.pool"), [161, 128, 32]);
        assert_eq!(shape("broadcast1"), [161, 128, 160]);
        assert_eq!(shape("broadcast2"), [161, 128, 288]);
        assert_eq!(shape("broadcast3"), [161, 128, 416]);
        assert_eq!(shape("transition.pool"), [80, 64, 32]);
        assert_eq!(shape("decision.mean"), [1, 1, 32]);
    }
}
