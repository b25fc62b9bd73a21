//! Opus for Symphonia's registry: packets of 48 kHz, any number of channels.
//!
//! Identification header and channel mapping: RFC 7845, section 5.1; the frames are decoded by `opus-decoder`.

use opus_decoder::OpusDecoder;
use symphonia::core::audio::{
    AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, Channels, GenericAudioBufferRef,
};
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult,
};
use symphonia::core::codecs::registry::{RegisterableAudioDecoder, SupportedAudioCodec};
use symphonia::core::codecs::{CodecInfo, CodecProfileInfo};
use symphonia::core::errors::{Error as Fault, Result};
use symphonia::core::packet::PacketRef;

use super::opus_packet::{Frames, MAX_PACKET_SAMPLES};

const RATE_HZ: u32 = 48_000;
const NO_PROFILES: &[CodecProfileInfo] = &[];
const CODECS: &[SupportedAudioCodec] = &[SupportedAudioCodec {
    id: CODEC_ID_OPUS,
    info: CodecInfo { short_name: "opus", long_name: "Opus", profiles: NO_PROFILES },
}];

pub(super) struct OpusPackets {
    parameters: AudioCodecParameters,
    gapless: bool,
    streams: Vec<Stream>,
    /// The stream and its channel that each output channel is; none is silence.
    mapping: Vec<Option<(usize, usize)>>,
    gain: f32,
    decoded: AudioBuffer<f32>,
}

/// One or two channels that are coded together.
struct Stream {
    decoder: OpusDecoder,
    channels: usize,
    /// `[samples][channels]` of the last packet.
    interleaved: Vec<f32>,
}

/// What the identification header says of the streams in a packet.
#[derive(Debug, PartialEq)]
struct Head {
    gain_q8_db: i16,
    streams: usize,
    coupled: usize,
    /// The decoded channel that each output channel is; 255 is silence.
    mapping: Vec<u8>,
}

impl Head {
    /// The header of `extra_data`; without one (some containers keep none), one stream of at most two channels.
    fn read(extra_data: &[u8], channels: usize) -> Result<Self> {
        let broken = Fault::DecodeError("opus: broken identification header");
        let plain = |channels: usize, gain_q8_db| match channels {
            1 | 2 => Ok(Self {
                gain_q8_db,
                streams: 1,
                coupled: channels - 1,
                mapping: (0..channels as u8).collect(),
            }),
            _ => Err(Fault::DecodeError("opus: more than two channels without a channel mapping")),
        };
        let Some(head) = extra_data.strip_prefix(b"OpusHead") else { return plain(channels, 0) };
        let &[_version, channels, _, _, _, _, _, _, gain_low, gain_high, family, ref table @ ..] = head
        else {
            return Err(broken);
        };
        let (channels, gain_q8_db) = (usize::from(channels), i16::from_le_bytes([gain_low, gain_high]));
        if family == 0 {
            return plain(channels, gain_q8_db);
        }
        match table {
            [streams, coupled, mapping @ ..]
                if mapping.len() >= channels && *streams > 0 && coupled <= streams && channels > 0 =>
            {
                Ok(Self {
                    gain_q8_db,
                    streams: usize::from(*streams),
                    coupled: usize::from(*coupled),
                    mapping: mapping[..channels].to_vec(),
                })
            }
            _ => Err(broken),
        }
    }
}

impl Head {
    /// (stream, its channel) of each output channel: RFC 7845, section 5.1.1.
    fn channels(&self) -> Result<Vec<Option<(usize, usize)>>> {
        let coupled = 2 * self.coupled;
        let place = |&index: &u8| match usize::from(index) {
            255 => Ok(None),
            index if index < coupled => Ok(Some((index / 2, index % 2))),
            index if index < coupled + self.streams.saturating_sub(self.coupled) => {
                Ok(Some((self.coupled + index - coupled, 0)))
            }
            _ => Err(Fault::DecodeError("opus: impossible channel mapping")),
        };
        self.mapping.iter().map(place).collect()
    }
}

