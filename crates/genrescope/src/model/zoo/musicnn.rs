//! musicnn: kernels over most bands hear timbre, kernels over one band and up to two seconds hear rhythm.
//!
//! ```text
//! timbral      conv 7 x 0.4 and 7 x 0.7 of the bands, 204 each → ReLU → batch norm → maximum over the bands left
//! temporal     conv 128, 64, 32 x 1, 51 each → ReLU → batch norm → maximum over the bands
//! middle       three conv over 7 steps, 64 each → ReLU → batch norm, each added to the one before
//! back         maximum and mean over time of all these → batch norm → dense 200 → ReLU → batch norm → dense
//! ```
//!
//! Its source's kernels of 128, 64 and 32 steps lie one step further to the right than to the left: here they are those
//! of 129, 65 and 33 whose first step weighs nothing.

use super::{Architecture, Choices, Input, KERAS_BATCH_NORM};
use genrescope_nn::layers::{
    Add, Axis, Concat, Conv2d, Dense, Dropout, GlobalPool, Initial, Layer, PoolKind, Relu,
};
use genrescope_nn::{Graph, NodeId, ShapeError};

/// Name of the node whose value is the embedding.
const EMBEDDING: &str = "penultimate.norm";

const TIMBRAL_CHANNELS: usize = 204;
/// Steps of a timbral kernel, and its share of the bands.
const TIMBRAL: [(usize, f64); 2] = [(7, 0.4), (7, 0.7)];
const TEMPORAL_CHANNELS: usize = 51;
const TEMPORAL_STEPS: [usize; 3] = [129, 65, 33];
const MIDDLE_CHANNELS: usize = 64;
const MIDDLE_STEPS: usize = 7;
const UNITS: usize = 200;

pub(super) const NETWORKS: [Architecture; 1] = [Architecture {
    name: "musicnn",
    family: "musicnn",
    source: "Pons and Serra: musicnn: pre-trained convolutional neural networks for music audio tagging, \
             late-breaking demo of ISMIR 2019",
    any_length: true,
    minimum_frames: 1,
    published: Input { frames: 187, bands: 96, features: 0, genres: 50, choices: Choices::LISTED },
    build: musicnn,
}];

fn musicnn(input: Input) -> Result<Graph, ShapeError> {
    let mut graph = Graph::new();
    let mel = graph.input("mel", [input.frames, input.bands, 1]);
    let mel = graph.add("input.norm", KERAS_BATCH_NORM, &[mel])?;
    let mut branches = Vec::new();
    for (number, (steps, share)) in (1..).zip(TIMBRAL) {
        let kernel = [steps, ((share * input.bands as f64) as usize).max(1)];
        let name = format!("timbral{number}");
        branches.push(branch(&mut graph, mel, &name, convolution(kernel, TIMBRAL_CHANNELS))?);
    }
    for (number, steps) in (1..).zip(TEMPORAL_STEPS) {
        let name = format!("temporal{number}");
        branches.push(branch(&mut graph, mel, &name, convolution([steps, 1], TEMPORAL_CHANNELS))?);
    }
    let front = graph.add("front", Concat { axis: Axis::Channels }, &branches)?;
    let mut all = vec![front];
    let mut node = block(&mut graph, front, "middle1", convolution([MIDDLE_STEPS, 1], MIDDLE_CHANNELS))?;
    all.push(node);
    for number in 2..=3 {
        let name = format!("middle{number}");
        let body = block(&mut graph, node, &name, convolution([MIDDLE_STEPS, 1], MIDDLE_CHANNELS))?;
        node = graph.add(&format!("{name}.sum"), Add, &[body, node])?;
        all.push(node);
    }
    let joined = graph.add("joined", Concat { axis: Axis::Channels }, &all)?;
    back(&mut graph, joined, input.genres)?;
    Ok(graph)
}

/// As many steps as before, and the bands at which the kernel fits.
fn convolution(kernel: [usize; 2], channels: usize) -> Conv2d {
    Conv2d { kernel, channels, padding: [kernel[0] / 2, 0], initial: Initial::Glorot }
}

/// conv → ReLU → batch norm.
fn block(graph: &mut Graph, from: NodeId, name: &str, conv: Conv2d) -> Result<NodeId, ShapeError> {
    graph.chain(
        from,
        vec![
            (&format!("{name}.conv"), conv.into()),
            (&format!("{name}.relu"), Relu.into()),
            (&format!("{name}.norm"), KERAS_BATCH_NORM.into()),
        ],
    )
}

fn branch(graph: &mut Graph, from: NodeId, name: &str, conv: Conv2d) -> Result<NodeId, ShapeError> {
    let node = block(graph, from, name, conv)?;
    graph.add(&format!("{name}.pool"), pool(PoolKind::Max, Axis::Bands), &[node])
}

fn pool(kind: PoolKind, axis: Axis) -> Layer {
    GlobalPool { kind, axis }.into()
}

fn back(graph: &mut Graph, joined: NodeId, units: usize) -> Result<NodeId, ShapeError> {
    let maximum = graph.add("maximum", pool(PoolKind::Max, Axis::Time), &[joined])?;
    let mean = graph.add("mean", pool(PoolKind::Average, Axis::Time), &[joined])?;
    let pooled = graph.add("pooled", Concat { axis: Axis::Channels }, &[maximum, mean])?;
    graph.chain(
        pooled,
        vec![
            ("pooled.norm", KERAS_BATCH_NORM.into()),
            ("pooled.dropout", Dropout { rate: 0.5 }.into()),
            ("penultimate", Dense { units: UNITS }.into()),
            ("penultimate.relu", Relu.into()),
            (EMBEDDING, KERAS_BATCH_NORM.into()),
            ("penultimate.dropout", Dropout { rate: 0.5 }.into()),
            ("scores", Dense { units }.into()),
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
        assert_eq!(shape("timbral1.conv"), [187, 59, 204]);
        assert_eq!(shape("timbral2.conv"), [187, 30, 204]);
        assert_eq!(shape("temporal1.conv"), [187, 96, 51]);
        assert_eq!(shape("front"), [187, 1, 561]);
        assert_eq!(shape("joined"), [187, 1, 753]);
        assert_eq!(shape("pooled"), [1, 1, 1506]);
        assert_eq!((shape(EMBEDDING), shape("scores")), ([1, 1, 200], [1, 1, 50]));
    }
}
