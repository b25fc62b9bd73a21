//! A network before any training, with something to read: for what depends on its shape alone, such as its speed.

use super::{Architecture, Input};
use crate::{Error, ErrorKind, Result};
use genrescope_nn::Network;

/// A network and one sample of its inputs.
#[derive(Debug)]
pub struct Trial {
    network: Network,
    values: Vec<Vec<f32>>,
    frames: usize,
}

impl Trial {
    /// One pass of inference over the sample.
    ///
    /// # Errors
    /// None: the sample has the network's shape.
    pub fn run(&self) -> Result<Vec<f32>> {
        let values: Vec<&[f32]> = self.values.iter().map(Vec::as_slice).collect();
        let fail = |e: genrescope_nn::ShapeError| Error::new(ErrorKind::BadSettings, e.to_string());
        self.network.infer(&values, 1, self.frames).map_err(fail)
    }
}

impl Architecture {
    /// The network as it is used, batch norms folded, with fresh weights.
    ///
    /// # Errors
    /// As [`Architecture::graph`].
    pub fn trial(&self, input: Input) -> Result<Trial> {
        let numbers = |count: usize| (0..count).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
        let sizes = [input.frames * input.bands, input.features];
        Ok(Trial {
            network: Network::new(self.graph(input)?, 1).folded(),
            values: sizes.into_iter().filter(|size| *size > 0).map(numbers).collect(),
            frames: input.frames,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::model::zoo::architectures;

    #[test]
    fn every_network_can_be_tried() {
        for architecture in architectures() {
            let scores = architecture.trial(architecture.published).unwrap().run().unwrap();
            assert!(
                scores.len() == architecture.published.genres && scores.iter().all(|score| score.is_finite()),
                "{}",
                architecture.name
            );
        }
    }
}
