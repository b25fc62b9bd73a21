//! Samples in any pieces → mel power of the kept frames, in bounded memory.

use std::ops::Range;

use super::low_pass::LowPassStream;
use super::stft::mirror;
use super::tile::Tile;
use super::vector::{LANES, sum_and_squares};
use super::{FrontEnd, MelFilterBank, Padding, PowerSpectrum, mel_filter_bank};
use crate::Result;

/// Samples that are taken at a time: enough to make moving what remains cheap.
const PIECE_SAMPLES: usize = 1 << 16;

/// Mel power of consecutive kept frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MelFrames {
    /// Bands of a frame.
    pub bands: usize,
    /// Mel power, `[frames, bands]` row-major, band 0 lowest.
    pub power: Vec<f32>,
    /// Σ (x - mean of x)² / `n_fft` over each frame's samples without padding: `[frames]`. A constant is no sound.
    pub mean_square: Vec<f32>,
}

impl MelFrames {
    /// No frames yet.
    pub fn new(bands: usize) -> Self {
        Self { bands, power: Vec::new(), mean_square: Vec::new() }
    }

    /// How many frames there are.
    pub fn frames(&self) -> usize {
        self.mean_square.len()
    }

    /// Forgets the first `frames` frames, or all that there are.
    pub fn drop_front(&mut self, frames: usize) {
        let frames = frames.min(self.frames());
        self.mean_square.drain(..frames);
        self.power.drain(..frames * self.bands);
    }
}

/// The mel spectrogram as a stream: the same numbers as [`mel_spectrogram`](super::mel_spectrogram), whatever the
/// pieces. Only the frames that the front end keeps are computed.
pub struct MelStream {
    front_end: FrontEnd,
    low_pass: Option<LowPassStream>,
    spectrum: PowerSpectrum,
    bank: MelFilterBank,
    /// Power spectra of up to sixteen frames, one after the other and side by side, and their bands.
    power: Vec<f32>,
    tile: Tile,
    mel: Tile,
    /// The padded signal from `buffer_start` on; only the signal itself while `led_in` is false.
    buffer: Vec<f32>,
    /// Where in the padded signal the buffer begins.
    buffer_start: u64,
    /// Whether the padding stands before the signal: mirroring has to wait for the samples that it mirrors.
    led_in: bool,
    taken_samples: u64,
    kept_frames: u64,
}

impl MelStream {
    /// # Errors
    /// [`ErrorKind::BadSettings`](crate::ErrorKind::BadSettings) from [`FrontEnd::check`].
    pub fn new(front_end: &FrontEnd) -> Result<Self> {
        front_end.check()?;
        let led_in = front_end.padding == Padding::Constant;
        Ok(Self {
            low_pass: LowPassStream::new(front_end.low_pass),
            spectrum: PowerSpectrum::new(front_end.n_fft),
            bank: mel_filter_bank(front_end.sample_rate_hz, front_end.n_fft, front_end.mel_bands),
            power: Vec::new(),
            tile: Tile::default(),
            mel: Tile::default(),
            buffer: vec![0.0; if led_in { front_end.n_fft / 2 } else { 0 }],
            buffer_start: 0,
            led_in,
            taken_samples: 0,
            kept_frames: 0,
            front_end: front_end.clone(),
        })
    }

    /// Takes samples and appends to `out` the kept frames that are complete with them.
    pub fn push(&mut self, samples: &[f32], out: &mut MelFrames) {
        for piece in samples.chunks(PIECE_SAMPLES) {
            match &mut self.low_pass {
                Some(low_pass) => {
                    let filtered = low_pass.push(piece);
                    self.take(&filtered, out);
                }
                None => self.take(piece, out),
            }
        }
    }

    fn take(&mut self, piece: &[f32], out: &mut MelFrames) {
        self.buffer.extend_from_slice(piece);
        self.taken_samples += piece.len() as u64;
        if !self.led_in && self.buffer.len() > self.padding_samples() {
            self.lead_in();
        }
        if self.led_in {
            self.compute_complete(out);
            self.forget();
        }
    }

    /// Ends the signal: pads it and appends the frames that reach into the padding. A signal of `n` samples has the
    /// STFT frames below `1 + n / hop`, as in librosa; an empty one has none.
    pub fn finish(mut self, out: &mut MelFrames) {
        if let Some(low_pass) = self.low_pass.take() {
            self.take(&low_pass.finish(), out);
        }
        if self.taken_samples == 0 {
            return;
        }
        if !self.led_in {
            self.lead_in();
        }
        self.lead_out();
        self.compute_complete(out);
    }

