//! How a command ended → the exit code; the one place where that is decided.

use std::io;
use std::process::ExitCode;

use crate::talk::Talk;

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything is fine.
    Fine,
    /// Some inputs failed; each was named.
    SomeFailed,
    /// Ctrl-C; what was finished is kept.
    Interrupted,
}

/// 0 fine · 1 some input failed · 2 usage or set-up, an output that cannot be written · 130 interrupted.
pub(crate) fn code(outcome: anyhow::Result<Ending>, talk: &Talk) -> ExitCode {
    match outcome {
        Ok(Ending::Fine) => ExitCode::SUCCESS,
        Ok(Ending::SomeFailed) => ExitCode::from(1),
        Ok(Ending::Interrupted) => ExitCode::from(130),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            talk.error(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

/// The reader of our output has seen enough (`genrescope … | head`): no failure, and nothing to say.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Panics of the decoding libraries over damaged files are caught where they are called and become errors: nothing is
/// printed of them. All others are printed as usual.
pub(crate) fn hush_decoders() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", |location| location.file());
        if !["symphonia", "ruopus"].iter().any(|library| file.contains(library)) {
            usual(panic);
        }
    }));
}
