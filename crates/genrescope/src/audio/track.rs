//! The track of a container that is played: its decoder, its rate, and what is cut off it.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_ALAC, CODEC_ID_OPUS, CODEC_ID_VORBIS};
use symphonia::core::formats::well_known::{
    FORMAT_ID_ADTS, FORMAT_ID_ISOMP4, FORMAT_ID_MKV, FORMAT_ID_OGG, FORMAT_ID_WAVE,
};
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::packet::Packet;
use symphonia::core::units::TimeBase;

use super::aac;
use super::codec::{Codec, is_mpeg};
use super::decode::{checked_channels, checked_rate, unreadable};
use super::edit_list::Edit;
use super::holes::Holes;
use super::{MAX_LOST_PACKET_S, SAMPLE_RATES_HZ};
use crate::{Error, ErrorKind, Result};

/// The track that is played, and how.
pub(super) struct PlayedTrack {
    pub(super) id: u32,
    pub(super) codec: Codec,
    pub(super) rate_hz: u32,
    pub(super) trim: Trim,
    /// What a user should know of how this codec is decoded.
    pub(super) remark: Option<String>,
    pub(super) parameters: AudioCodecParameters,
    time_base: Option<TimeBase>,
    /// Frames follow each other without a container that tells their time.
    elementary: bool,
    /// The container says how long each packet is, to the sample.
    exact: bool,
    /// The demuxer stops at damage, and can be sent behind it by the file's index.
    indexed: bool,
    /// The header says no length, as when it was written into a pipe: the end of the bytes is the end.
    open_end: bool,
    /// Length by the header, s; not where it is an estimate, as for an MPEG stream without an encoder's tag.
    said_s: Option<f64>,
    /// Length of the last packet that could be decoded.
    pub(super) last_samples: usize,
    /// Of the MPEG frames that the decoder takes: it is made for one rate and one number of channels.
    mpeg_form: Option<MpegForm>,
}

/// Who cuts off the samples that an encoder added.
pub(super) enum Trim {
    /// The decoder, by what the container says of each packet.
    Codec,
    /// This module, at most so many samples at the end. An MPEG stream without an encoder's tag has only an estimated
    /// length, and one that was concatenated has the length of its first part: cutting there would lose music.
    AtMost(u64),
    /// This module, by the file's edit list or Opus's pre-skip: samples still to be dropped, then samples still to be kept.
    Edit { drop: u64, keep: u64 },
}

/// Version, sample rate and mono or not: bits of an MPEG frame's header.
#[derive(Clone, Copy, PartialEq)]
struct MpegForm(u8, u8, bool);

impl MpegForm {
    fn of(packet: &Packet) -> Option<Self> {
        let &[_, version, rate, channels, ..] = &*packet.data else { return None };
        Some(Self(version & 0x18, rate & 0x0c, channels >> 6 == 3))
    }
}

impl PlayedTrack {
    /// # Errors
    /// [`ErrorKind::UnsupportedFormat`] without a track that can be decoded; those of its rate and channel count.
    pub(super) fn first(container: &dyn FormatReader, edit: Option<Edit>) -> Result<Self> {
        let none = || {
            Error::new(ErrorKind::UnsupportedFormat, "no audio track that can be decoded; convert it to flac")
        };
        let track = container.first_track_known_codec(TrackType::Audio).ok_or_else(none)?;
        let mut parameters = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(none)?.clone();
        let remark = aac::keep_core(&mut parameters);
        checked_channels(parameters.channels.as_ref().map_or(1, |c| c.count()))?;
        // A codec without a rate here has it in its packets.
        let rate_hz = parameters.sample_rate.map_or(Ok(*SAMPLE_RATES_HZ.start()), checked_rate)?;
        let format = container.format_info().format;
        let elementary = is_mpeg(parameters.codec) || format == FORMAT_ID_ADTS;
        let said = track.num_frames.map(|ticks| ticks as f64).zip(track.time_base);
        let media = container.media_info();
        let said = said.or(media.duration.map(|ticks| ticks.get() as f64).zip(media.time_base));
        let trim = match parameters.codec {
            codec if is_mpeg(codec) => Trim::AtMost(track.padding.unwrap_or(0).into()),
            // The demuxer knows of Opus's pre-skip, and leaves it in.
            CODEC_ID_OPUS if format == FORMAT_ID_OGG => {
                Trim::Edit { drop: track.delay.unwrap_or(0).into(), keep: u64::MAX }
            }
            _ => edit.map_or(Trim::Codec, |edit| edit.trim(rate_hz)),
        };
        Ok(Self {
            id: track.id,
            codec: Codec::new(&parameters).map_err(unreadable)?,
            rate_hz,
            trim,
            remark,
            time_base: track.time_base,
            elementary,
            exact: format == FORMAT_ID_ISOMP4,
            indexed: format == FORMAT_ID_MKV,
            open_end: said.is_none() && matches!(format, FORMAT_ID_MKV | FORMAT_ID_WAVE),
            said_s: said
                .filter(|_| !elementary || track.padding.is_some())
                .map(|(ticks, base)| ticks * tick_s(base)),
            parameters,
            last_samples: 0,
            mpeg_form: None,
        })
    }

    pub(super) fn is_elementary(&self) -> bool {
        self.elementary
    }

