//! What was wrong with a stream that could be read all the same, as a few sentences however much it was.

/// Counts of what was repaired or left out while decoding.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Damage {
    /// Stretches that could not be decoded, or that are missing: silence in their place.
    pub(super) lost_places: u64,
    /// Length of that silence, s.
    pub(super) lost_s: f64,
    /// Samples that were not a number, infinite or absurdly large, set to 0.
    pub(super) bad_samples: u64,
    /// Why the stream ended before its end.
    pub(super) cut_short: Option<String>,
    /// What is to be known of this codec.
    pub(super) remark: Option<String>,
}

impl Damage {
    /// One warning for each kind of damage.
    pub(super) fn warnings(&self) -> Vec<String> {
        let lost = (self.lost_places > 0).then(|| {
            let places = if self.lost_places == 1 { "place" } else { "places" };
            format!("{:.2} s are damaged, in {} {places}, and silent here", self.lost_s, self.lost_places)
        });
        let bad = (self.bad_samples > 0)
            .then(|| format!("{} samples that are no finite number were set to 0", self.bad_samples));
        let cut = self.cut_short.as_ref().map(|reason| format!("the audio ends early: {reason}"));
        [lost, bad, cut, self.remark.clone()].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_damaged_places_are_one_sentence() {
        let damage = Damage { lost_places: 1_000_000, lost_s: 26_122.4, ..Damage::default() };
        assert_eq!(damage.warnings().len(), 1);
        assert!(Damage::default().warnings().is_empty());
    }
}
