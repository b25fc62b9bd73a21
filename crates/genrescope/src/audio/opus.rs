//! Opus for Symphonia's registry: packets of 48 kHz, any number of channels.
//!
//! Identification header and channel mapping: RFC 7845, section 5.1; the packets are decoded by `ruopus`.

use ruopus::MultistreamDecoder;
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

const RATE_HZ: u32 = 48_000;
/// Longest packet, samples: 120 ms.
const MAX_PACKET_SAMPLES: usize = 5760;
const NO_PROFILES: &[CodecProfileInfo] = &[];
const CODECS: &[SupportedAudioCodec] = &[SupportedAudioCodec {
    id: CODEC_ID_OPUS,
    info: CodecInfo { short_name: "opus", long_name: "Opus", profiles: NO_PROFILES },
}];

pub(super) struct OpusPackets {
    parameters: AudioCodecParameters,
    gapless: bool,
    head: Head,
    decoder: MultistreamDecoder,
    decoded: AudioBuffer<f32>,
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
        let [streams, coupled, mapping @ ..] = table else { return Err(broken) };
        let mapping = mapping.get(..channels).ok_or(broken)?.to_vec();
        let (streams, coupled) = (usize::from(*streams), usize::from(*coupled));
        let decoded = streams + coupled;
        let there = |&index: &u8| index == 255 || usize::from(index) < decoded;
        let possible = (1..=255).contains(&decoded) && coupled <= streams && channels > 0;
        if possible && mapping.iter().all(there) {
            Ok(Self { gain_q8_db, streams, coupled, mapping })
        } else {
            Err(Fault::DecodeError("opus: impossible channel mapping"))
        }
    }

    fn decoder(&self) -> MultistreamDecoder {
        MultistreamDecoder::with_rate(RATE_HZ, self.streams, self.coupled, &self.mapping)
    }

    /// Factor of the output gain.
    fn gain(&self) -> f32 {
        10_f32.powf(f32::from(self.gain_q8_db) / (20.0 * 256.0))
    }
}

impl OpusPackets {
    fn decode(&mut self, packet: &PacketRef<'_>) -> Result<()> {
        self.decoded.clear();
        let interleaved = self
            .decoder
            .decode_packet(packet.data)
            .map_err(|_| Fault::DecodeError("opus: damaged packet"))?;
        let channels = self.head.mapping.len();
        let samples = interleaved.len() / channels;
        if samples > MAX_PACKET_SAMPLES {
            return Err(Fault::DecodeError("opus: packet of more than 120 ms"));
        }
        self.decoded.render_uninit(Some(samples));
        let gain = self.head.gain();
        for (channel, plane) in self.decoded.iter_planes_mut().enumerate() {
            let samples = interleaved.iter().skip(channel).step_by(channels);
            plane.iter_mut().zip(samples).for_each(|(out, sample)| *out = gain * sample);
        }
        if self.gapless {
            self.decoded.trim(packet.trim_start.get() as usize, packet.trim_end.get() as usize);
        }
        Ok(())
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
        self.decoder = self.head.decoder();
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
        let spec = AudioSpec::new(RATE_HZ, Channels::Discrete(head.mapping.len() as u16));
        Ok(Box::new(Self {
            parameters: parameters.clone(),
            gapless: options.gapless,
            decoder: head.decoder(),
            head,
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
        assert_eq!(head.mapping, [0, 4, 1, 2, 3, 5]);
    }

    #[test]
    fn a_broken_header_is_refused_and_a_missing_one_is_plain_stereo_or_mono() {
        assert!(Head::read(b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02\0", 6).is_err());
        assert!(Head::read(b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\x01\x01\0\x09", 1).is_err());
        assert!(Head::read(b"OpusHead\x01", 2).is_err());
        assert!(Head::read(b"", 6).is_err());
        assert_eq!(Head::read(b"", 1).unwrap().coupled, 0);
    }
}
