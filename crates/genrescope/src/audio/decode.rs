//! Container and codec → mono packets at the rate of the file.

use std::io::ErrorKind as IoKind;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::common::Limit;
use symphonia::core::errors::Error as Fault;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, SeekMode, SeekTo};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::Time;

use super::ahead::Ahead;
use super::codec::guarded;
use super::damage::Damage;
use super::edit_list::Edit;
use super::holes::Holes;
use super::source::{Counter, Source};
use super::title::Title;
use super::track::PlayedTrack;
use super::{MAX_CHANNELS, MAX_LEVEL, MAX_READ_ERRORS, MAX_TAG_BYTES, SAMPLE_RATES_HZ};
use crate::{Error, ErrorKind, Result};

/// A file that promises more than it holds by this is said to end early, s.
const MISSING_END_S: f64 = 1.0;
/// By how much lengths in a container may be off, s: a packet.
const ROUNDING_S: f64 = 0.1;
/// In which steps and how far behind damage the container is tried again, s, and how often in all.
const DETOUR_STEP_S: f64 = 1.0;
const LONGEST_DETOUR_S: f64 = 64.0;
const MAX_DETOURS: usize = 256;
/// Samples of silence that are handed on at once.
const SILENCE_SAMPLES: u64 = 16_384;

/// Decodes the first audio track of a source, packet by packet.
pub(super) struct Decoder {
    container: Box<dyn FormatReader>,
    title: Title,
    counter: Counter,
    /// Whether the source cannot be read again.
    piped: bool,
    track: PlayedTrack,
    holes: Holes,
    pub(super) ahead: Ahead,
    /// What came when packets were read ahead and is none of them, with how far the file was read then.
    event: Option<(Event, u64)>,
    /// Looked at, with how far the file was read then.
    peeked: Option<(Packet, u64)>,
    /// To be decoded next; what was missing before it is known.
    ready: Option<Packet>,
    /// Silence that is still to come in place of what was lost.
    silence_samples: u64,
    decoded_packets: u64,
    /// Samples of the longest packet so far.
    longest_packet: usize,
    /// Length of what was decoded or is silent in its place, s.
    decoded_s: f64,
    /// How far behind the last packet the last attempt to go on was, s, and how many attempts there were.
    detour_s: f64,
    detours: usize,
    damage: Damage,
    /// Whether the audio before was lost too.
    losing: bool,
}

/// What a container gives: a packet, its end, or an error.
type Event = Result<Option<Packet>, Fault>;

/// A stretch of audio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    /// Its sample rate, Hz.
    pub(super) rate_hz: u32,
    /// Whether it is silence in place of what was lost.
    pub(super) lost: bool,
}

impl Decoder {
    /// Finds out what `source` is and prepares to decode it.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedFormat`] when nothing is recognised, [`ErrorKind::Corrupt`] when it is recognised and
    /// then makes no sense, [`ErrorKind::LimitExceeded`], [`ErrorKind::Io`].
    pub(super) fn open(source: Box<dyn MediaSource>) -> Result<Self> {
        let mut source = Source::new(source).map_err(|e| unreadable(Fault::IoError(e)))?;
        let edit = Edit::read(&mut source);
        let (counter, piped) = (source.counter(), !source.is_seekable());
        let start_s = source.begins_damaged().then_some(0.0);
        let stream = MediaSourceStream::new(Box::new(source), Default::default());
        let limit = Limit::Maximum(MAX_TAG_BYTES);
        let tags = MetadataOptions::default().limit_tag_bytes(limit).limit_visual_bytes(limit);
        let probe = symphonia::default::get_probe();
        let mut container =
            guarded(|| probe.probe(&Hint::new(), stream, Default::default(), tags)).map_err(unreadable)?;
        let track = PlayedTrack::first(&*container, edit)?;
        counter.count(track.is_elementary());
        let title = container.metadata().skip_to_latest().map(Title::of).unwrap_or_default();
        let damage = Damage { remark: track.remark.clone(), ..Damage::default() };
        Ok(Self {
            holes: track.holes(start_s),
            container,
            title,
            counter,
            piped,
            track,
            ahead: Ahead::new(),
            event: None,
            peeked: None,
            ready: None,
            silence_samples: 0,
            decoded_packets: 0,
            longest_packet: 0,
            decoded_s: 0.0,
            detour_s: 0.0,
            detours: 0,
            damage,
            losing: false,
        })
    }

