//! Recurrent layers as ONNX's LSTM, GRU and RNN.

use super::File;
use super::document::Setting;
use super::layers::output;
use super::value::Form;
use crate::graph::Node;
use crate::layers::{Direction, Output, Recurrent, RecurrentKind};

impl Recurrent {
    /// Our rows of gates in ONNX's order: i, o, f, c of LSTM; z, r, h of GRU.
    fn gate_order(&self) -> &'static [usize] {
        match self.kind {
            RecurrentKind::Lstm => &[0, 3, 1, 2],
            RecurrentKind::Gru => &[0, 1, 2],
            RecurrentKind::Simple => &[0],
        }
    }
}

impl File<'_> {
    /// Weights of both directions one behind the other; the states begin at 0.
    pub(super) fn recurrent(&mut self, id: usize, node: &Node, layer: &Recurrent) -> (Form, String) {
        let x = self.value(node.inputs[0], Form::Steps);
        let from = self.network.graph().nodes()[node.inputs[0].0].shape;
        let (width, units, gates) = (from[1] * from[2], layer.units, layer.gate_order());
        let directions = if layer.direction == Direction::Both { 2 } else { 1 };
        let arrays = if layer.kind == RecurrentKind::Gru { 4 } else { 3 };
        let (mut driven, mut state, mut bias) = (Vec::new(), Vec::new(), Vec::new());
        for direction in 0..directions {
            let array = |place: usize| self.weights(id, arrays * direction + place);
            driven.extend(gate_rows(array(0), [width, units], gates));
            state.extend(gate_rows(array(1), [units, units], gates));
            bias.extend(gate_rows(array(2), [1, units], gates));
            match layer.kind {
                RecurrentKind::Gru => bias.extend(gate_rows(array(3), [1, units], gates)),
                _ => bias.extend(vec![0.0; gates.len() * units]),
            }
        }
        let (rows, named) = (gates.len() * units, |part: &str| format!("{}.{part}", node.name));
        let w = self.document.numbers(&named("w"), &[directions, rows, width], &driven);
        let r = self.document.numbers(&named("r"), &[directions, rows, units], &state);
        let b = self.document.numbers(&named("b"), &[directions, 2 * rows], &bias);
        let (kind, settings) = operator(layer);
        let [all, last] = [named("all"), named("last")];
        self.document.add_many(kind, &[&all, &last], &[&x, &w, &r, &b], settings);
        self.states(node, layer.output, (&all, &last), directions)
    }

    /// `[steps, directions, samples, units]` or `[directions, samples, units]` in one of our forms.
    fn states(
        &mut self,
        node: &Node,
        wanted: Output,
        (all, last): (&str, &str),
        directions: usize,
    ) -> (Form, String) {
        let form = if wanted == Output::Last { Form::Vector } else { Form::Steps };
        let (name, width) = (output(node, form), node.shape[2] as i64);
        let between = format!("{name}.order");
        let name = match (wanted, directions) {
            (Output::Last, 1) => self.squeeze(&name, last, 0),
            (Output::Sequence, 1) => self.squeeze(&name, all, 1),
            (Output::Last, _) => {
                let ordered = self.transpose(&between, last, &[1, 0, 2]);
                self.flatten(&name, &ordered)
            }
            (Output::Sequence, _) => {
                let ordered = self.transpose(&between, all, &[0, 2, 1, 3]);
                self.reshape(&name, &ordered, &[0, 0, width])
            }
        };
        (form, name)
    }
}

fn operator(layer: &Recurrent) -> (&'static str, Vec<(&'static str, Setting)>) {
    let direction = if layer.direction == Direction::Both { "bidirectional" } else { "forward" };
    let mut settings =
        vec![("hidden_size", Setting::Integer(layer.units as i64)), ("direction", Setting::Text(direction))];
    let kind = match layer.kind {
        RecurrentKind::Lstm => "LSTM",
        RecurrentKind::Simple => "RNN",
        RecurrentKind::Gru => {
            settings.push(("linear_before_reset", Setting::Integer(1)));
            "GRU"
        }
    };
    (kind, settings)
}

/// `[in, gates · units]` → `[gates · units, in]` with the gates in another order.
fn gate_rows(weight: &[f32], [inputs, units]: [usize; 2], order: &[usize]) -> Vec<f32> {
    let columns = order.len() * units;
    let rows = order.iter().flat_map(|gate| (0..units).map(move |unit| gate * units + unit));
    rows.flat_map(|column| (0..inputs).map(move |input| weight[input * columns + column])).collect()
}
