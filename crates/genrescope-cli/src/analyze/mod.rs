//! `genrescope analyze`: one shard of a list of tracks → one Parquet file, whoever starts the shards.

#[cfg(feature = "parquet")]
mod manifest;
#[cfg(feature = "parquet")]
mod part;
#[cfg(feature = "parquet")]
mod run;
mod shard;

use std::num::NonZeroU64;
use std::path::PathBuf;

use anyhow::Result;

use self::shard::Shard;
use crate::exit::Ending;
use crate::judging::Judging;
use crate::talk::Talk;
use crate::threads::Threads;

const EXAMPLES: &str = "\
Examples:
  genrescope analyze --manifest tracks.txt --out genres
  genrescope analyze --manifest tracks.csv --shard 0/4 --out genres
  seq 0 99 | parallel -j 4 genrescope analyze --manifest tracks.txt --shard {}/100 --out genres --threads 1
  srun genrescope analyze --manifest tracks.txt --shards 100 --out genres      in a Slurm array of 0 to 99
Whole scripts for GNU parallel, Slurm and Kubernetes: examples/cluster";

/// Judge one shard of a list of tracks into a Parquet file
///
/// The file is DIR/part-K-of-N.parquet, with a row for each track: track_id, path, genre, scores, segments and so on; a
/// track that fails is a row with `error`. It appears when it is whole: a shard that is killed at any moment is begun
/// anew, one whose file is there is skipped. Exit code 1 says that some tracks failed; the file is there and whole.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
#[cfg_attr(
    not(feature = "parquet"),
    allow(dead_code, reason = "this build only says which feature is missing")
)]
pub(crate) struct Arguments {
    /// The tracks: one path a line, or .csv with a column `path`; relative to the manifest's folder
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
    /// Which shard, counted from 0, of how many; all tracks unless given. A track's shard follows from its path alone
    #[arg(long, value_name = "K/N", conflicts_with = "shards")]
    shard: Option<Shard>,
    /// How many shards there are; which one this is, SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX says
    #[arg(long, value_name = "N")]
    shards: Option<NonZeroU64>,
    /// Folder for the file; made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    judging: Judging,
    #[command(flatten)]
    threads: Threads,
}

pub(crate) fn run(arguments: &Arguments, talk: &Talk) -> Result<Ending> {
    let variable = |name: &str| std::env::var(name).ok();
    let shard = Shard::chosen(arguments.shard, arguments.shards, variable)?;
    #[cfg(feature = "parquet")]
    return run::run(arguments, shard, talk);
    #[cfg(not(feature = "parquet"))]
    {
        talk.detail(&format!("shard {shard}"));
        anyhow::bail!(
            "this build does not write Parquet, which analyze needs; build it with `--features parquet`"
        )
    }
}
