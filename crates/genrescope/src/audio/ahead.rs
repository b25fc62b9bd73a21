//! Packets that are decoded before their turn, in stretches, each on a thread of its own.
//!
//! A decoder of short memory that begins some packets before a stretch soon stands where one stands that read all before
//! it. Whether it does shows at the seam, whose packets both decode: unless they give the same bits, the stretch is
//! decoded again in its turn. So the samples are those of one decoder, on however many threads.

use std::collections::VecDeque;
use std::iter::zip;
use std::thread::{Builder, JoinHandle};

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::errors::Error as Fault;
use symphonia::core::packet::Packet;

use super::codec::{Codec, Heard};

/// Samples of a stretch: three seconds of a CD.
const STRETCH_SAMPLES: usize = 1 << 17;
/// Packets of a stretch at most, should they claim to hold few samples or none.
const STRETCH_PACKETS: usize = 512;
/// Bytes of a stretch at most.
const STRETCH_BYTES: usize = 4 << 20;
/// A decoder warms up with packets of so many bytes, and with so many packets at least and at most. MP3 reaches 511 bytes
/// of music back, and a packet of 24 bytes holds three.
const WARM_UP_BYTES: usize = 3072;
const WARM_UP_PACKETS: std::ops::RangeInclusive<usize> = 4..=128;
/// Packets whose audio is compared where two stretches meet.
const SEAM_PACKETS: usize = 2;
/// Threads at most: each holds a stretch.
const MOST_THREADS: usize = 8;
/// After so many stretches in a row that do not fit, no more are tried.
const MOST_MISFITS: usize = 3;

type Outcome = Result<Heard, Fault>;

/// Packets that were read, and their audio.
pub(super) struct Ahead {
    threads: usize,
    stretch_samples: usize,
    /// Read and not handed on, with how far the file was read then.
    read: VecDeque<(Packet, u64)>,
    /// For the next stretch, of so many samples and bytes.
    gathered: Vec<Packet>,
    gathered_samples: usize,
    gathered_bytes: usize,
    /// What the next stretch warms up with.
    history: VecDeque<Packet>,
    /// Under way: how many packets, and where there is a thread.
    stretches: VecDeque<(usize, Option<JoinHandle<Option<Decoded>>>)>,
    /// What is left of the first stretch.
    current: Option<Decoded>,
    /// Packets of it that are to be decoded again.
    again: usize,
    /// Audio of the last packets, right for certain; none where a packet could not be decoded.
    tail: VecDeque<Option<Vec<f32>>>,
    misfits: usize,
}

/// The packets of a stretch.
struct Decoded {
    /// Audio of the packets before it.
    seam: Vec<Outcome>,
    heard: VecDeque<Outcome>,
    /// The decoder behind them.
    codec: Codec,
}

impl Ahead {
    /// On one thread, nothing is read ahead.
    pub(super) fn new() -> Self {
        Self {
            threads: 1,
            stretch_samples: STRETCH_SAMPLES,
            read: VecDeque::new(),
            gathered: Vec::new(),
            gathered_samples: 0,
            gathered_bytes: 0,
            history: VecDeque::new(),
            stretches: VecDeque::new(),
            current: None,
            again: 0,
            tail: VecDeque::new(),
            misfits: 0,
        }
    }

    /// On so many threads from now on.
    pub(super) fn use_threads(&mut self, threads: usize) {
        self.threads = threads.min(MOST_THREADS);
    }

    /// Whether more packets should be read.
    pub(super) fn has_room(&self) -> bool {
        self.is_used() && self.stretches.len() < self.threads
    }

    /// Takes a packet of so many samples that was read.
    pub(super) fn push(
        &mut self,
        packet: Packet,
        read_bytes: u64,
        samples: usize,
        of: &AudioCodecParameters,
    ) {
        self.gathered_samples += samples;
        self.gathered_bytes += packet.data.len();
        self.gathered.push(packet.clone());
        self.read.push_back((packet, read_bytes));
        if self.gathered_samples >= self.stretch_samples
            || self.gathered_bytes >= STRETCH_BYTES
            || self.gathered.len() >= STRETCH_PACKETS
        {
            self.send(of);
        }
    }

