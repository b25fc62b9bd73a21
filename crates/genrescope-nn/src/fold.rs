//! Networks for inference alone: batch norm folded into the convolution before it; the part before a node.

use crate::graph::{Graph, NodeId};
use crate::layers::{BatchNorm, Layer};
use crate::network::{Network, Parameter};

impl Network {
    /// The same function without the batch norms that are the only readers of a convolution: their gain and shift go
    /// into its weights; and without channels that hold one number whatever they hear. Outputs agree to 1e-5; not to be
    /// trained on.
    pub fn folded(&self) -> Self {
        let nodes = self.graph().nodes();
        let mut graph = Graph::new();
        let mut places: Vec<NodeId> = Vec::with_capacity(nodes.len());
        for (id, node) in nodes.iter().enumerate() {
            let inputs: Vec<NodeId> = node.inputs.iter().map(|input| places[input.0]).collect();
            places.push(match &node.layer {
                _ if self.convolution_before(id).is_some() => inputs[0],
                Layer::Input => graph.input(&node.name, node.shape),
                layer => graph.add(&node.name, layer.clone(), &inputs).expect("shapes stay as they were"),
            });
        }
        let mut folded = Network::unset(graph).with_path(self.path()).planned_for_inference();
        for parameter in folded.parameters_mut() {
            let original = self.parameters().iter().find(|p| p.name == parameter.name);
            parameter.data.clone_from(&original.expect("no parameter is new").data);
        }
        for (id, node) in nodes.iter().enumerate() {
            if let (Layer::BatchNorm(norm), Some(convolution)) = (&node.layer, self.convolution_before(id)) {
                let statistics = &self.parameters()[self.parameters_of(id)];
                folded.fold(&nodes[convolution].name, norm, statistics);
            }
        }
        folded.without_constants()
    }

    /// The network whose output is what the node of that name reads; none if there is no such node, or it reads several.
    /// Made for inference alone.
    pub fn before(&self, name: &str) -> Option<Self> {
        let nodes = self.graph().nodes();
        let &[NodeId(last)] = nodes.iter().find(|node| node.name == name)?.inputs.as_slice() else {
            return None;
        };
        let mut graph = Graph::new();
        let mut places: Vec<NodeId> = Vec::with_capacity(last + 1);
        for node in &nodes[..=last] {
            let inputs: Vec<NodeId> = node.inputs.iter().map(|input| places[input.0]).collect();
            places.push(match &node.layer {
                Layer::Input => graph.input(&node.name, node.shape),
                layer => graph.add(&node.name, layer.clone(), &inputs).expect("shapes stay as they were"),
            });
        }
        let mut part = Self::unset(graph).with_path(self.path()).planned_for_inference();
        let pairs = part.parameters_mut().iter_mut().zip(self.parameters());
        pairs.for_each(|(own, original)| own.data.clone_from(&original.data));
        Some(part)
    }

    /// The convolution that batch norm `id` alone reads.
    fn convolution_before(&self, id: usize) -> Option<usize> {
        let nodes = self.graph().nodes();
        let &[before] = nodes[id].inputs.as_slice() else { return None };
        let readers = nodes.iter().filter(|node| node.inputs.contains(&before)).count();
        let kinds = (&nodes[id].layer, &nodes[before.0].layer);
        (readers == 1 && matches!(kinds, (Layer::BatchNorm(_), Layer::Conv2d(_)))).then_some(before.0)
    }

