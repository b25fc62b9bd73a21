//! Path, bytes or stream → mono samples at one rate.
//!
//! *Takes* wav (RF64 too), aiff, caf, flac, alac, mp1, mp2, mp3, aac (m4a, adts), vorbis and opus (ogg, webm, matroska)
//! and adpcm of any sample rate and channel count, from a file or from a reader that cannot seek; the content decides
//! the format, never the name; what an encoder put before and behind the music is cut off where the file says how much.
//! *Gives* mono `f32` blocks ([`AudioStream`]) or a whole
//! [`Waveform`], resampled to the rate asked for. *Decides* what damage means: what is lost becomes silence of its
//! length, impossible samples become 0, both with a warning. *Never* trusts a header: every claim meets a limit below,
//! and nothing is allocated by it.

mod aac;
mod ahead;
mod codec;
mod damage;
mod decode;
mod edit_list;
mod files;
mod header;
mod holes;
mod ogg;
mod opus;
mod raw;
mod resample;
mod source;
mod stream;
mod tags;
mod title;
mod track;
mod waveform;

pub use decode::contained;
pub use files::{EXTENSIONS, audio_files, media_files};
pub use ogg::ogg_checksum;
pub use raw::{RawAudio, SampleFormat};
pub(crate) use resample::{Resampler, resample};
pub use stream::AudioStream;
pub use title::Title;
pub use waveform::Waveform;

/// Sample rates that are read, Hz. Above stands no recording; below, a small file would grow without bound.
pub const SAMPLE_RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=384_000;
/// More channels than any recording has: third-order ambisonics needs 16, a large concert session 64.
pub const MAX_CHANNELS: usize = 64;
/// Longest stream, s: the longest recordings are a day of radio.
pub const MAX_STREAM_S: u64 = 24 * 3600;
/// Longest [`Waveform`], s: a whole one is held in memory, 635 MB at 22,050 Hz.
pub const MAX_WAVEFORM_S: u64 = 2 * 3600;
/// Longest silence that stands for one lost packet, s: packets are shorter, but a damaged one may claim anything.
pub const MAX_LOST_PACKET_S: u32 = 1;
/// Longest hole that is filled with silence, s: a longer jump of time is another clock, not damage.
pub const MAX_HOLE_S: f64 = 600.0;
/// Most of an mp4 or caf that is held in memory when it comes from a pipe, bytes: its index may be its last part.
pub const MAX_HELD_BYTES: u64 = 64 << 20;
/// Largest picture or tag that is read along, bytes: neither is used, so larger ones are stepped over.
pub const MAX_TAG_BYTES: usize = 64 * 1024;
/// Loudest sample that is believed, as a multiple of full scale. Float files hold anything; squares must stay finite.
pub const MAX_LEVEL: f32 = 1e9;
/// Read errors in a row after which a stream is taken as ended.
pub const MAX_READ_ERRORS: usize = 64;
