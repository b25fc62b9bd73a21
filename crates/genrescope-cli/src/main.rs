//! The `genrescope` command line: one file a command.
#![forbid(unsafe_code)]

mod analyze;
#[cfg(feature = "baselines")]
mod baselines;
mod bench;
mod classify;
mod crew;
mod data_folder;
mod dataset;
mod evaluate;
mod exit;
mod export;
mod features;
mod inputs;
mod inspect;
mod judging;
mod kernels;
mod library;
mod listen;
mod manual;
mod models;
mod output;
mod picture;
mod report;
mod run_record;
mod serve;
mod talk;
mod threads;
mod timeline;
mod train;
mod training_progress;

use clap::{Parser, Subcommand};
use talk::Talk;

/// Hears which musical genre a recording is, and how that changes over the track.
#[derive(Parser)]
#[command(name = "genrescope", version, propagate_version = true, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    talk: talk::Arguments,
    #[command(flatten)]
    kernels: kernels::KernelChoice,
}

const EXAMPLES: &str = "\
Examples:
  genrescope classify song.mp3                   one line: genre, how sure, the runner-up
  genrescope classify song.mp3 --timeline        the genre over time
  genrescope timeline song.mp3 -o song.svg       the same as a picture
  genrescope listen --simulate song.mp3          the genre while it plays
  genrescope serve                               the same in a browser, with sound
  genrescope classify music/ --format csv -o genres.csv
  genrescope scan ~/Music                        a whole music library, remembered
  genrescope models                              the networks there are";

#[derive(Subcommand)]
enum Command {
    Classify(classify::Arguments),
    Timeline(timeline::Arguments),
    Listen(listen::Arguments),
    Scan(library::ScanArguments),
    Library(library::LibraryArguments),
    Tag(library::TagArguments),
    Undo(library::UndoArguments),
    Analyze(analyze::Arguments),
    Serve(serve::Arguments),
    Dataset(dataset::Arguments),
    Train(train::Args),
    Evaluate(evaluate::Args),
    Features(features::Arguments),
    Report(report::Arguments),
    Models(models::Arguments),
    Inspect(inspect::Arguments),
    Export(export::Arguments),
    Bench(bench::Arguments),
    Completions(manual::CompletionArguments),
    Man(manual::ManArguments),
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let talk = Talk::new(&cli.talk);
    exit::hush_decoders();
    let outcome = cli.kernels.force().and_then(|()| match cli.command {
        Command::Classify(arguments) => classify::run(&arguments, &talk),
        Command::Timeline(arguments) => timeline::run(&arguments, &talk),
        Command::Listen(arguments) => listen::run(&arguments, &talk),
        Command::Scan(arguments) => library::scan(&arguments, &talk),
        Command::Library(arguments) => library::look(&arguments, &talk),
        Command::Tag(arguments) => library::tag(&arguments, &talk),
        Command::Undo(arguments) => library::undo(&arguments, &talk),
        Command::Analyze(arguments) => analyze::run(&arguments, &talk),
        Command::Serve(arguments) => serve::run(&arguments, &talk),
        Command::Dataset(arguments) => dataset::run(&arguments, &talk),
        Command::Train(arguments) => train::run(&arguments, &talk),
        Command::Evaluate(arguments) => evaluate::run(&arguments, &talk),
        Command::Features(arguments) => features::run(&arguments, &talk),
        Command::Report(arguments) => report::run(&arguments, &talk),
        Command::Models(arguments) => models::run(&arguments, &talk),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Completions(arguments) => manual::completions(&arguments),
        Command::Man(arguments) => manual::man(&arguments),
    });
    exit::code(outcome, &talk)
}