    fn padding_samples(&self) -> usize {
        self.front_end.n_fft / 2
    }

    /// Puts the mirrored beginning in front of the signal.
    fn lead_in(&mut self) {
        let padding = self.padding_samples() as isize;
        let mirrored: Vec<f32> = (-padding..0).map(|p| self.buffer[mirror(p, self.buffer.len())]).collect();
        self.buffer.splice(..0, mirrored);
        self.led_in = true;
    }

    /// Puts zeros or the mirrored end behind the signal.
    fn lead_out(&mut self) {
        let padding = self.padding_samples();
        if self.front_end.padding == Padding::Constant {
            self.buffer.resize(self.buffer.len() + padding, 0.0);
            return;
        }
        let known = (padding + 1).min(self.taken_samples as usize);
        let end = &self.buffer[self.buffer.len() - known..];
        let mirrored: Vec<f32> = (known..known + padding).map(|p| end[mirror(p as isize, known)]).collect();
        self.buffer.extend(mirrored);
    }

    /// Computes the frames that are there to their end, sixteen at a time.
    fn compute_complete(&mut self, out: &mut MelFrames) {
        while self.next_frame().is_some() {
            self.power.clear();
            for _ in 0..LANES {
                let Some(start) = self.next_frame() else { break };
                let frame = &self.buffer[start..][..self.front_end.n_fft];
                out.mean_square.push(mean_square(&frame[self.within_signal()], frame.len()));
                self.power.extend_from_slice(self.spectrum.of(frame));
                self.kept_frames += 1;
            }
            self.tile.load(&self.power, self.front_end.n_fft / 2 + 1);
            self.bank.apply_to_tile(&self.tile, &mut self.mel);
            self.mel.unload(&mut out.power);
        }
    }

    /// The samples of the next kept frame that are no padding.
    fn within_signal(&self) -> Range<usize> {
        let (start, n_fft) = (self.next_start(), self.front_end.n_fft);
        let signal_start = self.padding_samples() as u64;
        let place = |position: u64| position.saturating_sub(start).min(n_fft as u64) as usize;
        place(signal_start)..place(signal_start + self.taken_samples)
    }

    /// Where in the padded signal the next kept frame begins.
    fn next_start(&self) -> u64 {
        self.front_end.stft_frame(self.kept_frames) * self.front_end.hop_samples as u64
    }

    /// Where in the buffer the next kept frame begins, if it is there to its end.
    fn next_frame(&self) -> Option<usize> {
        let start = self.next_start() - self.buffer_start;
        (start + self.front_end.n_fft as u64 <= self.buffer.len() as u64).then_some(start as usize)
    }

    /// Drops what neither a frame nor the mirrored end will need, once that is more than what it needs.
    fn forget(&mut self) {
        let mirrored = self.buffer.len().saturating_sub(self.padding_samples() + 1) as u64;
        let unneeded = (self.next_start() - self.buffer_start).min(mirrored);
        if 2 * unneeded as usize >= self.buffer.len() {
            self.buffer.drain(..unneeded as usize);
            self.buffer_start += unneeded;
        }
    }
}

/// Σ (x - mean of x)² / `length`, as if zeros stood around the samples.
fn mean_square(samples: &[f32], length: usize) -> f32 {
    let [sum, square] = sum_and_squares(samples);
    (square - sum / samples.len().max(1) as f32 * sum).max(0.0) / length as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirroring_is_that_of_numpy() {
        let positions = -5..7;
        let of = |samples| positions.clone().map(|p| mirror(p, samples)).collect::<Vec<_>>();
        assert_eq!(of(4), [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
        assert_eq!(of(2), [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
        assert_eq!(of(1), [0; 12]);
    }

    #[test]
    fn dropping_more_frames_than_there_are_leaves_none() {
        let mut frames = MelFrames { bands: 2, power: vec![1.0, 2.0, 3.0, 4.0], mean_square: vec![0.1, 0.2] };
        frames.drop_front(1);
        assert_eq!((frames.frames(), frames.power.as_slice()), (1, [3.0, 4.0].as_slice()));
        frames.drop_front(9);
        assert_eq!(frames, MelFrames::new(2));
    }
}
