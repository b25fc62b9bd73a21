//! What the sources of networks leave open.

use serde::{Deserialize, Serialize};

use super::Architecture;
use crate::{Error, ErrorKind, Result};
use genrescope_nn::layers;

/// `[model.choices]`: what sources do not say. The defaults are the networks as they are listed; a choice that a network
/// does not have is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Choices {
    /// Of `mlfi-…`: which of the five convolution blocks averages where the others take the maximum, 1 to 5; 0 = none.
    pub average_block: usize,
    /// Of `mlfi-…`: what a step of the two recurrent layers computes.
    pub recurrent: RecurrentKind,
    /// Of `mlfi-…`: width of their states.
    pub units: usize,
    /// Of `v-kernel` and `v-kernel-l2`: what follows the hidden dense layer.
    pub activation: Activation,
}

/// What a step of a recurrent layer computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecurrentKind {
    /// Gated recurrent unit, reset after the product.
    Gru,
    /// Long short-term memory.
    Lstm,
    /// No gates.
    Simple,
}

impl From<RecurrentKind> for layers::RecurrentKind {
    fn from(kind: RecurrentKind) -> Self {
        match kind {
            RecurrentKind::Gru => Self::Gru,
            RecurrentKind::Lstm => Self::Lstm,
            RecurrentKind::Simple => Self::Simple,
        }
    }
}

/// What follows a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(0, x)`.
    Relu,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
}

impl From<Activation> for layers::Layer {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Relu => layers::Relu.into(),
            Activation::Sigmoid => layers::Sigmoid.into(),
        }
    }
}

impl Choices {
    /// The networks as they are listed.
    pub const LISTED: Self =
        Self { average_block: 4, recurrent: RecurrentKind::Gru, units: 64, activation: Activation::Relu };

    /// Whether nothing differs from the networks as they are listed.
    pub fn is_listed(&self) -> bool {
        *self == Self::LISTED
    }
}

impl Default for Choices {
    fn default() -> Self {
        Self::LISTED
    }
}

impl Architecture {
    /// Whether the network has these choices.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] with the choice that it does not have, or that is out of range.
    pub fn check_choices(&self, choices: &Choices) -> Result<()> {
        let listed = Choices::LISTED;
        let (mlfi, kernel) = (self.family == "mlfi", self.name.starts_with("v-kernel"));
        let checks = [
            (choices.average_block == listed.average_block || mlfi, "average_block is of mlfi networks"),
            (choices.average_block <= 5, "average_block must be 1 to 5, or 0 for none"),
            (choices.recurrent == listed.recurrent || mlfi, "recurrent is of mlfi networks"),
            (choices.units == listed.units || mlfi, "units is of mlfi networks"),
            ((1..=1024).contains(&choices.units), "units must be 1 to 1024"),
            (choices.activation == listed.activation || kernel, "activation is of v-kernel networks"),
        ];
        match checks.iter().find(|(fine, _)| !fine) {
            Some((_, what)) => {
                let what = format!("network {}: choices.{what}", self.name);
                Err(Error::new(ErrorKind::BadSettings, what))
            }
            None => Ok(()),
        }
    }
}
