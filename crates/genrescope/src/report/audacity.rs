//! Audacity's label track: one line a segment, `start TAB end TAB label`, seconds with six decimals (Audacity manual,
//! "Importing and exporting labels"). It knows one recording only.

use super::text::printable;
use crate::predict::{Prediction, Segment};

/// The segments as labels, each with its line end; silence and gaps are labelled as such.
pub fn labels(prediction: &Prediction) -> String {
    let label = |segment: &Segment| {
        let name = printable(segment.name());
        format!("{:.6}\t{:.6}\t{name}\n", segment.start_s, segment.end_s)
    };
    prediction.segments.iter().map(label).collect()
}
