//! A network as an ONNX file, for other programs to run. Reads the same graph as the engine.
//!
//! *Takes* a network and what stands around it: what is done to its inputs, what its numbers become. *Gives* bytes.
//! *Decides* how values lie in the file (`value`): images `[samples, channels, bands, time]`, which is what ONNX's
//! convolutions read and where onnxruntime runs kernels over all bands fastest, vectors `[samples, numbers]`, sequences `[steps, samples, numbers]`. *Never* writes anything that
//! only training needs.
//!
//! Operators as <https://onnx.ai/onnx/operators> describes them in version 17.

mod document;
mod layers;
mod preparation;
mod protobuf;
mod recurrent;
mod spectrogram;
mod value;

pub use preparation::Preparation;
pub use spectrogram::{Edges, Spectrogram};

use crate::graph::{Node, NodeId, ShapeError};
use crate::layers::Layer;
use crate::network::Network;
use document::{Document, Extent, Port, Setting};
use value::{Form, Values};

/// The name of the file's output, `[samples, scores]`.
const OUTPUT: &str = "scores";
/// The name of an input of samples of sound.
const WAVEFORM: &str = "samples";
/// The name of an extent that stands for any number of samples.
const SAMPLES: &str = "batch";
/// The name of an extent that stands for any number of time steps.
const FRAMES: &str = "frames";

/// What the numbers of the last layer become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scores {
    /// They stay.
    Logits,
    /// Shares of 1.
    Softmax,
    /// 0 to 1 each.
    Sigmoid,
}

/// What stands around a network in its file.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What the graph is called.
    pub name: String,
    /// What is done to each input, in their order; inputs behind the last one are taken as they are.
    pub preparation: Vec<Vec<Preparation>>,
    /// What the numbers of the last layer become.
    pub scores: Scores,
    /// Whether the first input may have any number of time steps.
    pub any_length: bool,
    /// Keys and values for whoever reads the file.
    pub metadata: Vec<(String, String)>,
}

impl Network {
    /// The network as an ONNX file, for inference: without dropout, for any number of samples.
    ///
    /// # Shape
    /// Inputs have the names of the graph's: images of one channel are `[batch, bands, time]`, of several
    /// `[batch, channels, bands, time]`, vectors `[batch, numbers]`. The output is `scores`, `[batch, numbers]`.
    ///
    /// # Errors
    /// When the network is to take any length and reads a sequence as another shape.
    pub fn to_onnx(&self, surroundings: &Surroundings) -> Result<Vec<u8>, ShapeError> {
        let mut file = File { network: self, document: Document::default(), values: Values::default() };
        let mut preparation = surroundings.preparation.iter();
        for (id, node) in self.graph().nodes().iter().enumerate() {
            if node.layer == Layer::Input {
                let any_length = surroundings.any_length && id == 0;
                let steps = preparation.next().map_or(&[][..], Vec::as_slice);
                file.input(id, any_length, steps);
                continue;
            }
            if surroundings.any_length && matches!(node.layer, Layer::Reshape(_)) {
                let message = "reads a shape that is fixed, in a network of any length".into();
                return Err(ShapeError { node: node.name.clone(), message });
            }
            file.layer(id, node);
        }
        file.output(surroundings.scores);
        Ok(file.document.encode(&surroundings.name, &surroundings.metadata))
    }
}

/// A file that is being written.
struct File<'a> {
    network: &'a Network,
    document: Document,
    values: Values,
}

impl File<'_> {
    /// An input as it is given, prepared, in the form in which layers read it.
    fn input(&mut self, id: usize, any_length: bool, steps: &[Preparation]) {
        let node = &self.network.graph().nodes()[id];
        let [time, bands, channels] = node.shape;
        let is_vector = time * bands == 1 && !any_length;
        let mut name = self.port(node, any_length, steps);
        for (number, step) in (1..).zip(steps) {
            let output = format!("{}.prepared{number}", node.name);
            name = step.write(&mut self.document, [&name, &output], is_vector);
        }
        let image = format!("{}:image", node.name);
        let (form, name) = match (is_vector, channels) {
            (true, _) => (Form::Vector, name),
            (false, 1) => {
                let axis = self.document.integers(&format!("{image}.axis"), &[1]);
                (Form::Image, self.document.add("Unsqueeze", &image, &[&name, &axis], vec![]))
            }
            _ => (Form::Image, name),
        };
        self.values.keep(id, form, name);
    }

    /// Adds what is given from outside for an input; gives its name.
    fn port(&mut self, node: &Node, any_length: bool, steps: &[Preparation]) -> String {
        let [time, bands, channels] = node.shape;
        let given = steps.iter().rev().find_map(Preparation::frames_given).unwrap_or(time);
        let frames = if any_length { Extent::Any(FRAMES) } else { Extent::Fixed(given) };
        let (name, extents) = match steps.first() {
            Some(Preparation::Spectrogram(spectrogram)) => (WAVEFORM, vec![spectrogram.extent()]),
            _ if time * bands == 1 && !any_length => (node.name.as_str(), vec![Extent::Fixed(channels)]),
            _ if channels == 1 => (node.name.as_str(), vec![Extent::Fixed(bands), frames]),
            _ => (node.name.as_str(), vec![Extent::Fixed(channels), Extent::Fixed(bands), frames]),
        };
        let extents = std::iter::once(Extent::Any(SAMPLES)).chain(extents).collect();
        self.document.inputs.push(Port { name: name.to_owned(), extents });
        name.to_owned()
    }

    fn output(&mut self, scores: Scores) {
        let last = self.network.graph().nodes().len() - 1;
        let logits = self.value(NodeId(last), Form::Vector);
        let axis = vec![("axis", Setting::Integer(1))];
        let (kind, settings) = match scores {
            Scores::Logits => ("Identity", vec![]),
            Scores::Softmax => ("Softmax", axis),
            Scores::Sigmoid => ("Sigmoid", vec![]),
        };
        self.document.add(kind, OUTPUT, &[&logits], settings);
        let width = self.network.graph().nodes()[last].shape.iter().product();
        let extents = vec![Extent::Any(SAMPLES), Extent::Fixed(width)];
        self.document.outputs.push(Port { name: OUTPUT.into(), extents });
    }

    /// A value with its axes in another order.
    fn transpose(&mut self, output: &str, input: &str, order: &[i64]) -> String {
        let settings = vec![("perm", Setting::Integers(order.to_vec()))];
        self.document.add("Transpose", output, &[input], settings)
    }

    /// A value with other extents: 0 stands for what it has, -1 for the rest.
    fn reshape(&mut self, output: &str, input: &str, extents: &[i64]) -> String {
        let extents = self.document.integers(&format!("{output}.extents"), extents);
        self.document.add("Reshape", output, &[input, &extents], vec![])
    }

    /// A value without an axis, which has extent 1.
    fn squeeze(&mut self, output: &str, input: &str, axis: i64) -> String {
        let axis = self.document.integers(&format!("{output}.axis"), &[axis]);
        self.document.add("Squeeze", output, &[input, &axis], vec![])
    }

    /// A value with all axes but the first read as one.
    fn flatten(&mut self, output: &str, input: &str) -> String {
        self.document.add("Flatten", output, &[input], vec![("axis", Setting::Integer(1))])
    }
}
