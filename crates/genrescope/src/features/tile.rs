//! Sixteen frames side by side, so that what is summed over bins runs in vectors over frames.

use pulp::{Arch, Simd, WithSimd};

use super::vector::{LANES, Lanes, vectorize};

/// Row `k` holds bin (or band) `k` of up to sixteen neighbouring frames; lanes without a frame are 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Tile {
    pub(super) rows: Vec<Lanes>,
    pub(super) frames: usize,
}

impl Tile {
    /// Takes the first frames of `values`, `[frames, bins]` row-major; at most sixteen.
    pub(super) fn load(&mut self, values: &[f32], bins: usize) {
        self.frames = (values.len() / bins.max(1)).min(LANES);
        self.rows.resize(bins, [0.0; LANES]);
        if self.frames == LANES {
            let frames: [&[f32]; LANES] = std::array::from_fn(|lane| &values[lane * bins..][..bins]);
            for (k, row) in self.rows.iter_mut().enumerate() {
                *row = std::array::from_fn(|lane| frames[lane][k]);
            }
            return;
        }
        self.rows.fill([0.0; LANES]);
        for (lane, frame) in values.chunks_exact(bins).take(LANES).enumerate() {
            self.rows.iter_mut().zip(frame).for_each(|(row, &value)| row[lane] = value);
        }
    }

    /// Appends the frames to `out`, `[frames, bins]` row-major.
    pub(super) fn unload(&self, out: &mut Vec<f32>) {
        for lane in 0..self.frames {
            out.extend(self.rows.iter().map(|row| row[lane]));
        }
    }

    /// Squares every value: magnitudes become power.
    pub(super) fn square(&mut self) {
        vectorize(
            #[inline(always)]
            || self.rows.as_flattened_mut().iter_mut().for_each(|value| *value *= *value),
        );
    }

    /// Σ weight·row over the first rows, as many as there are weights.
    #[inline(always)]
    pub(super) fn weighted_sum(&self, weights: &[f32]) -> Lanes {
        weighted_sum(&self.rows, weights)
    }

    /// Appends one value a frame.
    pub(super) fn keep(&self, values: &Lanes, out: &mut Vec<f32>) {
        out.extend_from_slice(&values[..self.frames]);
    }
}

/// Σ weight·row.
pub(super) fn weighted_sum(rows: &[Lanes], weights: &[f32]) -> Lanes {
    struct Sum<'a>(&'a [Lanes], &'a [f32]);
    impl WithSimd for Sum<'_> {
        type Output = Lanes;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Lanes {
            let mut sum = [0.0; LANES];
            for (vector, sum) in S::as_mut_simd_f32s(&mut sum).0.iter_mut().enumerate() {
                // Two sums: each waits for its own last addition only.
                let (mut even, mut odd) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
                let (rows, last_row) = self.0.as_chunks::<2>();
                let (weights, last_weight) = self.1.as_chunks::<2>();
                for (row, weight) in rows.iter().zip(weights) {
                    even = simd.mul_add_e_f32s(
                        simd.splat_f32s(weight[0]),
                        S::as_simd_f32s(&row[0]).0[vector],
                        even,
                    );
                    odd = simd.mul_add_e_f32s(
                        simd.splat_f32s(weight[1]),
                        S::as_simd_f32s(&row[1]).0[vector],
                        odd,
                    );
                }
                if let ([row, ..], [weight, ..]) = (last_row, last_weight) {
                    even =
                        simd.mul_add_e_f32s(simd.splat_f32s(*weight), S::as_simd_f32s(row).0[vector], even);
                }
                *sum = simd.add_f32s(even, odd);
            }
            sum
        }
    }
    let rows = &rows[..weights.len()];
    Arch::new().dispatch(Sum(rows, weights))
}

/// The frames of `values`, `[frames, bins]` row-major, sixteen at a time.
pub(super) fn for_each_tile(values: &[f32], bins: usize, mut work: impl FnMut(&mut Tile)) {
    let mut tile = Tile::default();
    for frames in values.chunks(LANES * bins.max(1)) {
        tile.load(frames, bins);
        work(&mut tile);
    }
}
