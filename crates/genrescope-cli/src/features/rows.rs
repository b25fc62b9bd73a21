//! One recording → its rows of features, a segment at a time: memory does not grow with the recording.

use genrescope::audio::{AudioStream, Waveform};
use genrescope::features::Padding;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::column_set::ColumnSet;
use crate::inputs::Source;

/// Shortest segment, s: the window of the transform.
const SHORTEST_SEGMENT_S: f64 = 0.1;
/// Longest, s: longer ones are `whole` recordings.
const LONGEST_SEGMENT_S: f64 = 7200.0;
/// Segments that are computed at once, for each thread.
const SEGMENTS_PER_THREAD: usize = 4;

/// What is computed of a recording.
#[derive(Clone)]
pub(crate) struct Cut {
    pub(super) set: ColumnSet,
    pub(crate) padding: Padding,
    pub(crate) segment: SegmentLength,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SegmentLength {
    Whole,
    Seconds(f64),
}

pub(crate) fn segment_length(text: &str) -> Result<SegmentLength, String> {
    if text == "whole" {
        return Ok(SegmentLength::Whole);
    }
    let seconds = text.parse().ok().filter(|s| (SHORTEST_SEGMENT_S..=LONGEST_SEGMENT_S).contains(s));
    let message = || format!("expected {SHORTEST_SEGMENT_S} to {LONGEST_SEGMENT_S} seconds, or `whole`");
    seconds.map(SegmentLength::Seconds).ok_or_else(message)
}

/// The features of one segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) segment: u64,
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
    pub(crate) values: Vec<f64>,
}

/// All rows of a recording. A rest that is shorter than a segment is left out, but where it is all there is.
pub(crate) fn rows_of(source: &Source, cut: &Cut) -> genrescope::Result<Vec<Row>> {
    let mut stream = source.open(cut.set.sample_rate_hz())?;
    match cut.segment {
        SegmentLength::Whole => Ok(vec![row(cut, 0, 0, &Waveform::from_stream(stream)?.samples)?]),
        SegmentLength::Seconds(seconds) => {
            let samples = (seconds * f64::from(cut.set.sample_rate_hz())).round() as usize;
            rows_of_segments(&mut stream, cut, samples)
        }
    }
}

fn rows_of_segments(stream: &mut AudioStream, cut: &Cut, samples: usize) -> genrescope::Result<Vec<Row>> {
    let batch = samples * SEGMENTS_PER_THREAD * rayon::current_num_threads();
    let (mut rows, mut waiting) = (Vec::new(), Vec::new());
    while let Some(block) = stream.next_block()? {
        waiting.extend_from_slice(&block);
        if waiting.len() >= batch {
            add_rows(cut, samples, &mut waiting, &mut rows)?;
        }
    }
    // Segments lack their last sample, so the last one is whole without it.
    if (waiting.len() + 1).is_multiple_of(samples) {
        waiting.push(0.0);
    }
    add_rows(cut, samples, &mut waiting, &mut rows)?;
    if rows.is_empty() {
        rows.push(row(cut, 0, 0, &waiting)?);
    }
    Ok(rows)
}

/// Appends a row for each whole segment that waits, and drops it.
fn add_rows(
    cut: &Cut,
    samples: usize,
    waiting: &mut Vec<f32>,
    rows: &mut Vec<Row>,
) -> genrescope::Result<()> {
    let first = rows.len();
    let whole = waiting.len() / samples * samples;
    let segments: Vec<(usize, &[f32])> = waiting[..whole].chunks_exact(samples).enumerate().collect();
    let compute =
        |&(i, segment): &(usize, &[f32])| row(cut, first + i, (first + i) * samples, &segment[..samples - 1]);
    rows.extend(segments.par_iter().map(compute).collect::<genrescope::Result<Vec<Row>>>()?);
    waiting.drain(..whole);
    Ok(())
}

fn row(cut: &Cut, segment: usize, start: usize, samples: &[f32]) -> genrescope::Result<Row> {
    let seconds = |samples: usize| samples as f64 / f64::from(cut.set.sample_rate_hz());
    Ok(Row {
        segment: segment as u64,
        start_s: seconds(start),
        end_s: seconds(start + samples.len()),
        values: cut.set.values(samples, cut.padding)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_seconds_or_whole() {
        assert_eq!(segment_length("whole"), Ok(SegmentLength::Whole));
        assert_eq!(segment_length("3"), Ok(SegmentLength::Seconds(3.0)));
        for bad in ["0", "-1", "NaN", "3s", "1e9"] {
            assert!(segment_length(bad).is_err(), "{bad}");
        }
    }
}
