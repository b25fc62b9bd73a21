//! What every epoch came to.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::checkpoint::write_atomically;
use crate::{Error, ErrorKind, Result};

/// One row of `history.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Of the epoch's last step.
    pub learning_rate: f32,
    /// Mean loss of the steps, on varied and mixed patches.
    pub train_loss: f64,
    /// Share of those patches whose highest score is the larger share's genre, 0 to 1.
    pub train_accuracy: f64,
    /// Log-loss of the validation tracks; none where they were not measured.
    pub valid_loss: Option<f64>,
    /// Share of validation tracks that are right, 0 to 1.
    pub valid_accuracy: Option<f64>,
}

/// Writes all rows as CSV, in place of what was there.
///
/// # Errors
/// [`ErrorKind::Io`].
pub fn write(path: &Path, history: &[Epoch]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let bad = |what: String| Error::new(ErrorKind::Io, format!("{}: {what}", path.display()));
    history.iter().try_for_each(|row| writer.serialize(row)).map_err(|e| bad(e.to_string()))?;
    let bytes = writer.into_inner().map_err(|e| bad(e.to_string()))?;
    write_atomically(path, &bytes)
}
