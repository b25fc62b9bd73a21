//! Medians of 31 neighbours along a sequence, for sixteen sequences side by side.
//!
//! Sixteen neighbouring windows share sixteen values. These are sorted once; then the windows are halved again and
//! again, and each half adds the values that only its windows share: eight, four, two, one. Of the sorted values only
//! those that can still be the median are kept, as many as were added: `max(a[i], min(a[i + k], b[k - 1 - i]))` are the
//! middle `k` of `2k` sorted values `a` and `k` sorted values `b`. That makes 30 comparisons a median; a selection
//! network for each by itself has about 280.

use pulp::{Arch, Simd, WithSimd};

use super::vector::{LANES, Lanes};

/// Length of the window.
pub(super) const WINDOW: usize = 31;
/// Medians that are found together.
pub(super) const GROUP: usize = 16;
/// Values that they are the medians of.
pub(super) const SPAN: usize = WINDOW + GROUP - 1;

/// Medians of the windows that begin at the first sixteen of 46 values: `out[i]` is that of `values[i..i + 31]`, for
/// every lane by itself.
pub(super) fn medians(values: &[Lanes; SPAN], out: &mut [Lanes; GROUP]) {
    Arch::new().dispatch(Medians { values, out });
}

struct Medians<'a> {
    values: &'a [Lanes; SPAN],
    out: &'a mut [Lanes; GROUP],
}

impl WithSimd for Medians<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for vector in 0..LANES / S::F32_LANES {
            let network = Network { simd, values: self.values, vector };
            let found = network.medians();
            for (row, found) in self.out.iter_mut().zip(found) {
                S::as_mut_simd_f32s(row).0[vector] = found;
            }
        }
    }
}

/// The comparisons for one vector of lanes.
#[derive(Clone, Copy)]
struct Network<'a, S: Simd> {
    simd: S,
    values: &'a [Lanes; SPAN],
    vector: usize,
}

/// Compares and exchanges pairs, so that the smaller stands at the first index.
macro_rules! sort_pairs {
    ($network:ident, $values:ident: $($low:literal $high:literal),+) => {
        $(
            let (low, high) = ($values[$low], $values[$high]);
            $values[$low] = $network.simd.min_f32s(low, high);
            $values[$high] = $network.simd.max_f32s(low, high);
        )+
    };
}

