//! Mel-frequency cepstral coefficients.

use std::f64::consts::PI;

use super::vector::{LANES, vectorize};

/// Coefficients of each frame of a mel spectrogram in dB: `librosa.feature.mfcc(S=db, n_mfcc=coefficients)`, an
/// orthonormal discrete cosine transform of type II.
///
/// # Shape
/// `[frames, bands]` → `[frames, coefficients]`, row-major; the first is √bands times the mean level, dB.
pub fn mfcc(db: &[f32], bands: usize, coefficients: usize) -> Vec<f32> {
    let padded = coefficients.next_multiple_of(LANES);
    let basis = cosines(bands, coefficients, padded);
    let mut out = Vec::with_capacity(db.len() / bands.max(1) * coefficients);
    let mut sums = vec![0.0; padded];
    for frame in db.chunks_exact(bands) {
        sums.fill(0.0);
        vectorize(
            #[inline(always)]
            || {
                for (&level, row) in frame.iter().zip(basis.chunks_exact(padded)) {
                    sums.iter_mut().zip(row).for_each(|(sum, cosine)| *sum += level * cosine);
                }
            },
        );
        out.extend_from_slice(&sums[..coefficients]);
    }
    out
}

/// `[bands, padded]`: column `c` is the cosine of coefficient `c`, 0 from `coefficients` on.
fn cosines(bands: usize, coefficients: usize, padded: usize) -> Vec<f32> {
    let cosine = |band: usize, c: usize| {
        let scale = (if c == 0 { 1.0 } else { 2.0 } / bands as f64).sqrt();
        let angle = PI * c as f64 * (2 * band + 1) as f64 / (2 * bands) as f64;
        if c < coefficients { (scale * angle.cos()) as f32 } else { 0.0 }
    };
    (0..bands).flat_map(|band| (0..padded).map(move |c| cosine(band, c))).collect()
}
