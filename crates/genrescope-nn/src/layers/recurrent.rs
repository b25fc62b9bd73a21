//! Long short-term memory, one or both directions.
//!
//! The inputs of all steps go through one matrix product; a step then multiplies the small hidden state alone.
//! Backward keeps the gate gradients of all steps and takes one product for each weight.

use super::{Backward, Memo, Op, ParameterSpec, Pass, Start, Value, single};
use crate::graph::Shape;
use crate::kernels::{Matrix, Path, Product, Strides, Write, matmul, multiply};
use crate::math::{sigmoid, tanh};
use crate::parallel::{for_groups, for_samples, sum_groups};

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

/// LSTM with gates in the order i, f, c, o and one bias a gate. Input `[t, b, c]` is read as `t` steps of `b · c`.
/// Weights per direction: `[in, 4 · units]`, `[units, 4 · units]`, `[4 · units]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Lstm {
    /// Width of the state.
    pub units: usize,
    /// Which way the steps are read.
    pub direction: Direction,
    /// What is given out.
    pub output: Output,
}

const NAMES: [[&str; 3]; 2] = [["wx", "wh", "bias"], ["reverse_wx", "reverse_wh", "reverse_bias"]];

/// One direction of one pass. A step's record in the memo is `[gates i f c o | cell | hidden]`, 6 · units numbers.
struct Scan<'a> {
    steps: usize,
    inputs: usize,
    units: usize,
    reverse: bool,
    path: Path,
    x: &'a [f32],
    weights: &'a [&'a [f32]],
}

impl Lstm {
    fn directions(&self) -> usize {
        if self.direction == Direction::Both { 2 } else { 1 }
    }

    fn scan<'a>(
        &self,
        pass: &Pass,
        input: Value<'a>,
        weights: &'a [&'a [f32]],
        direction: usize,
    ) -> Scan<'a> {
        Scan {
            steps: input.shape[0],
            inputs: input.shape[1] * input.shape[2],
            units: self.units,
            reverse: direction == 1,
            path: pass.path,
            x: input.data,
            weights: &weights[3 * direction..][..3],
        }
    }
}