    /// Whether its decoder remembers a few packets only. FLAC's keeps samples of a channel that a damaged frame lacks.
    pub(super) fn has_short_memory(&self) -> bool {
        let codec = self.parameters.codec;
        matches!(codec, CODEC_ID_ALAC | CODEC_ID_VORBIS) || is_mpeg(codec)
    }

    /// Whether that is so, and a packet has shown which form they have.
    pub(super) fn may_be_read_ahead(&self) -> bool {
        let has_form = !is_mpeg(self.parameters.codec) || self.mpeg_form.is_some();
        self.has_short_memory() && self.last_samples > 0 && has_form
    }

    /// Whether the container can be read from behind a damaged spot: by Matroska's index.
    pub(super) fn is_indexed(&self) -> bool {
        self.indexed
    }

    /// Whether the file does not say where it ends.
    pub(super) fn has_open_end(&self) -> bool {
        self.open_end
    }

    /// `start_s` is where the first packet should stand, if that is known.
    pub(super) fn holes(&self, start_s: Option<f64>) -> Holes {
        if self.elementary { Holes::by_bytes() } else { Holes::by_times(self.time_base, start_s) }
    }

    /// Length that the file claims to have, s.
    pub(super) fn said_s(&self) -> Option<f64> {
        self.said_s
    }

    /// Whether a packet must be damaged because it gave much less than the container says. Times that jitter may say more
    /// than the `most` that a packet ever gave.
    pub(super) fn is_too_short(&self, packet: &Packet, samples: usize, most: usize) -> bool {
        self.exact && samples < self.samples(packet).min(most) / 4 * 3
    }

    /// The most that a packet can give.
    pub(super) fn longest(&self, packet: &Packet) -> usize {
        let expected = self.samples(packet);
        if self.exact && expected > 0 { 2 * expected } else { usize::MAX }
    }

    /// Whether these are MPEG frames of another sample rate or channel count than the decoder was made for.
    pub(super) fn is_of_other_form(&self, packet: &Packet) -> bool {
        self.mpeg_form.is_some() && self.mpeg_form != MpegForm::of(packet)
    }

    /// Whether two packets are alike, as far as a decoder minds.
    pub(super) fn are_of_one_form(packet: &Packet, next: &Packet) -> bool {
        MpegForm::of(packet) == MpegForm::of(next)
    }

    /// Makes the decoder anew, for packets of another form.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.codec = Codec::new(&self.parameters).map_err(unreadable)?;
        self.mpeg_form = None;
        Ok(())
    }

    /// A packet was decoded to so many samples.
    pub(super) fn decoded(&mut self, packet: &Packet, rate_hz: u32, samples: usize) -> Result<()> {
        self.last_samples = samples;
        self.rate_hz = checked_rate(rate_hz)?;
        if is_mpeg(self.parameters.codec) && self.mpeg_form.is_none() {
            self.mpeg_form = MpegForm::of(packet);
        }
        Ok(())
    }

    /// Samples that a packet stands for which cannot be decoded.
    pub(super) fn samples(&self, packet: &Packet) -> usize {
        if self.elementary && self.last_samples > 0 {
            return self.last_samples; // behind the length that the first part of a file said, packets have none
        }
        self.ticks_to_samples(packet.block_dur().get())
            .min(u64::from(MAX_LOST_PACKET_S) * u64::from(self.rate_hz)) as usize
    }

    fn ticks_to_samples(&self, ticks: u64) -> u64 {
        let base = self.time_base.filter(|_| !self.elementary);
        base.map_or(ticks, |base| (ticks as f64 * tick_s(base) * f64::from(self.rate_hz)).round() as u64)
    }

    /// Which of a packet's `samples` are music, after `played_s` of it: (first, end).
    pub(super) fn music(&mut self, packet: &Packet, samples: usize, played_s: f64) -> (usize, usize) {
        let early = packet.pts.get().min(0).unsigned_abs();
        let early_samples = self.ticks_to_samples(early) as usize;
        match &mut self.trim {
            // What lies before time 0 is the encoder's, said by Matroska's codec delay only.
            Trim::Codec if packet.trim_start.is_zero() => (early_samples.min(samples), samples),
            Trim::Codec => (0, samples),
            Trim::AtMost(left) => {
                // By our own time: the demuxer's lacks the frames that are lost.
                let first = samples.min(packet.trim_start.get() as usize);
                let end_s = self.said_s.unwrap_or(f64::INFINITY);
                let room = ((end_s - played_s) * f64::from(self.rate_hz)).round().max(0.0) as usize;
                let behind = (samples - first).saturating_sub(room);
                let cut = behind.min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= cut as u64;
                (first, samples - cut)
            }
            Trim::Edit { drop, keep } => {
                let first = samples.min(usize::try_from(*drop).unwrap_or(usize::MAX));
                let kept = (samples - first).min(usize::try_from(*keep).unwrap_or(usize::MAX));
                *drop -= first as u64;
                *keep -= kept as u64;
                (first, first + kept)
            }
        }
    }
}

impl Edit {
    fn trim(&self, rate_hz: u32) -> Trim {
        let samples = |seconds: f64| (seconds * f64::from(rate_hz)).round() as u64;
        Trim::Edit { drop: samples(self.start_s), keep: self.length_s.map_or(u64::MAX, samples) }
    }
}

fn tick_s(base: TimeBase) -> f64 {
    f64::from(base.numer.get()) / f64::from(base.denom.get())
}
