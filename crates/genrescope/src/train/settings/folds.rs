//! `[folds]`: which tracks are learned from and which measured on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[folds]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Folds {
    /// How tracks are divided.
    pub protocol: Protocol,
    /// Whether the validation part is learned from as well.
    pub learn: Learn,
    /// Parts, or splits; the protocol's own number unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k: Option<usize>,
    /// Fold of `artist` that `train` leaves out, 1 to 3.
    pub artist_fold: u8,
    /// A `folds.csv` that says the parts, as `evaluate` writes it; the protocol then says what must not cross.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

/// How tracks are divided into those learned from and those measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Ten folds of random segments: test is one, validation the next two. Segments of one song fall on both sides.
    Segment,
    /// The same of whole tracks; artists fall on both sides.
    Track,
    /// The fault-filtered split: its test part is measured.
    Filtered,
    /// As large as `filtered`, genre by genre, of random tracks: what the split is worth.
    FilteredRandom,
    /// Artist-disjoint folds, each measured once: the three published ones, or `k` of the data set's own groups.
    Artist,
    /// As large as the published folds of `artist`, of random tracks.
    ArtistRandom,
    /// `k` independent random splits of tracks, 80/10/10 in every genre (BBNN's).
    Splits,
    /// `k` folds of whole artists inside the fault-filtered split's training and validation parts: to decide by.
    CrossValidation,
    /// `k` folds of whole artists of all tracks: any data set.
    Groups,
    /// One of `k` such folds is measured by the one model that learns from the others: a model to use.
    HoldOut,
    /// Learns from nothing of the artists of `data.twin_of`, is measured on that audio and its spectrograms.
    Twin,
}

impl Protocol {
    /// The name as results and settings write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Track => "track",
            Self::Filtered => "filtered",
            Self::FilteredRandom => "filtered_random",
            Self::Artist => "artist",
            Self::ArtistRandom => "artist_random",
            Self::Splits => "splits",
            Self::CrossValidation => "cross_validation",
            Self::Groups => "groups",
            Self::HoldOut => "hold_out",
            Self::Twin => "twin",
        }
    }

    /// The protocol of that [`Protocol::name`].
    pub fn named(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }

    /// What of the measured tracks is learned from, where anything is.
    pub fn leak(self) -> Option<&'static str> {
        match self {
            Self::Segment => Some("leaks: other segments of the measured songs are learned from"),
            Self::Track | Self::Splits | Self::FilteredRandom | Self::ArtistRandom => {
                Some("other songs by the measured artists are learned from")
            }
            _ => None,
        }
    }

    /// The name, and how it leaks.
    pub fn label(self) -> String {
        self.leak().map_or(self.name().into(), |leak| format!("{} ({leak})", self.name()))
    }

    /// Whether whole artists and near-duplicates stand on one side.
    pub fn keeps_groups(self) -> bool {
        matches!(self, Self::Artist | Self::CrossValidation | Self::Groups | Self::HoldOut | Self::Twin)
    }

    /// Whether it measures a part that nothing may be chosen by.
    pub fn reads_test_part(self) -> bool {
        !matches!(self, Self::CrossValidation | Self::Groups | Self::HoldOut | Self::Twin)
    }

    /// Fewest parts or splits: where two parts validate and one is measured, one is left to learn from.
    pub fn least_k(self) -> usize {
        match self {
            Self::Segment | Self::Track => 4,
            Self::Splits | Self::Filtered | Self::FilteredRandom => 1,
            _ => 2,
        }
    }

    /// Parts or splits, unless settings say another number.
    pub fn own_k(self) -> usize {
        match self {
            Self::Segment | Self::Track | Self::Splits => 10,
            Self::Artist => 3,
            _ => 5,
        }
    }
}

/// Whether the validation part is learned from as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Learn {
    /// The validation part chooses the epoch.
    #[serde(rename = "train")]
    Train,
    /// Both parts are learned from; the last epoch is kept.
    #[serde(rename = "train+valid")]
    TrainAndValid,
}

impl Learn {
    /// The name as settings write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::TrainAndValid => "train+valid",
        }
    }
}

impl Default for Folds {
    fn default() -> Self {
        Self { protocol: Protocol::Filtered, learn: Learn::Train, k: None, artist_fold: 1, file: None }
    }
}

impl Folds {
    /// Parts or splits.
    pub fn k(&self) -> usize {
        self.k.unwrap_or(self.protocol.own_k())
    }
}
