//! Where a user's data is kept, by the conventions of the platform: the library, installed models.

use std::ffi::OsString;
use std::path::PathBuf;

/// The program's folder for a user's data; `None` if the platform has none for this user.
pub(crate) fn data_folder() -> Option<PathBuf> {
    by_convention(std::env::consts::OS, |name| std::env::var_os(name))
}

/// The XDG Base Directory Specification 0.8, Apple's `Application Support`, on Windows the local application data.
fn by_convention(system: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
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
        let folder = |system| by_convention(system, variable).unwrap();
        assert_eq!(folder("linux"), PathBuf::from("/home/ada/.local/share/genrescope"));
        assert_eq!(folder("macos"), PathBuf::from("/home/ada/Library/Application Support/genrescope"));
        assert_eq!(
            by_convention("linux", |name| (name == "XDG_DATA_HOME").then(|| "/data".into())).unwrap(),
            PathBuf::from("/data/genrescope")
        );
        assert_eq!(by_convention("windows", variable), None);
    }
}
