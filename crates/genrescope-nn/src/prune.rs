//! Networks for inference alone, without the channels that hold one number whatever they hear: weight decay leaves such
//! channels behind.

use crate::graph::{Graph, Node};
use crate::layers::{Axis, Concat, Conv2d, Layer};
use crate::network::{Network, Parameter};

/// Of the channels of a value: what is known of each without any input.
type Constants = Vec<Option<f32>>;
/// Of the channels of a value: whether each stays.
type Kept = Vec<bool>;

/// The numbers of `values` whose channel stays.
fn chosen(values: &[f32], kept: &[bool]) -> Vec<f32> {
    values.iter().zip(kept.iter().cycle()).filter(|(_, kept)| **kept).map(|(value, _)| *value).collect()
}

/// The channel whose number is farthest from 0: what the channels that go told a convolution is told by this one.
fn carrier(constants: &[Option<f32>]) -> Option<usize> {
    let known =
        constants.iter().enumerate().filter_map(|(channel, known)| Some((channel, known.as_ref()?.abs())));
    let (channel, most) = known.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (most > 0.0).then_some(channel)
}

/// Whether the channels of the output are those of the inputs.
fn passes_channels(layer: &Layer) -> bool {
    match layer {
        Layer::BatchNorm(_) | Layer::Relu(_) | Layer::Pool(_) | Layer::GlobalPool(_) => true,
        Layer::Dropout(_) | Layer::Add(_) => true,
        Layer::Concat(Concat { axis }) => *axis == Axis::Channels,
        _ => false,
    }
}

/// Where the channels of a node's inputs lie in its output, for one that passes them on.
fn places(node: &Node, nodes: &[Node]) -> impl Iterator<Item = (usize, usize)> {
    let joins = matches!(node.layer, Layer::Concat(_));
    node.inputs.iter().scan(0, move |next, input| {
        let first = *next;
        *next += if joins { nodes[input.0].shape[2] } else { 0 };
        Some((input.0, first))
    })
}

impl Network {
    /// The same function without the channels that hold the same number everywhere, whatever is heard. What convolutions
    /// and dense layers made of them stays, to the border: one such channel is left to a convolution for all of them. A
    /// network of which less than a quarter would go stays as it is.
    pub(crate) fn without_constants(self) -> Self {
        let constants = self.constants();
        let kept = self.kept(&constants);
        let widths = |of: fn(&Kept) -> usize| -> usize {
            let nodes = self.graph().nodes().iter().zip(&kept);
            nodes.filter(|(node, _)| matches!(node.layer, Layer::Conv2d(_))).map(|(_, kept)| of(kept)).sum()
        };
        // A few dead channels cost less than widths that fill no vector.
        if 4 * widths(|kept| kept.iter().filter(|kept| **kept).count()) > 3 * widths(Vec::len) {
            return self;
        }
        let mut graph = Graph::new();
        for (node, kept) in self.graph().nodes().iter().zip(&kept) {
            let channels = kept.iter().filter(|kept| **kept).count();
            let layer = match &node.layer {
                Layer::Conv2d(conv) => Conv2d { channels, ..conv.clone() }.into(),
                layer => layer.clone(),
            };
            match layer {
                Layer::Input => graph.input(&node.name, node.shape),
                layer => graph.add(&node.name, layer, &node.inputs).expect("it fits as it did before"),
            };
        }
        let mut pruned = Self::unset(graph).with_path(self.path()).planned_for_inference();
        for (id, node) in self.graph().nodes().iter().enumerate() {
            let places = self.parameters_of(id);
            let weights = &self.parameters()[places.clone()];
            let read = node.inputs.first().map_or(id, |input| input.0);
            let data = match &node.layer {
                Layer::Conv2d(_) => of_convolution(weights, [&kept[read], &kept[id]], &constants[read]),
                Layer::Dense(_) => of_dense(weights, &kept[read], &constants[read]),
                _ => weights.iter().map(|weights| chosen(&weights.data, &kept[id])).collect(),
            };
            pruned.parameters_mut()[places].iter_mut().zip(data).for_each(|(own, data)| own.data = data);
        }
        pruned
    }

