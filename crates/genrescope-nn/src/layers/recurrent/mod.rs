//! Recurrent layers, one or both directions.

mod cell;
mod scan;

use std::marker::PhantomData;
use std::ops::Range;

use super::{Backward, Carried, Memo, Op, ParameterSpec, Pass, Start, Value, single};
use crate::graph::Shape;
use crate::kernels::Write;
use crate::parallel::{for_groups, for_samples, sum_groups};
use cell::{Cell, GruCell, LstmCell, SimpleCell};
use scan::{Scan, transposed};

/// Which way the steps are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// First to last.
    Forward,
    /// Both ways, each with weights of its own; the outputs are concatenated, forward first.
    Both,
}

/// What is given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The state after the last step read (backward: after step 1): `[1, 1, units]` per direction.
    Last,
    /// The state after every step: `[t, 1, units]` per direction.
    Sequence,
}

/// What a step computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecurrentKind {
    /// Long short-term memory, gates i, f, c, o, one bias a gate.
    Lstm,
    /// Gated recurrent unit, gates z, r, n, two biases a gate, reset after the product (ONNX `linear_before_reset = 1`,
    /// Keras `reset_after`): `n = tanh(x·W + b + r · (h·U + c))`, `h' = z · h + (1 − z) · n`.
    Gru,
    /// `h' = tanh(x·W + b + h·U)`.
    Simple,
}

/// Input `[t, b, c]` is read as `t` steps of `b · c` numbers. Weights per direction, with 4, 3 or 1 gates:
/// `wx [in, gates · units]`, `wh [units, gates · units]`, `bias [gates · units]` and for GRU `state_bias`, the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrent {
    /// What a step computes.
    pub kind: RecurrentKind,
    /// Width of the state.
    pub units: usize,
    /// Which way the steps are read.
    pub direction: Direction,
    /// What is given out.
    pub output: Output,
}

static BEGINNING: Carried = Carried { skip: 0, keep: 0, state: Vec::new() };

const NAMES: [[&str; 4]; 2] =
    [["wx", "wh", "bias", "state_bias"], ["reverse_wx", "reverse_wh", "reverse_bias", "reverse_state_bias"]];

impl RecurrentKind {
    fn gates(self) -> usize {
        match self {
            Self::Lstm => LstmCell::GATES,
            Self::Gru => GruCell::GATES,
            Self::Simple => SimpleCell::GATES,
        }
    }

    /// Arrays of weights per direction.
    fn weights(self) -> usize {
        if self == Self::Gru { 4 } else { 3 }
    }
}

/// Calls a method of [`Recurrent`] for the layer's kind of cell.
macro_rules! with_cell {
    ($layer:ident.$method:ident($($argument:expr),*)) => {
        match $layer.kind {
            RecurrentKind::Lstm => $layer.$method::<LstmCell>($($argument),*),
            RecurrentKind::Gru => $layer.$method::<GruCell>($($argument),*),
            RecurrentKind::Simple => $layer.$method::<SimpleCell>($($argument),*),
        }
    };
}

impl Op for Recurrent {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let steps = single(inputs)?[0];
        let time = if self.output == Output::Last { 1 } else { steps };
        Ok([time, 1, self.directions() * self.units])
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        let (width, u) = (inputs[0][1] * inputs[0][2], self.units);
        let columns = self.kind.gates() * u;
        let specs = |names: &[&'static str; 4]| {
            [
                ParameterSpec::new(names[0], &[width, columns], Start::Glorot { fan_in: width, fan_out: u }),
                ParameterSpec::new(names[1], &[u, columns], Start::Glorot { fan_in: u, fan_out: u }),
                ParameterSpec::new(names[2], &[columns], Start::Constant(0.0)),
                ParameterSpec::new(names[3], &[columns], Start::Constant(0.0)),
            ]
        };
        let weights = self.kind.weights();
        NAMES[..self.directions()].iter().flat_map(|names| specs(names).into_iter().take(weights)).collect()
    }

    fn forward(
        &self,
        pass: &Pass,
        inputs: &[Value],
        weights: &[&[f32]],
        output: &mut [f32],
        memo: &mut Memo,
    ) {
        with_cell!(self.run(pass, inputs[0], weights, output, memo));
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        with_cell!(self.run_back(pass, gradients));
    }
}

impl Recurrent {
    fn directions(&self) -> usize {
        if self.direction == Direction::Both { 2 } else { 1 }
    }