    /// `weight · gain` and `(bias − mean) · gain + β` with `gain = γ / √(variance + eps)`, per channel.
    fn fold(&mut self, convolution: &str, norm: &BatchNorm, statistics: &[Parameter]) {
        let [gamma, beta, mean, variance] = [0, 1, 2, 3].map(|i| &statistics[i].data);
        let gain: Vec<f32> = gamma.iter().zip(variance).map(|(g, v)| g / (v + norm.eps).sqrt()).collect();
        for parameter in self.parameters_mut() {
            if parameter.name == format!("{convolution}.weight") {
                parameter.data.iter_mut().zip(gain.iter().cycle()).for_each(|(weight, gain)| *weight *= gain);
            } else if parameter.name == format!("{convolution}.bias") {
                for (c, bias) in parameter.data.iter_mut().enumerate() {
                    *bias = (*bias - mean[c]) * gain[c] + beta[c];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::layers::{Add, BatchNorm, Conv2d, Dense, Pool, PoolKind, Relu};
    use crate::{Adam, Graph, Network, Trainer};

    #[test]
    fn the_part_before_a_node_gives_what_the_node_reads() {
        let mut graph = Graph::new();
        let vector = graph.input("x", [1, 1, 2]);
        let dense = |units| Dense { units }.into();
        graph.chain(vector, vec![("first", dense(3)), ("relu", Relu.into()), ("second", dense(2))]).unwrap();
        let network = Network::new(graph, 1);
        let whole = network.infer(&[&[0.4, -0.3]], 1, 1).unwrap();
        let hidden = network.before("second").unwrap().infer(&[&[0.4, -0.3]], 1, 1).unwrap();
        assert_eq!(hidden.len(), 3);
        let [weight, bias] = &network.parameters()[2..] else { panic!("two of the second layer") };
        for (unit, expected) in whole.iter().enumerate() {
            let sum: f32 = hidden.iter().enumerate().map(|(i, x)| x * weight.data[2 * i + unit]).sum();
            assert!((sum + bias.data[unit] - expected).abs() < 1e-6);
        }
        assert!(network.before("third").is_none() && network.before("x").is_none());
    }

    #[test]
    fn folding_changes_no_sum() {
        let mut graph = Graph::new();
        let image = graph.input("image", [12, 16, 16]);
        let relu =
            graph.chain(image, vec![("before", Conv2d::same([3, 3], 16).into()), ("relu", Relu.into())]);
        let relu = relu.unwrap();
        let body = graph.add("body", Conv2d::same([3, 3], 16), &[relu]).unwrap();
        let norm = graph.add("norm", BatchNorm::default(), &[body]).unwrap();
        let shortcut = graph.add("shortcut", Conv2d::same([1, 1], 16), &[relu]).unwrap();
        let sum = graph.add("sum", Add, &[norm, shortcut]).unwrap();
        let pool = Pool::new(PoolKind::Average, [2, 2]);
        let halved = graph.chain(sum, vec![("sum_relu", Relu.into()), ("pool", pool.into())]).unwrap();
        let again = graph.add("again", Conv2d::same([3, 3], 16), &[halved]).unwrap();
        graph.add("twice", Add, &[again, halved]).unwrap();
        let network = Network::new(graph, 5);
        let folded = network.folded();
        let tasks: Vec<String> =
            folded.explain(12).unwrap().tasks.iter().map(|task| task.nodes.join("+")).collect();
        assert_eq!(tasks, ["before+relu", "shortcut", "body+sum+sum_relu+pool", "again+twice"]);
        let batch: Vec<f32> = (0..2 * 12 * 16 * 16).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
        let expected = network.infer(&[&batch], 2, 12).unwrap();
        let actual = folded.infer(&[&batch], 2, 12).unwrap();
        let largest = expected.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        for (expected, actual) in expected.iter().zip(&actual) {
            assert!((expected - actual).abs() <= 1e-5 * largest, "{actual} for {expected}");
        }
    }

    #[test]
    fn folding_changes_no_output() {
        let mut graph = Graph::new();
        let image = graph.input("image", [6, 5, 1]);
        let layers = vec![
            ("conv", Conv2d::same([3, 3], 7).into()),
            ("norm", BatchNorm::default().into()),
            ("relu", Relu.into()),
            ("norm2", BatchNorm::default().into()),
            ("out", Dense { units: 3 }.into()),
        ];
        graph.chain(image, layers).unwrap();
        let mut trainer = Trainer::new(Network::new(graph, 3), Adam::default());
        let batch: Vec<f32> = (0..4 * 30).map(|i| (i * 37 % 101) as f32 / 50.0 - 0.7).collect();
        let targets: Vec<f32> = (0..12).map(|i| if i % 3 == i / 4 { 1.0 } else { 0.0 }).collect();
        (0..20).for_each(|_| drop(trainer.step(&[&batch], 4, 6, &targets, 0.05).unwrap()));
        let network = trainer.into_network();
        let folded = network.folded();
        assert_eq!(folded.graph().nodes().len(), network.graph().nodes().len() - 1);
        let (expected, actual) =
            (network.infer(&[&batch], 4, 6).unwrap(), folded.infer(&[&batch], 4, 6).unwrap());
        let largest = expected.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        for (expected, actual) in expected.iter().zip(&actual) {
            assert!((expected - actual).abs() <= 1e-5 * largest, "{actual} for {expected}");
        }
    }
}
