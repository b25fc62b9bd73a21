//! The 22 networks of middle-level learning feature interaction (MLFI), as source 1 re-implements them.
//!
//! A visual module (five convolution blocks give `v`, 128 numbers; two GRUs read it as a sequence and give `r`) and an
//! audio module (five dense layers over audio features give `h`) are joined just before the scores. The networks differ
//! in what crosses between the modules before that:
//!
//! ```text
//! benchmark   nothing
//! audio k     m joins the audio module behind its dense layer k = 1..4
//! vision k    h behind a dense layer (e = the first .. a = the fifth) joins v before the GRUs
//! two-way k   both, at the same dense layer
//! m           a: v, what the convolutions give; b: r, what the GRUs give
//! ```
//!
//! Places, widths and the GRUs' five input shapes are published; the channels of the blocks are the documented choice
//! that fits them.

use std::ops::RangeInclusive;

use super::{Architecture, Choices, Input, KERAS_BATCH_NORM};
use genrescope_nn::layers::{
    Axis, Concat, Conv2d, Dense, Direction, Dropout, Output, Pool, PoolKind, Recurrent, Relu, Reshape,
};
use genrescope_nn::{Graph, NodeId, ShapeError};

const SOURCE: &str = "Arcaro, D'Onofrio: Musical Genre Recognition, Politecnico di Milano 2023; after Liu, Wang, Zha: \
     A middle-level learning feature interaction method, Electronics 10(18):2206, 2021";

const BLOCKS: [usize; 5] = [16, 32, 64, 128, 128];
const DENSE: [usize; 5] = [1024, 512, 256, 128, 64];
/// Steps and width that the GRUs read (source 1, table 4.2): of `v` alone, and of `v` with `h` behind dense layer 1..5.
const STEPS: [[usize; 2]; 6] = [[8, 16], [72, 16], [40, 16], [24, 16], [16, 16], [16, 12]];

/// All of them; letters and numbers as in source 1.
pub(super) const NETWORKS: [Architecture; 22] = [
    listed("mlfi-benchmark", benchmark),
    listed("mlfi-audio-a1", |input| audio(input, Sent::V, 1)),
    listed("mlfi-audio-a2", |input| audio(input, Sent::V, 2)),
    listed("mlfi-audio-a3", |input| audio(input, Sent::V, 3)),
    listed("mlfi-audio-a4", |input| audio(input, Sent::V, 4)),
    listed("mlfi-audio-b1", |input| audio(input, Sent::R, 1)),
    listed("mlfi-audio-b2", |input| audio(input, Sent::R, 2)),
    listed("mlfi-audio-b3", |input| audio(input, Sent::R, 3)),
    listed("mlfi-audio-b4", |input| audio(input, Sent::R, 4)),
    listed("mlfi-vision-a", |input| vision(input, 5)),
    listed("mlfi-vision-b", |input| vision(input, 4)),
    listed("mlfi-vision-c", |input| vision(input, 3)),
    listed("mlfi-vision-d", |input| vision(input, 2)),
    listed("mlfi-vision-e", |input| vision(input, 1)),
    listed("mlfi-two-way-a1", |input| two_way(input, Sent::V, 1)),
    listed("mlfi-two-way-a2", |input| two_way(input, Sent::V, 2)),
    listed("mlfi-two-way-a3", |input| two_way(input, Sent::V, 3)),
    listed("mlfi-two-way-a4", |input| two_way(input, Sent::V, 4)),
    listed("mlfi-two-way-b1", |input| two_way(input, Sent::R, 1)),
    listed("mlfi-two-way-b2", |input| two_way(input, Sent::R, 2)),
    listed("mlfi-two-way-b3", |input| two_way(input, Sent::R, 3)),
    listed("mlfi-two-way-b4", |input| two_way(input, Sent::R, 4)),
];

const fn listed(name: &'static str, build: fn(Input) -> Result<Graph, ShapeError>) -> Architecture {
    Architecture {
        name,
        family: "mlfi",
        source: SOURCE,
        any_length: false,
        minimum_frames: 16,
        published: Input { frames: 130, bands: 128, features: 55, genres: 10, choices: Choices::LISTED },
        build,
    }
}

/// What the visual module sends.
#[derive(Clone, Copy)]
enum Sent {
    /// Sub-mode A: the output of its convolutions.
    V,
    /// Sub-mode B: the output of its GRUs.
    R,
}

fn benchmark(input: Input) -> Result<Graph, ShapeError> {
    let mut modules = Modules::new(input)?;
    let r = modules.recurrent(modules.v, STEPS[0])?;
    let h = modules.dense(modules.features, 1..=5)?;
    modules.scores(r, h, input.genres)
}

