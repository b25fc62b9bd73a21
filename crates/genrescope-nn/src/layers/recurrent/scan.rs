//! One direction of a recurrent layer over a group of samples.
//!
//! The inputs of all steps go through one matrix product; a step then multiplies the small hidden state alone.
//! Backward keeps the gate gradients of all steps and takes one product for each weight.

use std::marker::PhantomData;
use std::ops::Range;

use super::cell::Cell;
use crate::kernels::{Matrix, Path, Product, Strides, Write, matmul, multiply};

/// Weights in the order `wx`, `wh`, `bias` and, where the state's product stays apart, its own bias.
pub(super) struct Scan<'a, C> {
    pub(super) steps: usize,
    /// Numbers that a step reads.
    pub(super) inputs: usize,
    pub(super) units: usize,
    pub(super) reverse: bool,
    pub(super) path: Path,
    pub(super) x: &'a [f32],
    pub(super) weights: &'a [&'a [f32]],
    pub(super) cell: PhantomData<C>,
}

impl<C: Cell> Scan<'_, C> {
    fn width(&self) -> usize {
        C::GATES * self.units
    }

    /// Numbers that a sample keeps for backward.
    pub(super) fn record_length(&self) -> usize {
        self.steps * C::RECORD * self.units
    }

    /// Numbers of a sample's gate gradients; see [`gradients`](Self::gradients).
    pub(super) fn gradient_length(&self) -> usize {
        self.steps * self.width() * if C::APART { 2 } else { 1 }
    }

    /// Numbers of all weights.
    pub(super) fn weight_length(&self) -> usize {
        self.weights.iter().map(|weight| weight.len()).sum()
    }

    /// Steps in the order in which they are read.
    fn order(&self) -> Vec<usize> {
        if self.reverse { (0..self.steps).rev().collect() } else { (0..self.steps).collect() }
    }

    /// The step that is read last.
    pub(super) fn last_step(&self) -> usize {
        if self.reverse { 0 } else { self.steps - 1 }
    }

    /// Where the record of a step begins.
    fn record(&self, sample: usize, step: usize) -> usize {
        (sample * self.steps + step) * C::RECORD * self.units
    }

    /// Where the hidden state after a step begins, in the records.
    pub(super) fn hidden(&self, sample: usize, step: usize) -> usize {
        self.record(sample, step) + (C::RECORD - 1) * self.units
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

    /// The inputs of some samples, `[samples · steps, inputs]`.
    fn input(&self, samples: &Range<usize>) -> Matrix<'_> {
        let x = &self.x[samples.start * self.steps * self.inputs..];
        Matrix::new(x, samples.len() * self.steps, self.inputs)
    }

    /// Fills the records of `samples`.
    pub(super) fn forward(&self, samples: Range<usize>, records: &mut [f32]) {
        let (u, width, carry, keep) =
            (self.units, self.width(), C::CARRIED * self.units, C::RECORD * self.units);
        let [wx, wh, bias] = [self.weights[0], self.weights[1], self.weights[2]];
        let count = samples.len();
        let mut driven: Vec<f32> = bias.iter().copied().cycle().take(count * self.steps * width).collect();
        matmul(self.input(&samples), Matrix::new(wx, self.inputs, width), &mut driven, Write::Add);

        let (mut hidden, mut carried) = (vec![0.0; count * u], vec![0.0; count * carry]);
        let mut gates = vec![0.0; count * width];
        for step in self.order() {
            let driven = |sample: usize| &driven[(sample * self.steps + step) * width..][..width];
            for (sample, gates) in gates.chunks_exact_mut(width).enumerate() {
                gates.copy_from_slice(if C::APART { self.weights[3] } else { driven(sample) });
            }
            self.add_product(&hidden, wh, [count, u, width], &mut gates);
            for (sample, hidden) in hidden.chunks_exact_mut(u).enumerate() {
                let record = &mut records[self.record(sample, step)..][..keep];
                let carried = &mut carried[sample * carry..][..carry];
                let gates = &gates[sample * width..][..width];
                self.path.vectorize(
                    #[inline(always)]
                    || C::advance(driven(sample), gates, carried, hidden, record),
                );
                hidden.copy_from_slice(&record[keep - u..]);
            }
        }
    }

    /// The two parts of a group's gate gradients, `[sample, step, gates]`: by the state's product, and by the input's.
    fn gradients<'a>(&self, samples: usize, group: &'a [f32]) -> (&'a [f32], &'a [f32]) {
        let (gates, driven) = group.split_at(samples * self.steps * self.width());
        (gates, if C::APART { driven } else { gates })
    }

    /// Fills the gate gradients of `samples`. `d_hidden(sample, step, dh)` adds the gradient that reaches a state from
    /// the layer's output; `records` begin with those of the first of the samples.
    pub(super) fn backward(
        &self,
        samples: usize,
        records: &[f32],
        d_hidden: impl Fn(usize, usize, &mut [f32]),
        group: &mut [f32],
    ) {
        let (u, width, carry, keep) =
            (self.units, self.width(), C::CARRIED * self.units, C::RECORD * self.units);
        let (d_gates, d_driven) = group.split_at_mut(samples * self.steps * width);
        let back = transposed(self.weights[1], u, width);
        let (mut dh, mut dc) = (vec![0.0; samples * u], vec![0.0; samples * carry]);
        let mut now = vec![0.0; samples * width];
        let order = self.order();
        for (i, &step) in order.iter().enumerate().rev() {
            let earlier = i.checked_sub(1).map(|i| order[i]);
            for sample in 0..samples {
                let (dh, dc) = (&mut dh[sample * u..][..u], &mut dc[sample * carry..][..carry]);
                d_hidden(sample, step, dh);
                let record = &records[self.record(sample, step)..][..keep];
                let before = earlier.map(|earlier| &records[self.record(sample, earlier)..][..keep]);
                let at = (sample * self.steps + step) * width;
                let d = &mut now[sample * width..][..width];
                let d_driven = if C::APART { &mut d_driven[at..][..width] } else { &mut [] };
                self.path.vectorize(
                    #[inline(always)]
                    || C::retreat(record, before, dh, dc, d, d_driven),
                );
                d_gates[at..][..width].copy_from_slice(d);
            }
            self.add_product(&now, &back, [samples, width, u], &mut dh);
        }
    }

    /// The hidden states that each step started from, `[sample · step, units]`.
    fn earlier_hidden(&self, samples: &Range<usize>, records: &[f32]) -> Vec<f32> {
        let u = self.units;
        let mut earlier = vec![0.0; samples.len() * self.steps * u];
        let order = self.order();
        for (sample, number) in samples.clone().enumerate() {
            for pair in order.windows(2) {
                let to = (sample * self.steps + pair[1]) * u;
                earlier[to..][..u].copy_from_slice(&records[self.hidden(number, pair[0])..][..u]);
            }
        }
        earlier
    }

    /// Adds the gradients of the weights, one behind the other, over a group of samples.
    pub(super) fn add_weight_gradients(
        &self,
        samples: Range<usize>,
        records: &[f32],
        group: &[f32],
        sums: &mut [f32],
    ) {
        let (u, width, rows) = (self.units, self.width(), samples.len() * self.steps);
        let (d_gates, d_driven) = self.gradients(samples.len(), group);
        let (d_wx, rest) = sums.split_at_mut(self.inputs * width);
        let (d_wh, rest) = rest.split_at_mut(u * width);
        let (d_bias, d_state_bias) = rest.split_at_mut(width);
        matmul(self.input(&samples).transposed(), Matrix::new(d_driven, rows, width), d_wx, Write::Add);
        let earlier = self.earlier_hidden(&samples, records);
        matmul(
            Matrix::new(&earlier, rows, u).transposed(),
            Matrix::new(d_gates, rows, width),
            d_wh,
            Write::Add,
        );
        add_rows(d_driven, d_bias);
        if C::APART {
            add_rows(d_gates, d_state_bias);
        }
    }

    /// Writes the gradient of a group's inputs.
    pub(super) fn input_gradient(&self, samples: usize, group: &[f32], d_input: &mut [f32], write: Write) {
        let wx = Matrix::new(self.weights[0], self.inputs, self.width()).transposed();
        let (_, d_driven) = self.gradients(samples, group);
        matmul(Matrix::new(d_driven, samples * self.steps, self.width()), wx, d_input, write);
    }
}

fn add_rows(rows: &[f32], sums: &mut [f32]) {
    for row in rows.chunks_exact(sums.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}

fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|i| matrix[i % rows * columns + i / rows]).collect()
}
