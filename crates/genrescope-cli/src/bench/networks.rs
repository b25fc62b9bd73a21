//! How long every network of the zoo takes for one patch.

use anyhow::Result;
use genrescope::model::zoo::{Input, architectures};

use super::Clock;

/// A CSV row a network, which `genrescope report` reads from a `speed.csv`; `frames` of a patch in place of the
/// published ones.
pub(super) fn table(clock: &Clock, frames: Option<usize>) -> Result<String> {
    let mut csv = "network,frames,milliseconds\n".to_owned();
    for architecture in architectures() {
        let published = architecture.published;
        let input = Input { frames: frames.unwrap_or(published.frames), ..published };
        let trial = architecture.trial(input)?;
        let ms = clock.ms(|| Ok(trial.run()?))?;
        csv += &format!("{},{},{ms:.3}\n", architecture.name, input.frames);
    }
    Ok(csv)
}
