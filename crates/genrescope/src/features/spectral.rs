//! What a magnitude spectrum's shape says, frame by frame: centroid, bandwidth, rolloff.

use pulp::{Arch, Simd, WithSimd};

use super::Magnitudes;
use super::tile::{Tile, for_each_tile};
use super::vector::{LANES, Lanes};

/// Share of a spectrum's magnitude that lies below the rolloff, by default.
pub const ROLL_PERCENT: f32 = 0.85;

/// Centre of mass of each frame's spectrum, Hz: `librosa.feature.spectral_centroid`; 0 in silence.
///
/// # Shape
/// `[frames, bins]` → `[frames]`.
pub fn spectral_centroid(magnitudes: &Magnitudes, sample_rate_hz: u32) -> Vec<f32> {
    let mut out = Vec::with_capacity(magnitudes.frames());
    let bin_hz = magnitudes.bin_hz(sample_rate_hz);
    for_each_tile(&magnitudes.values, magnitudes.bins, |tile| {
        tile.keep(&Moments::of(tile, bin_hz).centroid_hz, &mut out)
    });
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
        let [sum, weighted] = Arch::new().dispatch(Centre(&tile.rows));
        let centroid = |lane: usize| bin_hz * weighted[lane] / sum[lane].max(f32::MIN_POSITIVE);
        Self { sum, centroid_hz: std::array::from_fn(centroid) }
    }

    /// √(Σ S (f - centroid)² / Σ S), Hz.
    pub(super) fn bandwidth(&self, tile: &Tile, bin_hz: f32) -> Lanes {
        let centroid_bin = self.centroid_hz.map(|hz| hz / bin_hz);
        let spread = Arch::new().dispatch(Spread { rows: &tile.rows, centroid_bin });
        std::array::from_fn(|lane| bin_hz * (spread[lane] / self.sum[lane].max(f32::MIN_POSITIVE)).sqrt())
    }

    /// The first bin whose cumulative sum reaches the share; sums in single precision, one bin after the other, so that
    /// they round as those of librosa. Hz.
    pub(super) fn rolloff(&self, tile: &Tile, bin_hz: f32, roll_percent: f32) -> Lanes {
        let threshold = self.sum.map(|sum| roll_percent * sum);
        Arch::new().dispatch(BinsBelow { rows: &tile.rows, threshold }).map(|bins| bins * bin_hz)
    }
}

/// Σ S and Σ k·S over the bins k.
struct Centre<'a>(&'a [Lanes]);

impl WithSimd for Centre<'_> {
    type Output = [Lanes; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [Lanes; 2] {
        let mut out = [[0.0; LANES]; 2];
        for vector in 0..LANES / S::F32_LANES {
            let [mut sum, mut weighted] = [simd.splat_f32s(0.0); 2];
            for (k, row) in self.0.iter().enumerate() {
                let value = S::as_simd_f32s(row).0[vector];
                sum = simd.add_f32s(sum, value);
                weighted = simd.mul_add_e_f32s(simd.splat_f32s(k as f32), value, weighted);
            }
            S::as_mut_simd_f32s(&mut out[0]).0[vector] = sum;
            S::as_mut_simd_f32s(&mut out[1]).0[vector] = weighted;
        }
        out
    }
}

/// Σ S·(k - centroid)² over the bins k.
struct Spread<'a> {
    rows: &'a [Lanes],
    centroid_bin: Lanes,
}

impl WithSimd for Spread<'_> {
    type Output = Lanes;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Lanes {
        let mut out = [0.0; LANES];
        for vector in 0..LANES / S::F32_LANES {
            let centroid = S::as_simd_f32s(&self.centroid_bin).0[vector];
            let mut spread = simd.splat_f32s(0.0);
            for (k, row) in self.rows.iter().enumerate() {
                let distance = simd.sub_f32s(simd.splat_f32s(k as f32), centroid);
                let value = S::as_simd_f32s(row).0[vector];
                spread = simd.mul_add_e_f32s(simd.mul_f32s(value, distance), distance, spread);
            }
            S::as_mut_simd_f32s(&mut out).0[vector] = spread;
        }
        out
    }
}

/// How many bins have a cumulative sum below the threshold.
struct BinsBelow<'a> {
    rows: &'a [Lanes],
    threshold: Lanes,
}

impl WithSimd for BinsBelow<'_> {
    type Output = Lanes;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Lanes {
        let mut out = [0.0; LANES];
        let [zero, one] = [simd.splat_f32s(0.0), simd.splat_f32s(1.0)];
        for vector in 0..LANES / S::F32_LANES {
            let threshold = S::as_simd_f32s(&self.threshold).0[vector];
            let [mut sum, mut below] = [zero; 2];
            for row in self.rows {
                sum = simd.add_f32s(sum, S::as_simd_f32s(row).0[vector]);
                let is_below = simd.less_than_f32s(sum, threshold);
                below = simd.add_f32s(below, simd.select_f32s(is_below, one, zero));
            }
            S::as_mut_simd_f32s(&mut out).0[vector] = below;
        }
        out
    }
}