fn audio(input: Input, sent: Sent, place: usize) -> Result<Graph, ShapeError> {
    let mut modules = Modules::new(input)?;
    let r = modules.recurrent(modules.v, STEPS[0])?;
    let h = modules.dense(modules.features, 1..=place)?;
    let h = modules.vision_to_audio(h, sent, r)?;
    let h = modules.dense(h, place + 1..=5)?;
    modules.scores(r, h, input.genres)
}

fn vision(input: Input, place: usize) -> Result<Graph, ShapeError> {
    let mut modules = Modules::new(input)?;
    let h = modules.dense(modules.features, 1..=place)?;
    let joined = modules.audio_to_vision(h)?;
    let r = modules.recurrent(joined, STEPS[place])?;
    let h = modules.dense(h, place + 1..=5)?;
    modules.scores(r, h, input.genres)
}

fn two_way(input: Input, sent: Sent, place: usize) -> Result<Graph, ShapeError> {
    let mut modules = Modules::new(input)?;
    let h = modules.dense(modules.features, 1..=place)?;
    let joined = modules.audio_to_vision(h)?;
    let r = modules.recurrent(joined, STEPS[place])?;
    let h = modules.vision_to_audio(h, sent, r)?;
    let h = modules.dense(h, place + 1..=5)?;
    modules.scores(r, h, input.genres)
}

/// A graph that holds the convolutions so far, and what the rest is built on.
struct Modules {
    graph: Graph,
    features: NodeId,
    /// Output of the convolutions, `[1, 1, 128]`.
    v: NodeId,
    choices: Choices,
}

impl Modules {
    /// Five times conv 3x3 → batch norm → ReLU → pool → dropout 0.1.
    fn new(input: Input) -> Result<Self, ShapeError> {
        let mut graph = Graph::new();
        let mut v = graph.input("mel", [input.frames, input.bands, 1]);
        let features = graph.input("features", [1, 1, input.features]);
        for (number, (channels, size)) in (1..).zip(BLOCKS.into_iter().zip(pools(input.frames))) {
            let named = |part: &str| format!("block{number}.{part}");
            let kind = if number == input.choices.average_block { PoolKind::Average } else { PoolKind::Max };
            v = graph.chain(
                v,
                vec![
                    (&named("conv"), Conv2d::same([3, 3], channels).glorot().into()),
                    (&named("norm"), KERAS_BATCH_NORM.into()),
                    (&named("relu"), Relu.into()),
                    (&named("pool"), Pool::new(kind, size).into()),
                    (&named("dropout"), Dropout { rate: 0.1 }.into()),
                ],
            )?;
        }
        Ok(Self { graph, features, v, choices: input.choices })
    }

    /// `r`: the numbers read as steps of that width by two GRUs; the last state.
    fn recurrent(&mut self, from: NodeId, [steps, width]: [usize; 2]) -> Result<NodeId, ShapeError> {
        let Choices { recurrent, units, .. } = self.choices;
        let layer =
            |output| Recurrent { kind: recurrent.into(), units, direction: Direction::Forward, output };
        self.graph.chain(
            from,
            vec![
                ("steps", Reshape { shape: [steps, 1, width] }.into()),
                ("gru1", layer(Output::Sequence).into()),
                ("gru2", layer(Output::Last).into()),
            ],
        )
    }

    /// Dense layers of those numbers, each with a ReLU; `dense1` has 1024 units, `dense5` 64.
    fn dense(&mut self, from: NodeId, mut numbers: RangeInclusive<usize>) -> Result<NodeId, ShapeError> {
        numbers.try_fold(from, |h, number| {
            let (dense, relu) = (format!("dense{number}"), format!("dense{number}.relu"));
            let units = DENSE[number - 1];
            self.graph.chain(h, vec![(&dense, Dense { units }.into()), (&relu, Relu.into())])
        })
    }

    /// `[h | m]`.
    fn vision_to_audio(&mut self, h: NodeId, sent: Sent, r: NodeId) -> Result<NodeId, ShapeError> {
        let m = match sent {
            Sent::V => self.v,
            Sent::R => r,
        };
        self.graph.add("vision_to_audio", Concat { axis: Axis::Channels }, &[h, m])
    }

    /// `[v | h]`.
    fn audio_to_vision(&mut self, h: NodeId) -> Result<NodeId, ShapeError> {
        self.graph.add("audio_to_vision", Concat { axis: Axis::Channels }, &[self.v, h])
    }

