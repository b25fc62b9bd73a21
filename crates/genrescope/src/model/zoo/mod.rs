//! Every network by its name, as a graph. *Takes* a name and the front end's extents, *gives* the graph.

mod residual;
mod shallow;

use crate::{Error, ErrorKind, Result};
use genrescope_nn::{Graph, Network, ShapeError};

/// Extents that a network is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Frames of a patch.
    pub frames: usize,
    /// Mel bands.
    pub bands: usize,
    /// Classes.
    pub genres: usize,
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
    /// Fewest frames that a network of any length takes.
    pub minimum_frames: usize,
    /// The input that its source publishes.
    pub published: Input,
    build: fn(Input) -> Result<Graph, ShapeError>,
}

impl Architecture {
    /// The network's graph.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] when the input is too small for it; names the node.
    pub fn graph(&self, input: Input) -> Result<Graph> {
        (self.build)(input).map_err(|error| {
            Error::new(ErrorKind::BadSettings, format!("network {}: {error}", self.name)).with_source(error)
        })
    }

    /// Its size at the published input.
    ///
    /// # Errors
    /// None: a test builds every network.
    pub fn parameter_counts(&self) -> Result<ParameterCounts> {
        Ok(ParameterCounts::from(&Network::unset(self.graph(self.published)?)))
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

const SHALLOW: &str =
    "de Matos, de Carvalho, Zanini: \"Shallow\" neural networks for musical genre classification, LAMIR 2024";
const TEN_SECONDS: Input = Input { frames: 313, bands: 128, genres: 10 };

/// All networks, in the order in which they are listed.
pub const ARCHITECTURES: [Architecture; 5] = [
    Architecture {
        name: "v-kernel",
        family: "shallow",
        source: SHALLOW,
        any_length: false,
        minimum_frames: 2,
        published: TEN_SECONDS,
        build: shallow::v_kernel,
    },
    Architecture {
        name: "v-kernel-l2",
        family: "shallow",
        source: SHALLOW,
        any_length: false,
        minimum_frames: 2,
        published: TEN_SECONDS,
        build: shallow::v_kernel_l2,
    },
    Architecture {
        name: "crnn",
        family: "shallow",
        source: SHALLOW,
        any_length: true,
        minimum_frames: 2,
        published: TEN_SECONDS,
        build: shallow::crnn,
    },
    Architecture {
        name: "bicrnn",
        family: "shallow",
        source: SHALLOW,
        any_length: true,
        minimum_frames: 2,
        published: TEN_SECONDS,
        build: shallow::bicrnn,
    },
    Architecture {
        name: "residual",
        family: "genrescope",
        source: "Genrescope: a small residual network, after He, Zhang, Ren, Sun: Deep residual learning, CVPR 2016",
        any_length: true,
        minimum_frames: 8,
        published: Input { frames: 128, bands: 128, genres: 10 },
        build: residual::residual,
    },
];

/// The network of that name.
///
/// # Errors
/// [`ErrorKind::BadSettings`] with the names there are.
pub fn architecture(name: &str) -> Result<&'static Architecture> {
    ARCHITECTURES.iter().find(|architecture| architecture.name == name).ok_or_else(|| {
        let names: Vec<&str> = ARCHITECTURES.iter().map(|architecture| architecture.name).collect();
        Error::new(
            ErrorKind::BadSettings,
            format!("no network is called {name}; there are {}", names.join(", ")),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_inputs_give_the_published_parameter_counts() {
        for (name, trainable) in
            [("v-kernel", 179_538), ("v-kernel-l2", 179_538), ("crnn", 427_274), ("bicrnn", 460_938)]
        {
            let architecture = architecture(name).unwrap();
            let network = Network::new(architecture.graph(architecture.published).unwrap(), 0);
            assert_eq!(network.trainable_count(), trainable, "{name}");
        }
    }

    #[test]
    fn every_network_takes_the_frames_of_any_front_end_that_it_claims() {
        for architecture in &ARCHITECTURES {
            for frames in [38, 128, 431] {
                let network =
                    Network::new(architecture.graph(Input { frames, ..architecture.published }).unwrap(), 1);
                let other = if architecture.any_length { frames / 2 } else { frames };
                let patch = vec![0.1; other * 128];
                assert_eq!(network.infer(&[&patch], 1, other).unwrap().len(), 10, "{}", architecture.name);
                if architecture.any_length {
                    let shortest = architecture.minimum_frames;
                    assert!(
                        network.infer(&[&vec![0.1; shortest * 128]], 1, shortest).is_ok(),
                        "{}",
                        architecture.name
                    );
                    let shorter = shortest - 1;
                    assert!(
                        network.infer(&[&vec![0.1; shorter * 128]], 1, shorter).is_err(),
                        "{}",
                        architecture.name
                    );
                }
                let longer = network.infer(&[&vec![0.1; 2 * frames * 128]], 1, 2 * frames);
                assert_eq!(longer.is_ok(), architecture.any_length, "{}", architecture.name);
            }
        }
    }
}