    /// Decodes on so many threads from now on, where the codec allows it. The samples are the same.
    pub(super) fn use_threads(&mut self, threads: usize) {
        self.ahead.use_threads(if self.track.has_short_memory() { threads } else { 1 });
    }

    /// What the tags before the audio say.
    pub(super) fn title(&self) -> &Title {
        &self.title
    }

    /// What was wrong so far.
    pub(super) fn damage(&self) -> &Damage {
        &self.damage
    }

    /// How many packets were decoded without an error.
    pub(super) fn decoded_packets(&self) -> u64 {
        self.decoded_packets
    }

    /// Replaces `mono` by the next samples; `None` at the end.
    pub(super) fn next_stretch(&mut self, mono: &mut Vec<f32>) -> Result<Option<Stretch>> {
        loop {
            mono.clear();
            if self.silence_samples > 0 {
                let samples = self.silence_samples.min(SILENCE_SAMPLES);
                self.silence_samples -= samples;
                mono.resize(samples as usize, 0.0);
                return Ok(Some(Stretch { rate_hz: self.track.rate_hz, lost: true }));
            }
            if let Some(packet) = self.ready.take() {
                if self.decode(&packet, mono)? {
                    return Ok(Some(Stretch { rate_hz: self.track.rate_hz, lost: false }));
                }
                continue;
            }
            let Some((packet, read_bytes)) = self.next_packet()? else { return Ok(None) };
            let lost_s = self.holes.before(&packet, read_bytes);
            self.lose((lost_s * f64::from(self.track.rate_hz)).round() as u64);
            self.ready = Some(packet);
        }
    }

    /// Decodes into `mono`; whether that was possible. What was not is lost.
    fn decode(&mut self, packet: &Packet, mono: &mut Vec<f32>) -> Result<bool> {
        match self.ahead.hear(packet, &mut self.track.codec) {
            Ok(heard) => {
                checked_channels(heard.channels)?;
                *mono = heard.mono;
                self.track.decoded(packet, heard.rate_hz, mono.len())?;
            }
            Err(Fault::Unsupported(_)) if self.decoded_packets > 0 => return Ok(self.lose_packet(packet)),
            Err(Fault::DecodeError(_) | Fault::IoError(_)) => return Ok(self.lose_packet(packet)),
            Err(fault) => return Err(unreadable(fault)),
        }
        let given = mono.len() + (packet.trim_start.get() + packet.trim_end.get()) as usize;
        if self.decoded_packets > 0 && self.track.is_too_short(packet, given, self.longest_packet) {
            return Ok(self.lose_packet(packet));
        }
        self.longest_packet = self.longest_packet.max(given);
        mono.truncate(self.track.longest(packet));
        self.decoded_packets += 1;
        self.losing = false;
        self.holes.decoded(mono.len(), self.track.rate_hz);
        let (first, end) = self.track.music(packet, mono.len(), self.decoded_s);
        mono.truncate(end);
        mono.drain(..first);
        self.damage.bad_samples += zero_impossible(mono);
        self.decoded_s += mono.len() as f64 / f64::from(self.track.rate_hz);
        Ok(true)
    }

    /// A packet that cannot be decoded is lost: gives `false`.
    fn lose_packet(&mut self, packet: &Packet) -> bool {
        let samples = self.track.samples(packet);
        let (first, end) = self.track.music(packet, samples, self.decoded_s);
        self.holes.decoded(samples, self.track.rate_hz);
        self.lose((end - first) as u64);
        false
    }

