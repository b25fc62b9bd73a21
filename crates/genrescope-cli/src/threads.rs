//! How many threads a command works on.

use anyhow::{Context, Result};

#[derive(Debug, clap::Args)]
pub(crate) struct Threads {
    /// Threads to use; all cores unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl Threads {
    pub(crate) fn count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(cores, usize::from)
    }

    /// Makes them those of all that follows: to be called once, before anything runs.
    pub(crate) fn start(&self) -> Result<()> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.count()).build_global();
        pool.context("threads cannot be started")
    }
}