impl OpusPackets {
    fn decode(&mut self, packet: &PacketRef<'_>) -> Result<()> {
        self.decoded.clear();
        let split = Frames::of_streams(packet.data, self.streams.len())?;
        let samples = split.first().map_or(0, Frames::samples);
        if split.iter().any(|frames| frames.samples() != samples) {
            return Err(Fault::DecodeError("opus: streams of unequal length"));
        }
        for (stream, frames) in self.streams.iter_mut().zip(&split) {
            stream.decode(frames)?;
        }
        self.decoded.render_uninit(Some(samples));
        for (index, from) in self.mapping.iter().enumerate() {
            let plane = self.decoded.plane_mut(index).ok_or(Fault::DecodeError("opus: lost a channel"))?;
            match *from {
                Some((stream, channel)) => self.streams[stream].copy(channel, self.gain, plane),
                None => plane.fill(0.0),
            }
        }
        if self.gapless {
            self.decoded.trim(packet.trim_start.get() as usize, packet.trim_end.get() as usize);
        }
        Ok(())
    }
}

impl Stream {
    fn new(channels: usize) -> Result<Self> {
        let decoder = OpusDecoder::new(RATE_HZ, channels)
            .map_err(|_| Fault::DecodeError("opus: decoder cannot be made"))?;
        Ok(Self { decoder, channels, interleaved: Vec::new() })
    }

    fn decode(&mut self, frames: &Frames<'_>) -> Result<()> {
        let frame_values = frames.frame_samples() * self.channels;
        self.interleaved.clear();
        self.interleaved.resize(frames.samples() * self.channels, 0.0);
        for (packet, out) in frames.packets().zip(self.interleaved.chunks_mut(frame_values)) {
            if packet.len() > 1 {
                let made = self.decoder.decode_float(&packet, out, false);
                made.map_err(|_| Fault::DecodeError("opus: damaged frame"))?;
            }
        }
        Ok(())
    }

    fn copy(&self, channel: usize, gain: f32, plane: &mut [f32]) {
        let samples = self.interleaved.iter().skip(channel).step_by(self.channels);
        plane.iter_mut().zip(samples).for_each(|(out, sample)| *out = gain * sample);
    }
}

impl AudioDecoder for OpusPackets {
    fn codec_info(&self) -> &CodecInfo {
        &CODECS[0].info
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.parameters
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.decode(packet)?;
        Ok(self.decoded.as_generic_audio_buffer_ref())
    }

    fn reset(&mut self) {
        self.streams.iter_mut().for_each(|stream| stream.decoder.reset());
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.decoded.as_generic_audio_buffer_ref()
    }
}

impl RegisterableAudioDecoder for OpusPackets {
    fn try_registry_new(
        parameters: &AudioCodecParameters,
        options: &AudioDecoderOptions,
    ) -> Result<Box<dyn AudioDecoder>> {
        let channels = parameters.channels.as_ref().map_or(2, Channels::count);
        let head = Head::read(parameters.extra_data.as_deref().unwrap_or_default(), channels)?;
        let streams = (0..head.streams).map(|index| Stream::new(if index < head.coupled { 2 } else { 1 }));
        let spec = AudioSpec::new(RATE_HZ, Channels::Discrete(head.mapping.len() as u16));
        Ok(Box::new(Self {
            parameters: parameters.clone(),
            gapless: options.gapless,
            streams: streams.collect::<Result<_>>()?,
            mapping: head.channels()?,
            gain: 10_f32.powf(f32::from(head.gain_q8_db) / (20.0 * 256.0)),
            decoded: AudioBuffer::new(spec, MAX_PACKET_SAMPLES),
        }))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        CODECS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identification_header_gives_gain_and_mapping() {
        let stereo = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\xff\0";
        let head = Head::read(stereo, 1).unwrap();
        assert_eq!(head, Head { gain_q8_db: -256, streams: 1, coupled: 1, mapping: vec![0, 1] });
        let surround = b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05";
        let head = Head::read(surround, 2).unwrap();
        assert_eq!((head.streams, head.coupled), (4, 2));
        let places = [(0, 0), (2, 0), (0, 1), (1, 0), (1, 1), (3, 0)].map(Some);
        assert_eq!(head.channels().unwrap(), places);
    }

    #[test]
    fn a_broken_header_is_refused_and_a_missing_one_is_plain_stereo_or_mono() {
        assert!(Head::read(b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02\0", 6).is_err());
        assert!(Head::read(b"OpusHead\x01", 2).is_err());
        assert!(Head::read(b"", 6).is_err());
        assert_eq!(Head::read(b"", 1).unwrap().coupled, 0);
    }
}
