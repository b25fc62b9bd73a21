//! Medians of 31 neighbours along a sequence, for sixteen sequences side by side.
//!
//! Sixteen neighbouring windows share sixteen values. These are sorted once; then the windows are halved again and
//! again, and each half adds the values that only its windows share: eight, four, two, one. Of the sorted values only
//! those that can still be the median are kept, as many as were added: `max(a[i], min(a[i + k], b[k - 1 - i]))` are the
//! middle `k` of `2k` sorted values `a` and `k` sorted values `b`. That makes 30 comparisons a median; a selection
//! network for each by itself has about 280.

use super::vector::{LANES, Lanes, larger, smaller, vectorize};

/// Length of the window.
pub(super) const WINDOW: usize = 31;
/// Medians that are found together.
pub(super) const GROUP: usize = 16;
/// Values that they are the medians of.
pub(super) const SPAN: usize = WINDOW + GROUP - 1;

/// Compares and exchanges pairs, so that the smaller stands at the first index.
macro_rules! sort_pairs {
    ($values:ident: $($low:literal $high:literal),+) => {
        $(
            let (low, high) = ($values[$low], $values[$high]);
            $values[$low] = smaller(low, high);
            $values[$high] = larger(low, high);
        )+
    };
}

/// Medians of the windows that begin at the first sixteen of 46 values: `out[i]` is that of `values[i..i + 31]`, for
/// every lane by itself.
pub(super) fn medians(values: &[Lanes; SPAN], out: &mut [Lanes; GROUP]) {
    vectorize(
        #[inline(always)]
        || {
            for lane in 0..LANES {
                let of_lane: [f32; SPAN] = std::array::from_fn(
                    #[inline(always)]
                    |i| values[i][lane],
                );
                let found = medians_of_one(&of_lane);
                for i in 0..GROUP {
                    out[i][lane] = found[i];
                }
            }
        },
    );
}

#[inline(always)]
fn medians_of_one(x: &[f32; SPAN]) -> [f32; GROUP] {
    let shared = sorted_16(part(x, 15));
    let [a, b] = [of_eight(x, 0, middle_8(&shared, &sorted_8(part(x, 7)))), of_eight(x, 8, middle_8(&shared, &sorted_8(part(x, 31))))];
    join(a, b)
}

/// Medians of the eight windows from `first` on; `shared` are the middle of what they share.
#[inline(always)]
fn of_eight(x: &[f32; SPAN], first: usize, shared: [f32; 8]) -> [f32; 8] {
    let before = middle_4(&shared, &sorted_4(part(x, first + 3)));
    let behind = middle_4(&shared, &sorted_4(part(x, first + 31)));
    join(of_four(x, first, before), of_four(x, first + 4, behind))
}

#[inline(always)]
fn of_four(x: &[f32; SPAN], first: usize, shared: [f32; 4]) -> [f32; 4] {
    let before = middle_2(&shared, &sorted_2(part(x, first + 1)));
    let behind = middle_2(&shared, &sorted_2(part(x, first + 31)));
    join(of_two(x, first, before), of_two(x, first + 2, behind))
}

#[inline(always)]
fn of_two(x: &[f32; SPAN], first: usize, [low, high]: [f32; 2]) -> [f32; 2] {
    let median = |own: f32| larger(low, smaller(high, own));
    [median(x[first]), median(x[first + 31])]
}

#[inline(always)]
fn part<const N: usize>(x: &[f32; SPAN], from: usize) -> [f32; N] {
    std::array::from_fn(
        #[inline(always)]
        |i| x[from + i],
    )
}

#[inline(always)]
fn join<const N: usize, const TWICE: usize>(a: [f32; N], b: [f32; N]) -> [f32; TWICE] {
    std::array::from_fn(
        #[inline(always)]
        |i| if i < N { a[i] } else { b[i - N] },
    )
}

/// Middle third of sorted values, sorted but for one rise and fall.
#[inline(always)]
fn middle<const TWICE: usize, const N: usize>(a: &[f32; TWICE], b: &[f32; N]) -> [f32; N] {
    std::array::from_fn(
        #[inline(always)]
        |i| larger(a[i], smaller(a[i + N], b[N - 1 - i])),
    )
}

#[inline(always)]
fn middle_8(a: &[f32; 16], b: &[f32; 8]) -> [f32; 8] {
    let mut m = middle(a, b);
    sort_pairs!(m: 0 4, 1 5, 2 6, 3 7, 0 2, 1 3, 4 6, 5 7, 0 1, 2 3, 4 5, 6 7);
    m
}

#[inline(always)]
fn middle_4(a: &[f32; 8], b: &[f32; 4]) -> [f32; 4] {
    let mut m = middle(a, b);
    sort_pairs!(m: 0 2, 1 3, 0 1, 2 3);
    m
}

#[inline(always)]
fn middle_2(a: &[f32; 4], b: &[f32; 2]) -> [f32; 2] {
    sorted_2(middle(a, b))
}

#[inline(always)]
fn sorted_2([a, b]: [f32; 2]) -> [f32; 2] {
    [smaller(a, b), larger(a, b)]
}

#[inline(always)]
fn sorted_4(mut v: [f32; 4]) -> [f32; 4] {
    sort_pairs!(v: 0 2, 1 3, 0 1, 2 3, 1 2);
    v
}

/// Batcher's odd-even merge sort (1968), as the next one.
#[inline(always)]
fn sorted_8(mut v: [f32; 8]) -> [f32; 8] {
    sort_pairs!(v: 0 1, 2 3, 4 5, 6 7, 0 2, 1 3, 4 6, 5 7, 1 2, 5 6, 0 4, 1 5, 2 6, 3 7, 2 4, 3 5, 1 2, 3 4, 5 6);
    v
}

#[inline(always)]
fn sorted_16(v: [f32; 16]) -> [f32; 16] {
    let low = sorted_8(std::array::from_fn(
        #[inline(always)]
        |i| v[i],
    ));
    let high = sorted_8(std::array::from_fn(
        #[inline(always)]
        |i| v[8 + i],
    ));
    let mut v: [f32; 16] = join(low, high);
    sort_pairs!(v: 0 8, 1 9, 2 10, 3 11, 4 12, 5 13, 6 14, 7 15, 4 8, 5 9, 6 10, 7 11, 2 4, 3 5, 6 8, 7 9, 10 12, 11 13,
        1 2, 3 4, 5 6, 7 8, 9 10, 11 12, 13 14);
    v
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
                    assert_eq!(found[i][lane], window[WINDOW / 2], "window {i}, lane {lane}, {levels} levels");
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
