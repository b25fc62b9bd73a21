//! `genrescope completions` and `genrescope man`: what a shell and a manual reader need.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::Cli;
use crate::exit::Ending;
use crate::output::print;

const COMPLETION_EXAMPLES: &str = "\
Examples:
  genrescope completions bash > ~/.local/share/bash-completion/completions/genrescope
  genrescope completions zsh > ~/.zfunc/_genrescope";

const MAN_EXAMPLES: &str = "\
Examples:
  genrescope man | man -l -
  genrescope man ~/.local/share/man/man1";

/// Write completions for a shell
#[derive(clap::Args)]
#[command(after_help = COMPLETION_EXAMPLES)]
pub(crate) struct CompletionArguments {
    /// The shell
    shell: Shell,
}

/// Write the manual page, or one page a command into a folder
#[derive(clap::Args)]
#[command(after_help = MAN_EXAMPLES)]
pub(crate) struct ManArguments {
    /// Folder for the pages
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(crate) fn completions(arguments: &CompletionArguments) -> Result<Ending> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "genrescope", &mut script);
    print(&String::from_utf8(script)?)
}

pub(crate) fn man(arguments: &ManArguments) -> Result<Ending> {
    if let Some(folder) = &arguments.folder {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        clap_mangen::generate_to(Cli::command(), folder).with_context(|| folder.display().to_string())?;
        return Ok(Ending::Fine);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    print(&String::from_utf8(page)?)
}