    fn constants(&self) -> Vec<Constants> {
        let mut found: Vec<Constants> = Vec::with_capacity(self.graph().nodes().len());
        for (id, node) in self.graph().nodes().iter().enumerate() {
            let weights = &self.parameters()[self.parameters_of(id)];
            let mut inputs = node.inputs.iter().map(|input| &found[input.0]);
            let constants = match &node.layer {
                Layer::Conv2d(conv) => {
                    let dead =
                        |c: usize| weights[0].data.iter().skip(c).step_by(conv.channels).all(|w| *w == 0.0);
                    (0..conv.channels).map(|c| dead(c).then_some(weights[1].data[c])).collect()
                }
                Layer::BatchNorm(norm) => {
                    let [gamma, beta, mean, variance] = [0, 1, 2, 3].map(|i| &weights[i].data);
                    let scale = norm.scale(variance);
                    let behind = |(c, x): (usize, &Option<f32>)| {
                        x.map(|x| (x - mean[c]) * scale[c] * gamma[c] + beta[c])
                    };
                    inputs
                        .next()
                        .map_or_else(Vec::new, |known| known.iter().enumerate().map(behind).collect())
                }
                Layer::Relu(_) => {
                    let open = |x: &Option<f32>| x.map(|x| x.max(0.0));
                    inputs.next().map_or_else(Vec::new, |known| known.iter().map(open).collect())
                }
                Layer::Add(_) => {
                    let sum = |sum: Constants, known: &Constants| {
                        sum.into_iter().zip(known).map(|(a, b)| Some(a? + (*b)?)).collect()
                    };
                    inputs.fold(vec![Some(0.0); node.shape[2]], sum)
                }
                layer if passes_channels(layer) => inputs.flatten().copied().collect(),
                _ => vec![None; node.shape[2]],
            };
            found.push(
                constants.into_iter().map(|known: Option<f32>| known.filter(|x| x.is_finite())).collect(),
            );
        }
        found
    }

    fn kept(&self, constants: &[Constants]) -> Vec<Kept> {
        let nodes = self.graph().nodes();
        let mut kept: Vec<Kept> =
            constants.iter().map(|known| known.iter().map(Option::is_none).collect()).collect();
        for node in nodes {
            for input in node.inputs.iter().map(|input| input.0) {
                match node.layer {
                    Layer::Conv2d(_) => {
                        carrier(&constants[input]).into_iter().for_each(|c| kept[input][c] = true)
                    }
                    Layer::Dense(_) => {}
                    ref layer if passes_channels(layer) => {}
                    _ => kept[input].fill(true),
                }
            }
        }
        kept.last_mut().into_iter().for_each(|output| output.fill(true));
        while self.spread(&mut kept) {}
        kept.iter_mut().filter(|kept| !kept.contains(&true)).for_each(|kept| kept[0] = true);
        while self.spread(&mut kept) {}
        kept
    }

    /// What stays behind a layer that passes channels on stays before it as well, and the other way round; whether that
    /// changed anything.
    fn spread(&self, kept: &mut [Kept]) -> bool {
        let (nodes, mut changed) = (self.graph().nodes(), false);
        for (id, node) in nodes.iter().enumerate().filter(|(_, node)| passes_channels(&node.layer)) {
            for (input, first) in places(node, nodes) {
                for channel in 0..nodes[input].shape[2] {
                    let (before, behind) = (kept[input][channel], kept[id][first + channel]);
                    changed |= before != behind;
                    (kept[input][channel], kept[id][first + channel]) = (before | behind, before | behind);
                }
            }
        }
        changed
    }
}

/// Weights and bias of a convolution of fewer channels; what those that go told it, the carrier tells.
fn of_convolution(weights: &[Parameter], [from, to]: [&Kept; 2], constants: &Constants) -> Vec<Vec<f32>> {
    let mut weight = Vec::with_capacity(weights[0].data.len());
    for tap in weights[0].data.chunks_exact(from.len() * to.len()) {
        let mut tap = tap.to_vec();
        if let Some(carrier) = carrier(constants) {
            for channel in (0..from.len()).filter(|channel| !from[*channel]) {
                let share = constants[channel].unwrap_or(0.0) / constants[carrier].unwrap_or(1.0);
                for output in 0..to.len() {
                    tap[carrier * to.len() + output] += share * tap[channel * to.len() + output];
                }
            }
        }
        let rows = tap.chunks_exact(to.len()).zip(from).filter(|(_, kept)| **kept);
        rows.for_each(|(row, _)| weight.extend(chosen(row, to)));
    }
    vec![weight, chosen(&weights[1].data, to)]
}

/// Weights and bias of a dense layer that reads fewer channels; what those that go told it goes into the bias.
fn of_dense(weights: &[Parameter], from: &Kept, constants: &Constants) -> Vec<Vec<f32>> {
    let (mut weight, mut bias) = (Vec::with_capacity(weights[0].data.len()), weights[1].data.clone());
    let channels = from.iter().zip(constants).cycle();
    for (row, (kept, constant)) in weights[0].data.chunks_exact(bias.len()).zip(channels) {
        match (*kept, *constant) {
            (false, Some(constant)) => {
                bias.iter_mut().zip(row).for_each(|(bias, weight)| *bias += constant * weight)
            }
            _ => weight.extend_from_slice(row),
        }
    }
    vec![weight, bias]
}

