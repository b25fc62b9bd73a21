//! What is too quiet to have a genre; decided on the waveform, before any normalisation of its level.

/// Root mean square below which audio is silence, dB relative to full scale.
pub const SILENCE_DBFS: f64 = -60.0;

/// Whether a stretch of frames is silence, by the mean of their mean squares (see
/// [`MelFrames::mean_square`](crate::features::MelFrames)).
pub fn is_silent(mean_squares: &[f32]) -> bool {
    let sum: f64 = mean_squares.iter().map(|&mean_square| f64::from(mean_square)).sum();
    is_silent_level(sum / mean_squares.len().max(1) as f64)
}

/// Whether a mean square is that of silence.
pub fn is_silent_level(mean_square: f64) -> bool {
    10.0 * mean_square.max(f64::MIN_POSITIVE).log10() < SILENCE_DBFS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_begins_below_60_db_under_full_scale() {
        for (amplitude_db, silent) in [(-59.9_f64, false), (-60.1, true), (0.0, false), (-200.0, true)] {
            let mean_square = 10_f64.powf(amplitude_db / 10.0) as f32;
            assert_eq!(is_silent(&[mean_square; 7]), silent, "{amplitude_db} dBFS");
        }
    }

    #[test]
    fn one_loud_frame_among_silent_ones_is_heard() {
        assert!(!is_silent(&[0.0, 0.0, 0.0, 0.01]));
        assert!(is_silent(&[]));
    }
}
