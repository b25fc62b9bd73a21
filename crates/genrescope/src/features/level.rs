//! What the samples of a frame say without a transform: level and zero crossings.

use super::Framing;
use super::vector::{sum_and_squares, vectorize};

/// Samples as close to 0 as this count as 0, which is positive: `librosa.zero_crossings(threshold=1e-10)`.
const ZERO: f32 = 1e-10;

/// Root mean square of each frame, full scale 1: `librosa.feature.rms`.
///
/// # Shape
/// `[samples]` → `[frames]`.
pub fn rms(samples: &[f32], framing: Framing) -> Vec<f32> {
    let of_frame = |frame: usize| {
        let frame = framing.frame(samples, frame);
        let [_, squares] = sum_and_squares(&frame);
        (squares / frame.len() as f32).sqrt()
    };
    (0..framing.frames(samples.len())).map(of_frame).collect()
}

/// Share of each frame's samples that have another sign than the one before, 0 to 1:
/// `librosa.feature.zero_crossing_rate`.
///
/// Whatever the framing's padding, the first and the last sample are repeated beyond the edges, as in librosa: no
/// crossing is there.
///
/// # Shape
/// `[samples]` → `[frames]`.
pub fn zero_crossing_rate(samples: &[f32], framing: Framing) -> Vec<f32> {
    let of_frame = |frame: usize| {
        let start = frame * framing.hop_samples;
        let half = framing.frame_samples / 2;
        let place = |position: usize| position.saturating_sub(half).min(samples.len());
        let inside = &samples[place(start)..place(start + framing.frame_samples)];
        crossings(inside) as f32 / framing.frame_samples as f32
    };
    (0..framing.frames(samples.len())).map(of_frame).collect()
}

fn crossings(samples: &[f32]) -> u32 {
    vectorize(
        #[inline(always)]
        || {
            let behind = samples.iter().skip(1);
            samples.iter().zip(behind).map(|(&a, &b)| u32::from((a < -ZERO) != (b < -ZERO))).sum()
        },
    )
}
