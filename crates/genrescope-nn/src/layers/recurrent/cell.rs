//! What one step of each kind of recurrent layer computes, forward and backward.

use crate::blocks::block;
use crate::math::{sigmoid, tanh};

/// One step of one sample. Slices hold rows of `units` numbers, one row behind the other.
pub(super) trait Cell {
    /// Rows that the input and the state are multiplied to.
    const GATES: usize;
    /// Rows that a step keeps for backward; the last is the hidden state.
    const RECORD: usize;
    /// Rows of state carried from step to step besides the hidden one.
    const CARRIED: usize;
    /// Whether the state's product has a bias of its own and stays apart from the input's.
    const APART: bool;

    /// `driven`: the input's product with its bias; `gates`: the state's product, with `driven` added unless
    /// [`APART`](Self::APART). Moves `carried` on and fills `record`.
    fn advance(driven: &[f32], gates: &[f32], carried: &mut [f32], hidden: &[f32], record: &mut [f32]);

    /// `dh`: gradient of the hidden state after the step; becomes that before it, but for what the product passes on.
    /// `carried`: the same for the carried state. Fills `d_gates`, by the state's product, and `d_driven`, by the
    /// input's where they are [`APART`](Self::APART). `before` is the record of the step before.
    fn retreat(
        record: &[f32],
        before: Option<&[f32]>,
        dh: &mut [f32],
        carried: &mut [f32],
        d_gates: &mut [f32],
        d_driven: &mut [f32],
    );
}

/// Long short-term memory (Hochreiter and Schmidhuber 1997); rows i, f, c, o; the record adds cell and hidden state.
pub(super) struct LstmCell;

/// Gated recurrent unit (Cho et al. 2014), reset after the product; rows z, r, n; the record adds the state's part of n
/// and the hidden state.
pub(super) struct GruCell;

/// `tanh` of the products (Elman 1990); the record is the hidden state.
pub(super) struct SimpleCell;

fn rows<const N: usize>(slice: &[f32], units: usize) -> [&[f32]; N] {
    std::array::from_fn(|row| &slice[row * units..][..units])
}

fn rows_mut<const N: usize>(slice: &mut [f32], units: usize) -> [&mut [f32]; N] {
    let mut rows = slice.chunks_exact_mut(units);
    std::array::from_fn(|_| rows.next().unwrap_or_default())
}

/// `y = f(y, inputs)`, number by number: sixteen at a time, from loads to one store, so that it becomes vector code
/// however short the rows are.
#[inline(always)]
fn each<const N: usize>(y: &mut [f32], inputs: [&[f32]; N], f: impl Fn(f32, [f32; N]) -> f32) {
    let (blocks, rest) = y.as_chunks_mut::<16>();
    let whole = 16 * blocks.len();
    for (i, y) in blocks.iter_mut().enumerate() {
        let mut x = [[0.0; 16]; N];
        for (x, input) in x.iter_mut().zip(&inputs) {
            *x = *block::<_, 16>(input, 16 * i);
        }
        let before = *y;
        for c in 0..16 {
            let mut column = [0.0; N];
            for k in 0..N {
                column[k] = x[k][c];
            }
            y[c] = f(before[c], column);
        }
    }
    for (j, y) in rest.iter_mut().enumerate() {
        let mut column = [0.0; N];
        for k in 0..N {
            column[k] = inputs[k][whole + j];
        }
        *y = f(*y, column);
    }
}

impl Cell for LstmCell {
    const GATES: usize = 4;
    const RECORD: usize = 6;
    const CARRIED: usize = 1;
    const APART: bool = false;

    #[inline(always)]
    fn advance(_: &[f32], gates: &[f32], cell: &mut [f32], _: &[f32], record: &mut [f32]) {
        let u = cell.len();
        let [i, f, c, o] = rows(gates, u);
        let [keep_i, keep_f, keep_c, keep_o, keep_cell, hidden] = rows_mut(record, u);
        each(keep_i, [i], |_, [i]| sigmoid(i));
        each(keep_f, [f], |_, [f]| sigmoid(f));
        each(keep_c, [c], |_, [c]| tanh(c));
        each(keep_o, [o], |_, [o]| sigmoid(o));
        each(cell, [keep_i, keep_f, keep_c], |cell, [i, f, c]| f * cell + i * c);
        keep_cell.copy_from_slice(cell);
        each(hidden, [keep_o, cell], |_, [o, cell]| o * tanh(cell));
    }

