//! Named sets of features: which columns, in which unit, and how they are computed.

use serde::{Deserialize, Serialize};

use super::descriptors::{COEFFICIENTS, MEL_BANDS, descriptors, mel_db, mfcc_statistics};
use super::mel_descriptors::{MelLayout, mel_descriptors};
use super::statistics::{Statistics, statistics};
use super::{Descriptors, Padding};

/// A set of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureSet {
    /// The columns of GTZAN's published table.
    Gtzan57,
    /// The same without the spectral bandwidth.
    Gtzan55,
    /// What a mel spectrogram alone can give, see [`mel_descriptors`].
    Mel46,
    /// Mean and variance of 20 mel-frequency cepstral coefficients.
    Mfcc,
    /// Mean and variance of 128 mel bands, dB.
    Mel,
}

/// A column of a table of features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// As in the published table: `spectral_centroid_mean`.
    pub name: String,
    /// Of its values: `Hz`, `Hz^2`, `dB`; `1` for a share or a level relative to full scale.
    pub unit: String,
}

/// Names and units of the first sixteen columns of the published table, two of each.
const SHAPES: [(&str, &str); 8] = [
    ("chroma_stft", "1"),
    ("rms", "1"),
    ("spectral_centroid", "Hz"),
    ("spectral_bandwidth", "Hz"),
    ("rolloff", "Hz"),
    ("zero_crossing_rate", "1"),
    ("harmony", "1"),
    ("perceptr", "1"),
];

impl FeatureSet {
    /// All sets.
    pub const ALL: [Self; 5] = [Self::Gtzan57, Self::Gtzan55, Self::Mel46, Self::Mfcc, Self::Mel];

    /// As the command line names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gtzan57 => "gtzan57",
            Self::Gtzan55 => "gtzan55",
            Self::Mel46 => "mel46",
            Self::Mfcc => "mfcc",
            Self::Mel => "mel",
        }
    }

    /// The columns, in order.
    pub fn columns(self) -> Vec<Column> {
        let shapes =
            SHAPES.iter().filter(|(name, _)| self.has(name)).flat_map(|(name, unit)| pair(name, unit));
        let tempo = [Column { name: "tempo".into(), unit: "beats/min".into() }];
        let tempo = tempo.into_iter().filter(|_| matches!(self, Self::Gtzan57 | Self::Gtzan55));
        let coefficients = if self == Self::Mel { 0 } else { COEFFICIENTS };
        let bands = if self == Self::Mel { MEL_BANDS } else { 0 };
        let numbered =
            |stem: &'static str, count| (1..=count).flat_map(move |n| pair(&format!("{stem}{n}"), "dB"));
        shapes.chain(tempo).chain(numbered("mfcc", coefficients)).chain(numbered("mel", bands)).collect()
    }

    fn has(self, shape: &str) -> bool {
        match self {
            Self::Gtzan57 => true,
            Self::Gtzan55 => shape != "spectral_bandwidth",
            Self::Mel46 => ["rms", "spectral_centroid", "rolloff"].contains(&shape),
            Self::Mfcc | Self::Mel => false,
        }
    }

    /// The values of `samples` at [`SAMPLE_RATE_HZ`](super::SAMPLE_RATE_HZ), one a column.
    pub fn values(self, samples: &[f32], padding: Padding) -> Vec<f64> {
        match self {
            Self::Gtzan57 => descriptors(samples, padding).gtzan57(),
            Self::Gtzan55 => descriptors(samples, padding).gtzan55(),
            Self::Mel46 | Self::Mfcc | Self::Mel => {
                self.values_of_mel(&mel_db(samples, padding), MelLayout::default())
            }
        }
    }

    /// Whether it cannot be computed from a mel spectrogram.
    pub fn needs_audio(self) -> bool {
        matches!(self, Self::Gtzan57 | Self::Gtzan55)
    }

    /// The values of a mel spectrogram in dB, one a column; none at all for a set that needs the audio.
    ///
    /// # Shape
    /// `[frames, bands]` row-major, band 0 lowest. The set `mel` has the columns of 128 bands.
    pub fn values_of_mel(self, db: &[f32], layout: MelLayout) -> Vec<f64> {
        match self {
            Self::Gtzan57 | Self::Gtzan55 => Vec::new(),
            Self::Mel46 => mel_descriptors(db, layout).values(),
            Self::Mfcc => flat(&mfcc_statistics(db, layout.bands)),
            Self::Mel => {
                let band = |band| statistics(db.iter().skip(band).step_by(layout.bands).copied());
                flat(&(0..layout.bands).map(band).collect::<Vec<_>>())
            }
        }
    }
}

impl Descriptors {
    /// All, in the order of the published table.
    pub fn gtzan57(&self) -> Vec<f64> {
        let shapes = [
            self.chroma_stft,
            self.rms,
            self.spectral_centroid,
            self.spectral_bandwidth,
            self.rolloff,
            self.zero_crossing_rate,
            self.harmony,
            self.perceptr,
        ];
        let mut values = flat(&shapes);
        values.push(self.tempo);
        values.extend(flat(&self.mfcc));
        values
    }

    /// All but the spectral bandwidth.
    pub fn gtzan55(&self) -> Vec<f64> {
        let mut values = self.gtzan57();
        values.drain(6..8);
        values
    }
}

fn flat(statistics: &[Statistics]) -> Vec<f64> {
    statistics.iter().flat_map(|s| [s.mean, s.variance]).collect()
}

fn pair(name: &str, unit: &str) -> [Column; 2] {
    let squared = if unit == "1" { "1".into() } else { format!("{unit}^2") };
    [
        Column { name: format!("{name}_mean"), unit: unit.into() },
        Column { name: format!("{name}_var"), unit: squared },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_has_as_many_values_as_columns() {
        let samples: Vec<f32> = (0..30_000).map(|n| ((n * 7919) % 1000) as f32 / 2000.0 - 0.25).collect();
        for (set, count) in FeatureSet::ALL.into_iter().zip([57, 55, 46, 40, 256]) {
            for samples in [&samples[..], &samples[..1], &[]] {
                let values = set.values(samples, Padding::Reflect);
                assert_eq!((values.len(), set.columns().len()), (count, count), "{}", set.name());
                assert!(values.iter().all(|value| value.is_finite()), "{}: {values:?}", set.name());
            }
        }
    }

    #[test]
    fn columns_that_two_sets_share_have_the_same_values() {
        let samples: Vec<f32> = (0..30_000).map(|n| ((n * n) % 1013) as f32 / 2000.0 - 0.25).collect();
        let of = |set: FeatureSet| {
            let names = set.columns().into_iter().map(|column| column.name);
            names.zip(set.values(&samples, Padding::Constant)).collect::<Vec<_>>()
        };
        let all = of(FeatureSet::Gtzan57);
        for (name, value) in of(FeatureSet::Gtzan55).into_iter().chain(of(FeatureSet::Mfcc)) {
            let expected = all.iter().find(|(other, _)| *other == name).unwrap().1;
            assert!((value - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{name}: {value} {expected}");
        }
    }
}
