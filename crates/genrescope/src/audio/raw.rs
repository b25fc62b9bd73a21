//! Samples without a header → a stream: they get the header of a WAV file that does not end.

use std::io::{Cursor, Read};

use super::AudioStream;
use crate::Result;

/// How one sample is written, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleFormat {
    /// Whole numbers of 16 bits.
    S16,
    /// Floating-point numbers of 32 bits.
    F32,
}

/// What samples without a header are; those of the channels take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawAudio {
    /// How one sample is written.
    pub format: SampleFormat,
    /// Samples a second and channel, Hz.
    pub rate_hz: u32,
    /// Channels.
    pub channels: u16,
}

impl RawAudio {
    /// Reads them; `name` stands in messages, the stream's samples come at `sample_rate_hz`.
    ///
    /// # Errors
    /// As [`AudioStream::open`], for a rate or a number of channels that is not read.
    pub fn stream(
        self,
        reader: impl Read + Send + Sync + 'static,
        name: &str,
        sample_rate_hz: u32,
    ) -> Result<AudioStream> {
        AudioStream::from_reader(Box::new(Cursor::new(self.header()).chain(reader)), name, sample_rate_hz)
    }

    /// RF64 (EBU Tech 3306): its lengths have 64 bits.
    fn header(self) -> Vec<u8> {
        const ENDLESS: u64 = 1 << 62;
        let (tag, bytes): (u16, u16) = match self.format {
            SampleFormat::S16 => (1, 2),
            SampleFormat::F32 => (3, 4),
        };
        let frame_bytes = bytes.saturating_mul(self.channels);
        let mut header = b"RF64\xff\xff\xff\xffWAVEds64".to_vec();
        header.extend(28_u32.to_le_bytes());
        header.extend([ENDLESS, ENDLESS, 0].into_iter().flat_map(u64::to_le_bytes));
        header.extend(0_u32.to_le_bytes());
        header.extend(b"fmt \x10\0\0\0");
        header.extend([tag, self.channels].into_iter().flat_map(u16::to_le_bytes));
        header.extend(self.rate_hz.to_le_bytes());
        header.extend(self.rate_hz.saturating_mul(frame_bytes.into()).to_le_bytes());
        header.extend([frame_bytes, 8 * bytes].into_iter().flat_map(u16::to_le_bytes));
        header.extend(b"data\xff\xff\xff\xff");
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(raw: RawAudio, bytes: Vec<u8>) -> Vec<f32> {
        let mut stream = raw.stream(Cursor::new(bytes), "raw", raw.rate_hz).unwrap();
        let mut samples = Vec::new();
        while let Some(block) = stream.next_block().unwrap() {
            samples.extend(block);
        }
        samples
    }

    #[test]
    fn samples_come_as_they_are_written_and_channels_are_averaged() {
        let whole: Vec<i16> = (0..8_000).map(|n| n - 4_000).collect();
        let bytes: Vec<u8> = whole.iter().flat_map(|n| n.to_le_bytes()).collect();
        let mono = RawAudio { format: SampleFormat::S16, rate_hz: 22_050, channels: 1 };
        let expected: Vec<f32> = whole.iter().map(|n| f32::from(*n) / 32_768.0).collect();
        assert_eq!(decoded(mono, bytes), expected);

        let floats: Vec<u8> = expected.iter().flat_map(|x| x.to_le_bytes()).collect();
        let stereo = RawAudio { format: SampleFormat::F32, rate_hz: 48_000, channels: 2 };
        let means: Vec<f32> = expected.chunks(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
        assert_eq!(decoded(stereo, floats), means);
    }
}
