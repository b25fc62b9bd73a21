//! Mel power of a stretch without upper bands → the same with upper bands, for networks that never heard such recordings.

/// What is this far under the mean power of a stretch is nothing, as a factor: even the noise of 16 bits is louder.
const NOTHING: f64 = 1e-8;
/// A band is empty in which no more than this share of the frames has something: the sound may begin with a click.
const CLICKS: f64 = 0.05;
/// So many bands below the lowest empty one are faint, on the slopes of filters.
const FAINT: usize = 3;
/// How far above its pattern a band lies: about an octave of 96 bands.
const SHIFT: usize = 24;

/// Fills the upper bands of a stretch when they are empty, as those of a recording of 8 kHz are above 4 kHz: each has what
/// goes on an octave lower (spectral band replication, Dietz et al. 2002), as much fainter as it is in music's mean. A
/// stretch of which more than half is empty stays as it is.
///
/// # Shape
/// `[frames, bands]`, `mean_spectrum` `[bands]`: log10 power.
pub(crate) fn fill_upper_bands(power: &mut [f32], mean_spectrum: &[f32]) {
    let bands = mean_spectrum.len();
    let empty = lowest_empty(power, bands);
    if empty == bands || empty < (bands / 2).max(SHIFT) + FAINT {
        return;
    }
    let filled = empty - FAINT..bands;
    let gains: Vec<f32> =
        filled.clone().map(|band| 10_f32.powf(mean_spectrum[band] - mean_spectrum[band - SHIFT])).collect();
    for frame in power.chunks_exact_mut(bands) {
        for (band, gain) in filled.clone().zip(&gains) {
            frame[band] = gain * frame[band - SHIFT];
        }
    }
}

/// The lowest band from which on all are empty; their number where the highest is not.
fn lowest_empty(power: &[f32], bands: usize) -> usize {
    let sum: f64 = power.iter().map(|power| f64::from(*power)).sum();
    let least = (sum / power.len() as f64 * NOTHING) as f32;
    let most = (CLICKS * power.len() as f64 / bands as f64) as usize;
    let heard = |band: &usize| {
        power.iter().skip(*band).step_by(bands).filter(|power| **power >= least).count() > most
    };
    (0..bands).rev().find(heard).map_or(bands, |band| band + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANDS: usize = 96;

    /// Falls by 0.02 a band, in log10.
    fn mean_spectrum() -> Vec<f32> {
        (0..BANDS).map(|band| 1.0 - 0.02 * band as f32).collect()
    }

    /// Forty frames of the mean spectrum, each louder than the one before, without what lies from `band` on, but for a
    /// click in the first.
    fn cut_at(band: usize) -> Vec<f32> {
        let frame = |gain: i8| mean_spectrum().into_iter().map(move |log| f32::from(gain) * 10_f32.powf(log));
        let mut power: Vec<f32> = (1..=40).flat_map(frame).collect();
        power.chunks_exact_mut(BANDS).skip(1).for_each(|frame| frame[band..].fill(1e-9));
        power
    }

    #[test]
    fn frames_of_the_mean_spectrum_get_what_they_lost() {
        for (empty, faint) in [(80, 77), (88, 86)] {
            let mut power = cut_at(empty);
            power
                .chunks_exact_mut(BANDS)
                .for_each(|frame| frame[faint..empty].iter_mut().for_each(|p| *p *= 0.1));
            fill_upper_bands(&mut power, &mean_spectrum());
            let whole = cut_at(BANDS);
            assert!(power.iter().zip(&whole).all(|(a, b)| (a / b - 1.0).abs() < 1e-4), "{empty}");
        }
    }

    #[test]
    fn what_is_whole_or_hardly_there_stays() {
        for cut in [BANDS, 40, 0] {
            let mut power = cut_at(cut);
            fill_upper_bands(&mut power, &mean_spectrum());
            assert_eq!(power, cut_at(cut), "{cut}");
        }
        let mut silence = [0.0; 2 * BANDS];
        fill_upper_bands(&mut silence, &mean_spectrum());
        assert_eq!(silence, [0.0; 2 * BANDS]);
    }

    #[test]
    fn faint_noise_is_not_nothing() {
        let mut power = cut_at(80);
        power.chunks_exact_mut(BANDS).for_each(|frame| frame[80..].fill(1e-5));
        let before = power.clone();
        fill_upper_bands(&mut power, &mean_spectrum());
        assert_eq!(power, before);
    }
}
