//! One direction of a recurrent layer over a group of samples.
//!
//! The inputs of all steps go through one matrix product; a step then multiplies the small hidden state alone.
//! Backward keeps the gate gradients of all steps and takes one product for each weight.

use std::marker::PhantomData;
use std::ops::Range;

use super::cell::Cell;
use crate::kernels::{Path, Product, Strides, Write, multiply};
use crate::layers::Carried;

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
    /// Where it begins, if not before the first step.
    pub(super) from: &'a Carried,
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

    /// The state after a step as [`Carried`] holds it, from the records of one sample.
    pub(super) fn state<'b>(&self, records: &'b [f32], step: usize) -> &'b [f32] {
        let end = self.record(0, step + 1);
        &records[end - (C::CARRIED + 1) * self.units..end]
    }

    /// `c[rows, columns] (+)= a[rows, depth] · b[depth, columns]`, without packing.
    fn product(&self, a: &[f32], b: &[f32], [rows, depth, columns]: [usize; 3], c: &mut [f32], write: Write) {
        let product = Product {
            rows,
            columns,
            depth,
            segments: 1,
            a: Strides { row: depth, step: 1, segment: 0 },
            b_step: columns,
            b_segment: 0,
            c_row: columns,
        };
        multiply(self.path, product, a, b, c, write);
    }

    /// The inputs of some samples, `[samples · steps, inputs]`.
    fn input(&self, samples: &Range<usize>) -> &[f32] {
        let width = self.steps * self.inputs;
        &self.x[samples.start * width..samples.end * width]
    }

    /// Fills the records of `samples`.
    pub(super) fn forward(&self, samples: Range<usize>, records: &mut [f32]) {
        let (u, width, carry, keep) =
            (self.units, self.width(), C::CARRIED * self.units, C::RECORD * self.units);
        let [wx, wh, bias] = [self.weights[0], self.weights[1], self.weights[2]];
        let count = samples.len();
        let mut driven = vec![0.0; count * self.steps * width];
        driven.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(bias));
        let shape = [count * self.steps, self.inputs, width];
        self.product(self.input(&samples), wx, shape, &mut driven, Write::Add);

        let (mut hidden, mut carried) = (vec![0.0; count * u], vec![0.0; count * carry]);
        if !self.from.state.is_empty() {
            let (before, last) = self.from.state.split_at(carry);
            (carried, hidden) = (before.to_vec(), last.to_vec());
        }
        let mut gates = vec![0.0; count * width];
        for step in self.order().into_iter().skip(self.from.skip) {
            let driven = |sample: usize| &driven[(sample * self.steps + step) * width..][..width];
            for (sample, gates) in gates.chunks_exact_mut(width).enumerate() {
                gates.copy_from_slice(if C::APART { self.weights[3] } else { driven(sample) });
            }
            self.product(&hidden, wh, [count, u, width], &mut gates, Write::Add);
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
    /// the layer's output; `records` begin with those of the first of the samples; `back` is `wh` transposed.
    pub(super) fn backward(
        &self,
        samples: usize,
        (records, back): (&[f32], &[f32]),
        d_hidden: impl Fn(usize, usize, &mut [f32]),
        group: &mut [f32],
    ) {
        let (u, width, carry, keep) =
            (self.units, self.width(), C::CARRIED * self.units, C::RECORD * self.units);
        let (d_gates, d_driven) = group.split_at_mut(samples * self.steps * width);
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
            self.product(&now, back, [samples, width, u], &mut dh, Write::Add);
        }
    }

    /// Adds the gradients of the weights, one behind the other, over a group of samples.
    pub(super) fn add_weight_gradients(
        &self,
        samples: Range<usize>,
        records: &[f32],
        group: &[f32],
        sums: &mut [f32],
    ) {
        let (u, width, keep) = (self.units, self.width(), C::RECORD * self.units);
        let (d_gates, d_driven) = self.gradients(samples.len(), group);
        let (d_wx, rest) = sums.split_at_mut(self.inputs * width);
        let (d_wh, rest) = rest.split_at_mut(u * width);
        let (d_bias, d_state_bias) = rest.split_at_mut(width);
        let over_steps = Product {
            rows: self.inputs,
            columns: width,
            depth: samples.len() * self.steps,
            segments: 1,
            a: Strides { row: 1, step: self.inputs, segment: 0 },
            b_step: width,
            b_segment: self.steps * width,
            c_row: width,
        };
        multiply(self.path, over_steps, self.input(&samples), d_driven, d_wx, Write::Add);
        // The state that a step started from is the one that the step before it left.
        let after_first = Product {
            rows: u,
            depth: self.steps - 1,
            segments: samples.len(),
            a: Strides { row: 1, step: keep, segment: self.steps * keep },
            ..over_steps
        };
        let (before, now) = if self.reverse { (1, 0) } else { (0, 1) };
        let states = &records[self.hidden(samples.start, before.min(self.steps - 1))..];
        multiply(
            self.path,
            after_first,
            states,
            &d_gates[now.min(self.steps - 1) * width..],
            d_wh,
            Write::Add,
        );
        self.add_rows(d_driven, d_bias);
        if C::APART {
            self.add_rows(d_gates, d_state_bias);
        }
    }

    fn add_rows(&self, rows: &[f32], sums: &mut [f32]) {
        self.path.vectorize(
            #[inline(always)]
            || {
                for row in rows.chunks_exact(sums.len()) {
                    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
            },
        );
    }

    /// Writes the gradient of a group's inputs; `back` is `wx` transposed.
    pub(super) fn input_gradient(
        &self,
        samples: usize,
        (group, back): (&[f32], &[f32]),
        d_input: &mut [f32],
        write: Write,
    ) {
        let (_, d_driven) = self.gradients(samples, group);
        self.product(d_driven, back, [samples * self.steps, self.width(), self.inputs], d_input, write);
    }
}

/// `[…, columns]` → `[columns, …]`.
pub(super) fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| matrix.iter().skip(column).step_by(columns).copied()).collect()
}
