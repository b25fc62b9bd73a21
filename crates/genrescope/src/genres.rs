//! The label vocabulary and its order.

/// The ten genres of GTZAN, in the order in which every model trained here scores them.
pub const GTZAN: [&str; 10] =
    ["blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"];
