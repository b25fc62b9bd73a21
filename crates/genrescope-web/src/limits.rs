//! What keeps time, memory and disk bounded, whoever asks.

use std::time::Duration;

/// Largest upload, bytes: an hour and a half of uncompressed stereo at 44.1 kHz.
pub const MAX_UPLOAD_BYTES: usize = 1 << 30;
/// What a form may add to its file, bytes.
pub(crate) const FORM_BYTES: usize = 64 << 10;
/// Uploads that are on their way or wait for their turn.
pub(crate) const MAX_UPLOADS: usize = 32;
/// An upload that gives no byte for so long is given up.
pub(crate) const UPLOAD_PAUSE: Duration = Duration::from_secs(15);
/// An upload may be slower than [`LEAST_BYTES_A_SECOND`] for so long.
pub(crate) const UPLOAD_GRACE: Duration = Duration::from_secs(20);
/// Slowest upload, bytes a second: music as it is streamed over a telephone line.
pub(crate) const LEAST_BYTES_A_SECOND: f64 = 4096.0;
/// Longest that one recording may be worked on: a day of audio takes as long.
pub(crate) const MAX_WORK: Duration = Duration::from_secs(120);
/// Recordings that are worked on at once beyond one a thread: a long one must not hold up a short one.
pub(crate) const SPARE_JOBS: usize = 1;
/// Microphones at once.
pub(crate) const MAX_LIVE: usize = 8;
/// A microphone that sends nothing for so long has gone.
pub(crate) const LIVE_PAUSE: Duration = Duration::from_secs(30);
/// Most that a microphone sends at once, bytes: five seconds at 48 kHz.
pub(crate) const LIVE_CHUNK_BYTES: usize = 1 << 20;
/// Files of the library that are listed at once.
pub(crate) const MAX_LISTED: usize = 500;
/// A library that is written to is not read again before.
pub(crate) const LIBRARY_PAUSE: Duration = Duration::from_secs(3);
/// Connections at once; beyond, the one that has been idle longest makes room.
pub(crate) const MAX_CONNECTIONS: usize = 256;
/// A connection must have sent the head of a request after so long.
pub(crate) const HEAD_PAUSE: Duration = Duration::from_secs(15);
/// A client that takes nothing of an answer for so long has gone.
pub(crate) const ANSWER_PAUSE: Duration = Duration::from_secs(30);
