//! A name or a path → the model.

use std::path::Path;

use super::Model;
use crate::error::{Error, ErrorKind, Result};

impl Model {
    /// A model as people name it: `fast` (or `default`, or nothing), `best`, `musicnn`, or a model file.
    ///
    /// # Errors
    /// [`ErrorKind::BadModel`] for a name that no model has; those of [`Model::load`].
    pub fn find(choice: Option<&Path>) -> Result<Self> {
        match (choice.map_or(Some("default"), Path::to_str), choice) {
            (Some("default" | "fast"), _) | (_, None) => Self::embedded(),
            (Some("best"), _) => Self::best(),
            (Some("musicnn"), _) => Self::musicnn(),
            (_, Some(path)) => Self::of_file(path),
        }
    }

    fn of_file(path: &Path) -> Result<Self> {
        let is_name = path.extension().is_none() && path.components().count() == 1;
        if is_name && !path.exists() {
            let what =
                format!("no model is called `{}`; give `fast`, `best` or a model file", path.display());
            return Err(Error::new(ErrorKind::BadModel, what));
        }
        Self::load(path)
    }
}
