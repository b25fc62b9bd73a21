//! A small residual network of our own, for any number of frames.
//!
//! A stem of two convolutions at full resolution, then three residual blocks, each half as large in time and bands as
//! what comes before it; then the mean over bands, and mean and maximum over time.

use super::{Architecture, Choices, Input};
use genrescope_nn::layers::{
    Add, Axis, BatchNorm, Concat, Conv2d, Dense, Dropout, GlobalPool, Pool, PoolKind, Relu,
};
use genrescope_nn::{Graph, NodeId, ShapeError};

const STEM_CHANNELS: usize = 16;
const BLOCK_CHANNELS: [usize; 3] = [48, 96, 128];

pub(super) const NETWORKS: [Architecture; 1] = [Architecture {
    name: "residual",
    family: "genrescope",
    source: "Genrescope: a small residual network, after He, Zhang, Ren, Sun: Deep residual learning, CVPR 2016",
    any_length: true,
    minimum_frames: 8,
    published: Input { frames: 128, bands: 128, features: 0, genres: 10, choices: Choices::LISTED },
    build: residual,
}];

/// Twice conv 3x3 16 → three blocks of 48, 96, 128 channels → pooling → dropout 0.4 → dense.
fn residual(input: Input) -> Result<Graph, ShapeError> {
    let mut graph = Graph::new();
    let mel = graph.input("mel", [input.frames, input.bands, 1]);
    let mut node = graph.chain(
        mel,
        vec![
            ("stem.conv1", Conv2d::same([3, 3], STEM_CHANNELS).into()),
            ("stem.norm1", BatchNorm::default().into()),
            ("stem.relu1", Relu.into()),
            ("stem.conv2", Conv2d::same([3, 3], STEM_CHANNELS).into()),
            ("stem.norm2", BatchNorm::default().into()),
            ("stem.relu2", Relu.into()),
            ("stem.pool", Pool::new(PoolKind::Average, [2, 2]).into()),
        ],
    )?;
    for (index, channels) in BLOCK_CHANNELS.into_iter().enumerate() {
        if index > 0 {
            node = graph.add(&format!("pool{index}"), Pool::new(PoolKind::Average, [2, 2]), &[node])?;
        }
        node = block(&mut graph, node, &format!("block{}", index + 1), channels)?;
    }
    let steps = graph.add("bands", GlobalPool { kind: PoolKind::Average, axis: Axis::Bands }, &[node])?;
    let mean = graph.add("mean", GlobalPool { kind: PoolKind::Average, axis: Axis::Time }, &[steps])?;
    let maximum = graph.add("maximum", GlobalPool { kind: PoolKind::Max, axis: Axis::Time }, &[steps])?;
    let both = graph.add("pooled", Concat { axis: Axis::Channels }, &[mean, maximum])?;
    graph.chain(
        both,
        vec![("dropout", Dropout { rate: 0.4 }.into()), ("scores", Dense { units: input.genres }.into())],
    )?;
    Ok(graph)
}

/// relu(norm(conv(relu(norm(conv x)))) + conv1x1 x).
fn block(graph: &mut Graph, from: NodeId, name: &str, channels: usize) -> Result<NodeId, ShapeError> {
    let named = |part: &str| format!("{name}.{part}");
    let body = graph.chain(
        from,
        vec![
            (&named("conv1"), Conv2d::same([3, 3], channels).into()),
            (&named("norm1"), BatchNorm::default().into()),
            (&named("relu1"), Relu.into()),
            (&named("conv2"), Conv2d::same([3, 3], channels).into()),
            (&named("norm2"), BatchNorm::default().into()),
        ],
    )?;
    let shortcut = graph.add(&named("shortcut"), Conv2d::same([1, 1], channels), &[from])?;
    let sum = graph.add(&named("sum"), Add, &[body, shortcut])?;
    graph.add(&named("relu2"), Relu, &[sum])
}
