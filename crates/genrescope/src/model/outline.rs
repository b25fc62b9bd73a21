//! A network in words, stage by stage: what is drawn of it.

use std::collections::HashMap;

use genrescope_nn::layers::{Direction, GlobalPool, Layer, Pool, PoolKind, Recurrent, RecurrentKind};
use genrescope_nn::{Graph, Network, Node, NodeId};

/// What ends the name of a join by which one module of a network reads the other: `audio_to_vision`.
const CROSSING: &str = "_to_";

/// Layers that follow each other and share a name: `block1.conv`, `block1.norm`, `block1.relu` are the stage `block1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What its layers share of their names; that of its first layer where several stages share it.
    pub name: String,
    /// Its layers, in order: `conv 3x3`, `batch norm`.
    pub layers: Vec<String>,
    /// Of its output: `[time, bands, channels]`.
    pub shape: [usize; 3],
    /// How many numbers it holds, running statistics included.
    pub parameters: usize,
    /// Products of a weight and a value that one patch takes.
    pub multiply_adds: usize,
    /// The stages that it reads; none for an input.
    pub reads: Vec<usize>,
    /// Whether it is an interaction path: a place where one module of the network reads another.
    pub is_interaction: bool,
}

/// The stages of a network in the order in which they are computed.
pub fn outline(network: &Network) -> Vec<Stage> {
    let graph = network.graph();
    let places = places(graph);
    let readers = readers(graph, &places);
    let mut stages: Vec<Stage> = Vec::new();
    let mut stage_of: Vec<usize> = Vec::new();
    let mut first: Vec<&str> = Vec::new();
    for node in graph.nodes() {
        let reads: Vec<usize> = node.inputs.iter().map(|id| places[id]).collect();
        let continues = match reads[..] {
            // The last node of a stage that nothing else reads is followed by the next of its name.
            [before] => {
                let alone = readers[before] == 1 && stage_of[before] + 1 == stages.len();
                (alone && stages[stage_of[before]].name == stem(&node.name)).then_some(stage_of[before])
            }
            _ => None,
        };
        let place = continues.unwrap_or_else(|| {
            let reads = reads.iter().map(|&read| stage_of[read]).collect();
            stages.push(Stage::begin(node, reads));
            first.push(&node.name);
            stages.len() - 1
        });
        let read = reads.first().map_or(node.shape, |&read| graph.nodes()[read].shape);
        stages[place].extend(node, network, repeats(node, read));
        stage_of.push(place);
    }
    let names: Vec<String> = stages.iter().map(|stage| stage.name.clone()).collect();
    for ((stage, first), name) in stages.iter_mut().zip(first).zip(&names) {
        if names.iter().filter(|other| *other == name).count() > 1 {
            stage.name = first.into();
        }
    }
    stages
}

/// Where each node stands: ids count the nodes of any graph in their order.
fn places(graph: &Graph) -> HashMap<NodeId, usize> {
    let mut counted = Graph::new();
    (0..graph.nodes().len()).map(|place| (counted.input("", [0; 3]), place)).collect()
}

