//! Every network by its name, as a graph. *Takes* a name and the front end's extents, *gives* the graph.
//!
//! Each family is a file with its own list; layers have the names that weights and errors show.

mod bbnn;
mod choices;
mod mlfi;
pub(crate) mod musicnn;
mod residual;
mod shallow;
mod trial;

pub use choices::{Activation, Choices, RecurrentKind};
pub use trial::Trial;

use super::outline::{Stage, outline};
use crate::{Error, ErrorKind, Result};
use genrescope_nn::layers::BatchNorm;
use genrescope_nn::{Graph, Network, ShapeError};

/// Extents that a network is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Frames of a patch.
    pub frames: usize,
    /// Mel bands.
    pub bands: usize,
    /// Audio features beside the spectrogram; 0 where the network reads none.
    pub features: usize,
    /// Classes.
    pub genres: usize,
    /// What its source leaves open.
    pub choices: Choices,
}

/// One network of the zoo.
#[derive(Clone, Copy, Debug)]
pub struct Architecture {
    /// The name that settings and model files use.
    pub name: &'static str,
    /// The group that it is published in.
    pub family: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Whether it takes any number of frames, or only those that it was built for.
    pub any_length: bool,
    /// Fewest frames that a network of any length takes, or that one can be built for.
    pub minimum_frames: usize,
    /// The input that its source publishes.
    pub published: Input,
    build: fn(Input) -> Result<Graph, ShapeError>,
}

impl Architecture {
    /// The network's graph; its first input is the spectrogram, the second one the features, if it reads some.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] when the input is too small for it (names the node), lacks the features, or has choices
    /// that the network does not have.
    pub fn graph(&self, input: Input) -> Result<Graph> {
        self.check_choices(&input.choices)?;
        self.check_features(input.features)?;
        (self.build)(input).map_err(|error| {
            Error::new(ErrorKind::BadSettings, format!("network {}: {error}", self.name)).with_source(error)
        })
    }

    /// Whether it reads audio features if and only if there are some.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] with what is missing or too much.
    pub fn check_features(&self, features: usize) -> Result<()> {
        let what = match (self.published.features > 0, features > 0) {
            (true, false) => format!(
                "network {} reads audio features beside the spectrogram: say which in [model.features], such as \
                 set = \"mel46\" from the spectrogram or set = \"gtzan55\" from the audio",
                self.name
            ),
            (false, true) => {
                format!("network {} reads no audio features: leave [model.features] out", self.name)
            }
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::BadSettings, what))
    }

    /// Its stages in words, at an input or at the published one.
    ///
    /// # Errors
    /// As [`Architecture::graph`].
    pub fn outline(&self, input: Option<Input>) -> Result<Vec<Stage>> {
        Ok(outline(&Network::unset(self.graph(input.unwrap_or(self.published))?)))
    }

    /// Its size at this input, or at the published one, at which no network fails.
    ///
    /// # Errors
    /// As [`Architecture::graph`].
    pub fn parameter_counts(&self, input: Option<Input>) -> Result<ParameterCounts> {
        Ok(ParameterCounts::from(&Network::unset(self.graph(input.unwrap_or(self.published))?)))
    }
}

/// How many numbers a network holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterCounts {
    /// All, running statistics included.
    pub all: usize,
    /// Those that training moves.
    pub trainable: usize,
}

impl From<&Network> for ParameterCounts {
    fn from(network: &Network) -> Self {
        Self { all: network.parameter_count(), trainable: network.trainable_count() }
    }
}

/// The defaults of Keras, in which MLFI's re-implementation and BBNN are written: momentum 0.99 is a share of 0.01.
const KERAS_BATCH_NORM: BatchNorm = BatchNorm { momentum: 0.01, eps: 1e-3 };

const FAMILIES: [&[Architecture]; 5] =
    [&shallow::NETWORKS, &mlfi::NETWORKS, &bbnn::NETWORKS, &residual::NETWORKS, &musicnn::NETWORKS];

/// All networks, in the order in which they are listed.
pub fn architectures() -> impl Iterator<Item = &'static Architecture> {
    FAMILIES.into_iter().flatten()
}

