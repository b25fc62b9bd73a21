//! The instruction set that networks run on: an option of every command, so that each path can be tested and timed.

use anyhow::{Result, anyhow};
use clap::ValueEnum;
use genrescope::model::KernelPath;

#[derive(clap::Args)]
pub(crate) struct KernelChoice {
    /// Instruction set of the networks; the best of this processor unless given
    #[arg(long, global = true, value_name = "SET", env = "GENRESCOPE_KERNELS", hide_env_values = true)]
    kernels: Option<Kernels>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kernels {
    Avx512,
    Avx2,
    Neon,
    Portable,
}

impl KernelChoice {
    /// To be called before the first network is made.
    pub(crate) fn force(&self) -> Result<()> {
        let path = match self.kernels {
            None => return Ok(()),
            Some(Kernels::Avx512) => KernelPath::Avx512,
            Some(Kernels::Avx2) => KernelPath::Avx2,
            Some(Kernels::Neon) => KernelPath::Neon,
            Some(Kernels::Portable) => KernelPath::Portable,
        };
        path.force().map_err(|best| {
            anyhow!(
                "this processor has no {path:?}; without --kernels and GENRESCOPE_KERNELS, {best:?} is used"
            )
        })
    }
}
