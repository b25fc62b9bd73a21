//! The mel scale and its filter bank, after Slaney's Auditory Toolbox (1998), as librosa has them by default.

use super::tile::{Tile, weighted_sum};

/// Mels are linear up to this frequency, Hz, and logarithmic above.
const BREAK_HZ: f64 = 1000.0;
/// Width of a mel in the linear part, Hz.
const LINEAR_HZ: f64 = 200.0 / 3.0;
const BREAK_MEL: f64 = BREAK_HZ / LINEAR_HZ;

/// Step of a mel in the logarithmic part: 27 mels from 1 to 6.4 kHz.
fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

/// Hz → mel: `librosa.hz_to_mel(htk=False)`.
pub fn hz_to_mel(hz: f64) -> f64 {
    if hz < BREAK_HZ { hz / LINEAR_HZ } else { BREAK_MEL + (hz / BREAK_HZ).ln() / log_step() }
}

/// Mel → Hz: `librosa.mel_to_hz(htk=False)`.
pub fn mel_to_hz(mel: f64) -> f64 {
    if mel < BREAK_MEL { mel * LINEAR_HZ } else { BREAK_HZ * (log_step() * (mel - BREAK_MEL)).exp() }
}

/// Triangular filters from 0 Hz to half the sample rate, each of area 1 in Hz (Slaney's norm); of every filter only
/// the bins that it touches are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct MelFilterBank {
    filters: Vec<Filter>,
}

#[derive(Clone, Debug, PartialEq)]
struct Filter {
    first_bin: usize,
    weights: Vec<f32>,
}

/// The filter bank `librosa.filters.mel(sr=sample_rate_hz, n_fft=n_fft, n_mels=bands)`.
///
/// A band that is narrower than the distance of two bins may touch none and stays 0, as in librosa.
pub fn mel_filter_bank(sample_rate_hz: u32, n_fft: usize, bands: usize) -> MelFilterBank {
    let nyquist_hz = f64::from(sample_rate_hz) / 2.0;
    let bin_hz = f64::from(sample_rate_hz) / n_fft as f64;
    let mel_step = hz_to_mel(nyquist_hz) / (bands + 1) as f64;
    let edge_hz = |edge: usize| mel_to_hz(mel_step * edge as f64);
    let bins = n_fft / 2 + 1;
    let filters = (0..bands)
        .map(|b| Filter::triangle([edge_hz(b), edge_hz(b + 1), edge_hz(b + 2)], bin_hz, bins))
        .collect();
    MelFilterBank { filters }
}

impl Filter {
    /// Rises from the first edge to the second, falls to the third; edges in Hz.
    fn triangle([low, peak, high]: [f64; 3], bin_hz: f64, bins: usize) -> Self {
        let weight = |bin: usize| {
            let hz = bin as f64 * bin_hz;
            let height = ((hz - low) / (peak - low)).min((high - hz) / (high - peak));
            (2.0 / (high - low) * height.max(0.0)) as f32
        };
        let touched = |bin: &usize| weight(*bin) > 0.0;
        let first_bin = (0..bins).find(touched).unwrap_or(0);
        Self { first_bin, weights: (first_bin..bins).take_while(touched).map(weight).collect() }
    }
}

impl MelFilterBank {
    /// How many bands there are.
    pub fn bands(&self) -> usize {
        self.filters.len()
    }

    /// The weights of one band that are not 0, and the bin of the first.
    pub fn weights(&self, band: usize) -> (usize, &[f32]) {
        let filter = &self.filters[band];
        (filter.first_bin, &filter.weights)
    }

    /// The bands of a tile of power.
    pub(super) fn apply_to_tile(&self, power: &Tile, out: &mut Tile) {
        out.frames = power.frames;
        out.rows.clear();
        let band = |filter: &Filter| weighted_sum(&power.rows[filter.first_bin..], &filter.weights);
        out.rows.extend(self.filters.iter().map(band));
    }

    /// Appends the bands of one power spectrum to `out`.
    ///
    /// # Shape
    /// `[n_fft / 2 + 1]` → `[bands]`, band 0 lowest.
    pub fn apply(&self, power: &[f32], out: &mut Vec<f32>) {
        out.extend(self.filters.iter().map(|f| dot(&f.weights, &power[f.first_bin..][..f.weights.len()])));
    }
}

/// Σ aᵢ·bᵢ in eight partial sums, which the compiler keeps in one register.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    let (a_lanes, b_lanes) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_lanes.remainder().iter().zip(b_lanes.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_lanes.zip(b_lanes) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_has_slaneys_table_values() {
        let table =
            [(0.0, 0.0), (60.0, 0.9), (440.0, 6.6), (1000.0, 15.0), (6400.0, 42.0), (11_025.0, 49.910_592_0)];
        for (hz, mel) in table {
            assert!((hz_to_mel(hz) - mel).abs() < 1e-4, "{hz} Hz is {} mel, not {mel}", hz_to_mel(hz));
            assert!((mel_to_hz(hz_to_mel(hz)) - hz).abs() < 1e-8 * (1.0 + hz));
        }
    }

    #[test]
    fn every_filter_has_area_one() {
        let (rate_hz, n_fft) = (22_050, 1 << 15); // fine bins: the sum is close to the integral
        let bank = mel_filter_bank(rate_hz, n_fft, 128);
        for band in 0..128 {
            let area = bank.weights(band).1.iter().sum::<f32>() * rate_hz as f32 / n_fft as f32;
            assert!((area - 1.0).abs() < 2e-3, "band {band}: {area}");
        }
    }

    #[test]
    fn dot_sums_every_product_once() {
        for length in 0..40 {
            let a: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let ones = vec![1.0; length];
            assert_eq!(dot(&a, &ones), (length * length.saturating_sub(1) / 2) as f32);
        }
    }
}
