//! The order of a pass: which nodes run together, and when a value is last read.
//!
//! A convolution takes along the batch norm, ReLU, pool and dropout behind it, one of 1 x 1 the batch norm and ReLU before
//! it as well; other layers a ReLU, where they can. In a network for inference alone a convolution also adds another value.

use crate::graph::{Graph, Node, NodeId};
use crate::layers::{Add, Block, Layer};

/// One layer to run, with those behind it that run in the same pass.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// The nodes that run, in order; the first one reads the task's inputs, the last one's value is written.
    pub(crate) nodes: Vec<usize>,
    /// What runs if there is a convolution among them.
    pub(crate) block: Option<Block>,
    /// An earlier node with the same batch norm but for its weights, which reads the same value: both have its moments.
    pub(crate) same_moments: Option<usize>,
    /// The value that is added behind the convolution.
    pub(crate) added: Option<usize>,
}

impl Task {
    /// The values that it reads.
    pub(crate) fn reads(&self, nodes: &[Node]) -> impl Iterator<Item = usize> {
        nodes[self.node()].inputs.iter().map(|id| id.0).chain(self.added)
    }

    /// The node that reads the inputs.
    pub(crate) fn node(&self) -> usize {
        self.nodes[0]
    }

    /// The node whose value is written.
    pub(crate) fn value(&self) -> usize {
        self.nodes[self.nodes.len() - 1]
    }

    /// Whether backward can add the gradient of its only input, which `first` reads, to those of other readers.
    pub(crate) fn adds_gradient(&self, first: &Node) -> bool {
        match &self.block {
            Some(block) => block.before.is_some(),
            None => first.layer.op().is_some_and(|op| op.adds_gradient()),
        }
    }

    /// Whether backward takes along what the gradient of its output lacks.
    pub(crate) fn pays(&self, first: &Node) -> bool {
        self.block.is_none() && first.layer.op().is_some_and(|op| op.pays())
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
    /// For training, and for inference.
    pub(crate) fn new(graph: &Graph) -> Self {
        Self::with(graph, false)
    }

    /// For inference alone: sums of two values are made where one of them is.
    pub(crate) fn for_inference(graph: &Graph) -> Self {
        Self::with(graph, true)
    }

    fn with(graph: &Graph, sums: bool) -> Self {
        let nodes = graph.nodes();
        let mut tasks: Vec<Task> = Vec::with_capacity(nodes.len());
        let mut taken = vec![false; nodes.len()];
        for (id, node) in nodes.iter().enumerate() {
            if node.layer == Layer::Input || taken[id] {
                continue;
            }
            let mut task = task(graph, id);
            if sums {
                task.take_sum(graph, &taken);
            }
            task.nodes.iter().for_each(|id| taken[*id] = true);
            tasks.push(task);
        }
        let tasks = in_order(nodes, tasks);
        let reads = |task: &Task, id: usize| task.reads(nodes).any(|read| read == id);
        let last_read = (0..nodes.len()).map(|id| tasks.iter().rposition(|task| reads(task, id))).collect();
        Self { tasks, last_read }
    }
}

/// Each task behind those that write what it reads.
fn in_order(nodes: &[Node], mut tasks: Vec<Task>) -> Vec<Task> {
    let mut written: Vec<bool> = nodes.iter().map(|node| node.layer == Layer::Input).collect();
    let mut ordered = Vec::with_capacity(tasks.len());
    while !tasks.is_empty() {
        let ready = tasks.iter().position(|task| task.reads(nodes).all(|id| written[id]));
        let task = tasks.remove(ready.expect("nodes read only those before them"));
        written[task.value()] = true;
        ordered.push(task);
    }
    ordered
}

/// The only node that reads `id`.
fn only_reader_of(graph: &Graph, id: usize) -> Option<usize> {
    let mut readers = graph.nodes().iter().enumerate().filter(|(_, node)| node.inputs.contains(&NodeId(id)));
    let (reader, _) = readers.next()?;
    readers.next().is_none().then_some(reader)
}

/// The same, if it reads nothing else.
fn only_reader(graph: &Graph, id: usize) -> Option<usize> {
    only_reader_of(graph, id).filter(|reader| graph.nodes()[*reader].inputs.len() == 1)
}

fn task(graph: &Graph, first: usize) -> Task {
    let layer = |id: usize| &graph.nodes()[id].layer;
    let (mut nodes, block) = match layer(first) {
        Layer::Conv2d(conv) => (vec![first], Some(Block::of(conv))),
        Layer::BatchNorm(_) => behind_norm(graph, first),
        _ => (vec![first], None),
    };
    if block.is_none() {
        let relu = only_reader(graph, first).filter(|next| matches!(layer(*next), Layer::Relu(_)));
        nodes.extend(relu.filter(|_| layer(first).op().is_some_and(|op| op.merges_relu())));
    }
    let mut task = Task { nodes, block, same_moments: same_moments(graph, first), added: None };
    task.take_layers(graph);
    task
}

impl Task {
    /// Takes the layers behind a convolution along, as many as it can.
    fn take_layers(&mut self, graph: &Graph) {
        let Some(block) = &mut self.block else { return };
        while let Some(next) = only_reader(graph, self.nodes[self.nodes.len() - 1]) {
            if !block.takes(&graph.nodes()[next].layer, next) {
                break;
            }
            self.nodes.push(next);
        }
    }

    /// The same for a sum with another value, which no task has taken, and the layers behind it.
    fn take_sum(&mut self, graph: &Graph, taken: &[bool]) {
        let (Some(block), value) = (&self.block, NodeId(self.value())) else { return };
        let sum = only_reader_of(graph, value.0).filter(|sum| !taken[*sum] && block.takes_sum());
        let Some(sum) = sum.filter(|sum| graph.nodes()[*sum].layer == Layer::Add(Add)) else { return };
        self.added = graph.nodes()[sum].inputs.iter().find(|id| **id != value).map(|id| id.0);
        if self.added.is_some() {
            self.nodes.push(sum);
            self.take_layers(graph);
        }
    }
}

fn same_moments(graph: &Graph, first: usize) -> Option<usize> {
    let node = &graph.nodes()[first];
    let same = |other: &Node| other.layer == node.layer && other.inputs == node.inputs;
    matches!(node.layer, Layer::BatchNorm(_)).then(|| graph.nodes()[..first].iter().position(same))?
}

/// A batch norm with the ReLU and the 1 x 1 convolution behind it, if that is what follows.
fn behind_norm(graph: &Graph, norm: usize) -> (Vec<usize>, Option<Block>) {
    let nodes = graph.nodes();
    let relu = only_reader(graph, norm).filter(|id| matches!(nodes[*id].layer, Layer::Relu(_)));
    let conv = relu.and_then(|relu| only_reader(graph, relu));
    match (&nodes[norm].layer, relu, conv.map(|id| &nodes[id].layer)) {
        (Layer::BatchNorm(before), Some(relu), Some(Layer::Conv2d(conv2d))) if conv2d.kernel == [1, 1] => {
            let block = Block { before: Some(before.clone()), ..Block::of(conv2d) };
            (vec![norm, relu].into_iter().chain(conv).collect(), Some(block))
        }
        _ => (vec![norm], None),
    }
}