fn readers(graph: &Graph, places: &HashMap<NodeId, usize>) -> Vec<usize> {
    let mut readers = vec![0; graph.nodes().len()];
    graph.nodes().iter().flat_map(|node| &node.inputs).for_each(|id| readers[places[id]] += 1);
    readers
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

impl Stage {
    fn begin(node: &Node, reads: Vec<usize>) -> Self {
        Self {
            name: stem(&node.name).into(),
            layers: Vec::new(),
            shape: node.shape,
            parameters: 0,
            multiply_adds: 0,
            is_interaction: reads.len() > 1 && node.name.contains(CROSSING),
            reads,
        }
    }

    fn extend(&mut self, node: &Node, network: &Network, repeats: usize) {
        self.layers.extend(words(node));
        self.shape = node.shape;
        let own = |name: &str| name.rsplit_once('.').is_some_and(|(owner, _)| owner == node.name);
        let parameters = || network.parameters().iter().filter(|parameter| own(&parameter.name));
        self.parameters += parameters().map(|parameter| parameter.data.len()).sum::<usize>();
        let matrices = parameters().filter(|parameter| parameter.shape.len() > 1);
        self.multiply_adds += repeats * matrices.map(|parameter| parameter.data.len()).sum::<usize>();
    }
}

/// How often a node's weights are used for one patch: at every place of a convolution's output, in every step that a
/// recurrent layer reads, else once.
fn repeats(node: &Node, read: [usize; 3]) -> usize {
    match &node.layer {
        Layer::Conv2d(_) => node.shape[0] * node.shape[1],
        Layer::Recurrent(_) => read[0],
        _ => 1,
    }
}

/// What a layer does, in a few words; nothing for an input.
fn words(node: &Node) -> Option<String> {
    let words = match &node.layer {
        Layer::Input => return None,
        Layer::Conv2d(conv) => {
            let [time, bands] = conv.kernel;
            format!("conv {time}x{bands} ({})", conv.channels)
        }
        Layer::BatchNorm(_) => "batch norm".into(),
        Layer::Relu(_) => "ReLU".into(),
        Layer::Sigmoid(_) => "sigmoid".into(),
        Layer::Pool(Pool { kind, size: [time, bands], .. }) => format!("{} {time}x{bands}", pooled(*kind)),
        Layer::GlobalPool(GlobalPool { kind, axis }) => {
            format!("{} over {}", pooled(*kind), format!("{axis:?}").to_lowercase())
        }
        Layer::Dropout(dropout) => format!("dropout {}", dropout.rate),
        Layer::Dense(dense) => format!("dense ({})", dense.units),
        Layer::Recurrent(recurrent) => recurrent_words(recurrent),
        Layer::Add(_) => "sum".into(),
        Layer::Concat(_) => "joined".into(),
        Layer::Reshape(_) => "reshaped".into(),
        Layer::L2Normalize(_) => "L2 norm".into(),
    };
    Some(words)
}

fn recurrent_words(recurrent: &Recurrent) -> String {
    let kind = match recurrent.kind {
        RecurrentKind::Gru => "GRU",
        RecurrentKind::Lstm => "LSTM",
        RecurrentKind::Simple => "RNN",
    };
    let both = if recurrent.direction == Direction::Both { "Bi" } else { "" };
    format!("{both}{kind} ({})", recurrent.units)
}

fn pooled(kind: PoolKind) -> &'static str {
    match kind {
        PoolKind::Max => "max",
        PoolKind::Average => "average",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zoo::architectures;
    use std::collections::HashSet;

    fn stages(name: &str) -> Vec<Stage> {
        crate::model::zoo::architecture(name).unwrap().outline(None).unwrap()
    }

    #[test]
    fn every_network_keeps_its_parameters_and_ends_in_its_scores() {
        for architecture in architectures() {
            let stages = stages(architecture.name);
            let parameters: usize = stages.iter().map(|stage| stage.parameters).sum();
            assert_eq!(parameters, architecture.parameter_counts(None).unwrap().all, "{}", architecture.name);
            assert_eq!(stages.last().unwrap().shape, [1, 1, architecture.published.genres]);
            let names: HashSet<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
            assert_eq!(names.len(), stages.len(), "{}", architecture.name);
            for (place, stage) in stages.iter().enumerate() {
                assert!(stage.reads.iter().all(|read| *read < place), "{} {}", architecture.name, stage.name);
            }
        }
    }

    #[test]
    fn layers_of_a_name_are_one_stage() {
        let stages = stages("mlfi-benchmark");
        let block = stages.iter().find(|stage| stage.name == "block4").unwrap();
        assert_eq!(block.layers, ["conv 3x3 (128)", "batch norm", "ReLU", "average 4x4", "dropout 0.1"]);
        assert_eq!((block.shape, block.parameters), ([4, 4, 128], 73_856 + 512));
        assert_eq!(block.multiply_adds, 16 * 16 * 3 * 3 * 64 * 128);
        let gru = stages.iter().find(|stage| stage.name == "gru1").unwrap();
        assert_eq!(gru.multiply_adds, 8 * 3 * 64 * (16 + 64));
        let inputs: Vec<&str> =
            stages.iter().filter(|s| s.reads.is_empty()).map(|s| s.name.as_str()).collect();
        assert_eq!(inputs, ["mel", "features"]);
    }

    #[test]
    fn interaction_paths_are_those_of_the_mode() {
        let crossing = |name: &str| -> Vec<String> {
            stages(name).into_iter().filter(|stage| stage.is_interaction).map(|stage| stage.name).collect()
        };
        assert_eq!(crossing("mlfi-benchmark"), [""; 0]);
        assert_eq!(crossing("mlfi-audio-b4"), ["vision_to_audio"]);
        assert_eq!(crossing("mlfi-vision-c"), ["audio_to_vision"]);
        assert_eq!(crossing("mlfi-two-way-b2"), ["audio_to_vision", "vision_to_audio"]);
        assert_eq!(crossing("bbnn"), [""; 0]);
    }
}
