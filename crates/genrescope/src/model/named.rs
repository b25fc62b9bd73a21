//! A name or a path → the model.

use std::path::Path;

use super::Model;
use crate::error::{Error, ErrorKind, Result};

impl Model {
    /// A model as people name it: `best` (or nothing), `fast`, `musicnn`, or a model file.
    ///
    /// # Errors
    /// [`ErrorKind::BadModel`] for a name that no model has; those of [`Model::load`].
    pub fn find(choice: Option<&Path>) -> Result<Self> {
        let Some(path) = choice else { return Self::best() };
        match path.to_str() {
            Some("best") => Self::best(),
            Some("fast") => Self::fast(),
            Some("musicnn") => Self::musicnn(),
            _ => Self::of_file(path),
        }
    }

    fn of_file(path: &Path) -> Result<Self> {
        let is_name = path.extension().is_none() && path.components().count() == 1;
        if is_name && !path.exists() {
            let what =
                format!("no model is called `{}`; give `best`, `fast` or a model file", path.display());
            return Err(Error::new(ErrorKind::BadModel, what));
        }
        Self::load(path)
    }
}