    #[inline(always)]
    fn retreat(
        record: &[f32],
        before: Option<&[f32]>,
        dh: &mut [f32],
        dc: &mut [f32],
        d_gates: &mut [f32],
        _: &mut [f32],
    ) {
        let u = dh.len();
        let [i, f, g, o, c] = rows(record, u);
        let [d_i, d_f, d_g, d_o] = rows_mut(d_gates, u);
        each(d_o, [c], |_, [c]| tanh(c));
        each(dc, [dh, o, d_o], |dc, [dh, o, squashed]| dc + dh * o * (1.0 - squashed * squashed));
        each(d_o, [dh, o], |squashed, [dh, o]| dh * squashed * o * (1.0 - o));
        each(d_i, [dc, g, i], |_, [dc, g, i]| dc * g * i * (1.0 - i));
        each(d_g, [dc, g, i], |_, [dc, g, i]| dc * i * (1.0 - g * g));
        match before {
            Some(before) => each(d_f, [dc, f, &before[4 * u..]], |_, [dc, f, c]| dc * c * f * (1.0 - f)),
            None => d_f.fill(0.0),
        }
        each(dc, [f], |dc, [f]| dc * f);
        dh.fill(0.0);
    }
}

impl Cell for GruCell {
    const GATES: usize = 3;
    const RECORD: usize = 5;
    const CARRIED: usize = 0;
    const APART: bool = true;

    #[inline(always)]
    fn advance(driven: &[f32], gates: &[f32], _: &mut [f32], hidden: &[f32], record: &mut [f32]) {
        let u = hidden.len();
        let ([xz, xr, xn], [hz, hr, hn]) = (rows(driven, u), rows(gates, u));
        let [z, r, n, state_n, next] = rows_mut(record, u);
        each(z, [xz, hz], |_, [x, h]| sigmoid(x + h));
        each(r, [xr, hr], |_, [x, h]| sigmoid(x + h));
        each(n, [xn, hn, r], |_, [x, h, r]| tanh(x + r * h));
        state_n.copy_from_slice(hn);
        each(next, [z, n, hidden], |_, [z, n, hidden]| z * hidden + (1.0 - z) * n);
    }

    #[inline(always)]
    fn retreat(
        record: &[f32],
        before: Option<&[f32]>,
        dh: &mut [f32],
        _: &mut [f32],
        d_gates: &mut [f32],
        d_driven: &mut [f32],
    ) {
        let u = dh.len();
        let [z, r, n, state_n] = rows(record, u);
        let ([d_z, d_r, d_hn], [d_xz, d_xr, d_xn]) = (rows_mut(d_gates, u), rows_mut(d_driven, u));
        each(d_xn, [dh, z, n], |_, [dh, z, n]| dh * (1.0 - z) * (1.0 - n * n));
        match before {
            Some(before) => {
                each(d_z, [dh, z, n, &before[4 * u..]], |_, [dh, z, n, hidden]| {
                    dh * (hidden - n) * z * (1.0 - z)
                });
            }
            None => each(d_z, [dh, z, n], |_, [dh, z, n]| -dh * n * z * (1.0 - z)),
        }
        each(d_r, [d_xn, state_n, r], |_, [d_n, state_n, r]| d_n * state_n * r * (1.0 - r));
        each(d_hn, [d_xn, r], |_, [d_n, r]| d_n * r);
        d_xz.copy_from_slice(d_z);
        d_xr.copy_from_slice(d_r);
        each(dh, [z], |dh, [z]| dh * z);
    }
}

impl Cell for SimpleCell {
    const GATES: usize = 1;
    const RECORD: usize = 1;
    const CARRIED: usize = 0;
    const APART: bool = false;

    #[inline(always)]
    fn advance(_: &[f32], gates: &[f32], _: &mut [f32], _: &[f32], record: &mut [f32]) {
        record.iter_mut().zip(gates).for_each(|(hidden, gate)| *hidden = tanh(*gate));
    }

    #[inline(always)]
    fn retreat(
        record: &[f32],
        _: Option<&[f32]>,
        dh: &mut [f32],
        _: &mut [f32],
        d_gates: &mut [f32],
        _: &mut [f32],
    ) {
        for ((d, dh), hidden) in d_gates.iter_mut().zip(dh).zip(record) {
            *d = *dh * (1.0 - hidden * hidden);
            *dh = 0.0;
        }
    }
}
