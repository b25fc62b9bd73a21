//! Optimisers and the training step.

use crate::graph::ShapeError;
use crate::kernels::Path;
use crate::layers::Mode;
use crate::loss::cross_entropy_with_labels;
use crate::network::{Network, Parameter};
use crate::session::Session;
use rayon::prelude::*;

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

/// Settings of gradient descent with momentum (Polyak 1964), as PyTorch's `SGD`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Share of the last step's direction that is kept; 0 is plain descent.
    pub momentum: f32,
    /// As [`Adam::weight_decay`].
    pub weight_decay: f32,
}

/// How gradients move the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// See [`Adam`].
    Adam(Adam),
    /// See [`Sgd`].
    Sgd(Sgd),
}

impl From<Adam> for Optimizer {
    fn from(adam: Adam) -> Self {
        Self::Adam(adam)
    }
}

impl From<Sgd> for Optimizer {
    fn from(sgd: Sgd) -> Self {
        Self::Sgd(sgd)
    }
}

/// What one training step gives.
#[derive(Clone, Debug)]
pub struct Step {
    /// Mean cross-entropy of the batch before the step.
    pub loss: f32,
    /// The same of labels, 0 where there are none.
    pub label_loss: f32,
    /// `[samples, classes + labels]`.
    pub logits: Vec<f32>,
}

/// A network in training: its weights, the optimiser's moments, the buffers.
#[derive(Debug)]
pub struct Trainer {
    network: Network,
    optimizer: Optimizer,
    longest_gradient: f32,
    /// The last outputs of each row are so many labels, and what they count.
    labels: (usize, f32),
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
    /// Means of the gradients, or the directions of gradient descent; one array a parameter.
    pub means: Vec<Vec<f32>>,
    /// Means of their squares; zeros in gradient descent.
    pub squares: Vec<Vec<f32>>,
}

impl Trainer {
    /// A trainer that has taken no step.
    pub fn new(network: Network, optimizer: impl Into<Optimizer>) -> Self {
        let zeros: Vec<Vec<f32>> = network.parameters().iter().map(|p| vec![0.0; p.data.len()]).collect();
        Self {
            network,
            optimizer: optimizer.into(),
            longest_gradient: f32::INFINITY,
            labels: (0, 0.0),
            session: Session::new(),
            steps: 0,
            means: zeros.clone(),
            squares: zeros,
        }
    }

    /// Gradients whose norm over all weights is larger are shortened to it (Pascanu, Mikolov and Bengio 2013).
    #[must_use]
    pub fn clipped_to(mut self, norm: f32) -> Self {
        self.longest_gradient = norm;
        self
    }

    /// The last `count` outputs are labels of which each may be right or not; see [`cross_entropy_with_labels`].
    #[must_use]
    pub fn with_labels(mut self, count: usize, weight: f32) -> Self {
        self.labels = (count, weight);
        self
    }

