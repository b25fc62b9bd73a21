//! Which part of a manifest is meant: `--shard K/N`, or `--shards N` with K from the scheduler's environment.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use anyhow::{Result, bail};

/// Where schedulers say which task of an array runs, and what they call themselves.
const INDICES: [(&str, &str); 2] =
    [("SLURM_ARRAY_TASK_ID", "Slurm arrays"), ("JOB_COMPLETION_INDEX", "Kubernetes indexed jobs")];

/// The tracks whose number, as an unsigned one, leaves the rest `index` when divided by `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    index: u64,
    count: NonZeroU64,
}

impl Shard {
    /// What the options and the environment mean together.
    pub(super) fn chosen(
        shard: Option<Self>,
        count: Option<NonZeroU64>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let set: Vec<_> =
            INDICES.iter().filter_map(|(name, of)| Some((*name, *of, environment(name)?))).collect();
        match (shard, count, &*set) {
            (Some(shard), ..) => Ok(shard),
            (None, None, []) => Ok(Self { index: 0, count: NonZeroU64::MIN }),
            (None, None, [(name, of, _), ..]) => {
                bail!("{name} is set, as in {of}; say how many shards there are with --shards N")
            }
            (None, Some(_), []) => {
                let names = INDICES.map(|(name, _)| name).join(" nor ");
                bail!(
                    "--shards takes the shard's number from the scheduler, but neither {names} is set; give --shard K/N"
                )
            }
            (None, Some(count), [(name, _, index)]) => {
                Self::new(index, count).map_err(|what| anyhow::anyhow!("{name}: {what}"))
            }
            (None, Some(_), [(first, ..), (second, ..), ..]) => {
                bail!("both {first} and {second} are set; give --shard K/N")
            }
        }
    }

    fn new(index: &str, count: NonZeroU64) -> Result<Self, String> {
        match index.parse() {
            Ok(index) if index < count.get() => Ok(Self { index, count }),
            Ok(_) => Err(format!(
                "there is no shard {index} of {count}; they are counted from 0 to {}",
                count.get() - 1
            )),
            Err(_) => Err(format!("`{index}` is no number of a shard; give 0 to {}", count.get() - 1)),
        }
    }

    /// Whether a track belongs to it.
    #[cfg(any(feature = "parquet", test))]
    pub(super) fn has(self, track_id: i64) -> bool {
        track_id.cast_unsigned() % self.count == self.index
    }

    /// The name of its file.
    #[cfg(feature = "parquet")]
    pub(super) fn file_name(self) -> String {
        format!("part-{:05}-of-{:05}.parquet", self.index, self.count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || format!("`{text}` is no shard; give K/N, for example 0/4, the first of four");
        let (index, count) = text.split_once('/').ok_or_else(usage)?;
        Self::new(index, count.parse().map_err(|_| usage())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(shard: Option<&str>, count: Option<u64>, set: &[(&str, &str)]) -> Result<String, String> {
        let environment =
            |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
        let shard = shard.map(|shard| shard.parse().unwrap());
        let chosen = Shard::chosen(shard, count.and_then(NonZeroU64::new), environment);
        chosen.map(|shard| shard.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_option_comes_before_the_scheduler() {
        let slurm = [("SLURM_ARRAY_TASK_ID", "3")];
        assert_eq!(chosen(Some("1/8"), None, &slurm).unwrap(), "1/8");
        assert_eq!(chosen(None, Some(8), &slurm).unwrap(), "3/8");
        assert_eq!(chosen(None, Some(8), &[("JOB_COMPLETION_INDEX", "7")]).unwrap(), "7/8");
        assert_eq!(chosen(None, None, &[]).unwrap(), "0/1");
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_its_remedy() {
        let both = [("SLURM_ARRAY_TASK_ID", "3"), ("JOB_COMPLETION_INDEX", "3")];
        for (count, set, said) in [
            (None, &both[..1], "say how many shards there are with --shards N"),
            (Some(8), &[], "give --shard K/N"),
            (Some(8), &both, "both SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX are set"),
            (
                Some(3),
                &both[..1],
                "SLURM_ARRAY_TASK_ID: there is no shard 3 of 3; they are counted from 0 to 2",
            ),
        ] {
            let message = chosen(None, count, set).unwrap_err();
            assert!(message.contains(said), "{message}");
        }
        for bad in ["4", "4/4", "-1/4", "1/0", "a/4", "1/"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    #[test]
    fn each_track_is_in_one_shard() {
        let shards: Vec<Shard> = (0..7).map(|index| format!("{index}/7").parse().unwrap()).collect();
        for track_id in [i64::MIN, -1, 0, 1, 12_345, i64::MAX] {
            assert_eq!(shards.iter().filter(|shard| shard.has(track_id)).count(), 1, "{track_id}");
        }
    }
}