    /// Sends what was gathered to a thread, if that is more than it would warm up with.
    pub(super) fn send(&mut self, parameters: &AudioCodecParameters) {
        if self.gathered.is_empty() {
            return;
        }
        (self.gathered_samples, self.gathered_bytes) = (0, 0);
        let packets = std::mem::take(&mut self.gathered);
        let (count, warm_up) = (packets.len(), self.history.clone());
        packets.iter().for_each(|packet| self.remember(packet));
        let parameters = parameters.clone();
        let is_worth_it = count > warm_up.len();
        let work = move || Decoded::new(&parameters, &warm_up, &packets);
        let thread = is_worth_it.then(|| Builder::new().spawn(work).ok()).flatten();
        self.stretches.push_back((count, thread));
    }

    /// The next packet that was read.
    pub(super) fn next_packet(&mut self) -> Option<(Packet, u64)> {
        self.read.pop_front()
    }

    /// The audio of the next packet. Where it has to be decoded, `codec` stands behind the packet before it.
    pub(super) fn hear(&mut self, packet: &Packet, codec: &mut Codec) -> Outcome {
        let heard = if self.is_under_way() {
            self.known(codec).unwrap_or_else(|| codec.hear(packet))
        } else {
            self.remember(packet);
            codec.hear(packet)
        };
        if self.is_used() {
            self.tail.push_back(heard.as_ref().ok().map(|heard| heard.mono.clone()));
            self.tail.drain(..self.tail.len().saturating_sub(SEAM_PACKETS));
        } else {
            // Should threads come back, what was known fits to what came in between by chance alone.
            self.history.clear();
            self.tail.clear();
        }
        heard
    }

    /// The decoder was made anew: it knows of no packet.
    pub(super) fn forget(&mut self) {
        debug_assert!(self.read.is_empty() && !self.is_under_way());
        self.history.clear();
        self.tail.clear();
    }

    fn is_used(&self) -> bool {
        self.threads > 1 && self.misfits < MOST_MISFITS
    }

    fn is_under_way(&self) -> bool {
        !self.stretches.is_empty() || self.current.is_some() || self.again > 0
    }

    /// The outcome of the next packet that was read ahead, unless it has to be decoded again.
    fn known(&mut self, codec: &mut Codec) -> Option<Outcome> {
        if self.current.is_none() && self.again == 0 {
            self.begin_stretch();
        }
        let Some(current) = &mut self.current else {
            self.again = self.again.saturating_sub(1);
            return None;
        };
        let outcome = current.heard.pop_front();
        if current.heard.is_empty() {
            *codec = self.current.take()?.codec;
        }
        outcome
    }

    fn begin_stretch(&mut self) {
        let Some((count, thread)) = self.stretches.pop_front() else { return };
        let decoded = thread.and_then(|thread| thread.join().ok().flatten());
        self.current = decoded.filter(|decoded| {
            let fits = decoded.fits(&self.tail);
            self.misfits = if fits { 0 } else { self.misfits + usize::from(is_heard(&self.tail)) };
            fits && is_heard(&self.tail)
        });
        self.again = if self.current.is_some() { 0 } else { count };
    }

    /// A packet comes behind the history.
    fn remember(&mut self, packet: &Packet) {
        if !self.is_used() {
            return;
        }
        self.history.push_back(packet.clone());
        let mut bytes: usize = self.history.iter().map(|packet| packet.data.len()).sum();
        while let Some(oldest) = self.history.front().map(|packet| packet.data.len())
            && (self.history.len() > *WARM_UP_PACKETS.end()
                || self.history.len() > *WARM_UP_PACKETS.start() && bytes - oldest >= WARM_UP_BYTES)
        {
            bytes -= oldest;
            self.history.pop_front();
        }
    }
}

/// Whether there is something in the last packet: silence fits to silence, whatever comes after it.
fn is_heard(tail: &VecDeque<Option<Vec<f32>>>) -> bool {
    tail.back().and_then(Option::as_ref).is_some_and(|mono| mono.iter().any(|&x| x != 0.0))
}

impl Decoded {
    fn new(
        parameters: &AudioCodecParameters,
        warm_up: &VecDeque<Packet>,
        packets: &[Packet],
    ) -> Option<Self> {
        let mut codec = Codec::new(parameters).ok()?;
        let mut seam: Vec<Outcome> = warm_up.iter().map(|packet| codec.hear(packet)).collect();
        seam.drain(..seam.len().saturating_sub(SEAM_PACKETS));
        let heard = packets.iter().map(|packet| codec.hear(packet)).collect();
        Some(Self { seam, heard, codec })
    }

