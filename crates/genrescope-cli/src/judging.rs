//! How recordings are judged: what `classify`, `timeline` and `analyze` can be told alike.

use std::path::PathBuf;

use anyhow::Result;
use genrescope::model::Model;
use genrescope::predict::{Decoding, PatchLength, Settings, classify};
use genrescope::report::Entry;

use crate::inputs::{Input, Source};
use crate::{crew, models};

#[derive(clap::Args)]
pub(crate) struct Judging {
    /// Judge by this model: best (unless `models default` says another), fast (half the time), an installed one, or a file
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<PathBuf>,
    /// Length of what the network sees at once; whole: the track as one sequence
    #[arg(long, value_name = "SECONDS|whole", value_parser = patch_length)]
    patch: Option<PatchLength>,
    /// Distance of neighbouring patches, a quarter of the model's patch unless given: as fine as the timeline gets
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    patch_hop: Option<f64>,
    /// Average the timeline over this many seconds, beyond what overlapping patches do: fewer, later changes
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, hide_default_value = true, value_parser = seconds)]
    smoothing: f64,
    /// Begin at this second
    #[arg(long, value_name = "S", default_value_t = 0.0, hide_default_value = true, value_parser = seconds)]
    from: f64,
    /// End at this second
    #[arg(long, value_name = "S", value_parser = seconds)]
    to: Option<f64>,
}

impl Judging {
    /// The model, and settings that it can be used with.
    pub(crate) fn model_and_settings(&self) -> Result<(Model, Settings)> {
        self.used_with(models::load(self.model.as_deref())?)
    }

    /// The model of tags, and settings that it can be used with.
    pub(crate) fn tags_and_settings(&self) -> Result<(Model, Settings)> {
        self.used_with(models::load_tags(self.model.as_deref())?)
    }

    fn used_with(&self, model: Model) -> Result<(Model, Settings)> {
        let settings = Settings {
            patch: self.patch.unwrap_or(PatchLength::Model),
            patch_hop_s: self.patch_hop,
            from_s: self.from,
            to_s: self.to,
            smoothing_s: self.smoothing,
            ..Settings::default()
        };
        settings.check(&model)?;
        Ok((model, settings))
    }
}

/// What the crew does with an input.
pub(crate) fn judge(
    model: Model,
    settings: &Settings,
    threads_each: usize,
) -> impl Fn(&Input) -> Entry + use<> {
    let decoding = if threads_each > 1 { Decoding::Ahead } else { Decoding::Inline };
    let settings = Settings { decoding, ..settings.clone() };
    let sample_rate_hz = model.header.front_end.sample_rate_hz;
    move |input| {
        let judge = |source: &Source| classify(&model, source.open(sample_rate_hz)?, &settings);
        let outcome = crew::work_on(input, judge).map(|mut prediction| {
            prediction.warnings.extend(input.warning());
            prediction
        });
        Entry { path: input.name.clone(), outcome }
    }
}

fn patch_length(text: &str) -> Result<PatchLength, String> {
    match text {
        "whole" => Ok(PatchLength::Whole),
        _ => seconds(text).map(PatchLength::Seconds).map_err(|e| format!("{e}, or `whole`")),
    }
}

/// Seconds on the command line, 0 or more.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or_else(|| "expected seconds, for example 2.5".into())
}
