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
/// A decoder warms up with packets of so many bytes, and with so many packets at least and at most. MP3 reaches 511 bytes
/// back.
const WARM_UP_BYTES: usize = 2048;
const WARM_UP_PACKETS: std::ops::RangeInclusive<usize> = 4..=48;
/// Packets whose audio is compared where two stretches meet.
const SEAM_PACKETS: usize = 2;
/// After so many stretches that do not fit, no more are tried.
const MOST_MISFITS: usize = 3;

type Outcome = Result<Heard, Fault>;

/// Packets that were read, and their audio.
pub(super) struct Ahead {
    threads: usize,
    /// Read and not handed on, with how far the file was read then.
    read: VecDeque<(Packet, u64)>,
    /// Handed on, their audio is not.
    owed: usize,
    /// For the next stretch, of so many samples.
    gathered: Vec<Packet>,
    gathered_samples: usize,
    /// What the next stretch warms up with.
    history: VecDeque<Packet>,
    /// On their threads: how many packets, and where there is a thread.
    stretches: VecDeque<(usize, Option<JoinHandle<Option<Stretch>>>)>,
    /// What is left of the first stretch.
    current: Option<Stretch>,
    /// Packets of it that are to be decoded again.
    again: usize,
    /// Audio of the last packets, right for certain; none where a packet could not be decoded.
    tail: VecDeque<Option<Vec<f32>>>,
    misfits: usize,
}

/// Packets that were decoded.
struct Stretch {
    /// Audio of the packets before it.
    seam: Vec<Outcome>,
    heard: VecDeque<Outcome>,
    /// The decoder behind them.
    codec: Codec,
}

impl Ahead {
    /// On so many threads; with one, nothing is read ahead.
    pub(super) fn new(threads: usize) -> Self {
        Self {
            threads,
            read: VecDeque::new(),
            owed: 0,
            gathered: Vec::new(),
            gathered_samples: 0,
            history: VecDeque::new(),
            stretches: VecDeque::new(),
            current: None,
            again: 0,
            tail: VecDeque::new(),
            misfits: 0,
        }
    }

    /// Whether more packets should be read.
    pub(super) fn has_room(&self) -> bool {
        self.threads > 1 && self.misfits < MOST_MISFITS && self.stretches.len() < self.threads
    }

    /// Takes a packet of so many samples that was read.
    pub(super) fn push(
        &mut self,
        packet: Packet,
        read_bytes: u64,
        samples: usize,
        of: &AudioCodecParameters,
    ) {
        self.gathered.push(packet.clone());
        self.gathered_samples += samples;
        self.read.push_back((packet, read_bytes));
        if self.gathered_samples >= STRETCH_SAMPLES || self.gathered.len() >= STRETCH_PACKETS {
            self.send(of);
        }
    }

    /// Sends what was gathered to a thread.
    pub(super) fn send(&mut self, parameters: &AudioCodecParameters) {
        if self.gathered.is_empty() {
            return;
        }
        self.gathered_samples = 0;
        let packets = std::mem::take(&mut self.gathered);
        let count = packets.len();
        let warm_up = self.history.clone();
        packets.iter().for_each(|packet| self.follow(packet));
        let parameters = parameters.clone();
        let thread = Builder::new().spawn(move || Stretch::decoded(&parameters, &warm_up, &packets));
        self.stretches.push_back((count, thread.ok()));
    }

    /// The next packet that was read.
    pub(super) fn next_packet(&mut self) -> Option<(Packet, u64)> {
        let next = self.read.pop_front();
        self.owed += usize::from(next.is_some());
        next
    }

    /// The audio of the next packet. `codec` stands where the last packet left it, if need be.
    pub(super) fn hear(&mut self, packet: &Packet, codec: &mut Codec) -> Outcome {
        let heard = if self.owed > 0 {
            self.owed -= 1;
            self.known(codec).unwrap_or_else(|| codec.hear(packet))
        } else {
            self.follow(packet);
            codec.hear(packet)
        };
        if self.threads > 1 {
            self.tail.push_back(heard.as_ref().ok().map(|heard| heard.mono.clone()));
            self.tail.drain(..self.tail.len().saturating_sub(SEAM_PACKETS));
        }
        heard
    }

