//! An Opus packet → its frames: RFC 6716, section 3.2, and appendix B for packets that say their own length.
//!
//! Each frame is handed on as a packet of its own: `opus-decoder` 0.1.1 takes none above 1,500 bytes, which six frames
//! of 20 ms pass, and reads the packets of several streams another way than appendix B.

use symphonia::core::errors::{Error as Fault, Result};

/// Longest packet, samples at 48 kHz: 120 ms.
pub(super) const MAX_PACKET_SAMPLES: usize = 5760;

const BROKEN: Fault = Fault::DecodeError("opus: broken packet");

/// The frames of one stream.
#[derive(Debug, PartialEq)]
pub(super) struct Frames<'a> {
    /// Table of contents of a packet with only one of these frames.
    toc: u8,
    frames: Vec<&'a [u8]>,
}

impl<'a> Frames<'a> {
    /// Splits a packet of several streams: all but the last say their length.
    pub(super) fn of_streams(mut packet: &'a [u8], streams: usize) -> Result<Vec<Self>> {
        let mut split = Vec::with_capacity(streams);
        for left in (0..streams).rev() {
            let (frames, rest) = Self::read(packet, left > 0)?;
            split.push(frames);
            packet = rest;
        }
        Ok(split)
    }

    /// Length of the packet, samples at 48 kHz.
    pub(super) fn samples(&self) -> usize {
        self.frames.len() * self.frame_samples()
    }

    /// Length of each frame, samples at 48 kHz.
    pub(super) fn frame_samples(&self) -> usize {
        let (configuration, size) = (self.toc >> 3, usize::from(self.toc >> 3 & 3));
        match configuration {
            0..12 => [480, 960, 1920, 2880][size],
            12..16 => [480, 960][size & 1],
            _ => [120, 240, 480, 960][size],
        }
    }

    /// Each frame as a packet; one of a single byte where the encoder sent nothing.
    pub(super) fn packets(&self) -> impl Iterator<Item = Vec<u8>> {
        self.frames.iter().map(|frame| [&[self.toc], *frame].concat())
    }

    fn read(packet: &'a [u8], says_length: bool) -> Result<(Self, &'a [u8])> {
        let mut bytes = Bytes(packet);
        let toc = bytes.number()?;
        let (lengths, padding) = match toc & 3 {
            0 => (bytes.equal_lengths(1, 0, says_length)?, 0),
            1 => (bytes.equal_lengths(2, 0, says_length)?, 0),
            2 => (bytes.own_lengths(2, 0, says_length)?, 0),
            _ => {
                let form = bytes.number()?;
                let padding = if form & 0x40 == 0 { 0 } else { bytes.padding()? };
                let count = usize::from(form & 0x3f);
                let own = form & 0x80 != 0;
                let lengths = if own { Bytes::own_lengths } else { Bytes::equal_lengths };
                (lengths(&mut bytes, count, padding, says_length)?, padding)
            }
        };
        let frames = lengths.into_iter().map(|length| bytes.take(length)).collect::<Result<Vec<_>>>()?;
        bytes.take(padding)?;
        let split = Self { toc: toc & !3, frames };
        let fits = (1..=MAX_PACKET_SAMPLES).contains(&split.samples());
        if fits { Ok((split, bytes.0)) } else { Err(BROKEN) }
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(BROKEN)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// One or two bytes, section 3.2.1.
    fn length(&mut self) -> Result<usize> {
        let first = usize::from(self.number()?);
        Ok(if first < 252 { first } else { first + 4 * usize::from(self.number()?) })
    }

    fn padding(&mut self) -> Result<usize> {
        let mut padding = 0;
        loop {
            match self.number()? {
                255 => padding += 254,
                last => return Ok(padding + usize::from(last)),
            }
        }
    }

    /// Of frames that share what is there.
    fn equal_lengths(&mut self, count: usize, padding: usize, says_length: bool) -> Result<Vec<usize>> {
        let length = if says_length {
            self.length()?
        } else {
            let there = self.0.len().checked_sub(padding).ok_or(BROKEN)?;
            there.checked_div(count).filter(|length| length * count == there).ok_or(BROKEN)?
        };
        Ok(vec![length; count])
    }

    /// Of frames that each say theirs; the last takes what is left, unless the packet says its length.
    fn own_lengths(&mut self, count: usize, padding: usize, says_length: bool) -> Result<Vec<usize>> {
        let said = if says_length { count } else { count.checked_sub(1).ok_or(BROKEN)? };
        let mut lengths = (0..said).map(|_| self.length()).collect::<Result<Vec<_>>>()?;
        if !says_length {
            let taken = padding + lengths.iter().sum::<usize>();
            lengths.push(self.0.len().checked_sub(taken).ok_or(BROKEN)?);
        }
        Ok(lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOC: u8 = 0x58; // SILK, 60 ms
    const SHORT: u8 = 0x80; // CELT, 2.5 ms

    fn frames(packet: &[u8]) -> Vec<Vec<u8>> {
        Frames::read(packet, false).unwrap().0.frames.iter().map(|frame| frame.to_vec()).collect()
    }

    #[test]
    fn each_of_the_four_codes_is_split_into_its_frames() {
        assert_eq!(frames(&[SHORT, 1, 2, 3]), [[1, 2, 3]]);
        assert_eq!(frames(&[SHORT | 1, 1, 2, 3, 4]), [[1, 2], [3, 4]]);
        assert_eq!(frames(&[SHORT | 2, 1, 7, 8, 9]), [vec![7], vec![8, 9]]);
        assert_eq!(frames(&[SHORT | 3, 3, 1, 2, 3]), [[1], [2], [3]]);
        assert_eq!(frames(&[SHORT | 3, 0x82, 1, 7, 8, 9]), [vec![7], vec![8, 9]]);
        assert_eq!(frames(&[SHORT | 3, 0x42, 2, 7, 8, 0, 0]), [[7], [8]]);
        let long = [&[SHORT | 2, 253, 1][..], &[5; 257], &[6; 3]].concat();
        assert_eq!(frames(&long), [vec![5; 257], vec![6; 3]]);
    }

    #[test]
    fn streams_say_their_lengths_but_for_the_last() {
        let packet = [SHORT, 2, 7, 8, SHORT | 2, 1, 1, 3, 4, SHORT, 9];
        let split = Frames::of_streams(&packet, 3).unwrap();
        let frames: Vec<Vec<&[u8]>> = split.into_iter().map(|stream| stream.frames).collect();
        assert_eq!(frames, [vec![&[7, 8][..]], vec![&[3][..], &[4]], vec![&[9][..]]]);
    }

    #[test]
    fn broken_packets_are_refused() {
        let packets: [&[u8]; 7] = [
            &[],
            &[SHORT | 1, 1, 2, 3],
            &[SHORT | 2, 9, 1],
            &[SHORT | 3, 0],
            &[SHORT | 3, 0x42, 9, 1],
            &[TOC | 3, 3, 1, 2, 3], // 180 ms
            &[SHORT | 3, 0xff, 255],
        ];
        for packet in packets {
            assert!(Frames::read(packet, false).is_err(), "{packet:?}");
        }
    }

    #[test]
    fn lengths_follow_the_table_of_configurations() {
        for (configuration, samples) in [(0, 480), (3, 2880), (12, 480), (15, 960), (16, 120), (31, 960)] {
            let packet = [configuration << 3, 1];
            assert_eq!(Frames::read(&packet, false).unwrap().0.samples(), samples);
        }
    }
}