impl<S: Simd> Network<'_, S> {
    #[inline(always)]
    fn medians(self) -> [S::f32s; GROUP] {
        let shared = self.sorted_16(15);
        let before = self.middle_8(&shared, &self.sorted_8(7));
        let behind = self.middle_8(&shared, &self.sorted_8(31));
        join(self.of_eight(0, &before), self.of_eight(8, &behind))
    }

    /// Medians of the eight windows from `first` on; `shared` are the middle of what they share.
    #[inline(always)]
    fn of_eight(self, first: usize, shared: &[S::f32s; 8]) -> [S::f32s; 8] {
        let before = self.middle_4(shared, &self.sorted_4(first + 3));
        let behind = self.middle_4(shared, &self.sorted_4(first + 31));
        join(self.of_four(first, &before), self.of_four(first + 4, &behind))
    }

    #[inline(always)]
    fn of_four(self, first: usize, shared: &[S::f32s; 4]) -> [S::f32s; 4] {
        let before = self.middle_2(shared, &self.sorted_2(self.part(first + 1)));
        let behind = self.middle_2(shared, &self.sorted_2(self.part(first + 31)));
        join(self.of_two(first, before), self.of_two(first + 2, behind))
    }

    #[inline(always)]
    fn of_two(self, first: usize, [low, high]: [S::f32s; 2]) -> [S::f32s; 2] {
        let [a, b] = [self.value(first), self.value(first + 31)];
        let simd = self.simd;
        [simd.max_f32s(low, simd.min_f32s(high, a)), simd.max_f32s(low, simd.min_f32s(high, b))]
    }

    #[inline(always)]
    fn value(self, at: usize) -> S::f32s {
        S::as_simd_f32s(&self.values[at]).0[self.vector]
    }

    #[inline(always)]
    fn part<const N: usize>(self, from: usize) -> [S::f32s; N] {
        let mut part = [self.simd.splat_f32s(0.0); N];
        for (i, value) in part.iter_mut().enumerate() {
            *value = self.value(from + i);
        }
        part
    }

    /// Middle third of sorted values, sorted but for one rise and fall.
    #[inline(always)]
    fn middle<const TWICE: usize, const N: usize>(
        self,
        a: &[S::f32s; TWICE],
        b: &[S::f32s; N],
    ) -> [S::f32s; N] {
        let mut middle = *b;
        for i in 0..N {
            middle[i] = self.simd.max_f32s(a[i], self.simd.min_f32s(a[i + N], b[N - 1 - i]));
        }
        middle
    }

    #[inline(always)]
    fn middle_8(self, a: &[S::f32s; 16], b: &[S::f32s; 8]) -> [S::f32s; 8] {
        let mut m = self.middle(a, b);
        sort_pairs!(self, m: 0 4, 1 5, 2 6, 3 7, 0 2, 1 3, 4 6, 5 7, 0 1, 2 3, 4 5, 6 7);
        m
    }

    #[inline(always)]
    fn middle_4(self, a: &[S::f32s; 8], b: &[S::f32s; 4]) -> [S::f32s; 4] {
        let mut m = self.middle(a, b);
        sort_pairs!(self, m: 0 2, 1 3, 0 1, 2 3);
        m
    }

    #[inline(always)]
    fn middle_2(self, a: &[S::f32s; 4], b: &[S::f32s; 2]) -> [S::f32s; 2] {
        self.sorted_2(self.middle(a, b))
    }

    #[inline(always)]
    fn sorted_2(self, mut v: [S::f32s; 2]) -> [S::f32s; 2] {
        sort_pairs!(self, v: 0 1);
        v
    }

    #[inline(always)]
    fn sorted_4(self, from: usize) -> [S::f32s; 4] {
        let mut v = self.part(from);
        sort_pairs!(self, v: 0 2, 1 3, 0 1, 2 3, 1 2);
        v
    }

    /// Batcher's odd-even merge sort (1968), as the next one.
    #[inline(always)]
    fn sorted_8(self, from: usize) -> [S::f32s; 8] {
        let mut v = self.part(from);
        sort_pairs!(self, v: 0 1, 2 3, 4 5, 6 7, 0 2, 1 3, 4 6, 5 7, 1 2, 5 6,
            0 4, 1 5, 2 6, 3 7, 2 4, 3 5, 1 2, 3 4, 5 6);
        v
    }

    #[inline(always)]
    fn sorted_16(self, from: usize) -> [S::f32s; 16] {
        let mut v: [S::f32s; 16] = join(self.sorted_8(from), self.sorted_8(from + 8));
        sort_pairs!(self, v: 0 8, 1 9, 2 10, 3 11, 4 12, 5 13, 6 14, 7 15, 4 8, 5 9, 6 10, 7 11,
            2 4, 3 5, 6 8, 7 9, 10 12, 11 13, 1 2, 3 4, 5 6, 7 8, 9 10, 11 12, 13 14);
        v
    }
}

#[inline(always)]
fn join<T: Copy, const N: usize, const TWICE: usize>(a: [T; N], b: [T; N]) -> [T; TWICE] {
    let mut joined = [a[0]; TWICE];
    joined[..N].copy_from_slice(&a);
    joined[N..].copy_from_slice(&b);
    joined
}

/// Which of `length` values stands at a position before or behind them: `d c b a | a b c d | d c b a`, again and again
/// (`scipy.ndimage`, mode `reflect`).
pub(super) fn reflected(position: isize, length: usize) -> usize {
    let place = position.rem_euclid(2 * length as isize) as usize;
    place.min(2 * length - 1 - place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_the_sorted_middles() {
        let mut state = 1_u32;
        for levels in [2, 3, 50, 1 << 20] {
            for _ in 0..200 {
                let values: [Lanes; SPAN] = std::array::from_fn(|_| {
                    std::array::from_fn(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        ((state >> 8) % levels) as f32
                    })
                });
                let mut found = [[0.0; LANES]; GROUP];
                medians(&values, &mut found);
                for (i, lane) in (0..GROUP).flat_map(|i| (0..LANES).map(move |lane| (i, lane))) {
                    let mut window: Vec<f32> = values[i..i + WINDOW].iter().map(|row| row[lane]).collect();
                    window.sort_by(f32::total_cmp);
                    assert_eq!(
                        found[i][lane],
                        window[WINDOW / 2],
                        "window {i}, lane {lane}, {levels} levels"
                    );
                }
            }
        }
    }

    #[test]
    fn reflecting_repeats_the_edge() {
        let of = |length| (-4..7).map(|p| reflected(p, length)).collect::<Vec<_>>();
        assert_eq!(of(3), [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
        assert_eq!(of(1), [0; 11]);
    }
}
