//! `[train]`: optimiser, schedule, what is kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dataset::patches::Places;

/// `[train]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// A model whose weights training starts from, but for a head that does not fit; none = fresh weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Layers of that model that stay as they are, by the beginnings of their names: `block1`, `gru`.
    pub freeze: Vec<String>,
    /// Times that every track is seen.
    pub epochs: usize,
    /// Patches a step.
    pub batch_size: usize,
    /// Where patches are cut: `random`, or `segments`, the stretches of a patch's length that lie side by side. Networks
    /// that read audio features need segments.
    pub patches: Places,
    /// Random crops of every track an epoch.
    pub crops_per_track: usize,
    /// The learning rate, or the highest of the one-cycle schedule.
    pub learning_rate: f32,
    /// What moves the weights.
    pub optimizer: Optimizer,
    /// Of gradient descent.
    pub momentum: f32,
    /// Gradients with a larger norm are shortened to it; 0 = never.
    pub clip_norm: f32,
    /// Decoupled weight decay (AdamW); 0 is Adam.
    pub weight_decay: f32,
    /// Numerical floor of Adam's denominator.
    pub epsilon: f32,
    /// How the learning rate moves.
    pub schedule: Schedule,
    /// Share of the steps in which the one-cycle schedule rises.
    pub rise_share: f32,
    /// The one-cycle schedule starts at `learning_rate / start_divisor`.
    pub start_divisor: f32,
    /// ... and ends at its start divided by this; the cosine schedule at `learning_rate / end_divisor`.
    pub end_divisor: f32,
    /// What the plateau schedule and early stopping watch.
    pub watch: Watch,
    /// The plateau schedule multiplies the rate by this.
    pub plateau_factor: f32,
    /// Epochs without improvement that the plateau schedule bears.
    pub plateau_patience: usize,
    /// Less than this is no improvement.
    pub min_delta: f64,
    /// As `min_delta`, for stopping early; that unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stop_min_delta: Option<f64>,
    /// Epochs without improvement after which training stops; 0 = never.
    pub early_stop_patience: usize,
    /// Which epoch's weights are kept.
    pub keep: Keep,
    /// Share of the running average of the weights that each step keeps; 0 = no average. The average is what is
    /// validated and kept.
    pub average: f32,
    /// What the mean cross-entropy of the tags of `data.taggrams` counts beside that of the genres; tags of a clip without,
    /// and of two that are mixed if one has none, count as 0. Their outputs are cut off when training is done.
    #[serde(skip_serializing_if = "is_zero")]
    pub tags_weight: f32,
    /// Distance of the patches of a validation track, frames.
    pub patch_hop_frames: usize,
    /// Epochs between validations (the last epoch is always validated).
    pub validate_every: usize,
}

fn is_zero(weight: &f32) -> bool {
    *weight == 0.0
}

/// What moves the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Adam, or AdamW with weight decay.
    Adam,
    /// Gradient descent with momentum.
    Sgd,
}

/// How the learning rate moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Up and far down along cosines, once (Smith and Topin 2017, the shape of PyTorch's `OneCycleLR`).
    OneCycle,
    /// Down along half a cosine (Loshchilov and Hutter 2017, PyTorch's `CosineAnnealingLR`).
    Cosine,
    /// Down by a factor whenever the watched loss stays (PyTorch's `ReduceLROnPlateau`).
    Plateau,
    /// Not at all.
    Constant,
}

/// The number that says whether an epoch was an improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// Log-loss of the validation tracks.
    ValidLoss,
    /// Mean loss of the training steps.
    TrainLoss,
}

/// Which epoch's weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The last one's.
    Last,
    /// The one with the lowest validation loss.
    BestLoss,
    /// The one with the highest validation accuracy.
    BestAccuracy,
}

impl Default for Train {
    fn default() -> Self {
        Self {
            from: None,
            freeze: Vec::new(),
            epochs: 60,
            batch_size: 32,
            patches: Places::Random,
            crops_per_track: 3,
            learning_rate: 3e-3,
            optimizer: Optimizer::Adam,
            momentum: 0.9,
            clip_norm: 0.0,
            weight_decay: 0.05,
            epsilon: 1e-8,
            schedule: Schedule::OneCycle,
            rise_share: 0.3,
            start_divisor: 25.0,
            end_divisor: 1e4,
            watch: Watch::ValidLoss,
            plateau_factor: 0.1,
            plateau_patience: 10,
            min_delta: 1e-4,
            early_stop_min_delta: None,
            early_stop_patience: 0,
            keep: Keep::Last,
            average: 0.0,
            tags_weight: 0.0,
            patch_hop_frames: 37,
            validate_every: 1,
        }
    }
}
