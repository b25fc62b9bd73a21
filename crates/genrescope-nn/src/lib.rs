//! A small, fast neural-network engine for CPUs: graphs of layers, forward, backward, optimisers.
//!
//! A [`Graph`] names the layers and what they read; a [`Network`] adds the weights; a [`Trainer`] moves them.
//! Values are `[samples, time, bands, channels]`, channels fastest in memory. Knows no audio and no genre.
//!
//! ```
//! use genrescope_nn::{Adam, Graph, Network, Trainer, layers::{Conv2d, Dense, Relu}};
//!
//! let mut graph = Graph::new();
//! let image = graph.input("mel", [8, 4, 1]);
//! graph.chain(image, vec![("conv", Conv2d::same([3, 3], 16).into()), ("relu", Relu.into()),
//!                         ("out", Dense { units: 2 }.into())])?;
//! let mut trainer = Trainer::new(Network::new(graph, 7), Adam::default());
//! let (patches, targets) = (vec![0.5; 2 * 8 * 4], [1.0, 0.0, 0.0, 1.0]);
//! let step = trainer.step(&[&patches], 2, 8, &targets, 0.01)?;
//! assert!(step.loss > 0.0);
//! # Ok::<(), genrescope_nn::ShapeError>(())
//! ```

mod blocks;
mod explain;
mod fold;
mod graph;
#[allow(unsafe_code)] // the only place; each block says why it is sound
mod kernels;
pub mod layers;
mod loss;
mod math;
mod network;
pub mod onnx;
mod optim;
mod parallel;
mod plan;
mod prune;
mod random;
mod sequence;
mod session;
mod weights;

pub use explain::{Explanation, PlannedTask};
pub use graph::{Graph, Node, NodeId, Shape, ShapeError};
pub use kernels::Path;
pub use loss::{cross_entropy_with_labels, sigmoid, softmax, softmax_cross_entropy};
pub use network::{Network, Parameter};
pub use optim::{Adam, Moments, Optimizer, Sgd, Step, Trainer};
pub use sequence::Sequence;
pub use session::Session;
pub use weights::WeightsError;
