//! A graph with its weights.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::graph::{Graph, ShapeError};
use crate::kernels::Path;
use crate::layers::{Mode, Start};
use crate::plan::Plan;
use crate::random::{normal, uniform};
use crate::session::Session;

/// One array of weights or running statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// `node.parameter`, unique in the network.
    pub name: String,
    /// Extents, last fastest in memory.
    pub shape: Vec<usize>,
    /// The numbers.
    pub data: Vec<f32>,
    /// Share of the batch's value that a running statistic takes in each step; `None` for what is trained.
    pub running: Option<f32>,
}

impl Parameter {
    /// Whether the optimiser moves it.
    pub fn is_trained(&self) -> bool {
        self.running.is_none()
    }
}

/// A graph, its parameters and the instruction set that runs it.
#[derive(Clone, Debug)]
pub struct Network {
    graph: Graph,
    plan: Plan,
    parameters: Vec<Parameter>,
    /// First parameter of each node, and one behind the last.
    first: Vec<usize>,
    path: Path,
    idle: IdleSessions,
}

/// Sessions between two inferences: their buffers are used again, by any thread.
#[derive(Debug, Default)]
struct IdleSessions(Mutex<Vec<Session>>);

impl Clone for IdleSessions {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl IdleSessions {
    fn sessions(&self) -> MutexGuard<'_, Vec<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Network {
    /// A network with fresh weights: the same for one seed on every machine.
    pub fn new(graph: Graph, seed: u64) -> Self {
        Self::build(graph, |kind, stream, count| start(kind, seed, stream, count))
    }

    /// A network whose weights are all 0, to be given those of another.
    pub fn unset(graph: Graph) -> Self {
        Self::build(graph, |_, _, count| vec![0.0; count])
    }

    fn build(graph: Graph, weights: impl Fn(Start, usize, usize) -> Vec<f32>) -> Self {
        let (mut parameters, mut first) = (Vec::new(), vec![0]);
        for node in graph.nodes() {
            for spec in graph.parameter_specs(node) {
                let count = spec.shape.iter().product();
                parameters.push(Parameter {
                    name: format!("{}.{}", node.name, spec.name),
                    data: weights(spec.start, parameters.len(), count),
                    shape: spec.shape,
                    running: match spec.start {
                        Start::Running { momentum, .. } => Some(momentum),
                        _ => None,
                    },
                });
            }
            first.push(parameters.len());
        }
        Self {
            plan: Plan::new(&graph),
            graph,
            parameters,
            first,
            path: Path::detect(),
            idle: IdleSessions::default(),
        }
    }

    /// The same network on another kernel path; one that the processor lacks runs portable code.
    #[must_use]
    pub fn with_path(mut self, path: Path) -> Self {
        self.path = path;
        self
    }

    /// The graph that the network was made from.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The kernel path in use.
    pub fn path(&self) -> Path {
        self.path
    }

    /// Weights and running statistics, in the order of the nodes.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The same, to be changed (loading, averaging).
    pub fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    /// How many numbers the network holds, running statistics included.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|parameter| parameter.data.len()).sum()
    }

    /// How many of them are trained.
    pub fn trainable_count(&self) -> usize {
        self.parameters.iter().filter(|p| p.is_trained()).map(|p| p.data.len()).sum()
    }

    /// Output of a batch with running statistics and without dropout.
    ///
    /// # Shape
    /// One slice an input node: `[samples, frames, bands, channels]` → `[samples, outputs]` (logits).
    ///
    /// # Errors
    /// When an input has another length than `samples` and `frames` say, or the graph does not take that many frames.
    pub fn infer(&self, inputs: &[&[f32]], samples: usize, frames: usize) -> Result<Vec<f32>, ShapeError> {
        let idle = self.idle.sessions().pop();
        let mut session = idle.unwrap_or_default();
        let output = session.forward(self, inputs, [samples, frames], Mode::Infer)?.to_vec();
        self.idle.sessions().push(session);
        Ok(output)
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Indices of a node's parameters.
    pub(crate) fn parameters_of(&self, node: usize) -> std::ops::Range<usize> {
        self.first[node]..self.first[node + 1]
    }
}

fn start(start: Start, seed: u64, stream: usize, count: usize) -> Vec<f32> {
    let spread = |bound: f32| (0..count).map(|i| bound * (2.0 * uniform(seed, stream, i) - 1.0)).collect();
    match start {
        Start::Glorot { fan_in, fan_out } => spread((6.0 / (fan_in + fan_out) as f32).sqrt()),
        Start::He { fan_in } => {
            let deviation = (2.0 / fan_in as f32).sqrt();
            (0..count).map(|i| deviation * normal(seed, stream, i)).collect()
        }
        Start::Constant(value) | Start::Running { value, .. } => vec![value; count],
    }
}
