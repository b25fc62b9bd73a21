//! A network as a graph of named nodes: what the zoo writes, and what the engine runs and exports.
//!
//! *Takes* layers and the nodes they read, *gives* their shapes. Shapes are per sample and always
//! `[time, bands, channels]`, channels fastest in memory: a vector is `[1, 1, n]`, a sequence `[t, 1, n]`.
//! A node that does not fit is refused when it is added, by its name. *Never* holds weights.

use crate::layers::{Layer, ParameterSpec};
use std::fmt;

/// Extents of one sample: `[time, bands, channels]`.
pub type Shape = [usize; 3];

/// How many numbers a shape holds.
pub(crate) fn size(shape: Shape) -> usize {
    shape.iter().product()
}

/// A graph or its input that does not fit; names the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError {
    /// The node that does not fit.
    pub node: String,
    /// What it expected and what it found.
    pub message: String,
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.node, self.message)
    }
}

impl std::error::Error for ShapeError {}

/// A node's place in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(pub(crate) usize);

/// One layer, its name, and the nodes that it reads.
#[derive(Clone, Debug)]
pub struct Node {
    /// Unique within the graph; prefixes the names of the node's parameters.
    pub name: String,
    /// What is computed.
    pub layer: Layer,
    /// The nodes read, in order; always earlier ones.
    pub inputs: Vec<NodeId>,
    /// Shape at the graph's nominal input.
    pub shape: Shape,
}

/// Nodes in the order in which they are computed; the last one is the output.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
}

impl Graph {
    /// A graph without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input; inputs are given to the network in the order of these calls.
    pub fn input(&mut self, name: &str, shape: Shape) -> NodeId {
        self.nodes.push(Node { name: name.into(), layer: Layer::Input, inputs: vec![], shape });
        NodeId(self.nodes.len() - 1)
    }

    /// Adds a layer that reads `inputs`.
    ///
    /// # Errors
    /// When the shapes do not fit the layer, or the name is taken.
    pub fn add(
        &mut self,
        name: &str,
        layer: impl Into<Layer>,
        inputs: &[NodeId],
    ) -> Result<NodeId, ShapeError> {
        let layer = layer.into();
        let fail = |message: String| ShapeError { node: name.into(), message };
        if self.nodes.iter().any(|node| node.name == name) {
            return Err(fail("the name is taken by another node".into()));
        }
        let shapes: Vec<Shape> = inputs.iter().map(|input| self.nodes[input.0].shape).collect();
        let shape = layer.output_shape(&shapes).map_err(fail)?;
        self.nodes.push(Node { name: name.into(), layer, inputs: inputs.to_vec(), shape });
        Ok(NodeId(self.nodes.len() - 1))
    }

    /// Adds layers one behind the other, each reading the one before.
    ///
    /// # Errors
    /// As [`Graph::add`].
    pub fn chain(&mut self, from: NodeId, layers: Vec<(&str, Layer)>) -> Result<NodeId, ShapeError> {
        layers.into_iter().try_fold(from, |node, (name, layer)| self.add(name, layer, &[node]))
    }

    /// The nodes in order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Shape of the input nodes and of all others when the first input has `frames` time steps.
    ///
    /// # Errors
    /// When a node does not fit that length, or its parameters would have another shape.
    pub fn shapes(&self, frames: usize) -> Result<Vec<Shape>, ShapeError> {
        let mut shapes: Vec<Shape> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let fail = |message: String| ShapeError { node: node.name.clone(), message };
            let shape = if matches!(node.layer, Layer::Input) {
                let time = if shapes.is_empty() { frames } else { node.shape[0] };
                [time, node.shape[1], node.shape[2]]
            } else {
                let inputs: Vec<Shape> = node.inputs.iter().map(|input| shapes[input.0]).collect();
                if node.layer.parameters(&inputs) != self.parameter_specs(node) {
                    return Err(fail(format!("has no weights for an input of {inputs:?}")));
                }
                node.layer.output_shape(&inputs).map_err(fail)?
            };
            shapes.push(shape);
        }
        Ok(shapes)
    }

    /// The parameters of a node at the nominal input.
    pub(crate) fn parameter_specs(&self, node: &Node) -> Vec<ParameterSpec> {
        let inputs: Vec<Shape> = node.inputs.iter().map(|input| self.nodes[input.0].shape).collect();
        node.layer.parameters(&inputs)
    }
}
