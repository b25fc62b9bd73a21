//! Random numbers that depend on what they are for, not on when they are drawn: thread count, order of work and
//! resuming change nothing.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

/// What a random number is drawn for; keeps the streams of one item apart.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Purpose {
    Folds = 1,
    Order,
    Length,
    Crop,
    Mix,
}

/// The generator of one purpose at one place (an epoch, an item, ...).
pub(crate) fn generator(seed: u64, purpose: Purpose, place: [u64; 2]) -> Xoshiro256PlusPlus {
    let words = [purpose as u64, place[0], place[1]];
    Xoshiro256PlusPlus::seed_from_u64(words.into_iter().fold(mix(seed), |state, word| mix(state ^ mix(word))))
}

/// SplitMix64 (Steele, Lea, Flood 2014): every bit of the input moves every bit of the output.
fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
