//! Where the library is kept: `--db`, or the user's data folder by the conventions of the platform.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::data_folder::data_folder;

/// The name of the library in the data folder.
const FILE: &str = "library.db";

#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The library's file; in your data folder unless given
    #[arg(long, value_name = "FILE", env = "GENRESCOPE_DB", global = true)]
    db: Option<PathBuf>,
}

impl Place {
    /// Whether it was named, and not left to the platform.
    pub(crate) fn is_given(&self) -> bool {
        self.db.is_some()
    }

    pub(crate) fn path(&self) -> Result<PathBuf> {
        let path = self.db.clone().or_else(|| data_folder().map(|folder| folder.join(FILE)));
        path.context("there is no data folder for your user; name the library's file with `--db`")
    }
}
