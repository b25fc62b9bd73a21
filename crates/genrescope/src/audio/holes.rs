//! Time that the packets of a damaged stream leave out.
//!
//! Where packets carry their time, a hole is a jump. Elementary streams (MPEG audio, ADTS) carry none, and their
//! demuxer steps over what is no frame: there, the bytes it stepped over tell how many frames they were, by the mean
//! length of a frame so far. A frame that is lost by itself is noticed from 128 bytes on (39 kbit/s at 44.1 kHz);
//! shorter ones once they add up to more.

use symphonia::core::packet::Packet;
use symphonia::core::units::TimeBase;

use super::MAX_HOLE_S;
use super::source::STEP_BYTES;

/// Shorter jumps are rounding of the container (1 ms and up), or an encoder's unequal blocks.
const SMALLEST_JUMP_S: f64 = 0.1;

/// Bytes before a packet that belong to it: the header of an ADTS frame, with its checksum.
const HEADER_BYTES: u64 = 9;

/// Follows a track's packets.
pub(super) enum Holes {
    /// By the time that a packet should have, s; none before the first.
    Times { base: Option<TimeBase>, next_s: Option<f64> },
    /// By the bytes that no packet held.
    Bytes(SkippedBytes),
}

/// What a demuxer has read, against what it handed on.
#[derive(Default)]
pub(super) struct SkippedBytes {
    packets: u64,
    packet_bytes: u64,
    packet_s: f64,
    /// Bytes read that were in no packet, as far as they are accounted for.
    known: u64,
}

impl Holes {
    /// `start_s` is the time that the first packet should have, where that is known.
    pub(super) fn by_times(base: Option<TimeBase>, start_s: Option<f64>) -> Self {
        Self::Times { base, next_s: start_s }
    }

    pub(super) fn by_bytes() -> Self {
        Self::Bytes(SkippedBytes::default())
    }

    /// Length of what is missing before `packet`, s. `read_bytes` is how far the file was read when it came.
    pub(super) fn before(&mut self, packet: &Packet, read_bytes: u64) -> f64 {
        let lost_s = match self {
            Self::Times { base, next_s } => {
                let here_s = base.and_then(|base| base.calc_time(packet.pts)).map(|time| time.as_secs_f64());
                let jump_s = here_s.zip(*next_s).map_or(0.0, |(here_s, next_s)| here_s - next_s);
                *next_s = here_s;
                if jump_s < SMALLEST_JUMP_S { 0.0 } else { jump_s }
            }
            Self::Bytes(skipped) => skipped.before(packet, read_bytes),
        };
        // A longer one is not damage but another clock, as in recordings of broadcasts.
        if lost_s > MAX_HOLE_S { 0.0 } else { lost_s }
    }

    /// Time of the next packet, s, where packets carry it.
    pub(super) fn position_s(&self) -> Option<f64> {
        match self {
            Self::Times { next_s, .. } => *next_s,
            Self::Bytes(_) => None,
        }
    }

    /// The packet gave this much audio.
    pub(super) fn decoded(&mut self, samples: usize, rate_hz: u32) {
        let seconds = samples as f64 / f64::from(rate_hz);
        match self {
            Self::Times { next_s, .. } => *next_s = next_s.map(|next_s| next_s + seconds),
            Self::Bytes(skipped) => skipped.packet_s += seconds,
        }
    }
}

impl SkippedBytes {
    /// Seconds missing before the packet: a whole number of packets of the mean length so far.
    fn before(&mut self, packet: &Packet, read_bytes: u64) -> f64 {
        let first = self.packets == 0;
        let mean_s = self.packet_s / self.packets.max(1) as f64;
        self.packets += 1;
        self.packet_bytes += packet.data.len() as u64;
        let skipped = read_bytes.saturating_sub(self.packet_bytes);
        let lost = skipped.saturating_sub(self.known);
        let mean_bytes = self.packet_bytes / self.packets;
        if first || skipped < self.known {
            self.known = skipped;
        } else if lost <= 2 * STEP_BYTES as u64 {
            self.known += lost.min(HEADER_BYTES);
        } else {
            self.known = skipped;
            let packets = (lost + mean_bytes / 2).checked_div(mean_bytes).unwrap_or(0);
            return packets as f64 * mean_s;
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use symphonia::core::units::{Duration, Timestamp};

    use super::*;

    fn packet(pts: i64, bytes: usize) -> Packet {
        Packet::new(0, Timestamp::new(pts), Duration::new(1000), vec![0; bytes])
    }

    #[test]
    fn a_jump_of_time_is_a_hole_and_a_new_clock_is_none() {
        let mut holes = Holes::by_times(TimeBase::try_new(1, 1000), None);
        let mut lost_s = Vec::new();
        for pts in [500, 1500, 2550, 6550, 0, 1000, 90_000_000] {
            lost_s.push(holes.before(&packet(pts, 1), 0));
            holes.decoded(44_100, 44_100);
        }
        assert_eq!(lost_s, [0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn bytes_that_no_packet_holds_are_as_many_frames_as_they_would_have_been() {
        let mut holes = Holes::by_bytes();
        let mut read = 5000; // a tag
        let mut lost_s = Vec::new();
        for skipped in [0, 7, 7, 100, 0, 390, 4100, 0] {
            read += skipped + 400;
            lost_s.push(holes.before(&packet(0, 400), read));
            holes.decoded(1000, 1000);
        }
        assert_eq!(lost_s, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 10.0, 0.0]);
    }
}
