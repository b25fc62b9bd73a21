//! Adam and the training step.

use crate::graph::ShapeError;
use crate::layers::Mode;
use crate::loss::softmax_cross_entropy;
use crate::network::{Network, Parameter};
use crate::session::Session;

/// Settings of Adam (Kingma and Ba 2015); with weight decay it is AdamW (Loshchilov and Hutter 2019).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay of the mean of the gradient.
    pub beta1: f32,
    /// Decay of the mean of its square.
    pub beta2: f32,
    /// Added to the root of the mean square.
    pub eps: f32,
    /// Share of a weight (times the learning rate) taken off in each step; biases and gains of one axis are spared.
    pub weight_decay: f32,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-7, weight_decay: 0.0 }
    }
}

/// What one training step gives.
#[derive(Clone, Debug)]
pub struct Step {
    /// Mean cross-entropy of the batch before the step.
    pub loss: f32,
    /// `[samples, classes]`.
    pub logits: Vec<f32>,
}

/// A network in training: its weights, the optimiser's moments, the buffers.
#[derive(Debug)]
pub struct Trainer {
    network: Network,
    adam: Adam,
    session: Session,
    steps: u64,
    means: Vec<Vec<f32>>,
    squares: Vec<Vec<f32>>,
}

/// The optimiser's memory, for a checkpoint.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Moments {
    /// Steps taken.
    pub steps: u64,
    /// Means of the gradients, one array a parameter.
    pub means: Vec<Vec<f32>>,
    /// Means of their squares.
    pub squares: Vec<Vec<f32>>,
}

impl Trainer {
    /// A trainer that has taken no step.
    pub fn new(network: Network, adam: Adam) -> Self {
        let zeros: Vec<Vec<f32>> = network.parameters().iter().map(|p| vec![0.0; p.data.len()]).collect();
        Self { network, adam, session: Session::new(), steps: 0, means: zeros.clone(), squares: zeros }
    }

    /// Forward, backward and one step of Adam on a batch of `samples` patches of `frames` frames.
    ///
    /// # Shape
    /// `inputs`: one slice an input node; `targets` `[samples, classes]`, rows summing to 1.
    ///
    /// # Errors
    /// As [`Network::infer`].
    pub fn step(
        &mut self,
        inputs: &[&[f32]],
        samples: usize,
        frames: usize,
        targets: &[f32],
        learning_rate: f32,
    ) -> Result<Step, ShapeError> {
        let mode = Mode::Train { seed: self.steps };
        let logits = self.session.forward(&self.network, inputs, [samples, frames], mode)?.to_vec();
        let (loss, d_logits) = softmax_cross_entropy(&logits, targets, targets.len() / samples.max(1));
        let gradients = self.session.backward(&self.network, &d_logits);
        self.steps += 1;
        let moments = self.means.iter_mut().zip(&mut self.squares);
        let parameters = self.network.parameters_mut().iter_mut().zip(gradients);
        for ((parameter, gradient), (mean, square)) in parameters.zip(moments) {
            match parameter.running {
                Some(momentum) => follow(&mut parameter.data, gradient, momentum),
                None => self.adam.update(parameter, gradient, [mean, square], self.steps, learning_rate),
            }
        }
        Ok(Step { loss, logits })
    }

    /// The network as it stands.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to be changed between steps.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// The trained network.
    pub fn into_network(self) -> Network {
        self.network
    }

    /// The optimiser's memory.
    pub fn moments(&self) -> Moments {
        Moments { steps: self.steps, means: self.means.clone(), squares: self.squares.clone() }
    }

    /// Goes on from a checkpoint's memory.
    ///
    /// # Errors
    /// When the arrays are not those of this network.
    pub fn restore(&mut self, moments: Moments) -> Result<(), ShapeError> {
        let lengths = |arrays: &[Vec<f32>]| arrays.iter().map(Vec::len).collect::<Vec<_>>();
        if lengths(&moments.means) != lengths(&self.means)
            || lengths(&moments.squares) != lengths(&self.squares)
        {
            return Err(ShapeError {
                node: "optimiser".into(),
                message: "the moments are of another network".into(),
            });
        }
        (self.steps, self.means, self.squares) = (moments.steps, moments.means, moments.squares);
        Ok(())
    }
}

impl Adam {
    fn update(
        &self,
        parameter: &mut Parameter,
        gradient: &[f32],
        [mean, square]: [&mut Vec<f32>; 2],
        steps: u64,
        learning_rate: f32,
    ) {
        let correction = |beta: f32| (1.0 - f64::from(beta).powf(steps as f64)) as f32;
        let rate = learning_rate / correction(self.beta1);
        let root = correction(self.beta2).sqrt();
        let decay = if parameter.shape.len() > 1 { learning_rate * self.weight_decay } else { 0.0 };
        let moments = mean.iter_mut().zip(square.iter_mut());
        for ((weight, g), (m, v)) in parameter.data.iter_mut().zip(gradient).zip(moments) {
            *m = self.beta1 * *m + (1.0 - self.beta1) * g;
            *v = self.beta2 * *v + (1.0 - self.beta2) * g * g;
            *weight -= decay * *weight + rate * *m / (v.sqrt() / root + self.eps);
        }
    }
}

fn follow(running: &mut [f32], batch: &[f32], momentum: f32) {
    for (running, batch) in running.iter_mut().zip(batch) {
        *running += momentum * (batch - *running);
    }
}
