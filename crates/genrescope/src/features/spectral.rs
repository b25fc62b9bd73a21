//! What a magnitude spectrum's shape says, frame by frame: centroid, bandwidth, rolloff.

use super::Magnitudes;
use super::tile::{Tile, for_each_tile};
use super::vector::{LANES, Lanes, vectorize};

/// Share of a spectrum's magnitude that lies below the rolloff, by default.
pub const ROLL_PERCENT: f32 = 0.85;

/// Centre of mass of each frame's spectrum, Hz: `librosa.feature.spectral_centroid`; 0 in silence.
///
/// # Shape
/// `[frames, bins]` → `[frames]`.
pub fn spectral_centroid(magnitudes: &Magnitudes, sample_rate_hz: u32) -> Vec<f32> {
    let mut out = Vec::with_capacity(magnitudes.frames());
    let bin_hz = magnitudes.bin_hz(sample_rate_hz);
    for_each_tile(&magnitudes.values, magnitudes.bins, |tile| tile.keep(&Moments::of(tile, bin_hz).centroid_hz, &mut out));
    out
}

/// Deviation of each frame's spectrum about its centroid, Hz: `librosa.feature.spectral_bandwidth` (p = 2); 0 in silence.
///
/// # Shape
/// `[frames, bins]` → `[frames]`.
pub fn spectral_bandwidth(magnitudes: &Magnitudes, sample_rate_hz: u32) -> Vec<f32> {
    let mut out = Vec::with_capacity(magnitudes.frames());
    let bin_hz = magnitudes.bin_hz(sample_rate_hz);
    for_each_tile(&magnitudes.values, magnitudes.bins, |tile| {
        tile.keep(&Moments::of(tile, bin_hz).bandwidth(tile, bin_hz), &mut out);
    });
    out
}

/// Lowest frequency below which lies `roll_percent` (0 to 1) of each frame's magnitude, Hz:
/// `librosa.feature.spectral_rolloff`; 0 in silence.
///
/// # Shape
/// `[frames, bins]` → `[frames]`.
pub fn spectral_rolloff(magnitudes: &Magnitudes, sample_rate_hz: u32, roll_percent: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(magnitudes.frames());
    let bin_hz = magnitudes.bin_hz(sample_rate_hz);
    for_each_tile(&magnitudes.values, magnitudes.bins, |tile| {
        tile.keep(&Moments::of(tile, bin_hz).rolloff(tile, bin_hz, roll_percent), &mut out);
    });
    out
}

/// Sum and centre of mass of sixteen spectra.
pub(super) struct Moments {
    sum: Lanes,
    pub(super) centroid_hz: Lanes,
}

impl Moments {
    pub(super) fn of(tile: &Tile, bin_hz: f32) -> Self {
        let (mut sum, mut weighted) = ([0.0; LANES], [0.0; LANES]);
        vectorize(
            #[inline(always)]
            || {
                for (k, row) in tile.rows.iter().enumerate() {
                    for lane in 0..LANES {
                        sum[lane] += row[lane];
                        weighted[lane] += k as f32 * row[lane];
                    }
                }
            },
        );
        let centroid = |lane: usize| bin_hz * weighted[lane] / sum[lane].max(f32::MIN_POSITIVE);
        Self { sum, centroid_hz: std::array::from_fn(centroid) }
    }

    /// Σ S (f - centroid)² / Σ S, and its root; Hz.
    pub(super) fn bandwidth(&self, tile: &Tile, bin_hz: f32) -> Lanes {
        let mut spread = [0.0; LANES];
        vectorize(
            #[inline(always)]
            || {
                for (k, row) in tile.rows.iter().enumerate() {
                    for lane in 0..LANES {
                        let distance_hz = k as f32 * bin_hz - self.centroid_hz[lane];
                        spread[lane] += row[lane] * distance_hz * distance_hz;
                    }
                }
            },
        );
        std::array::from_fn(|lane| (spread[lane] / self.sum[lane].max(f32::MIN_POSITIVE)).sqrt())
    }

    /// The first bin whose cumulative sum reaches the share; sums in single precision, one bin after the other, so that
    /// they round as those of librosa. Hz.
    pub(super) fn rolloff(&self, tile: &Tile, bin_hz: f32, roll_percent: f32) -> Lanes {
        let threshold = self.sum.map(|sum| roll_percent * sum);
        let (mut sum, mut below) = ([0.0; LANES], [0.0; LANES]);
        vectorize(
            #[inline(always)]
            || {
                for row in &tile.rows {
                    for lane in 0..LANES {
                        sum[lane] += row[lane];
                        below[lane] += if sum[lane] < threshold[lane] { 1.0 } else { 0.0 };
                    }
                }
            },
        );
        below.map(|bins| bins * bin_hz)
    }
}