/// The network of that name.
///
/// # Errors
/// [`ErrorKind::BadSettings`] with the names there are.
pub fn architecture(name: &str) -> Result<&'static Architecture> {
    architectures().find(|architecture| architecture.name == name).ok_or_else(|| {
        let names: Vec<&str> = architectures().map(|architecture| architecture.name).collect();
        Error::new(
            ErrorKind::BadSettings,
            format!("no network is called {name}; there are {}", names.join(", ")),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use genrescope_nn::{Adam, NodeId, Trainer, layers::Layer};
    use std::collections::HashSet;

    /// Trainable parameters for so many frames and features, all else as published.
    fn trainable(name: &str, frames: usize, features: usize) -> usize {
        let architecture = architecture(name).unwrap();
        let input = Input { frames, features, ..architecture.published };
        Network::unset(architecture.graph(input).unwrap()).trainable_count()
    }

    fn infer(network: &Network, architecture: &Architecture, frames: usize) -> Result<Vec<f32>, ShapeError> {
        let Input { bands, features, .. } = architecture.published;
        let (patch, features) = (vec![0.1; frames * bands], vec![0.1; features]);
        let inputs = [&patch[..], &features];
        network.infer(&inputs[..1 + usize::from(!features.is_empty())], 1, frames)
    }

    #[test]
    fn published_inputs_give_the_published_parameter_counts() {
        let published = [
            ("v-kernel", 179_538, 179_538),
            ("v-kernel-l2", 179_538, 179_538),
            ("crnn", 427_274, 427_274),
            ("bicrnn", 460_938, 460_938),
            ("bbnn", 185_642, 190_826),
            ("mlfi-benchmark", 1_042_090, 1_042_826),
            // The checkpoint's 787,159, and a step of 51 weights more in three kernels.
            ("musicnn", 787_312, 792_232),
        ];
        for (name, trainable, all) in published {
            let counts = architecture(name).unwrap().parameter_counts(None).unwrap();
            assert_eq!(counts, ParameterCounts { all, trainable }, "{name}");
        }
    }

    #[test]
    fn the_mlfi_networks_have_their_parameter_counts_at_any_number_of_frames() {
        let names = architectures().filter(|network| network.family == "mlfi").map(|network| network.name);
        let mut count = 0;
        for name in names {
            let expected = match name {
                "mlfi-benchmark" => 1_042_090,
                "mlfi-vision-a" => 1_041_322,
                "mlfi-vision-b" | "mlfi-vision-c" | "mlfi-vision-d" | "mlfi-vision-e" => 1_042_090,
                "mlfi-audio-a1" | "mlfi-two-way-a1" => 1_107_626,
                "mlfi-audio-a2" | "mlfi-two-way-a2" => 1_074_858,
                "mlfi-audio-a3" | "mlfi-two-way-a3" => 1_058_474,
                "mlfi-audio-a4" | "mlfi-two-way-a4" => 1_050_282,
                "mlfi-audio-b1" | "mlfi-two-way-b1" => 1_074_858,
                "mlfi-audio-b2" | "mlfi-two-way-b2" => 1_058_474,
                "mlfi-audio-b3" | "mlfi-two-way-b3" => 1_050_282,
                "mlfi-audio-b4" | "mlfi-two-way-b4" => 1_046_186,
                other => panic!("{other} has no published count"),
            };
            for frames in [130, 38] {
                assert_eq!(trainable(name, frames, 55), expected, "{name} at {frames} frames");
            }
            count += 1;
        }
        assert_eq!(count, 22);
        assert_eq!(trainable("mlfi-benchmark", 38, 46), 1_032_874);
    }

    #[test]
    fn every_network_takes_the_frames_of_any_front_end_that_it_claims() {
        for architecture in architectures() {
            for frames in [38, 128, 431] {
                let built = Input { frames, ..architecture.published };
                let network = Network::new(architecture.graph(built).unwrap(), 1);
                let other = if architecture.any_length { frames / 2 } else { frames };
                let name = architecture.name;
                let genres = architecture.published.genres;
                assert_eq!(infer(&network, architecture, other).unwrap().len(), genres, "{name}");
                if architecture.any_length {
                    let shortest = architecture.minimum_frames;
                    assert!(infer(&network, architecture, shortest).is_ok(), "{name}");
                    assert!(infer(&network, architecture, shortest - 1).is_err(), "{name}");
                }
                let longer = infer(&network, architecture, 2 * frames);
                assert_eq!(longer.is_ok(), architecture.any_length, "{name}");
            }
        }
    }

    #[test]
    fn every_network_can_be_built_from_its_fewest_frames_on() {
        for architecture in architectures() {
            let built = |frames| architecture.graph(Input { frames, ..architecture.published });
            let name = architecture.name;
            assert!(built(architecture.minimum_frames).is_ok(), "{name}");
            let refused = built(architecture.minimum_frames - 1);
            if let Ok(graph) = refused {
                assert!(graph.shapes(architecture.minimum_frames - 1).is_err(), "{name}");
            }
        }
    }

    #[test]
    fn what_sources_leave_open_can_be_chosen_where_a_network_has_it() {
        let built = |name: &str, choices| {
            let architecture = architecture(name).unwrap();
            architecture.graph(Input { choices, ..architecture.published }).map(Network::unset)
        };
        let count = |choices| built("mlfi-benchmark", choices).unwrap().trainable_count();
        let listed = Choices::LISTED;
        // Averages have no weights. A GRU has 6 biases a unit, three matrices of [in + units, units]; an LSTM four and
        // 4 biases; a simple layer one of each.
        assert_eq!(count(Choices { average_block: 0, ..listed }), 1_042_090);
        let layers = |gates: usize, biases: usize, units: usize| {
            gates * units * ((16 + units) + 2 * units) + 2 * biases * units
        };
        for (recurrent, gates, biases, units) in [
            (RecurrentKind::Gru, 3, 6, 64),
            (RecurrentKind::Lstm, 4, 4, 64),
            (RecurrentKind::Simple, 1, 1, 64),
            (RecurrentKind::Gru, 3, 6, 32),
        ] {
            let expected = 1_042_090 - layers(3, 6, 64) - 10 * (64 - units) + layers(gates, biases, units);
            let choices = Choices { recurrent, units, ..listed };
            assert_eq!(count(choices), expected, "{choices:?}");
        }
        let sigmoid = Choices { activation: Activation::Sigmoid, ..listed };
        let network = built("v-kernel-l2", sigmoid).unwrap();
        assert!(network.graph().nodes().iter().any(|node| matches!(node.layer, Layer::Sigmoid(_))));
        let refused = [
            ("mlfi-benchmark", sigmoid),
            ("crnn", Choices { units: 32, ..listed }),
            ("v-kernel", Choices { average_block: 1, ..listed }),
            ("mlfi-benchmark", Choices { average_block: 6, ..listed }),
            ("mlfi-benchmark", Choices { units: 0, ..listed }),
        ];
        for (name, choices) in refused {
            assert_eq!(
                built(name, choices).unwrap_err().kind(),
                ErrorKind::BadSettings,
                "{name} {choices:?}"
            );
        }
    }

    #[test]
    fn every_value_but_the_scores_is_read() {
        for architecture in architectures() {
            let graph = architecture.graph(architecture.published).unwrap();
            let read: HashSet<NodeId> = graph.nodes().iter().flat_map(|node| node.inputs.clone()).collect();
            assert_eq!(read.len(), graph.nodes().len() - 1, "{}", architecture.name);
        }
    }

    #[test]
    fn a_training_step_moves_every_matrix_of_weights() {
        for architecture in architectures() {
            let (frames, name) = (38, architecture.name);
            let graph = architecture.graph(Input { frames, ..architecture.published }).unwrap();
            let inputs = graph.nodes().iter().filter(|node| node.layer == Layer::Input);
            let numbers = |count: usize| (0..count).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
            let values: Vec<Vec<f32>> =
                inputs.map(|node| numbers(2 * node.shape.iter().product::<usize>())).collect();
            let values: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
            let genres = architecture.published.genres;
            let target = |i: usize| f32::from(u8::from(i % genres == 3 + i / genres));
            let targets: Vec<f32> = (0..2 * genres).map(target).collect();
            let before = Network::new(graph, 1);
            let mut trainer = Trainer::new(before.clone(), Adam::default());
            let loss = trainer.step(&values, 2, frames, &targets, 1e-2).unwrap().loss;
            assert!(loss.is_finite() && loss > 0.0, "{name}: loss {loss}");
            // Not biases: one before a batch norm has no gradient.
            let pairs = before.parameters().iter().zip(trainer.network().parameters());
            for (old, new) in pairs.filter(|(old, _)| old.shape.len() > 1) {
                assert_ne!(old.data, new.data, "{name}: {} stands still", new.name);
            }
        }
    }

    #[test]
    fn a_network_that_reads_features_says_so_where_there_are_none() {
        for architecture in architectures() {
            let input = Input { features: 0, ..architecture.published };
            let refused = architecture.graph(input).err();
            assert_eq!(refused.is_some(), architecture.family == "mlfi", "{}", architecture.name);
            if let Some(error) = refused {
                assert_eq!(error.kind(), ErrorKind::BadSettings);
                assert!(error.to_string().contains("audio features"), "{error}");
            }
        }
    }
}