    /// Silence of that length comes next.
    fn lose(&mut self, samples: u64) {
        if samples == 0 {
            return;
        }
        self.silence_samples += samples;
        let lost_s = samples as f64 / f64::from(self.track.rate_hz);
        self.damage.lost_s += lost_s;
        self.decoded_s += lost_s;
        self.damage.lost_places += u64::from(!self.losing);
        self.losing = true;
    }

    /// The next packet. Before MPEG frames of another form the decoder is made anew, if there are two of them: a single
    /// one is damage.
    fn next_packet(&mut self) -> Result<Option<(Packet, u64)>> {
        let next = match self.peeked.take() {
            Some(next) => Some(next),
            None => self.read_packets()?,
        };
        let Some((packet, read_bytes)) = next else { return Ok(None) };
        if self.track.is_of_other_form(&packet) {
            self.peeked = self.read_packet()?;
            if self.peeked.as_ref().is_none_or(|(after, _)| PlayedTrack::are_of_one_form(&packet, after)) {
                self.track.restart()?;
                self.ahead.forget();
            }
        }
        Ok(Some((packet, read_bytes)))
    }

    /// The next packet, and as many behind it as are decoded before their turn.
    fn read_packets(&mut self) -> Result<Option<(Packet, u64)>> {
        while self.event.is_none() && self.ahead.has_room() && self.track.may_be_read_ahead() {
            let (event, read_bytes) = self.next_event();
            match event {
                Ok(Some(packet)) if packet.track_id != self.track.id => (),
                Ok(Some(packet)) if !self.track.is_of_other_form(&packet) => {
                    let samples = self.track.samples(&packet).max(self.track.last_samples);
                    self.ahead.push(packet, read_bytes, samples, &self.track.parameters);
                }
                event => {
                    self.event = Some((event, read_bytes));
                    self.ahead.send(&self.track.parameters);
                }
            }
        }
        let Some(next) = self.ahead.next_packet() else { return self.read_packet() };
        self.detour_s = 0.0;
        Ok(Some(next))
    }

    /// What the container gives next, with how far the file was read then.
    fn next_event(&mut self) -> (Event, u64) {
        self.event.take().unwrap_or_else(|| {
            let event = guarded(|| self.container.next_packet());
            (event, self.counter.bytes())
        })
    }

    fn read_packet(&mut self) -> Result<Option<(Packet, u64)>> {
        let mut errors = 0;
        loop {
            let (event, read_bytes) = self.next_event();
            match event {
                Ok(Some(packet)) if packet.track_id == self.track.id => {
                    self.detour_s = 0.0;
                    return Ok(Some((packet, read_bytes)));
                }
                Ok(Some(_)) => (),
                Ok(None) => match self.missing_end(MISSING_END_S) {
                    Some(_) if self.skip_damage() => (),
                    missing => {
                        self.damage.cut_short = self.damage.cut_short.take().or(missing);
                        return Ok(None);
                    }
                },
                Err(Fault::ResetRequired) => {
                    self.track = PlayedTrack::first(&*self.container, None)?;
                    self.holes = self.track.holes(None);
                    self.ahead.forget();
                }
                Err(Fault::IoError(e)) if e.kind() != IoKind::UnexpectedEof => {
                    return Err(Error::new(ErrorKind::Io, format!("reading failed: {e}")).with_source(e));
                }
                Err(_) if self.skip_damage() => errors = 0,
                Err(Fault::DecodeError(_) | Fault::Unsupported(_)) if errors < MAX_READ_ERRORS => errors += 1,
                Err(fault) => {
                    // From a pipe, Matroska always ends so, whole or not.
                    let usual = self.piped && self.track.is_indexed() || self.track.has_open_end();
                    let missing = self.missing_end(if usual { ROUNDING_S } else { MISSING_END_S });
                    self.damage.cut_short = missing.or_else(|| (!usual).then(|| fault.to_string()));
                    return Ok(None);
                }
            }
        }
    }