    /// The decoder was made anew: it knows of no packet.
    pub(super) fn forget(&mut self) {
        self.history.clear();
        self.tail.clear();
    }

    /// The outcome of the next packet that was read ahead, unless it has to be decoded again.
    fn known(&mut self, codec: &mut Codec) -> Option<Outcome> {
        if self.current.is_none() && self.again == 0 {
            let (count, thread) = self.stretches.pop_front()?;
            let stretch = thread.and_then(|thread| thread.join().ok().flatten());
            self.current = stretch.filter(|stretch| stretch.follows(&self.tail));
            if self.current.is_none() {
                self.again = count;
                self.misfits += 1;
            }
        }
        let Some(current) = &mut self.current else {
            self.again -= 1;
            return None;
        };
        let outcome = current.heard.pop_front();
        if current.heard.is_empty() {
            *codec = self.current.take()?.codec;
        }
        outcome
    }

    /// A packet comes behind the history.
    fn follow(&mut self, packet: &Packet) {
        if self.threads < 2 {
            return;
        }
        self.history.push_back(packet.clone());
        let bytes =
            |history: &VecDeque<Packet>| history.iter().map(|packet| packet.data.len()).sum::<usize>();
        while self.history.len() > *WARM_UP_PACKETS.end()
            || self.history.len() > *WARM_UP_PACKETS.start()
                && bytes(&self.history) - self.history[0].data.len() >= WARM_UP_BYTES
        {
            self.history.pop_front();
        }
    }
}

impl Stretch {
    fn decoded(
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
    fn follows(&self, tail: &VecDeque<Option<Vec<f32>>>) -> bool {
        let same = |(ours, theirs): (&Outcome, &Option<Vec<f32>>)| match (ours, theirs) {
            (Ok(ours), Some(theirs)) => {
                ours.mono.len() == theirs.len()
                    && zip(&ours.mono, theirs).all(|(a, b)| a.to_bits() == b.to_bits())
            }
            (Err(_), None) => true,
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

    fn minute(name: &str) -> Vec<u8> {
        let path = format!("{}/tests/audio/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).unwrap().repeat(40)
    }

    /// All samples; `meddle` is called after each packet.
    fn samples(bytes: Vec<u8>, threads: usize, mut meddle: impl FnMut(&mut Ahead)) -> (Vec<f32>, usize) {
        let mut decoder = Decoder::open(Box::new(Cursor::new(bytes))).unwrap().on_threads(threads);
        let (mut all, mut packet) = (Vec::new(), Vec::new());
        while decoder.next_stretch(&mut packet).unwrap().is_some() {
            all.append(&mut packet);
            meddle(&mut decoder.ahead);
        }
        (all, decoder.ahead.misfits)
    }

    #[test]
    fn stretches_fit_each_other() {
        for name in ["no_tag_44100_vbr.mp3", "stereo_44100.mp3", "mono_22050_vbr.mp3", "mono_22050.mp2"] {
            let bytes = minute(name);
            let (alone, _) = samples(bytes.clone(), 1, |_| ());
            let mut ahead_packets = 0;
            let count = |ahead: &mut Ahead| ahead_packets += usize::from(ahead.current.is_some());
            let (together, misfits) = samples(bytes, 3, count);
            assert!(alone == together, "{name}");
            assert_eq!(misfits, 0, "{name}");
            assert!(ahead_packets > 1000, "{name}: {ahead_packets}");
        }
    }

    #[test]
    fn what_does_not_fit_is_decoded_again() {
        let bytes = minute("no_tag_44100_vbr.mp3");
        let (alone, _) = samples(bytes.clone(), 1, |_| ());
        let (together, misfits) = samples(bytes, 3, |ahead| ahead.tail.push_back(Some(vec![0.5])));
        assert!(alone == together);
        assert!(misfits >= MOST_MISFITS, "those under way are counted too: {misfits}");
    }
}