    fn scan<'a, C>(
        &self,
        pass: &Pass,
        input: Value<'a>,
        weights: &'a [&'a [f32]],
        direction: usize,
    ) -> Scan<'a, C> {
        let count = self.kind.weights();
        Scan {
            steps: input.shape[0],
            inputs: input.shape[1] * input.shape[2],
            units: self.units,
            reverse: direction == 1,
            path: pass.path,
            x: input.data,
            weights: &weights[count * direction..][..count],
            from: &BEGINNING,
            cell: PhantomData,
        }
    }

    /// Keeps the records of each direction, one direction behind the other.
    fn run<C: Cell + Sync>(
        &self,
        pass: &Pass,
        input: Value,
        weights: &[&[f32]],
        output: &mut [f32],
        memo: &mut Memo,
    ) {
        let (u, directions) = (self.units, self.directions());
        let mut carried = std::mem::take(&mut memo.carried);
        let scan = |direction| Scan { from: &carried, ..self.scan(pass, input, weights, direction) };
        let scans: Vec<Scan<C>> = (0..directions).map(scan).collect();
        let length = pass.samples * scans[0].record_length();
        memo.numbers.resize(directions * length, 0.0);
        for (scan, records) in scans.iter().zip(memo.numbers.chunks_exact_mut(length.max(1))) {
            for_groups(pass.samples, records, |range, part| scan.forward(range, part));
        }
        let records = &memo.numbers;
        for_samples(pass.samples, output, |sample, output| {
            for (row, target) in output.chunks_exact_mut(directions * u).enumerate() {
                for (direction, target) in target.chunks_exact_mut(u).enumerate() {
                    let scan = &scans[direction];
                    let step = if self.output == Output::Sequence { row } else { scan.last_step() };
                    let hidden = direction * length + scan.hidden(sample, step);
                    target.copy_from_slice(&records[hidden..][..u]);
                }
            }
        });
        if carried.keep > carried.skip {
            carried.state = scans[0].state(records, carried.keep - 1).to_vec();
        }
        memo.carried = carried;
    }

    fn run_back<C: Cell + Sync>(&self, pass: &Pass, gradients: Backward) {
        let Backward { inputs, weights, memo, d_output, d_inputs, d_weights, .. } = gradients;
        let count = self.kind.weights();
        for direction in 0..self.directions() {
            let scan: Scan<C> = self.scan(pass, inputs[0], weights, direction);
            let length = pass.samples * scan.record_length();
            let records = &memo.numbers[direction * length..][..length];
            let columns = self.kind.gates() * self.units;
            let [wx_back, wh_back] = [0, 1].map(|i| transposed(scan.weights[i], columns));
            let d_gates = self.gate_gradients(pass, &scan, (records, &wh_back), d_output);
            let group = |range: &Range<usize>| {
                &d_gates[range.start * scan.gradient_length()..range.end * scan.gradient_length()]
            };
            let sums = sum_groups(pass.samples, scan.weight_length(), |range, sums| {
                let group = group(&range);
                scan.add_weight_gradients(range, records, group, sums);
            });
            let mut rest = &sums[..];
            for d_weight in &mut d_weights[count * direction..][..count] {
                let (part, behind) = rest.split_at(d_weight.len());
                d_weight.copy_from_slice(part);
                rest = behind;
            }
            let Some(d_input) = &mut d_inputs[0] else { continue };
            let write = if direction == 0 { Write::Replace } else { Write::Add };
            for_groups(pass.samples, d_input, |range, part| {
                scan.input_gradient(range.len(), (group(&range), &wx_back), part, write);
            });
        }
    }

    /// Gradients of the gates of all samples from that of the layer's output.
    fn gate_gradients<C: Cell + Sync>(
        &self,
        pass: &Pass,
        scan: &Scan<C>,
        (records, back): (&[f32], &[f32]),
        d_output: &[f32],
    ) -> Vec<f32> {
        let (steps, u, last) = (scan.steps, self.units, scan.last_step());
        let (width, offset) = (self.directions() * u, if scan.reverse { u } else { 0 });
        let mut d_gates = vec![0.0; pass.samples * scan.gradient_length()];
        for_groups(pass.samples, &mut d_gates, |range, part| {
            let add_output = |sample: usize, step: usize, dh: &mut [f32]| {
                let row = match self.output {
                    Output::Sequence => (range.start + sample) * steps + step,
                    Output::Last if step == last => range.start + sample,
                    Output::Last => return,
                };
                let d = &d_output[row * width + offset..][..u];
                dh.iter_mut().zip(d).for_each(|(dh, d)| *dh += d);
            };
            let records = &records[range.start * scan.record_length()..];
            scan.backward(range.len(), (records, back), add_output, part);
        });
        d_gates
    }
}