    /// Forward, backward and one step of the optimiser on a batch of `samples` patches of `frames` frames.
    ///
    /// # Shape
    /// `inputs`: one slice an input node; `targets` `[samples, classes]`, rows summing to 1, with labels behind them if the
    /// network has some.
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
        // On a thread of the pool: waiting for it from outside at each layer costs more than some layers.
        rayon::scope(|_| self.step_inside(inputs, [samples, frames], targets, learning_rate))
    }

    fn step_inside(
        &mut self,
        inputs: &[&[f32]],
        [samples, frames]: [usize; 2],
        targets: &[f32],
        learning_rate: f32,
    ) -> Result<Step, ShapeError> {
        let mode = Mode::Train { seed: self.steps };
        let logits = self.session.forward(&self.network, inputs, [samples, frames], mode)?.to_vec();
        let (labels, weight) = self.labels;
        let classes = targets.len() / samples.max(1) - labels;
        let ([loss, label_loss], d_logits) =
            cross_entropy_with_labels(&logits, targets, [classes, labels], weight);
        let gradients = self.session.backward(&self.network, inputs, &d_logits);
        let scale = shortening(self.network.parameters(), gradients, self.longest_gradient);
        self.steps += 1;
        let path = self.network.path();
        let moments = self.means.iter_mut().zip(&mut self.squares);
        let parameters = self.network.parameters_mut().iter_mut().zip(gradients);
        for ((parameter, gradient), (mean, square)) in parameters.zip(moments) {
            let Some(momentum) = parameter.running else {
                let update = Update::new(&self.optimizer, parameter, (self.steps, learning_rate), scale);
                update.apply(path, &mut parameter.data, gradient, [mean, square]);
                continue;
            };
            follow(&mut parameter.data, gradient, momentum);
        }
        Ok(Step { loss, label_loss, logits })
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

/// What gradients are multiplied by so that their norm over all trained weights is at most `longest`.
fn shortening(parameters: &[Parameter], gradients: &[Vec<f32>], longest: f32) -> f32 {
    if longest == f32::INFINITY {
        return 1.0;
    }
    let trained = parameters.iter().zip(gradients).filter(|(parameter, _)| parameter.is_trained());
    let squares: f64 = trained.flat_map(|(_, gradient)| gradient).map(|g| f64::from(*g).powi(2)).sum();
    (f64::from(longest) / (squares.sqrt() + 1e-6)).min(1.0) as f32
}

/// Share of a weight that a step takes off: none of biases and gains of one axis.
fn decay(parameter: &Parameter, learning_rate: f32, weight_decay: f32) -> f32 {
    if parameter.shape.len() > 1 { learning_rate * weight_decay } else { 0.0 }
}

/// Numbers that a thread moves at a time.
const CHUNK: usize = 1 << 14;

/// One step of one parameter, with everything that does not vary within it.
struct Update {
    optimizer: Optimizer,
    learning_rate: f32,
    decay: f32,
    /// Of the gradient.
    scale: f32,
    /// Adam's corrections of its two young means.
    corrections: [f32; 2],
}

impl Update {
    fn new(
        optimizer: &Optimizer,
        parameter: &Parameter,
        (step, learning_rate): (u64, f32),
        scale: f32,
    ) -> Self {
        let (betas, weight_decay) = match optimizer {
            Optimizer::Adam(adam) => ([adam.beta1, adam.beta2], adam.weight_decay),
            Optimizer::Sgd(sgd) => ([0.0; 2], sgd.weight_decay),
        };
        let corrections = betas.map(|beta| (1.0 - f64::from(beta).powf(step as f64)) as f32);
        let decay = decay(parameter, learning_rate, weight_decay);
        Self { optimizer: *optimizer, learning_rate, decay, scale, corrections }
    }

    fn apply(&self, path: Path, weights: &mut [f32], gradient: &[f32], [mean, square]: [&mut Vec<f32>; 2]) {
        let moments = mean.par_chunks_mut(CHUNK).zip(square.par_chunks_mut(CHUNK));
        let weights = weights.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
        weights.zip(moments).for_each(|((weights, gradient), (mean, square))| {
            path.vectorize(
                #[inline(always)]
                || match &self.optimizer {
                    Optimizer::Adam(adam) => self.adam(adam, weights, gradient, [mean, square]),
                    Optimizer::Sgd(sgd) => self.descend(sgd, weights, gradient, mean),
                },
            );
        });
    }

    #[inline(always)]
    fn adam(&self, adam: &Adam, weights: &mut [f32], gradient: &[f32], [mean, square]: [&mut [f32]; 2]) {
        let rate = self.learning_rate / self.corrections[0];
        let root = 1.0 / self.corrections[1].sqrt();
        let moments = mean.iter_mut().zip(square.iter_mut());
        for ((weight, g), (m, v)) in weights.iter_mut().zip(gradient).zip(moments) {
            let g = self.scale * g;
            *m = adam.beta1 * *m + (1.0 - adam.beta1) * g;
            *v = adam.beta2 * *v + (1.0 - adam.beta2) * g * g;
            *weight -= self.decay * *weight + rate * *m / (v.sqrt() * root + adam.eps);
        }
    }

    #[inline(always)]
    fn descend(&self, sgd: &Sgd, weights: &mut [f32], gradient: &[f32], direction: &mut [f32]) {
        for ((weight, g), direction) in weights.iter_mut().zip(gradient).zip(direction) {
            *direction = sgd.momentum * *direction + self.scale * g;
            *weight -= self.decay * *weight + self.learning_rate * *direction;
        }
    }
}

fn follow(running: &mut [f32], batch: &[f32], momentum: f32) {
    for (running, batch) in running.iter_mut().zip(batch) {
        *running += momentum * (batch - *running);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRADIENTS: [[f32; 2]; 3] = [[0.3, -0.4], [1.0, 2.0], [-0.5, 0.1]];

    /// The weights `[1, -2]` after each of three steps at rate 0.1.
    fn moved(longest: f32, optimizer: impl Into<Optimizer>) -> Vec<f32> {
        let mut weights =
            Parameter { name: "w".into(), shape: vec![2, 1], data: vec![1.0, -2.0], running: None };
        let (optimizer, mut mean, mut square) = (optimizer.into(), vec![0.0; 2], vec![0.0; 2]);
        let step = |(number, gradient): (u64, &[f32; 2])| {
            let scale = shortening(std::slice::from_ref(&weights), &[gradient.to_vec()], longest);
            let update = Update::new(&optimizer, &weights, (number, 0.1), scale);
            update.apply(Path::detect(), &mut weights.data, gradient, [&mut mean, &mut square]);
            weights.data.clone()
        };
        (1..).zip(&GRADIENTS).flat_map(step).collect()
    }

    fn assert_close(actual: &[f32], expected: [f32; 6]) {
        let close = actual.iter().zip(expected).all(|(a, e)| (a - e).abs() < 2e-6);
        assert!(close && actual.len() == 6, "{actual:?} is not {expected:?}");
    }

    fn descent(longest: f32) -> Vec<f32> {
        moved(longest, Sgd { momentum: 0.9, weight_decay: 0.0 })
    }

    fn adam(weight_decay: f32) -> Vec<f32> {
        moved(f32::INFINITY, Adam { weight_decay, ..Adam::default() })
    }

    // torch 2.15.0, float64: torch.optim.SGD, Adam and AdamW, torch.nn.utils.clip_grad_norm_
    #[test]
    fn steps_are_those_of_pytorch() {
        assert_close(&descent(f32::INFINITY), [0.97, -1.96, 0.843, -2.124, 0.7787, -2.2816]);
        assert_close(&descent(1.0), [0.97, -1.96, 0.898_278_66, -2.013_442_7, 0.883_729_46, -2.071_541_1]);
        assert_close(&adam(0.0), [0.9, -1.9, 0.809_476_6, -1.959_835_4, 0.773_976_9, -2.009_162_7]);
        assert_close(&adam(0.05), [0.895, -1.89, 0.800_001_6, -1.940_385_4, 0.760_501_9, -1.980_010_8]);
    }
}