#[cfg(test)]
mod tests {
    use crate::layers::{Add, Axis, BatchNorm, Concat, Conv2d, Dense, GlobalPool, PoolKind, Relu};
    use crate::random::uniform;
    use crate::{Graph, Network};

    /// Two branches with dead channels, joined, read by convolutions with a border and by a dense layer.
    fn network() -> Network {
        let mut graph = Graph::new();
        let image = graph.input("image", [9, 6, 1]);
        let branch = |name: &str| [".conv", ".relu", ".norm", ".pool"].map(|layer| format!("{name}{layer}"));
        let pool = |axis| GlobalPool { kind: PoolKind::Max, axis };
        let mut branches = vec![];
        for (name, channels) in [("low", 8), ("high", 5)] {
            let [conv, relu, norm, pooled] = branch(name);
            let layers = vec![
                (conv.as_str(), Conv2d::same([3, 3], channels).into()),
                (relu.as_str(), Relu.into()),
                (norm.as_str(), BatchNorm::default().into()),
                (pooled.as_str(), pool(Axis::Bands).into()),
            ];
            branches.push(graph.chain(image, layers).unwrap());
        }
        let front = graph.add("front", Concat { axis: Axis::Channels }, &branches).unwrap();
        let first = graph.add("first", Conv2d::same([3, 1], 6), &[front]).unwrap();
        let body = graph.chain(first, vec![("relu", Relu.into()), ("body", Conv2d::same([3, 1], 6).into())]);
        let sum = graph.add("sum", Add, &[body.unwrap(), first]).unwrap();
        let all = graph.add("all", Concat { axis: Axis::Channels }, &[front, sum]).unwrap();
        graph
            .chain(all, vec![("mean", pool(Axis::Time).into()), ("out", Dense { units: 3 }.into())])
            .unwrap();
        let mut network = Network::new(graph, 4);
        for (stream, parameter) in network.parameters_mut().iter_mut().enumerate() {
            let drawn = |i| if parameter.running.is_some() { 0.5 } else { 0.1 } + uniform(3, stream, i);
            if parameter.shape.len() == 1 {
                parameter.data = (0..parameter.data.len()).map(drawn).collect();
            }
        }
        network
    }

    /// Makes channels of a convolution deaf.
    fn kill(network: &mut Network, conv: &str, dead: &[usize]) {
        let name = format!("{conv}.weight");
        let weights = network.parameters_mut().iter_mut().find(|parameter| parameter.name == name).unwrap();
        let channels = weights.shape[3];
        for row in weights.data.chunks_exact_mut(channels) {
            dead.iter().for_each(|c| row[*c] = 0.0);
        }
    }

    #[test]
    fn channels_that_hear_nothing_go_and_no_output_changes() {
        let mut network = network();
        kill(&mut network, "low.conv", &[0, 2, 3, 7]);
        kill(&mut network, "high.conv", &[0, 1, 2, 3, 4]);
        kill(&mut network, "first", &[1, 2, 3]);
        kill(&mut network, "body", &[2, 3, 5]);
        let pruned = network.folded();
        let channels = |name: &str| {
            let name = format!("{name}.bias");
            pruned.parameters().iter().find(|parameter| parameter.name == name).unwrap().data.len()
        };
        // Of the nine dead channels of both branches one stays for all; of the sum's, those go that are dead in both.
        assert_eq!(channels("low.conv") + channels("high.conv"), 4 + 1);
        assert_eq!([channels("first"), channels("body")], [5, 5]);
        let batch: Vec<f32> = (0..2 * 54).map(|i| uniform(9, 0, i) - 0.5).collect();
        let (expected, actual) =
            (network.infer(&[&batch], 2, 9).unwrap(), pruned.infer(&[&batch], 2, 9).unwrap());
        for (expected, actual) in expected.iter().zip(&actual) {
            assert!((expected - actual).abs() <= 1e-5 * expected.abs().max(1.0), "{actual} for {expected}");
        }
    }

    #[test]
    fn a_network_with_few_dead_channels_or_none_stays_as_it_is() {
        let mut network = network();
        assert_eq!(network.folded().parameter_count(), network.parameter_count());
        kill(&mut network, "body", &[1, 2]);
        assert_eq!(network.folded().parameter_count(), network.parameter_count());
    }
}
