//! What the columns of a table are, and how they are computed of a segment.

use std::sync::Arc;

use genrescope::features::{Column, FeatureSet, Padding, SAMPLE_RATE_HZ};
use genrescope::model::Model;
use genrescope::predict::{EMBEDDING, embedding};

#[derive(Clone)]
pub(super) enum ColumnSet {
    Features(FeatureSet),
    /// Of musicnn: the mean over patches that lie side by side.
    Embedding(Arc<Model>),
}

impl ColumnSet {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Features(set) => set.name(),
            Self::Embedding(_) => "embedding",
        }
    }

    pub(super) fn columns(&self) -> Vec<Column> {
        let unit = || "1".to_owned();
        match self {
            Self::Features(set) => set.columns(),
            Self::Embedding(_) => {
                let column = |n| Column { name: format!("embedding_{n}"), unit: unit() };
                (1..=EMBEDDING).map(column).collect()
            }
        }
    }

    pub(super) fn sample_rate_hz(&self) -> u32 {
        match self {
            Self::Features(_) => SAMPLE_RATE_HZ,
            Self::Embedding(model) => model.header.front_end.sample_rate_hz,
        }
    }

    /// One number a column, of the samples of a segment.
    pub(super) fn values(&self, samples: &[f32], padding: Padding) -> genrescope::Result<Vec<f64>> {
        match self {
            Self::Features(set) => Ok(set.values(samples, padding)),
            Self::Embedding(model) => embedding(model, samples),
        }
    }
}
