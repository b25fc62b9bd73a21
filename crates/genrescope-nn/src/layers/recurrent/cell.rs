//! What one step of each kind of recurrent layer computes, forward and backward.

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
        for j in 0..u {
            let (i, f, c, o) = (sigmoid(i[j]), sigmoid(f[j]), tanh(c[j]), sigmoid(o[j]));
            cell[j] = f * cell[j] + i * c;
            (keep_i[j], keep_f[j], keep_c[j], keep_o[j]) = (i, f, c, o);
            keep_cell[j] = cell[j];
            hidden[j] = o * tanh(cell[j]);
        }
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
        for j in 0..u {
            let squashed = tanh(c[j]);
            let d_cell = dc[j] + dh[j] * o[j] * (1.0 - squashed * squashed);
            d_i[j] = d_cell * g[j] * i[j] * (1.0 - i[j]);
            d_f[j] = before.map_or(0.0, |before| d_cell * before[4 * u + j] * f[j] * (1.0 - f[j]));
            d_g[j] = d_cell * i[j] * (1.0 - g[j] * g[j]);
            d_o[j] = dh[j] * squashed * o[j] * (1.0 - o[j]);
            dc[j] = d_cell * f[j];
            dh[j] = 0.0;
        }
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
        for j in 0..u {
            z[j] = sigmoid(xz[j] + hz[j]);
            r[j] = sigmoid(xr[j] + hr[j]);
            n[j] = tanh(xn[j] + r[j] * hn[j]);
            state_n[j] = hn[j];
            next[j] = z[j] * hidden[j] + (1.0 - z[j]) * n[j];
        }
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
        for j in 0..u {
            let hidden = before.map_or(0.0, |before| before[4 * u + j]);
            let d_n = dh[j] * (1.0 - z[j]) * (1.0 - n[j] * n[j]);
            d_z[j] = dh[j] * (hidden - n[j]) * z[j] * (1.0 - z[j]);
            d_r[j] = d_n * state_n[j] * r[j] * (1.0 - r[j]);
            d_hn[j] = d_n * r[j];
            (d_xz[j], d_xr[j], d_xn[j]) = (d_z[j], d_r[j], d_n);
            dh[j] *= z[j];
        }
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
