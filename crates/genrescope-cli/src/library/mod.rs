//! The commands over a music library: `scan`, `library`, `tag`, `undo`.

mod look;
mod place;
mod scan;
mod tag;

pub(crate) use look::Arguments as LibraryArguments;
pub(crate) use look::run as look;
pub(crate) use place::Place;
pub(crate) use scan::Arguments as ScanArguments;
pub(crate) use scan::run as scan;
pub(crate) use tag::{TagArguments, UndoArguments, tag, undo};
