//! A packet → mono samples.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use symphonia::core::audio::{Audio, GenericAudioBufferRef};
use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error as Fault;
use symphonia::core::packet::Packet;

use super::opus::OpusPackets;

/// A decoder as far as it has read.
pub(super) struct Codec {
    decoder: Box<dyn AudioDecoder>,
    planes: Vec<Vec<f32>>,
}

/// What a packet holds.
pub(super) struct Heard {
    pub(super) rate_hz: u32,
    pub(super) channels: usize,
    /// The mean of the channels.
    pub(super) mono: Vec<f32>,
}

impl Codec {
    pub(super) fn new(parameters: &AudioCodecParameters) -> Result<Self, Fault> {
        let options = AudioDecoderOptions::default().gapless(!is_mpeg(parameters.codec));
        let decoder = guarded(|| codecs().make_audio_decoder(parameters, &options))?;
        Ok(Self { decoder, planes: Vec::new() })
    }

    pub(super) fn hear(&mut self, packet: &Packet) -> Result<Heard, Fault> {
        let audio = guarded(|| self.decoder.decode(packet))?;
        let (rate_hz, channels, mut mono) = (audio.spec().rate(), audio.num_planes(), Vec::new());
        if let GenericAudioBufferRef::F32(samples) = &audio {
            mix_to_mono(&samples.iter_planes().collect::<Vec<_>>(), &mut mono);
        } else {
            audio.copy_to_vecs_planar(&mut self.planes);
            mix_to_mono(&self.planes.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut mono);
        }
        Ok(Heard { rate_hz, channels, mono })
    }
}

pub(super) fn is_mpeg(codec: AudioCodecId) -> bool {
    matches!(codec, CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3)
}

/// Symphonia's decoders and Opus.
fn codecs() -> &'static CodecRegistry {
    static CODECS: OnceLock<CodecRegistry> = OnceLock::new();
    CODECS.get_or_init(|| {
        let mut codecs = CodecRegistry::new();
        symphonia::default::register_enabled_codecs(&mut codecs);
        codecs.register_audio_decoder::<OpusPackets>();
        codecs
    })
}

/// Runs the decoding library: should it panic over damaged bytes, that is one more way to say that they are damaged.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    let gave_up = |_| Err(Fault::DecodeError("the decoder gave up"));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(gave_up)
}

/// Mean of the channels: `[channels][samples]` → `[samples]`.
fn mix_to_mono(planes: &[&[f32]], mono: &mut Vec<f32>) {
    match planes {
        [] => (),
        [only] => mono.extend_from_slice(only),
        [left, right] => mono.extend(left.iter().zip(*right).map(|(l, r)| 0.5 * (l + r))),
        [first, others @ ..] => {
            mono.extend_from_slice(first);
            for plane in others {
                mono.iter_mut().zip(*plane).for_each(|(sum, sample)| *sum += sample);
            }
            let scale = 1.0 / planes.len() as f32;
            mono.iter_mut().for_each(|sum| *sum *= scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_averaged() {
        for channels in 1..=5 {
            let planes: Vec<Vec<f32>> = (0..channels).map(|c| vec![c as f32, 1.0, -2.0]).collect();
            let mut mono = Vec::new();
            mix_to_mono(&planes.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut mono);
            let mean = (channels - 1) as f32 / 2.0;
            assert!(
                mono.iter().zip([mean, 1.0, -2.0]).all(|(a, b)| (a - b).abs() < 1e-6),
                "{channels}: {mono:?}"
            );
        }
    }
}
