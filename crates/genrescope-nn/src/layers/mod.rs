//! The closed set of layers. Each file holds the layers of one kind: their settings, shapes, forward and backward.

mod activation;
mod channels;
mod combine;
mod conv;
mod dense;
mod moments;
mod norm;
mod pool;
mod recurrent;

pub use activation::{Dropout, L2Normalize, Relu, Sigmoid};
pub(crate) use channels::Owed;
pub use combine::{Add, Axis, Concat, Reshape};
pub(crate) use conv::Block;
pub use conv::{Conv2d, Initial};
pub use dense::Dense;
pub use norm::BatchNorm;
pub use pool::{GlobalPool, Pool, PoolKind};
pub use recurrent::{Direction, Output, Recurrent, RecurrentKind};

use crate::graph::Shape;
use crate::kernels::{Path, Write};
use std::fmt::Debug;
use std::sync::Arc;

/// A parameter's name within its node, its shape and how it starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParameterSpec {
    pub(crate) name: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) start: Start,
}

impl ParameterSpec {
    pub(crate) fn new(name: &'static str, shape: &[usize], start: Start) -> Self {
        Self { name, shape: shape.to_vec(), start }
    }
}

/// How a parameter starts, and whether training changes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    /// Uniform in ±√(6 / (fan_in + fan_out)) (Glorot).
    Glorot { fan_in: usize, fan_out: usize },
    /// Normal with deviation √(2 / fan_in) (He), for layers before a ReLU.
    He { fan_in: usize },
    /// One number everywhere.
    Constant(f32),
    /// A running statistic: not trained, moved towards each batch's value by `momentum`.
    Running { value: f32, momentum: f32 },
}

/// What a pass over the graph is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Running statistics, no dropout.
    Infer,
    /// Batch statistics, dropout drawn from the seed.
    Train {
        /// Draws the dropout masks; a new one each step.
        seed: u64,
    },
}

/// What every layer of one pass shares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    pub(crate) path: Path,
    pub(crate) mode: Mode,
    pub(crate) samples: usize,
    /// The node's place: its stream of random numbers.
    pub(crate) node: usize,
    /// Apply ReLU to the output while it is hot (the plan merged the node behind).
    pub(crate) relu: bool,
}

/// What a layer remembers from its forward for its backward.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memo {
    pub(crate) numbers: Vec<f32>,
    /// Numbers of the batch norm that a task begins with; already there if another one has the same.
    pub(crate) norm: Vec<f32>,
    /// A convolution's own output, before what follows it in the same task.
    pub(crate) z: Vec<f32>,
    /// `z` at the maxima of a pool.
    pub(crate) chosen: Vec<f32>,
    /// Where each pooled gradient goes.
    pub(crate) mask: Vec<u8>,
    /// Where a recurrent layer goes on.
    pub(crate) carried: Carried,
    /// A convolution's weights as its products read them, if they are at hand.
    pub(crate) prepared: Option<Arc<Vec<f32>>>,
}

/// Where a recurrent layer goes on in a sequence of one sample that comes in pieces; at its beginning unless set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carried {
    /// Steps of the piece that were read for good before.
    pub(crate) skip: usize,
    /// Steps of the piece after which the state is kept for the next one.
    pub(crate) keep: usize,
    /// The state before step `skip`; empty where it is zero.
    pub(crate) state: Vec<f32>,
}

/// The values that a layer reads, with their shapes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    pub(crate) shape: Shape,
    pub(crate) data: &'a [f32],
}

/// Everything that a layer's backward reads and writes; it overwrites the gradients it gives, but see `write`.
pub(crate) struct Backward<'a> {
    pub(crate) inputs: &'a [Value<'a>],
    pub(crate) output: Value<'a>,
    pub(crate) weights: &'a [&'a [f32]],
    pub(crate) memo: &'a Memo,
    pub(crate) d_output: &'a [f32],
    /// What `d_output` still lacks; never of layers that do not say [`Op::pays`].
    pub(crate) owed: Option<&'a Owed>,
    /// One for each input; `None` where nobody needs it.
    pub(crate) d_inputs: &'a mut [Option<Vec<f32>>],
    /// Whether the gradient of the only input is added to what stands there; never of layers that do not say
    /// [`Op::adds_gradient`].
    pub(crate) write: Write,
    /// What the gradient of the only input lacks.
    pub(crate) owes: &'a mut Option<Owed>,
    pub(crate) d_weights: &'a mut [Vec<f32>],
}

/// One kind of layer.
pub(crate) trait Op: Debug + Send + Sync {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String>;

    fn parameters(&self, _inputs: &[Shape]) -> Vec<ParameterSpec> {
        vec![]
    }

    /// Whether forward and backward can take the ReLU behind the layer along.
    fn merges_relu(&self) -> bool {
        false
    }

    /// Whether backward can add the gradient of its only input to those that other readers gave.
    fn adds_gradient(&self) -> bool {
        false
    }

    /// Whether backward takes along what the gradient of its output lacks.
    fn pays(&self) -> bool {
        false
    }

    /// Writes `output`: `[samples] + output_shape`.
    fn forward(&self, pass: &Pass, inputs: &[Value], weights: &[&[f32]], output: &mut [f32], memo: &mut Memo);

    /// Writes the gradients; those of running statistics are the batch's values.
    fn backward(&self, pass: &Pass, gradients: Backward);
}

macro_rules! layers {
    ($($kind:ident),*) => {
        /// What one node computes.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Layer {
            /// A value given from outside.
            Input,
            $(#[doc = concat!("See [`", stringify!($kind), "`].")] $kind($kind)),*
        }

        $(impl From<$kind> for Layer {
            fn from(layer: $kind) -> Self {
                Self::$kind(layer)
            }
        })*

        impl Layer {
            /// The kind's name.
            pub fn kind(&self) -> &'static str {
                match self {
                    Self::Input => "Input",
                    $(Self::$kind(_) => stringify!($kind)),*
                }
            }

            pub(crate) fn op(&self) -> Option<&dyn Op> {
                match self {
                    Self::Input => None,
                    $(Self::$kind(op) => Some(op)),*
                }
            }
        }
    };
}

layers!(
    Conv2d,
    BatchNorm,
    Relu,
    Sigmoid,
    Pool,
    GlobalPool,
    Dropout,
    Dense,
    Recurrent,
    Add,
    Concat,
    Reshape,
    L2Normalize
);

impl Layer {
    pub(crate) fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        self.op().map_or_else(|| Err("an input reads no node".into()), |op| op.output_shape(inputs))
    }

    pub(crate) fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        self.op().map_or_else(Vec::new, |op| op.parameters(inputs))
    }
}

/// The only shape of a layer that reads one node.
pub(crate) fn single(inputs: &[Shape]) -> Result<Shape, String> {
    match inputs {
        [shape] => Ok(*shape),
        _ => Err(format!("reads one node, found {}", inputs.len())),
    }
}
