//! Samples of a batch in parallel, with the same numbers for any count of threads.
//!
//! Work is cut into [`GROUPS`] groups of neighbouring samples whatever the threads; what is summed over samples is
//! summed within a group in order, then over the groups in order.

use rayon::prelude::*;
use std::cell::Cell;
use std::ops::Range;

thread_local! {
    /// The sums of all groups, one behind the other. New memory for each step would cost more than the sums: its pages
    /// are made when they are first touched.
    static PARTIAL: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// How many groups a batch is cut into.
const GROUPS: usize = 8;

/// The groups of `samples` samples.
pub(crate) fn groups(samples: usize) -> impl IndexedParallelIterator<Item = Range<usize>> {
    let count = GROUPS.min(samples);
    (0..count).into_par_iter().map(move |g| g * samples / count..(g + 1) * samples / count)
}

/// Cuts `data` (`[samples, …]`) into the groups' parts.
pub(crate) fn parts<T>(mut data: &mut [T], samples: usize) -> Vec<&mut [T]> {
    let count = GROUPS.min(samples);
    let width = data.len() / samples.max(1);
    (0..count)
        .map(|g| {
            let length = ((g + 1) * samples / count - g * samples / count) * width;
            let (part, rest) = std::mem::take(&mut data).split_at_mut(length);
            data = rest;
            part
        })
        .collect()
}

/// Calls `body(samples, part)` for each group, `part` being the group's samples of `output`.
pub(crate) fn for_groups(samples: usize, output: &mut [f32], body: impl Fn(Range<usize>, &mut [f32]) + Sync) {
    let parts = parts(output, samples);
    groups(samples).zip(parts).for_each(|(range, part)| body(range, part));
}

/// [`for_groups`] with the group's samples of several outputs.
pub(crate) fn for_groups_of_all(
    samples: usize,
    outputs: Vec<&mut [f32]>,
    body: impl Fn(Range<usize>, &mut [&mut [f32]]) + Sync,
) {
    let mut grouped: Vec<Vec<&mut [f32]>> = (0..GROUPS.min(samples)).map(|_| vec![]).collect();
    for output in outputs {
        grouped.iter_mut().zip(parts(output, samples)).for_each(|(group, part)| group.push(part));
    }
    groups(samples).zip(grouped).for_each(|(range, mut parts)| body(range, &mut parts));
}

/// Calls `body(sample, part)` for each sample, `part` being the sample of `output`.
pub(crate) fn for_samples(samples: usize, output: &mut [f32], body: impl Fn(usize, &mut [f32]) + Sync) {
    let width = output.len() / samples.max(1);
    for_groups(samples, output, |range, part| {
        if width > 0 {
            for (sample, part) in range.zip(part.chunks_exact_mut(width)) {
                body(sample, part);
            }
        }
    });
}

/// The sum over the groups, in their order, of what `body(samples, sums)` adds to `sums` (zeroed, `length` numbers).
pub(crate) fn sum_groups(
    samples: usize,
    length: usize,
    body: impl Fn(Range<usize>, &mut [f32]) + Sync,
) -> Vec<f32> {
    sum_groups_beside(samples, length, &mut [], |range, _, sums| body(range, sums))
}

/// [`sum_groups`] of `body(samples, part, sums)`, which also writes the group's part of `output`.
pub(crate) fn sum_groups_beside(
    samples: usize,
    length: usize,
    output: &mut [f32],
    body: impl Fn(Range<usize>, &mut [f32], &mut [f32]) + Sync,
) -> Vec<f32> {
    let mut partial = PARTIAL.take();
    partial.clear();
    partial.resize(GROUPS.min(samples) * length, 0.0);
    let places = partial.par_chunks_exact_mut(length.max(1));
    groups(samples)
        .zip(parts(output, samples))
        .zip(places)
        .for_each(|((range, part), sums)| body(range, part, sums));
    let mut total = vec![0.0; length];
    for sums in partial.chunks_exact(length.max(1)) {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += sum;
        }
    }
    PARTIAL.set(partial);
    total
}

/// What `body(samples)` gives for each group, in order.
pub(crate) fn map_groups<T: Send>(samples: usize, body: impl Fn(Range<usize>) -> T + Sync + Send) -> Vec<T> {
    groups(samples).map(body).collect()
}
