//! A model that hears one sequence piece by piece.

use super::Model;
use super::card::bad;
use crate::error::{Error, ErrorKind, Result};

/// A sequence as far as a model has heard it: the state of its recurrent layer goes on from piece to piece.
#[derive(Debug)]
pub struct Sequence<'a> {
    model: &'a Model,
    heard: genrescope_nn::Sequence,
}

impl<'a> Sequence<'a> {
    /// A sequence that has not begun.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] for a network that has no recurrent layer of one direction, or reads features of a whole
    /// patch.
    pub fn new(model: &'a Model) -> Result<Self> {
        let header = &model.header;
        let heard = genrescope_nn::Sequence::new(model.folded()?);
        match heard.filter(|_| header.any_length && header.features.is_none()) {
            Some(heard) => Ok(Self { model, heard }),
            None => Err(Error::new(
                ErrorKind::BadSettings,
                format!(
                    "`{}` ({}) has no state to carry: only a recurrent network that reads forward has (crnn)",
                    header.name, header.network
                ),
            )),
        }
    }

    /// The first frame that the next piece begins with.
    pub fn first_frame(&self) -> usize {
        self.heard.first_frame()
    }

    /// Scores of all that was heard: one a genre, sum 1; those of [`Model::scores`] for the whole, to rounding.
    ///
    /// # Shape
    /// `[frames, bands]` from [`first_frame`](Self::first_frame) to the newest one, dB → `[genres]`.
    ///
    /// # Errors
    /// [`ErrorKind::BadModel`] when there are fewer frames than the network takes.
    pub fn scores(&mut self, mut db: Vec<f32>) -> Result<Vec<f32>> {
        let header = &self.model.header;
        let frames = db.len() / header.front_end.mel_bands;
        header.normalisation.apply(&mut db, header.front_end.mel_bands);
        let logits = self.heard.infer(self.model.folded()?, &db, frames);
        let logits =
            logits.map_err(|e| bad(format!("`{}` does not take {frames} frames: {e}", header.network)))?;
        Ok(genrescope_nn::softmax(logits, header.genres.len()))
    }
}