impl Scan<'_> {
    /// Steps in the order in which they are read.
    fn order(&self) -> Vec<usize> {
        if self.reverse { (0..self.steps).rev().collect() } else { (0..self.steps).collect() }
    }

    fn record(&self, sample: usize, step: usize) -> usize {
        (sample * self.steps + step) * 6 * self.units
    }

    /// `c[samples, columns] += a[samples, depth] · b[depth, columns]`, few rows: no packing.
    fn add_product(&self, a: &[f32], b: &[f32], [samples, depth, columns]: [usize; 3], c: &mut [f32]) {
        let product = Product {
            rows: samples,
            columns,
            depth,
            segments: 1,
            a: Strides { row: depth, step: 1, segment: 0 },
            b_step: columns,
            b_segment: 0,
            c_row: columns,
        };
        multiply(self.path, product, a, b, c, Write::Add);
    }

    /// Fills the records of `count` samples from sample `first` on.
    fn forward(&self, first: usize, count: usize, records: &mut [f32]) {
        let (u, width) = (self.units, 4 * self.units);
        let [wx, wh, bias] = [self.weights[0], self.weights[1], self.weights[2]];
        let rows = count * self.steps;
        let mut driven: Vec<f32> = bias.iter().copied().cycle().take(rows * width).collect();
        let x = Matrix::new(&self.x[first * self.steps * self.inputs..], rows, self.inputs);
        matmul(x, Matrix::new(wx, self.inputs, width), &mut driven, Write::Add);

        let (mut hidden, mut cell) = (vec![0.0; count * u], vec![0.0; count * u]);
        let mut gates = vec![0.0; count * width];
        for step in self.order() {
            for (sample, gates) in gates.chunks_exact_mut(width).enumerate() {
                gates.copy_from_slice(&driven[(sample * self.steps + step) * width..][..width]);
            }
            self.add_product(&hidden, wh, [count, u, width], &mut gates);
            let states = cell.chunks_exact_mut(u).zip(hidden.chunks_exact_mut(u));
            for (sample, (gates, (cell, hidden))) in gates.chunks_exact_mut(width).zip(states).enumerate() {
                self.path.vectorize(
                    #[inline(always)]
                    || advance(gates, cell, hidden),
                );
                let record = &mut records[self.record(sample, step)..][..6 * u];
                record[..width].copy_from_slice(gates);
                record[width..5 * u].copy_from_slice(cell);
                record[5 * u..].copy_from_slice(hidden);
            }
        }
    }

    /// Gradients of the gates before their functions, `[sample, step, 4 · units]`, of a group of samples.
    fn backward(&self, records: &[f32], d_hidden: impl Fn(usize, usize, &mut [f32]), d_gates: &mut [f32]) {
        let (u, width) = (self.units, 4 * self.units);
        let count = d_gates.len() / (self.steps * width);
        let back = transposed(self.weights[1], u, width);
        let (mut dh, mut dc) = (vec![0.0; count * u], vec![0.0; count * u]);
        let mut now = vec![0.0; count * width];
        let order = self.order();
        for (i, &step) in order.iter().enumerate().rev() {
            let earlier = i.checked_sub(1).map(|i| order[i]);
            for sample in 0..count {
                let (dh, dc) = (&mut dh[sample * u..][..u], &mut dc[sample * u..][..u]);
                d_hidden(sample, step, dh);
                let record = &records[self.record(sample, step)..][..5 * u];
                let before = earlier.map(|e| &records[self.record(sample, e) + width..][..u]);
                let d = &mut now[sample * width..][..width];
                self.path.vectorize(
                    #[inline(always)]
                    || retreat(record, before, dh, dc, d),
                );
                d_gates[(sample * self.steps + step) * width..][..width].copy_from_slice(d);
            }
            dh.fill(0.0);
            self.add_product(&now, &back, [count, width, u], &mut dh);
        }
    }

    /// The hidden states that each step started from, `[sample · step, units]`.
    fn earlier_hidden(&self, first: usize, count: usize, records: &[f32]) -> Vec<f32> {
        let u = self.units;
        let mut earlier = vec![0.0; count * self.steps * u];
        let order = self.order();
        for sample in 0..count {
            for pair in order.windows(2) {
                let from = self.record(first + sample, pair[0]) + 5 * u;
                let to = (sample * self.steps + pair[1]) * u;
                earlier[to..][..u].copy_from_slice(&records[from..][..u]);
            }
        }
        earlier
    }

    /// Adds the gradients of the three weights, one behind the other, over a group of samples.
    fn add_weight_gradients(&self, first: usize, records: &[f32], d_gates: &[f32], sums: &mut [f32]) {
        let (u, width) = (self.units, 4 * self.units);
        let rows = d_gates.len() / width;
        let (d_wx, rest) = sums.split_at_mut(self.inputs * width);
        let (d_wh, d_bias) = rest.split_at_mut(u * width);
        let d = Matrix::new(d_gates, rows, width);
        let x = Matrix::new(&self.x[first * self.steps * self.inputs..], rows, self.inputs);
        matmul(x.transposed(), d, d_wx, Write::Add);
        let earlier = self.earlier_hidden(first, rows / self.steps, records);
        matmul(Matrix::new(&earlier, rows, u).transposed(), d, d_wh, Write::Add);
        for row in d_gates.chunks_exact(width) {
            d_bias.iter_mut().zip(row).for_each(|(sum, d)| *sum += d);
        }
    }
}

fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|i| matrix[i % rows * columns + i / rows]).collect()
}

/// One step of one sample: `gates` in, activated gates out; `cell` and `hidden` move on.
#[inline(always)]
fn advance(gates: &mut [f32], cell: &mut [f32], hidden: &mut [f32]) {
    let u = cell.len();
    let (input, rest) = gates.split_at_mut(u);
    let (forget, rest) = rest.split_at_mut(u);
    let (candidate, output) = rest.split_at_mut(u);
    for j in 0..u {
        input[j] = sigmoid(input[j]);
        forget[j] = sigmoid(forget[j]);
        candidate[j] = tanh(candidate[j]);
        output[j] = sigmoid(output[j]);
        cell[j] = forget[j] * cell[j] + input[j] * candidate[j];
        hidden[j] = output[j] * tanh(cell[j]);
    }
}

/// The step's gradient: of the gates into `d`; `dc` becomes the gradient of the cell before the step.
#[inline(always)]
fn retreat(record: &[f32], before: Option<&[f32]>, dh: &[f32], dc: &mut [f32], d: &mut [f32]) {
    let u = dc.len();
    let [i, f, g, o, c] = [0, 1, 2, 3, 4].map(|k| &record[k * u..][..u]);
    let (d_i, rest) = d.split_at_mut(u);
    let (d_f, rest) = rest.split_at_mut(u);
    let (d_g, d_o) = rest.split_at_mut(u);
    for j in 0..u {
        let squashed = tanh(c[j]);
        let d_cell = dc[j] + dh[j] * o[j] * (1.0 - squashed * squashed);
        d_i[j] = d_cell * g[j] * i[j] * (1.0 - i[j]);
        d_f[j] = before.map_or(0.0, |before| d_cell * before[j] * f[j] * (1.0 - f[j]));
        d_g[j] = d_cell * i[j] * (1.0 - g[j] * g[j]);
        d_o[j] = dh[j] * squashed * o[j] * (1.0 - o[j]);
        dc[j] = d_cell * f[j];
    }
}

