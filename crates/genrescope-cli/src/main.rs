//! The `genrescope` command line.
#![forbid(unsafe_code)]

mod evaluate;
mod train;
mod training_progress;

use training_progress::Shown;

use clap::{Parser, Subcommand};

/// Hears which musical genre a recording is.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// No progress on stderr.
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    Train(train::Args),
    Evaluate(evaluate::Args),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let shown = if cli.quiet { Shown::Nothing } else { Shown::Progress };
    match cli.command {
        Command::Train(args) => train::run(&args, shown),
        Command::Evaluate(args) => evaluate::run(&args, shown),
    }
}
