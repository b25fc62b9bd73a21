//! The `genrescope` command line.
#![forbid(unsafe_code)]

mod evaluate;
mod train;
mod training_progress;

use clap::{Parser, Subcommand};

/// Hears which musical genre a recording is.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(train::Args),
    Evaluate(evaluate::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Train(args) => train::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
    }
}
