//! Container and codec → mono packets at the rate of the file.

use std::io::ErrorKind as IoKind;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error as Fault;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::TimeBase;

use super::damage::Damage;
use super::{MAX_CHANNELS, MAX_LEVEL, MAX_LOST_PACKET_S, MAX_READ_ERRORS, MAX_TAG_BYTES, SAMPLE_RATES_HZ};
use crate::{Error, ErrorKind, Result};

/// Decodes the first audio track of a source, packet by packet.
pub(super) struct Decoder {
    container: Box<dyn FormatReader>,
    track: PlayedTrack,
    planes: Vec<Vec<f32>>,
    decoded_packets: u64,
    damage: Damage,
}

/// The track that is played, and how.
struct PlayedTrack {
    id: u32,
    codec: Box<dyn AudioDecoder>,
    time_base: Option<TimeBase>,
    rate_hz: u32,
    trim: Trim,
}

/// Who cuts off the samples that an encoder added.
enum Trim {
    /// The decoder, by what the container says.
    Codec,
    /// This module, at most so many samples at the end. An MPEG stream without an encoder's tag has only an estimated
    /// length, and one that was concatenated has the length of its first part: cutting there would lose music.
    AtMost(u64),
}

impl Decoder {
    /// Finds out what `source` is and prepares to decode it.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedFormat`] when nothing is recognised, [`ErrorKind::Corrupt`] when it is recognised and
    /// then makes no sense, [`ErrorKind::LimitExceeded`], [`ErrorKind::Io`].
    pub(super) fn open(source: Box<dyn MediaSource>) -> Result<Self> {
        let stream = MediaSourceStream::new(source, Default::default());
        let limit = Limit::Maximum(MAX_TAG_BYTES);
        let tags = MetadataOptions::default().limit_tag_bytes(limit).limit_visual_bytes(limit);
        let probe = symphonia::default::get_probe();
        let container =
            guarded(|| probe.probe(&Hint::new(), stream, Default::default(), tags)).map_err(unreadable)?;
        let track = PlayedTrack::first(&*container)?;
        Ok(Self { container, track, planes: Vec::new(), decoded_packets: 0, damage: Damage::default() })
    }

    /// What was wrong so far.
    pub(super) fn damage(&self) -> &Damage {
        &self.damage
    }

    /// How many packets were decoded without an error.
    pub(super) fn decoded_packets(&self) -> u64 {
        self.decoded_packets
    }

    /// Replaces `mono` by the next packet and gives its sample rate, Hz; `None` at the end.
    pub(super) fn next_packet(&mut self, mono: &mut Vec<f32>) -> Result<Option<u32>> {
        mono.clear();
        let Some(packet) = self.read_packet()? else { return Ok(None) };
        match guarded(|| self.track.codec.decode(&packet)) {
            Ok(audio) => {
                self.track.rate_hz = checked_rate(audio.spec().rate())?;
                checked_channels(audio.num_planes())?;
                audio.copy_to_vecs_planar(&mut self.planes);
                mix_to_mono(&self.planes, mono);
                self.decoded_packets += 1;
            }
            Err(Fault::DecodeError(_) | Fault::IoError(_)) => self.replace_by_silence(&packet, mono),
            Err(fault) => return Err(unreadable(fault)),
        }
        self.track.trim.apply(&packet, mono);
        self.damage.bad_samples += zero_impossible(mono);
        Ok(Some(self.track.rate_hz))
    }

    fn read_packet(&mut self) -> Result<Option<Packet>> {
        let mut errors = 0;
        loop {
            match guarded(|| self.container.next_packet()) {
                Ok(Some(packet)) if packet.track_id == self.track.id => return Ok(Some(packet)),
                Ok(Some(_)) => (),
                Ok(None) => return Ok(None),
                Err(Fault::ResetRequired) => self.track = PlayedTrack::first(&*self.container)?,
                Err(Fault::IoError(e)) if e.kind() != IoKind::UnexpectedEof => {
                    return Err(Error::new(ErrorKind::Io, format!("reading failed: {e}")).with_source(e));
                }
                Err(Fault::DecodeError(_)) if errors < MAX_READ_ERRORS => errors += 1,
                Err(fault) => {
                    self.damage.cut_short = Some(fault.to_string());
                    return Ok(None);
                }
            }
        }
    }

    fn replace_by_silence(&mut self, packet: &Packet, mono: &mut Vec<f32>) {
        let ticks = packet.block_dur().get() as f64;
        let tick_s =
            self.track.time_base.map_or(0.0, |t| f64::from(t.numer.get()) / f64::from(t.denom.get()));
        let lost_s = (ticks * tick_s).min(f64::from(MAX_LOST_PACKET_S));
        mono.resize((lost_s * f64::from(self.track.rate_hz)).round() as usize, 0.0);
        self.damage.lost_packets += 1;
        self.damage.lost_s += lost_s;
    }
}

