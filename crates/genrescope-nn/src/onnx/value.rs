//! How the values of nodes lie in the file, and how one form becomes another.

use super::File;
use crate::graph::NodeId;

/// How a sample `[time, bands, channels]` lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `[samples, channels, bands, time]`.
    Image,
    /// `[samples, time · bands · channels]`, in the order of the engine.
    Vector,
    /// `[time, samples, bands · channels]`.
    Steps,
}

/// The names of nodes' values, by form; the first one of each node is the one that was computed.
#[derive(Debug, Default)]
pub(super) struct Values(Vec<(usize, Form, String)>);

impl Values {
    /// Says that a node's value lies in the file.
    pub(super) fn keep(&mut self, node: usize, form: Form, name: String) {
        self.0.push((node, form, name));
    }

    /// The form in which a node's value was computed.
    pub(super) fn form(&self, node: NodeId) -> Form {
        self.of(node).next().map_or(Form::Image, |(_, form, _)| *form)
    }

    fn of(&self, node: NodeId) -> impl Iterator<Item = &(usize, Form, String)> {
        self.0.iter().filter(move |(id, ..)| *id == node.0)
    }

    fn name(&self, node: NodeId, form: Form) -> Option<String> {
        self.of(node).find(|(_, other, _)| *other == form).map(|(.., name)| name.clone())
    }
}

impl File<'_> {
    /// The name of a node's value in that form; converted, once, if it does not lie so already.
    pub(super) fn value(&mut self, node: NodeId, form: Form) -> String {
        if let Some(name) = self.values.name(node, form) {
            return name;
        }
        let computed = self.values.form(node);
        let given =
            self.values.name(node, computed).expect("nodes are written in the order in which they are read");
        let name = self.convert(node, &given, [computed, form]);
        self.values.keep(node.0, form, name.clone());
        name
    }

    fn convert(&mut self, node: NodeId, given: &str, [from, to]: [Form; 2]) -> String {
        let node = &self.network.graph().nodes()[node.0];
        let ([time, bands, channels], width) = (node.shape, node.shape[1] * node.shape[2]);
        let output = format!("{}:{}", node.name, to.name());
        let between = format!("{output}.order");
        match (from, to) {
            (Form::Image, Form::Vector) if time * bands == 1 => self.flatten(&output, given),
            (Form::Image, Form::Vector) => {
                let ordered = self.transpose(&between, given, &[0, 3, 2, 1]);
                self.flatten(&output, &ordered)
            }
            (Form::Image, _) if bands == 1 => {
                let flat = self.squeeze(&between, given, 2);
                self.transpose(&output, &flat, &[2, 0, 1])
            }
            (Form::Image, _) => {
                let ordered = self.transpose(&between, given, &[3, 0, 2, 1]);
                self.reshape(&output, &ordered, &[0, 0, width as i64])
            }
            (Form::Vector, Form::Steps) => {
                let steps = self.reshape(&between, given, &[0, time as i64, width as i64]);
                self.transpose(&output, &steps, &[1, 0, 2])
            }
            (Form::Vector, _) => {
                let image = self.reshape(&between, given, &[0, time as i64, bands as i64, channels as i64]);
                self.transpose(&output, &image, &[0, 3, 2, 1])
            }
            (Form::Steps, Form::Vector) => {
                let ordered = self.transpose(&between, given, &[1, 0, 2]);
                self.flatten(&output, &ordered)
            }
            (Form::Steps, _) => {
                let ordered = self.transpose(&between, given, &[1, 2, 0]);
                let axis = self.document.integers(&format!("{output}.axis"), &[2]);
                self.document.add("Unsqueeze", &output, &[&ordered, &axis], vec![])
            }
        }
    }
}

impl Form {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Vector => "vector",
            Self::Steps => "steps",
        }
    }

    /// The axis of channels.
    pub(super) fn channels(self) -> i64 {
        if self == Self::Steps { 2 } else { 1 }
    }
}
