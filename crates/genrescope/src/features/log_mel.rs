//! Mel power of a whole signal, and decibels.

use super::{Compression, FrontEnd, MelFrames, MelStream, Reference};
use crate::audio::Waveform;
use crate::{Error, ErrorKind, Result};

/// Least power that has a logarithm here: far below the quietest sound, and a finite number of dB.
pub(crate) const LEAST_POWER: f32 = 1e-30;

/// Mel power spectrogram of a mono signal.
///
/// STFT frame `t` is centred on sample `t * hop_samples`, so there are `1 + len / hop_samples`; of these every
/// `frame_step`-th is kept. Same numbers as `librosa.feature.melspectrogram(power=2, htk=False, norm="slaney")` to 1e-4
/// of the maximum (see `tests/golden.rs`).
///
/// # Shape
/// `[samples]` → `[frames, bands]`, row-major, band 0 lowest.
///
/// # Errors
/// [`ErrorKind::BadSettings`] when the waveform has another rate than the front end.
pub fn mel_spectrogram(waveform: &Waveform, front_end: &FrontEnd) -> Result<MelFrames> {
    let (found, expected) = (waveform.sample_rate_hz, front_end.sample_rate_hz);
    if found != expected {
        let message =
            format!("the front end expects {expected} Hz, the waveform has {found} Hz; resample it");
        return Err(Error::new(ErrorKind::BadSettings, message));
    }
    let mut frames = MelFrames::new(front_end.mel_bands);
    let mut stream = MelStream::new(front_end)?;
    stream.push(&waveform.samples, &mut frames);
    stream.finish(&mut frames);
    Ok(frames)
}

/// Power → dB relative to `reference`: `librosa.power_to_db(power, ref=reference, amin=least, top_db=top_db)`.
///
/// Power below `least` counts as `least`; with `top_db` nothing is more than so many dB below the loudest value.
pub fn power_to_db(power: &[f32], reference: f32, least: f32, top_db: Option<f32>) -> Vec<f32> {
    let decibels = |p: f32| 10.0 * p.max(least).log10();
    let zero_db = decibels(reference);
    let mut db: Vec<f32> = power.iter().map(|&p| decibels(p) - zero_db).collect();
    if let Some(top_db) = top_db {
        let floor = maximum(&db) - top_db;
        db.iter_mut().for_each(|x| *x = x.max(floor));
    }
    db
}

/// What a network sees of a patch, before normalisation: dB relative to the front end's reference, cut at its floor.
///
/// With [`Reference::Clip`] the reference is `clip_maximum`, the largest mel power of the clip (of what was heard so
/// far, in a stream), or the patch's own when it is not given; [`Reference::Patch`] does not look at it. A patch
/// without any sound is 0 dB throughout. With [`Compression::Log10`] it is `log10(1 + gain · power)` instead.
///
/// # Shape
/// `[frames, bands]` → the same, unit: dB, at most 0 for a clip maximum that is one.
pub fn patch_db(power: &[f32], front_end: &FrontEnd, clip_maximum: Option<f32>) -> Vec<f32> {
    if let Compression::Log10 { gain } = front_end.compression {
        return power
            .iter()
            .map(|&p| (gain * half_precision(p)).ln_1p() * std::f32::consts::LOG10_E)
            .collect();
    }
    let reference = clip_maximum.filter(|_| front_end.reference == Reference::Clip);
    let mut db = power_to_db(power, reference.unwrap_or_else(|| maximum(power)), LEAST_POWER, None);
    cut_at_floor(&mut db, front_end);
    db
}

/// The same for a patch that is in dB already: with [`Reference::Patch`] its maximum becomes 0 dB, with
/// [`Reference::Clip`] it is taken as relative to the clip; then the floor is cut.
pub fn rereference_db(db: &mut [f32], front_end: &FrontEnd) {
    if front_end.reference == Reference::Patch && !db.is_empty() {
        let zero_db = maximum(db);
        db.iter_mut().for_each(|x| *x -= zero_db);
    }
    cut_at_floor(db, front_end);
}

/// A patch with another number of frames, between which levels are interpolated linearly; the first and the last frame
/// stay.
///
/// # Shape
/// `[frames, bands]` → `[to_frames, bands]`.
pub fn resample_frames(patch: &[f32], bands: usize, to_frames: usize) -> Vec<f32> {
    let last = (patch.len() / bands.max(1)).saturating_sub(1);
    let step = last as f32 / to_frames.saturating_sub(1).max(1) as f32;
    let frame = |to: usize| {
        let position = (to as f32 * step).min(last as f32);
        let (low, share) = (position as usize, position.fract());
        let row = |frame: usize| &patch[frame * bands..(frame + 1) * bands];
        row(low).iter().zip(row((low + 1).min(last))).map(move |(a, b)| a + share * (b - a))
    };
    (0..to_frames).flat_map(frame).collect()
}

/// The nearest number of 16 bits (IEEE 754 binary16) to a number that is not negative; the largest for all above.
fn half_precision(x: f32) -> f32 {
    /// Numbers below 2^-14 lie 2^-24 apart.
    const FINEST: f32 = 1.0 / (1 << 24) as f32;
    const LARGEST: f32 = 65_504.0;
    if x < 1024.0 * FINEST {
        return (x / FINEST).round_ties_even() * FINEST;
    }
    let bits = x.min(LARGEST).to_bits();
    f32::from_bits((bits + 0xfff + (bits >> 13 & 1)) & !0x1fff)
}

fn cut_at_floor(db: &mut [f32], front_end: &FrontEnd) {
    db.iter_mut().for_each(|x| *x = x.max(front_end.floor_db));
}

fn maximum(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_has_eleven_bits_and_rounds_to_even() {
        let cases = [
            (0.0, 0.0),
            (0.1, 0.099_975_586),
            (1.0 / 3.0, 0.333_251_95),
            (2049.0, 2048.0),
            (2051.0, 2052.0),
            (1e-6, 1.013_278_96e-6),
            (2e-8, 0.0),
            (1e9, 65_504.0),
        ];
        for (x, half) in cases {
            assert_eq!(half_precision(x), half, "{x}");
        }
    }

    #[test]
    fn frames_are_interpolated_and_the_outer_ones_stay() {
        let patch = [0.0, 10.0, 4.0, 20.0];
        assert_eq!(resample_frames(&patch, 2, 3), [0.0, 10.0, 2.0, 15.0, 4.0, 20.0]);
        assert_eq!(resample_frames(&patch, 2, 2), patch);
        assert_eq!(resample_frames(&patch[..2], 2, 2), [0.0, 10.0, 0.0, 10.0]);
    }
}
