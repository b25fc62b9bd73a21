//! Samples at one rate → samples at another, as a stream, without delay and with the exact length.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use crate::{Error, ErrorKind, Result};

/// Least FFT block on either side, samples. At 1024 the passband ends at 98.6 % of the lower Nyquist frequency.
const BLOCK_SAMPLES: usize = 1024;

/// Resamples mono audio. `n` samples become `round(n · to / from)`, and sample `t` of the output lies where sample
/// `t · from / to` of the input was.
pub(crate) struct Resampler {
    from_hz: u32,
    to_hz: u32,
    blocks: Option<Blocks>,
    taken: u64,
    given: u64,
}

/// The FFT resampler with what waits for a full block. None when the rates are equal.
struct Blocks {
    fft: Fft<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Output samples that are still to be dropped: the delay of the filter.
    delay: usize,
}

/// A whole signal at another rate: `[n]` → `[round(n · to / from)]`.
///
/// # Errors
/// [`ErrorKind::BadSettings`] when the rates make no resampler.
pub(crate) fn resample(samples: &[f32], from_hz: u32, to_hz: u32) -> Result<Vec<f32>> {
    let mut resampler = Resampler::new(from_hz, to_hz)?;
    let mut out = Vec::new();
    resampler.push(samples, &mut out);
    resampler.finish(&mut out);
    Ok(out)
}

impl Resampler {
    /// # Errors
    /// [`ErrorKind::BadSettings`] when the rates make no resampler.
    pub(crate) fn new(from_hz: u32, to_hz: u32) -> Result<Self> {
        let blocks =
            if from_hz == to_hz { None } else { Some(Blocks::new(from_hz as usize, to_hz as usize)?) };
        Ok(Self { from_hz, to_hz, blocks, taken: 0, given: 0 })
    }

    /// The rate it was made for, Hz.
    pub(super) fn input_rate_hz(&self) -> u32 {
        self.from_hz
    }

    /// Takes samples and appends what they make to `out`.
    pub(crate) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let before = out.len();
        match &mut self.blocks {
            None => out.extend_from_slice(samples),
            Some(blocks) => blocks.push(samples, out),
        }
        self.taken += samples.len() as u64;
        self.given += (out.len() - before) as u64;
    }

    /// Appends what is still inside; the total is then `round(taken · to / from)`.
    pub(crate) fn finish(mut self, out: &mut Vec<f32>) {
        let (taken, from, to) = (u128::from(self.taken), u128::from(self.from_hz), u128::from(self.to_hz));
        let total = ((2 * taken * to + from) / (2 * from)) as u64;
        let zeros = vec![0.0; BLOCK_SAMPLES];
        while self.given < total {
            self.push(&zeros, out);
        }
        out.truncate(out.len() - (self.given - total) as usize);
    }
}

impl Blocks {
    fn new(from: usize, to: usize) -> Result<Self> {
        let fft = Fft::new_custom(
            from,
            to,
            block_input(from, to),
            1,
            1,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(|e| {
            Error::new(ErrorKind::BadSettings, format!("cannot resample {from} Hz to {to} Hz: {e}"))
        })?;
        let delay = fft.output_delay();
        Ok(Self {
            input: Vec::with_capacity(fft.input_frames_next()),
            output: vec![0.0; fft.output_frames_next()],
            fft,
            delay,
        })
    }

    fn push(&mut self, mut samples: &[f32], out: &mut Vec<f32>) {
        let block = self.fft.input_frames_next();
        while self.input.len() + samples.len() >= block {
            let (now, later) = samples.split_at(block - self.input.len());
            self.input.extend_from_slice(now);
            samples = later;
            self.process(out);
            self.input.clear();
        }
        self.input.extend_from_slice(samples);
    }

    fn process(&mut self, out: &mut Vec<f32>) {
        const FITS: &str = "both buffers have the lengths that the resampler asked for";
        let (frames_in, frames_out) = (self.input.len(), self.output.len());
        let input = SequentialSlice::new(&self.input, 1, frames_in).expect(FITS);
        let mut output = SequentialSlice::new_mut(&mut self.output, 1, frames_out).expect(FITS);
        self.fft.process_into_buffer(&input, &mut output, None).expect(FITS);
        let dropped = self.delay.min(frames_out);
        self.delay -= dropped;
        out.extend_from_slice(&self.output[dropped..]);
    }
}

/// Input samples of one FFT block: at least [`BLOCK_SAMPLES`] on both sides, an even number of the smallest blocks that
/// the two rates allow, so that the filter's delay is a whole number of samples on both sides.
fn block_input(from: usize, to: usize) -> usize {
    let unit = greatest_common_divisor(from, to);
    let (unit_in, unit_out) = (from / unit, to / unit);
    unit_in * BLOCK_SAMPLES.div_ceil(unit_in.min(unit_out)).next_multiple_of(2)
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resampled(samples: &[f32], from_hz: u32, to_hz: u32, chunk: usize) -> Vec<f32> {
        let (mut resampler, mut out) = (Resampler::new(from_hz, to_hz).unwrap(), Vec::new());
        samples.chunks(chunk).for_each(|c| resampler.push(c, &mut out));
        resampler.finish(&mut out);
        out
    }

    fn sine(frequency_hz: f64, rate_hz: u32, samples: usize) -> Vec<f32> {
        let step = std::f64::consts::TAU * frequency_hz / f64::from(rate_hz);
        (0..samples).map(|n| (step * n as f64).sin() as f32).collect()
    }

    #[test]
    fn a_sine_stays_the_same_sine_in_place_and_length() {
        for (from, to) in [
            (44_100, 22_050),
            (48_000, 22_050),
            (8_000, 22_050),
            (96_000, 16_000),
            (22_050, 22_050),
            (44_101, 22_050),
        ] {
            let samples = from as usize + 17;
            let out = resampled(&sine(997.0, from, samples), from, to, 1000);
            let expected = sine(997.0, to, out.len());
            assert_eq!(out.len(), (samples as f64 * f64::from(to) / f64::from(from)).round() as usize);
            let margin = out.len() / 4; // the ends ring: there the sine starts and stops
            for n in margin..out.len() - margin {
                assert!(
                    (out[n] - expected[n]).abs() < 2e-4,
                    "{from} to {to}, sample {n}: {} {}",
                    out[n],
                    expected[n]
                );
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        let out = resampled(&sine(15_000.0, 44_100, 44_100), 44_100, 22_050, 4096);
        assert!(out[5000..17_000].iter().all(|x| x.abs() < 1e-4));
    }

    #[test]
    fn chunk_sizes_change_nothing() {
        let samples = sine(440.0, 44_100, 10_000);
        let whole = resampled(&samples, 44_100, 22_050, 10_000);
        assert_eq!(whole, resampled(&samples, 44_100, 22_050, 1));
        assert_eq!(whole, resampled(&samples, 44_100, 22_050, 1153));
    }

    #[test]
    fn short_and_empty_input_keep_their_length() {
        for (samples, expected) in [(0, 0), (1, 1), (2, 1), (3, 2), (100, 50)] {
            assert_eq!(resampled(&vec![0.25; samples], 44_100, 22_050, 7).len(), expected);
        }
    }
}