impl Op for Lstm {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let steps = single(inputs)?[0];
        let time = if self.output == Output::Last { 1 } else { steps };
        Ok([time, 1, self.directions() * self.units])
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        let (width, u) = (inputs[0][1] * inputs[0][2], self.units);
        NAMES[..self.directions()]
            .iter()
            .flat_map(|[wx, wh, bias]| {
                [
                    ParameterSpec::new(wx, &[width, 4 * u], Start::Glorot { fan_in: width, fan_out: u }),
                    ParameterSpec::new(wh, &[u, 4 * u], Start::Glorot { fan_in: u, fan_out: u }),
                    ParameterSpec::new(bias, &[4 * u], Start::Constant(0.0)),
                ]
            })
            .collect()
    }

    /// Keeps the records of each direction, one direction behind the other.
    fn forward(
        &self,
        pass: &Pass,
        inputs: &[Value],
        weights: &[&[f32]],
        output: &mut [f32],
        memo: &mut Memo,
    ) {
        let (steps, u, directions) = (inputs[0].shape[0], self.units, self.directions());
        let length = pass.samples * steps * 6 * u;
        memo.numbers.resize(directions * length, 0.0);
        for direction in 0..directions {
            let scan = self.scan(pass, inputs[0], weights, direction);
            let records = &mut memo.numbers[direction * length..][..length];
            for_groups(pass.samples, records, |range, part| scan.forward(range.start, range.len(), part));
        }
        let records = &memo.numbers;
        for_samples(pass.samples, output, |sample, output| {
            for (row, target) in output.chunks_exact_mut(directions * u).enumerate() {
                for (direction, target) in target.chunks_exact_mut(u).enumerate() {
                    let step = match self.output {
                        Output::Sequence => row,
                        Output::Last if direction == 1 => 0,
                        Output::Last => steps - 1,
                    };
                    let hidden = direction * length + (sample * steps + step) * 6 * u + 5 * u;
                    target.copy_from_slice(&records[hidden..][..u]);
                }
            }
        });
    }

    fn backward(&self, pass: &Pass, gradients: Backward) {
        let Backward { inputs, weights, memo, d_output, d_inputs, d_weights, .. } = gradients;
        let (steps, u) = (inputs[0].shape[0], self.units);
        let length = pass.samples * steps * 6 * u;
        for direction in 0..self.directions() {
            let scan = self.scan(pass, inputs[0], weights, direction);
            let records = &memo.numbers[direction * length..][..length];
            let d_gates = self.gate_gradients(pass, &scan, records, d_output);
            let per_sample = steps * 4 * u;
            let sums = sum_groups(pass.samples, (scan.inputs + u + 1) * 4 * u, |range, sums| {
                let d_gates = &d_gates[range.start * per_sample..range.end * per_sample];
                scan.add_weight_gradients(range.start, records, d_gates, sums);
            });
            let mut rest = &sums[..];
            for d_weight in &mut d_weights[3 * direction..][..3] {
                let (part, behind) = rest.split_at(d_weight.len());
                d_weight.copy_from_slice(part);
                rest = behind;
            }
            let Some(d_input) = &mut d_inputs[0] else { continue };
            let wx = Matrix::new(scan.weights[0], scan.inputs, 4 * u).transposed();
            let write = if direction == 0 { Write::Replace } else { Write::Add };
            for_groups(pass.samples, d_input, |range, part| {
                let d = Matrix::new(&d_gates[range.start * per_sample..], range.len() * steps, 4 * u);
                matmul(d, wx, part, write);
            });
        }
    }
}

impl Lstm {
    /// Gradients of the gates of all samples, `[sample, step, 4 · units]`, from that of the layer's output.
    fn gate_gradients(&self, pass: &Pass, scan: &Scan, records: &[f32], d_output: &[f32]) -> Vec<f32> {
        let (steps, u) = (scan.steps, self.units);
        let (width, offset) = (self.directions() * u, if scan.reverse { u } else { 0 });
        let last = if scan.reverse { 0 } else { steps - 1 };
        let mut d_gates = vec![0.0; pass.samples * steps * 4 * u];
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
            scan.backward(&records[scan.record(range.start, 0)..], add_output, part);
        });
        d_gates
    }
}
