//! HE-AAC → the AAC-LC core that the decoder takes: half the sample rate, without the upper band.
//!
//! `AudioSpecificConfig`: ISO/IEC 14496-3, section 1.6.2.1; spectral band replication is said there or, in ADTS, nowhere.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;

const LOW_COMPLEXITY: u64 = 2;
const SPECTRAL_BAND_REPLICATION: u64 = 5;
const PARAMETRIC_STEREO: u64 = 29;
const EXTENSION_FOLLOWS: u64 = 0x2b7;
/// By the index that stands for them, Hz; a config that spells its rate out is not read.
const RATES_HZ: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// AAC at rates up to this in a stream that says no more is nearly always a core, Hz.
const HIGHEST_CORE_RATE_HZ: u32 = 24_000;

/// Makes parameters of HE-AAC those of its core, and says what is not heard then.
pub(super) fn keep_core(parameters: &mut AudioCodecParameters) -> Option<String> {
    if parameters.codec != CODEC_ID_AAC {
        return None;
    }
    let Some(config) = &parameters.extra_data else {
        let rate_hz = parameters.sample_rate.filter(|&rate_hz| rate_hz <= HIGHEST_CORE_RATE_HZ)?;
        return Some(format!("if this is HE-AAC, nothing above {} Hz is heard", rate_hz / 2));
    };
    let (config, rate_hz) = core(config)?;
    parameters.with_extra_data(config.into()).with_sample_rate(rate_hz);
    Some(format!("HE-AAC is decoded without its upper band: nothing above {} Hz is heard", rate_hz / 2))
}

/// The config of the core and its sample rate, where there is more than a core.
fn core(config: &[u8]) -> Option<([u8; 2], u32)> {
    let mut bits = Bits::of(config);
    let kind = bits.take(5);
    let (rate, channels) = (bits.take(4), bits.take(4));
    let rate_hz = *RATES_HZ.get(rate as usize)?;
    let outer = matches!(kind, SPECTRAL_BAND_REPLICATION | PARAMETRIC_STEREO);
    let core_kind = if outer {
        bits.take(4);
        bits.take(5)
    } else {
        kind
    };
    let frames = bits.take(3);
    let mut follows = || {
        [(11, EXTENSION_FOLLOWS), (5, SPECTRAL_BAND_REPLICATION), (1, 1)]
            .iter()
            .all(|&(length, value)| bits.take(length) == value)
    };
    let whole = core_kind == LOW_COMPLEXITY && (outer || follows());
    let config = (LOW_COMPLEXITY << 11 | rate << 7 | channels << 3 | frames) as u16;
    whole.then_some((config.to_be_bytes(), rate_hz))
}

/// The first 64 bits, the highest next; zeros behind them.
struct Bits(u64);

impl Bits {
    fn of(bytes: &[u8]) -> Self {
        let mut first = [0; 8];
        first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Self(u64::from_be_bytes(first))
    }

    fn take(&mut self, bits: u32) -> u64 {
        let taken = self.0 >> (64 - bits);
        self.0 <<= bits;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEREO_22050: [u8; 2] = [0x13, 0x90];

    #[test]
    fn both_ways_to_say_it_lead_to_the_core() {
        let behind = [0x13, 0x90, 0x56, 0xe5, 0xa0];
        let around = [0x2b, 0x92, 0x08, 0x00];
        let parametric = [0xeb, 0x8a, 0x08, 0x00];
        assert_eq!(core(&behind), Some((STEREO_22050, 22_050)));
        assert_eq!(core(&around), Some((STEREO_22050, 22_050)));
        assert_eq!(core(&parametric), Some(([0x13, 0x88], 22_050)));
    }

    #[test]
    fn what_is_no_he_aac_is_left_alone() {
        let plain: [&[u8]; 6] =
            [&STEREO_22050, &[0x13, 0x90, 0x56, 0xe5, 0x00], &[0x12, 0x10], &[], &[0xff; 9], &[0x2b]];
        for config in plain {
            assert_eq!(core(config), None, "{config:x?}");
        }
    }
}
