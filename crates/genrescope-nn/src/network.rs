//! A graph with its weights.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::graph::{Graph, ShapeError, size};
use crate::kernels::Path;
use crate::layers::{Mode, Start};
use crate::plan::Plan;
use crate::random::{normal, uniform};
use crate::session::{Session, check_inputs};

/// Numbers of the largest value of the samples that a thread infers at once: values stay in the cache until they are read.
const NEAR: usize = 1 << 19;

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
    /// Sessions between two inferences: their buffers are used again, by any thread.
    idle: Kept<Vec<Session>>,
    /// Weights of convolutions as inference reads them, by node and number of products.
    prepared: Kept<PreparedWeights>,
}

type PreparedWeights = HashMap<(usize, usize), Arc<Vec<f32>>>;

/// What a network keeps from one inference to the next, whatever the thread; its clones begin without.
#[derive(Debug, Default)]
struct Kept<T>(Mutex<T>);

impl<T: Default> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T> Kept<T> {
    fn lock(&self) -> MutexGuard<'_, T> {
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
            idle: Kept::default(),
            prepared: Kept::default(),
        }
    }

    /// The same network, to be inferred alone.
    #[must_use]
    pub(crate) fn planned_for_inference(mut self) -> Self {
        self.plan = Plan::for_inference(&self.graph);
        self
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
        self.prepared = Kept::default();
        &mut self.parameters
    }

    /// Weights of a convolution as inference reads them: made once.
    pub(crate) fn prepared(
        &self,
        (node, products): (usize, usize),
        make: impl FnOnce() -> Vec<f32>,
    ) -> Arc<Vec<f32>> {
        self.prepared.lock().entry((node, products)).or_insert_with(|| Arc::new(make())).clone()
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
        let shapes = self.graph.shapes(frames)?;
        check_inputs(self, &shapes, inputs, samples)?;
        let written = self.plan.tasks.iter().map(|task| size(shapes[task.value()]));
        let (largest, width) = (written.max(), shapes.last().copied().map_or(0, size));
        let at_once = (NEAR / largest.unwrap_or(1)).max(1);
        let mut output = vec![0.0; samples * width];
        let parts = output.par_chunks_mut((at_once * width).max(1)).enumerate();
        parts.try_for_each(|(number, output)| {
            let (first, count) = (number * at_once, output.len() / width);
            let part = inputs.iter().map(|input| {
                let sample = input.len() / samples;
                &input[first * sample..(first + count) * sample]
            });
            let inputs: Vec<&[f32]> = part.collect();
            let mut session = self.idle.lock().pop().unwrap_or_default();
            output.copy_from_slice(session.forward(self, &inputs, [count, frames], Mode::Infer)?);
            self.idle.lock().push(session);
            Ok(())
        })?;
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
