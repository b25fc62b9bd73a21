//! The commands over a music library: `scan`, `library`.

mod look;
mod place;
mod scan;

pub(crate) use look::Arguments as LibraryArguments;
pub(crate) use look::run as look;
pub(crate) use scan::Arguments as ScanArguments;
pub(crate) use scan::run as scan;
