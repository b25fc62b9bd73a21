//! Experiments that differ in nothing but their seed, as one line of a table.

use super::experiments::{Experiment, Found};
use crate::model::zoo;
use crate::train::Settings;

/// One network in one protocol, settings alike, all its seeds.
pub(super) struct Group<'a> {
    pub(super) runs: Vec<&'a Experiment>,
}

impl Group<'_> {
    pub(super) fn first(&self) -> &Experiment {
        self.runs[0]
    }

    pub(super) fn network(&self) -> &str {
        &self.first().result.network
    }

    pub(super) fn protocol(&self) -> &str {
        &self.first().result.protocol
    }

    /// What it was made for, of which data, by which protocol: what is comparable.
    pub(super) fn family(&self) -> (&str, &str, &str) {
        (self.collection(), &self.first().result.data, self.protocol())
    }

    /// The folder that the experiment lies in: what it was made for.
    pub(super) fn collection(&self) -> &str {
        self.first().name.split('/').next().unwrap_or_default()
    }

    /// Mean over the seeds, percent.
    pub(super) fn accuracy(&self) -> f64 {
        let sum: f64 = self.runs.iter().map(|run| run.measured().accuracy_percent).sum();
        sum / self.runs.len() as f64
    }

    /// Interval of the pooled accuracy; of one seed, since seeds share their tracks.
    pub(super) fn interval(&self) -> [f64; 2] {
        self.first().measured().interval_percent
    }

    /// `10 folds · 3 seeds`.
    pub(super) fn behind(&self) -> String {
        let folds = self.first().result.folds.len();
        format!("{} · {}", counted(folds, "fold"), counted(self.runs.len(), "seed"))
    }

    /// Numbers that training moves.
    pub(super) fn parameters(&self) -> Option<usize> {
        Some(self.architecture()?.parameter_counts(self.input()).ok()?.trainable)
    }

    /// Multiply-adds that it takes for a patch.
    pub(super) fn multiply_adds(&self) -> Option<usize> {
        let stages = self.architecture()?.outline(self.input()).ok()?;
        Some(stages.iter().map(|stage| stage.multiply_adds).sum())
    }

    fn architecture(&self) -> Option<&'static zoo::Architecture> {
        zoo::architecture(self.network()).ok()
    }

    /// What its network was built for, where its settings say.
    fn input(&self) -> Option<zoo::Input> {
        let result = &self.first().result;
        Some(Settings::parse(&result.settings, &[]).ok()?.input(result.genres.len()))
    }

    /// Of every seed and fold.
    pub(super) fn fold_accuracies(&self) -> Vec<((u64, usize), f64)> {
        let of_run = |run: &&Experiment| {
            let seed = run.result.seed;
            run.result
                .folds
                .iter()
                .map(move |fold| ((seed, fold.fold), fold.accuracy_percent))
                .collect::<Vec<_>>()
        };
        self.runs.iter().flat_map(of_run).collect()
    }
}

/// `1 fold`, `10 folds`.
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// All groups, in the order of their first experiments.
pub(super) fn groups(found: &Found) -> Vec<Group<'_>> {
    let mut groups: Vec<(String, Group)> = Vec::new();
    for run in &found.experiments {
        let key = key(run);
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, group)) => group.runs.push(run),
            None => groups.push((key, Group { runs: vec![run] })),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// What is the same for all seeds: the settings without the seed and the model's name, and which folds were measured.
fn key(run: &Experiment) -> String {
    let result = &run.result;
    let folds: Vec<usize> = result.folds.iter().map(|fold| fold.fold).collect();
    let settings =
        result.settings.lines().filter(|line| !line.starts_with("seed =") && !line.starts_with("name ="));
    let settings = settings.collect::<Vec<_>>().join("\n");
    format!("{}|{}|{}|{folds:?}|{settings}", result.data, result.protocol, result.network)
}
