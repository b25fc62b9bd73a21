//! The order of a pass: which nodes run together, and when a value is last read.
//!
//! A convolution takes along the batch norm, ReLU, pool and dropout behind it; other layers a ReLU, where they can.

use crate::graph::{Graph, NodeId};
use crate::layers::{Block, Layer};

/// One layer to run, with those behind it that run in the same pass.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// The nodes that run, in order; the first one reads the task's inputs, the last one's value is written.
    pub(crate) nodes: Vec<usize>,
    /// What runs if the first node is a convolution.
    pub(crate) block: Option<Block>,
}

impl Task {
    /// The node that reads the inputs.
    pub(crate) fn node(&self) -> usize {
        self.nodes[0]
    }

    /// The node whose value is written.
    pub(crate) fn value(&self) -> usize {
        self.nodes[self.nodes.len() - 1]
    }

    /// Whether another layer than a convolution takes a ReLU along.
    pub(crate) fn relu(&self) -> bool {
        self.block.is_none() && self.nodes.len() > 1
    }
}

/// Tasks in order, and for each value the last task that reads it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) tasks: Vec<Task>,
    /// Index into `tasks`; `None` for the output, and for what nobody reads.
    pub(crate) last_read: Vec<Option<usize>>,
}

impl Plan {
    pub(crate) fn new(graph: &Graph) -> Self {
        let nodes = graph.nodes();
        let mut tasks: Vec<Task> = Vec::with_capacity(nodes.len());
        let mut taken = vec![false; nodes.len()];
        for (id, node) in nodes.iter().enumerate() {
            if node.layer == Layer::Input || taken[id] {
                continue;
            }
            let task = task(graph, id);
            task.nodes.iter().for_each(|id| taken[*id] = true);
            tasks.push(task);
        }
        let reads = |task: &Task, id: usize| nodes[task.node()].inputs.contains(&NodeId(id));
        let last_read = (0..nodes.len()).map(|id| tasks.iter().rposition(|task| reads(task, id))).collect();
        Self { tasks, last_read }
    }
}

/// The only node that reads `id`, if it reads nothing else.
fn only_reader(graph: &Graph, id: usize) -> Option<usize> {
    let mut readers = graph.nodes().iter().enumerate().filter(|(_, node)| node.inputs.contains(&NodeId(id)));
    let (reader, node) = readers.next()?;
    (readers.next().is_none() && node.inputs.len() == 1).then_some(reader)
}

fn task(graph: &Graph, first: usize) -> Task {
    let layer = |id: usize| &graph.nodes()[id].layer;
    let mut nodes = vec![first];
    let Layer::Conv2d(conv) = layer(first) else {
        let relu = only_reader(graph, first).filter(|next| matches!(layer(*next), Layer::Relu(_)));
        nodes.extend(relu.filter(|_| layer(first).op().is_some_and(|op| op.merges_relu())));
        return Task { nodes, block: None };
    };
    let mut block = Block::of(conv);
    while let Some(next) = only_reader(graph, nodes[nodes.len() - 1]) {
        if !block.takes(layer(next), next) {
            break;
        }
        nodes.push(next);
    }
    Task { nodes, block: Some(block) }
}
