//! Where the library is kept: `--db`, or the user's data folder by the conventions of the platform.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result};

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
        let by_platform = || data_folder(std::env::consts::OS, |name| std::env::var_os(name));
        let path = self.db.clone().or_else(|| by_platform().map(|folder| folder.join(FILE)));
        path.context("there is no data folder for your user; name the library's file with `--db`")
    }
}

/// The program's folder for a user's data: the XDG Base Directory Specification 0.8, Apple's `Application Support`, on
/// Windows the local application data.
fn data_folder(system: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let data = match system {
        "windows" => folder("LOCALAPPDATA"),
        "macos" => folder("HOME").map(|home| home.join("Library").join("Application Support")),
        _ => folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local").join("share"))),
    };
    data.map(|data| data.join("genrescope"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_folder_follows_the_platform() {
        let variable = |name: &str| match name {
            "HOME" => Some("/home/ada".into()),
            "XDG_DATA_HOME" => Some("relative/is/ignored".into()),
            _ => None,
        };
        let folder = |system| data_folder(system, variable).unwrap();
        assert_eq!(folder("linux"), PathBuf::from("/home/ada/.local/share/genrescope"));
        assert_eq!(folder("macos"), PathBuf::from("/home/ada/Library/Application Support/genrescope"));
        assert_eq!(
            data_folder("linux", |name| (name == "XDG_DATA_HOME").then(|| "/data".into())).unwrap(),
            PathBuf::from("/data/genrescope")
        );
        assert_eq!(data_folder("windows", variable), None);
    }
}