    fn scores(mut self, r: NodeId, h: NodeId, genres: usize) -> Result<Graph, ShapeError> {
        let both = self.graph.add("both", Concat { axis: Axis::Channels }, &[r, h])?;
        self.graph.add("scores", Dense { units: genres }, &[both])?;
        Ok(self.graph)
    }
}

/// Windows of the five pools, time and bands: bands always 2, 2, 2, 4, 4; time so that one step is left, as published at
/// 130 frames.
fn pools(frames: usize) -> [[usize; 2]; 5] {
    let third = frames / 8;
    let fourth = if third >= 16 { 4 } else { 2 };
    let fifth = (third / fourth).max(1); // none left: the fourth pool is refused
    [[2, 2], [2, 2], [2, 2], [fourth, 4], [fifth, 4]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(name: &str, frames: usize) -> Vec<(String, [usize; 3])> {
        let network = NETWORKS.iter().find(|network| network.name == name).unwrap();
        let graph = network.graph(Input { frames, ..network.published }).unwrap();
        graph.nodes().iter().map(|node| (node.name.clone(), node.shape)).collect()
    }

    fn shape(name: &str, frames: usize, node: &str) -> [usize; 3] {
        shapes(name, frames).into_iter().find(|(name, _)| name == node).unwrap().1
    }

    #[test]
    fn time_is_pooled_to_one_step_at_any_number_of_frames() {
        for (frames, expected) in
            [(130, [65, 32, 16, 4, 1]), (38, [19, 9, 4, 2, 1]), (431, [215, 107, 53, 13, 1])]
        {
            let time: Vec<usize> = (1..=5)
                .map(|block| shape("mlfi-benchmark", frames, &format!("block{block}.pool"))[0])
                .collect();
            assert_eq!(time, expected, "{frames} frames");
        }
        assert_eq!(shape("mlfi-benchmark", 130, "block5.dropout"), [1, 1, 128]);
    }

    #[test]
    fn the_recurrent_layers_read_the_published_shapes() {
        let published = [
            ("mlfi-vision-a", [16, 1, 12]),
            ("mlfi-vision-b", [16, 1, 16]),
            ("mlfi-vision-c", [24, 1, 16]),
            ("mlfi-vision-d", [40, 1, 16]),
            ("mlfi-vision-e", [72, 1, 16]),
            ("mlfi-two-way-b2", [40, 1, 16]),
            ("mlfi-two-way-a4", [16, 1, 16]),
            ("mlfi-audio-b4", [8, 1, 16]),
        ];
        for (name, expected) in published {
            assert_eq!(shape(name, 130, "steps"), expected, "{name}");
        }
    }

    /// The nodes that a node reads.
    fn read_by(name: &str, node: &str) -> Option<Vec<String>> {
        let network = NETWORKS.iter().find(|network| network.name == name).unwrap();
        let graph = network.graph(network.published).unwrap();
        let node = graph.nodes().iter().find(|other| other.name == node)?;
        let position = |id: &NodeId| {
            let all = graph.nodes().iter().map(|other| other.name.clone());
            all.zip(0..).find(|(_, at)| format!("{id:?}") == format!("NodeId({at})")).unwrap().0
        };
        Some(node.inputs.iter().map(position).collect())
    }

    #[test]
    fn what_crosses_is_what_the_name_says() {
        let (to_audio, to_vision) = ("vision_to_audio", "audio_to_vision");
        let both = |a: &str, b: &str| Some(vec![a.to_owned(), b.to_owned()]);
        assert_eq!(read_by("mlfi-benchmark", to_audio), None);
        assert_eq!(read_by("mlfi-benchmark", to_vision), None);
        assert_eq!(read_by("mlfi-audio-a1", to_audio), both("dense1.relu", "block5.dropout"));
        assert_eq!(read_by("mlfi-audio-b4", to_audio), both("dense4.relu", "gru2"));
        assert_eq!(read_by("mlfi-audio-b4", to_vision), None);
        assert_eq!(read_by("mlfi-vision-c", to_vision), both("block5.dropout", "dense3.relu"));
        assert_eq!(read_by("mlfi-vision-c", to_audio), None);
        assert_eq!(read_by("mlfi-two-way-b2", to_vision), both("block5.dropout", "dense2.relu"));
        assert_eq!(read_by("mlfi-two-way-b2", to_audio), both("dense2.relu", "gru2"));
        assert_eq!(read_by("mlfi-two-way-a3", to_audio), both("dense3.relu", "block5.dropout"));
        for network in &NETWORKS {
            assert_eq!(read_by(network.name, "both"), both("gru2", "dense5.relu"), "{}", network.name);
        }
    }
}