    /// What is missing at the end, by what the header claims.
    fn missing_end(&self, tolerance_s: f64) -> Option<String> {
        let said_s = self.track.said_s().filter(|said_s| *said_s > self.decoded_s + tolerance_s)?;
        Some(format!("{:.1} s of the {said_s:.1} s that its header promises", self.decoded_s))
    }

    /// Goes on behind damage that the demuxer cannot pass, where that is safe to try; whether it worked.
    fn skip_damage(&mut self) -> bool {
        let from_s = self.holes.position_s().filter(|_| self.track.is_indexed());
        while let Some(from_s) =
            from_s.filter(|_| self.detour_s < LONGEST_DETOUR_S && self.detours < MAX_DETOURS)
        {
            self.detour_s += DETOUR_STEP_S;
            self.detours += 1;
            let Some(time) = Time::try_from_secs_f64(from_s + self.detour_s) else { return false };
            let to = SeekTo::Time { time, track_id: Some(self.track.id) };
            if guarded(|| self.container.seek(SeekMode::Coarse, to)).is_ok() {
                return true;
            }
        }
        false
    }
}

/// Works on a recording; a decoder that fails all the same becomes an error of kind [`ErrorKind::Corrupt`].
///
/// # Errors
/// That one, and those of the work.
pub fn contained<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let message = format!("{name}: this file makes the decoder fail; convert it to another format");
        Err(Error::new(ErrorKind::Corrupt, message))
    })
}

/// Sets what is no number, infinite or beyond [`MAX_LEVEL`] to 0 and counts it.
fn zero_impossible(samples: &mut [f32]) -> u64 {
    let possible = |x: f32| x.abs() <= MAX_LEVEL; // false for NaN too
    let bad = samples.iter().filter(|&&x| !possible(x)).count();
    if bad > 0 {
        samples.iter_mut().filter(|x| !possible(**x)).for_each(|x| *x = 0.0);
    }
    bad as u64
}

pub(super) fn checked_rate(rate_hz: u32) -> Result<u32> {
    if SAMPLE_RATES_HZ.contains(&rate_hz) {
        return Ok(rate_hz);
    }
    let (low, high) = (SAMPLE_RATES_HZ.start(), SAMPLE_RATES_HZ.end());
    Err(Error::new(
        ErrorKind::LimitExceeded,
        format!("a sample rate of {rate_hz} Hz, {low} to {high} Hz are read; check the file's header"),
    ))
}

pub(super) fn checked_channels(channels: usize) -> Result<()> {
    if (1..=MAX_CHANNELS).contains(&channels) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::LimitExceeded,
        format!("{channels} channels, 1 to {MAX_CHANNELS} are read; mix it down first"),
    ))
}

/// An error of the decoding library in our kinds.
pub(super) fn unreadable(fault: Fault) -> Error {
    let (kind, message) = match &fault {
        Fault::IoError(e) if e.kind() == IoKind::UnexpectedEof => (
            ErrorKind::Corrupt,
            "the file ends before its audio begins; copy it again from the source".into(),
        ),
        Fault::IoError(e) => (ErrorKind::Io, format!("reading failed: {e}")),
        Fault::Unsupported(what) if what.contains("missing") => (
            ErrorKind::Corrupt,
            format!("a part of the file is not there ({what}); copy it again from its source"),
        ),
        Fault::Unsupported(what) => (
            ErrorKind::UnsupportedFormat,
            format!("not audio that can be read ({what}); convert it to flac, mp3, ogg, opus, m4a or wav"),
        ),
        Fault::LimitError(what) => (ErrorKind::LimitExceeded, format!("{what}; re-encode the file")),
        other => (ErrorKind::Corrupt, format!("{other}; re-encode the file or copy it again")),
    };
    Error::new(kind, message).with_source(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_samples_become_zero_and_are_counted() {
        let mut samples = [0.5, f32::NAN, f32::INFINITY, -1.0, f32::NEG_INFINITY, 1e30];
        assert_eq!(zero_impossible(&mut samples), 4);
        assert_eq!(samples, [0.5, 0.0, 0.0, -1.0, 0.0, 0.0]);
    }
}
