//! What a network's passes will do, in a form to be read: tasks, shapes, kernels, memory.

use std::fmt;

use crate::graph::{Shape, ShapeError, size};
use crate::kernels::Path;
use crate::layers::Layer;
use crate::network::Network;

/// One task of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTask {
    /// The nodes that run together, in order.
    pub nodes: Vec<String>,
    /// Of one sample of the value that is written.
    pub shape: Shape,
    /// How it is computed.
    pub kernel: String,
    /// Bytes of one sample that training holds until backward: the value and what the task keeps beside it.
    pub kept_bytes: usize,
}

/// The order of a pass over a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The instruction set in use.
    pub path: Path,
    /// In order.
    pub tasks: Vec<PlannedTask>,
    /// Bytes of weights and running statistics.
    pub parameter_bytes: usize,
}

impl Network {
    /// What a pass over samples of `frames` frames will do.
    ///
    /// # Errors
    /// When the graph does not take that many frames.
    pub fn explain(&self, frames: usize) -> Result<Explanation, ShapeError> {
        let (nodes, shapes) = (self.graph().nodes(), self.graph().shapes(frames)?);
        let planned = self.plan().tasks.iter().map(|task| {
            let (input, shape) = (shapes[nodes[task.node()].inputs[0].0], shapes[task.value()]);
            let beside = task.block.as_ref().map_or(0, |block| block.kept_bytes(input, shape));
            PlannedTask {
                nodes: task.nodes.iter().map(|id| nodes[*id].name.clone()).collect(),
                shape,
                kernel: match (&task.block, &nodes[task.node()].layer) {
                    (Some(block), _) => block.kernel(input),
                    (None, Layer::Dense(_)) => "packed matrix product".into(),
                    (None, Layer::Recurrent(_)) => "tiled products, step after step".into(),
                    (None, _) => "plain loops".into(),
                },
                kept_bytes: 4 * size(shape) + beside,
            }
        });
        Ok(Explanation {
            path: self.path(),
            tasks: planned.collect(),
            parameter_bytes: 4 * self.parameter_count(),
        })
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.tasks.iter().map(|task| task.nodes.join(" + ")).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        writeln!(f, "{:<width$}  {:>16}  {:>10}  kernel ({:?})", "task", "shape", "kept, kB", self.path)?;
        for (name, task) in names.iter().zip(&self.tasks) {
            let (shape, kept) = (format!("{:?}", task.shape), task.kept_bytes as f64 / 1e3);
            writeln!(f, "{name:<width$}  {shape:>16}  {kept:>10.1}  {}", task.kernel)?;
        }
        let kept: usize = self.tasks.iter().map(|task| task.kept_bytes).sum();
        let (kept, weights) = (kept as f64 / 1e3, self.parameter_bytes as f64 / 1e3);
        writeln!(
            f,
            "training keeps {kept:.1} kB a sample; weights {weights:.1} kB, three times with Adam's moments"
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::layers::{BatchNorm, Conv2d, Dense, Dropout, Pool, PoolKind, Relu};
    use crate::{Graph, Network};

    #[test]
    fn a_convolution_takes_along_what_follows_it() {
        let mut graph = Graph::new();
        let mel = graph.input("mel", [20, 16, 1]);
        let layers = vec![
            ("conv1", Conv2d::same([3, 3], 16).into()),
            ("norm1", BatchNorm::default().into()),
            ("relu1", Relu.into()),
            ("pool1", Pool::new(PoolKind::Max, [2, 2]).into()),
            ("drop1", Dropout { rate: 0.1 }.into()),
            ("conv2", Conv2d::same([3, 3], 8).into()),
            ("scores", Dense { units: 10 }.into()),
        ];
        graph.chain(mel, layers).unwrap();
        let plan = Network::new(graph, 1).explain(20).unwrap();
        let nodes: Vec<usize> = plan.tasks.iter().map(|task| task.nodes.len()).collect();
        assert_eq!(nodes, [5, 1, 1]);
        // Of a pooled number: itself, what it was before batch norm, and a byte that says where it came from.
        assert_eq!(plan.tasks[0].kept_bytes, 10 * 8 * 16 * 9);
        assert!(plan.tasks[1].kernel.starts_with("fast"), "{plan}");
        assert!(plan.tasks[1].kernel.ends_with("in inference over bands too"), "{plan}");
        assert!(plan.to_string().contains("conv1 + norm1 + relu1 + pool1 + drop1"), "{plan}");
        assert!(Network::new(Graph::new(), 1).explain(20).unwrap().tasks.is_empty());
    }

    #[test]
    fn a_convolution_of_one_place_takes_along_what_stands_before_it() {
        let before = |kernel| {
            let mut graph = Graph::new();
            let mel = graph.input("mel", [20, 16, 8]);
            let layers = vec![
                ("norm", BatchNorm::default().into()),
                ("relu", Relu.into()),
                ("conv", Conv2d::same(kernel, 16).into()),
            ];
            graph.chain(mel, layers).unwrap();
            let plan = Network::new(graph, 1).explain(20).unwrap();
            plan.tasks.iter().map(|task| task.nodes.join("+")).collect::<Vec<_>>()
        };
        assert_eq!(before([1, 1]), ["norm+relu+conv"]);
        assert_eq!(before([3, 3]), ["norm+relu", "conv"]);
    }
}