    /// Whether it hears what is before it as it is.
    fn fits(&self, tail: &VecDeque<Option<Vec<f32>>>) -> bool {
        let same = |(ours, theirs): (&Outcome, &Option<Vec<f32>>)| match (ours, theirs) {
            (Ok(ours), Some(theirs)) => {
                ours.mono.len() == theirs.len()
                    && zip(&ours.mono, theirs).all(|(a, b)| a.to_bits() == b.to_bits())
            }
            _ => false,
        };
        self.seam.len() == tail.len() && zip(&self.seam, tail).all(same)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::decode::Decoder;
    use super::*;

    fn recording(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/tests/audio/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    /// All samples; `meddle` is called before the first and after each packet.
    fn samples(bytes: Vec<u8>, threads: usize, mut meddle: impl FnMut(&mut Ahead)) -> (Vec<f32>, usize) {
        let mut decoder = Decoder::open(Box::new(Cursor::new(bytes))).unwrap();
        decoder.use_threads(threads);
        meddle(&mut decoder.ahead);
        let (mut all, mut packet) = (Vec::new(), Vec::new());
        while decoder.next_stretch(&mut packet).unwrap().is_some() {
            all.append(&mut packet);
            meddle(&mut decoder.ahead);
        }
        (all, decoder.ahead.misfits)
    }

    #[test]
    fn stretches_fit_each_other() {
        for (name, times, stretch_samples, least) in [
            ("no_tag_44100_vbr.mp3", 40, STRETCH_SAMPLES, 1000),
            ("stereo_44100.mp3", 40, STRETCH_SAMPLES, 1000),
            ("mono_22050_vbr.mp3", 40, STRETCH_SAMPLES, 1000),
            ("mono_22050.mp2", 40, STRETCH_SAMPLES, 1000),
            ("noise_48000.mp1", 20, 32_768, 50),
            ("stereo_44100.ogg", 1, 8192, 5),
            ("stereo_44100.mkv", 1, 8192, 5),
            ("mono_22050_alac.m4a", 1, 24576, 5),
            ("mono_22050_alac.caf", 1, 24576, 5),
        ] {
            let bytes = recording(name).repeat(times);
            let (alone, _) = samples(bytes.clone(), 1, |_| ());
            let mut ahead_packets = 0;
            let count = |ahead: &mut Ahead| {
                ahead.stretch_samples = stretch_samples;
                ahead_packets += usize::from(ahead.current.is_some());
            };
            let (together, misfits) = samples(bytes, 3, count);
            assert!(alone == together, "{name}");
            assert_eq!(misfits, 0, "{name}");
            assert!(ahead_packets >= least, "{name}: {ahead_packets}");
        }
    }

    #[test]
    fn what_does_not_fit_is_decoded_again() {
        let bytes = recording("no_tag_44100_vbr.mp3").repeat(40);
        let (alone, _) = samples(bytes.clone(), 1, |_| ());
        let other = |ahead: &mut Ahead| {
            if let Some(Some(sample)) =
                ahead.tail.back_mut().map(|mono| mono.as_mut().and_then(|m| m.first_mut()))
            {
                *sample += 0.5;
            }
        };
        let (together, misfits) = samples(bytes, 3, other);
        assert!(alone == together);
        assert!(misfits >= MOST_MISFITS, "those under way are counted too: {misfits}");
    }

    #[test]
    fn threads_may_come_and_go() {
        let bytes = recording("no_tag_44100_vbr.mp3").repeat(40);
        let (alone, _) = samples(bytes.clone(), 1, |_| ());
        let often = |packet: usize| [1, 3, 2][packet / 300 % 3];
        let late = |packet: usize| if packet < 700 { 1 } else { 3 };
        let again = |packet: usize| if (2..200).contains(&packet) { 1 } else { 3 };
        for threads in [often, late, again] as [fn(usize) -> usize; 3] {
            let mut packet = 0;
            let change = |ahead: &mut Ahead| {
                packet += 1;
                ahead.use_threads(threads(packet));
            };
            assert!(alone == samples(bytes.clone(), 1, change).0);
        }
    }
}
