//! The order of a pass: which nodes run, where a ReLU is taken along by the layer before it, and when a value is last
//! read.

use crate::graph::{Graph, NodeId};
use crate::layers::Layer;

/// One layer to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// The node whose layer runs.
    pub(crate) node: usize,
    /// The node whose value it writes: itself, or the ReLU behind it.
    pub(crate) value: usize,
}

impl Task {
    /// Whether a ReLU is merged.
    pub(crate) fn relu(&self) -> bool {
        self.node != self.value
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
        let readers = |id: usize| nodes.iter().filter(move |node| node.inputs.contains(&NodeId(id)));
        let merged = |id: usize| -> Option<usize> {
            let relu = nodes
                .iter()
                .position(|n| n.layer == Layer::Relu(crate::layers::Relu) && n.inputs == [NodeId(id)])?;
            (readers(id).count() == 1 && nodes[id].layer.op()?.merges_relu()).then_some(relu)
        };
        let mut tasks: Vec<Task> = Vec::with_capacity(nodes.len());
        for (id, node) in nodes.iter().enumerate() {
            let is_merged = tasks.iter().any(|task| task.value == id);
            if node.layer != Layer::Input && !is_merged {
                tasks.push(Task { node: id, value: merged(id).unwrap_or(id) });
            }
        }
        let reads = |task: &Task, id: usize| nodes[task.node].inputs.contains(&NodeId(id));
        let last_read = (0..nodes.len()).map(|id| tasks.iter().rposition(|task| reads(task, id))).collect();
        Self { tasks, last_read }
    }
}
