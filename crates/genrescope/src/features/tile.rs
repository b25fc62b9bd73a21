//! Sixteen frames side by side, so that what is summed over bins runs in vectors over frames.

use super::vector::{LANES, Lanes};

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

    /// Appends one value a frame.
    pub(super) fn keep(&self, values: &Lanes, out: &mut Vec<f32>) {
        out.extend_from_slice(&values[..self.frames]);
    }
}

/// The frames of `values`, `[frames, bins]` row-major, sixteen at a time.
pub(super) fn for_each_tile(values: &[f32], bins: usize, mut work: impl FnMut(&Tile)) {
    let mut tile = Tile::default();
    for frames in values.chunks(LANES * bins.max(1)) {
        tile.load(frames, bins);
        work(&tile);
    }
}