impl PlayedTrack {
    fn first(container: &dyn FormatReader) -> Result<Self> {
        let none = || {
            Error::new(ErrorKind::UnsupportedFormat, "no audio track that can be decoded; convert it to flac")
        };
        let track = container.first_track_known_codec(TrackType::Audio).ok_or_else(none)?;
        let parameters = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(none)?;
        checked_channels(parameters.channels.as_ref().map_or(1, |c| c.count()))?;
        let trim = Trim::of(track);
        let options = AudioDecoderOptions::default().gapless(matches!(trim, Trim::Codec));
        let codecs = symphonia::default::get_codecs();
        let codec = guarded(|| codecs.make_audio_decoder(parameters, &options)).map_err(unreadable)?;
        // A codec without a rate here has it in its packets.
        let rate_hz = parameters.sample_rate.map_or(Ok(*SAMPLE_RATES_HZ.start()), checked_rate)?;
        Ok(Self { id: track.id, codec, time_base: track.time_base, rate_hz, trim })
    }
}

impl Trim {
    fn of(track: &Track) -> Self {
        let codec = track.codec_params.as_ref().and_then(|p| p.audio()).map(|p| p.codec);
        match codec {
            Some(CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3) => {
                Self::AtMost(track.padding.unwrap_or(0).into())
            }
            _ => Self::Codec,
        }
    }

    fn apply(&mut self, packet: &Packet, mono: &mut Vec<f32>) {
        let Self::AtMost(left) = self else { return };
        let end = packet.trim_end.get().min(*left);
        *left -= end;
        mono.truncate(mono.len().saturating_sub(end as usize));
        mono.drain(..mono.len().min(packet.trim_start.get() as usize));
    }
}

/// Runs the decoding library: should it panic over damaged bytes, that is one more way to say that they are damaged.
fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    let gave_up = |_| Err(Fault::DecodeError("the decoder gave up"));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(gave_up)
}

/// Mean of the channels: `[channels][samples]` → `[samples]`.
fn mix_to_mono(planes: &[Vec<f32>], mono: &mut Vec<f32>) {
    match planes {
        [] => (),
        [only] => mono.extend_from_slice(only),
        [left, right] => mono.extend(left.iter().zip(right).map(|(l, r)| 0.5 * (l + r))),
        [first, others @ ..] => {
            mono.extend_from_slice(first);
            for plane in others {
                mono.iter_mut().zip(plane).for_each(|(sum, sample)| *sum += sample);
            }
            let scale = 1.0 / planes.len() as f32;
            mono.iter_mut().for_each(|sum| *sum *= scale);
        }
    }
}

/// Sets what is no number, infinite or beyond [`MAX_LEVEL`] to 0 and counts it.
fn zero_impossible(samples: &mut [f32]) -> u64 {
    let possible = |x: f32| x.abs() <= MAX_LEVEL; // false for NaN too
    if samples.iter().all(|&x| possible(x)) {
        return 0;
    }
    let bad = samples.iter_mut().filter(|x| !possible(**x));
    bad.map(|x| *x = 0.0).count() as u64
}

fn checked_rate(rate_hz: u32) -> Result<u32> {
    if SAMPLE_RATES_HZ.contains(&rate_hz) {
        return Ok(rate_hz);
    }
    let (low, high) = (SAMPLE_RATES_HZ.start(), SAMPLE_RATES_HZ.end());
    Err(Error::new(
        ErrorKind::LimitExceeded,
        format!("a sample rate of {rate_hz} Hz, {low} to {high} Hz are read; check the file's header"),
    ))
}

fn checked_channels(channels: usize) -> Result<()> {
    if (1..=MAX_CHANNELS).contains(&channels) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::LimitExceeded,
        format!("{channels} channels, 1 to {MAX_CHANNELS} are read; mix it down first"),
    ))
}

/// An error of the decoding library in our kinds.
fn unreadable(fault: Fault) -> Error {
    let (kind, message) = match &fault {
        Fault::IoError(e) if e.kind() == IoKind::UnexpectedEof => (
            ErrorKind::Corrupt,
            "the file ends before its audio begins; copy it again from the source".into(),
        ),
        Fault::IoError(e) => (ErrorKind::Io, format!("reading failed: {e}")),
        Fault::Unsupported(what) => (
            ErrorKind::UnsupportedFormat,
            format!("not audio that can be read ({what}); wav, flac, mp3 and ogg vorbis are"),
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
    fn channels_are_averaged() {
        for channels in 1..=5 {
            let planes: Vec<Vec<f32>> = (0..channels).map(|c| vec![c as f32, 1.0, -2.0]).collect();
            let mut mono = Vec::new();
            mix_to_mono(&planes, &mut mono);
            let mean = (channels - 1) as f32 / 2.0;
            assert!(
                mono.iter().zip([mean, 1.0, -2.0]).all(|(a, b)| (a - b).abs() < 1e-6),
                "{channels}: {mono:?}"
            );
        }
    }

    #[test]
    fn impossible_samples_become_zero_and_are_counted() {
        let mut samples = [0.5, f32::NAN, f32::INFINITY, -1.0, f32::NEG_INFINITY, 1e30];
        assert_eq!(zero_impossible(&mut samples), 4);
        assert_eq!(samples, [0.5, 0.0, 0.0, -1.0, 0.0, 0.0]);
    }
}
