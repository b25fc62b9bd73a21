//! Numbers drawn by counting: the same for any order of asking, so that threads and resuming change nothing.

/// 64 well-mixed bits of a counter (splitmix64, Steele, Lea and Flood 2014).
#[inline(always)]
fn mixed(counter: u64) -> u64 {
    let z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Number `index` of stream `stream` under `seed`: uniform in 0 ≤ u < 1.
#[inline(always)]
pub(crate) fn uniform(seed: u64, stream: usize, index: usize) -> f32 {
    let bits = mixed(mixed(mixed(seed.wrapping_add(1)) ^ stream as u64) ^ index as u64);
    (bits >> 40) as f32 / (1u64 << 24) as f32
}

/// A key for [`keeps`].
pub(crate) fn key(seed: u64, stream: usize) -> u32 {
    (mixed(mixed(seed.wrapping_add(1)) ^ stream as u64) >> 32) as u32
}

/// Whether dropout of this rate lets number `index` pass: 32 bits only, so that sixteen fit a vector (lowbias32, Wellons
/// 2018).
#[inline(always)]
pub(crate) fn keeps(key: u32, index: u32, rate: f32) -> bool {
    let x = index ^ key;
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    let x = (x ^ (x >> 16)).wrapping_add(key) >> 8;
    x as i32 >= (rate * (1 << 24) as f32) as i32
}

/// As [`uniform`], normal with mean 0 and deviation 1 (Box and Muller).
pub(crate) fn normal(seed: u64, stream: usize, index: usize) -> f32 {
    let radius = (-2.0 * (1.0 - uniform(seed, stream, 2 * index)).ln()).sqrt();
    radius * (std::f32::consts::TAU * uniform(seed, stream, 2 * index + 1)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_distributions() {
        let count = 100_000;
        let mean = |f: &dyn Fn(usize) -> f32| (0..count).map(|i| f64::from(f(i))).sum::<f64>() / count as f64;
        assert!((mean(&|i| uniform(7, 3, i)) - 0.5).abs() < 0.005);
        assert!(mean(&|i| normal(7, 3, i)).abs() < 0.01);
        assert!((mean(&|i| normal(7, 3, i).powi(2)) - 1.0).abs() < 0.02);
        let kept = |i| f32::from(u8::from(keeps(key(7, 3), i as u32, 0.1)));
        assert!((mean(&kept) - 0.9).abs() < 0.005);
        assert!((mean(&|i| kept(i) * kept(i + 1)) - 0.81).abs() < 0.005);
        assert!((mean(&|i| kept(i) * kept(i ^ 64)) - 0.81).abs() < 0.005);
    }
}
