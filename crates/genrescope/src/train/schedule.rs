//! How the learning rate moves, and when to stop: state machines without a clock.

use std::f32::consts::PI;

use serde::{Deserialize, Serialize};

use super::settings::{Schedule, Train};

/// Learning rate of every step.
#[derive(Clone, Debug)]
pub(crate) struct LearningRate {
    settings: Train,
    steps: usize,
}

impl LearningRate {
    /// For `steps` steps in all.
    pub(crate) fn new(settings: &Train, steps: usize) -> Self {
        Self { settings: settings.clone(), steps }
    }

    /// The rate of one step, counted from 0; `reduction` is what the plateaus so far have left of it.
    pub(crate) fn at(&self, step: usize, reduction: f32) -> f32 {
        match self.settings.schedule {
            Schedule::OneCycle => self.one_cycle(step),
            Schedule::Cosine => self.cosine(step),
            Schedule::Plateau => self.settings.learning_rate * reduction,
            Schedule::Constant => self.settings.learning_rate,
        }
    }

    /// PyTorch's `OneCycleLR(anneal_strategy="cos", three_phase=False)`, to the step.
    fn one_cycle(&self, step: usize) -> f32 {
        let highest = self.settings.learning_rate;
        let start = highest / self.settings.start_divisor;
        let end = start / self.settings.end_divisor;
        let last = self.steps.saturating_sub(1) as f32;
        let top = (self.settings.rise_share * self.steps as f32 - 1.0).max(0.0);
        let step = step as f32;
        if step <= top && top > 0.0 {
            anneal(start, highest, step / top)
        } else {
            anneal(highest, end, ((step - top) / (last - top).max(1.0)).min(1.0))
        }
    }

    /// PyTorch's `CosineAnnealingLR`, to the step.
    fn cosine(&self, step: usize) -> f32 {
        let highest = self.settings.learning_rate;
        let last = self.steps.saturating_sub(1).max(1) as f32;
        anneal(highest, highest / self.settings.end_divisor, (step as f32 / last).min(1.0))
    }
}

/// From one rate to another along half a cosine.
fn anneal(from: f32, to: f32, share: f32) -> f32 {
    to + (from - to) / 2.0 * (1.0 + (PI * share).cos())
}

/// Counts epochs without improvement of the watched loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Patience {
    best: Option<f64>,
    /// As `best`, counted by the early stop's own difference.
    best_to_stop: Option<f64>,
    bad_epochs: usize,
    epochs_since_reduction: usize,
    /// What the plateaus so far have left of the learning rate.
    pub(crate) reduction: f32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { best: None, best_to_stop: None, bad_epochs: 0, epochs_since_reduction: 0, reduction: 1.0 }
    }
}

impl Patience {
    /// Takes the loss of an epoch; lowers [`Patience::reduction`] on a plateau.
    pub(crate) fn observe(&mut self, loss: f64, settings: &Train) {
        let improves = |best: Option<f64>, delta: f64| best.is_none_or(|best| loss < best - delta);
        self.bad_epochs += 1;
        self.epochs_since_reduction += 1;
        if improves(self.best_to_stop, settings.early_stop_min_delta.unwrap_or(settings.min_delta)) {
            (self.best_to_stop, self.bad_epochs) = (Some(loss), 0);
        }
        if improves(self.best, settings.min_delta) {
            (self.best, self.epochs_since_reduction) = (Some(loss), 0);
        }
        if settings.schedule == Schedule::Plateau && self.epochs_since_reduction > settings.plateau_patience {
            self.reduction *= settings.plateau_factor;
            self.epochs_since_reduction = 0;
        }
    }

    /// Whether training should stop early.
    pub(crate) fn exhausted(&self, settings: &Train) -> bool {
        settings.early_stop_patience > 0 && self.bad_epochs >= settings.early_stop_patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cycle_is_that_of_pytorch() {
        // torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=100), get_last_lr(); torch 2.15.0
        let expected = [
            (0, 0.00012),
            (1, 0.000128441342),
            (10, 0.000885491845),
            (20, 0.00236810937),
            (29, 0.003),
            (30, 0.00299848961),
            (50, 0.00238168035),
            (75, 0.00078920585),
            (90, 0.000120719858),
            (98, 1.52239415e-06),
            (99, 1.2e-08),
        ];
        let rate = LearningRate::new(&Train::default(), 100);
        for (step, expected) in expected {
            let actual = rate.at(step, 1.0);
            assert!((actual - expected).abs() <= 1e-8 + 1e-5 * expected, "{step}: {actual} {expected}");
        }
    }

    #[test]
    fn cosine_is_that_of_pytorch() {
        // torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=99, eta_min=3e-7), get_last_lr(); torch 2.15.0
        let expected = [
            (0, 0.003),
            (1, 0.00299924489),
            (10, 0.00292511417),
            (50, 0.00147635343),
            (90, 6.10544635e-05),
            (98, 1.05511091e-06),
            (99, 3e-07),
        ];
        let rate = LearningRate::new(&Train { schedule: Schedule::Cosine, ..Train::default() }, 100);
        for (step, expected) in expected {
            let actual = rate.at(step, 1.0);
            assert!((actual - expected).abs() <= 1e-8 + 1e-5 * expected, "{step}: {actual} {expected}");
        }
    }

    #[test]
    fn short_runs_have_finite_positive_rates() {
        for steps in 1..12 {
            let rate = LearningRate::new(&Train::default(), steps);
            assert!(
                (0..steps).all(|step| rate.at(step, 1.0).is_finite() && rate.at(step, 1.0) > 0.0),
                "{steps}"
            );
        }
    }

    #[test]
    fn a_plateau_reduces_after_its_patience_and_improvement_starts_the_count_again() {
        let settings = Train {
            schedule: Schedule::Plateau,
            plateau_patience: 2,
            plateau_factor: 0.5,
            ..Train::default()
        };
        let mut patience = Patience::default();
        let reductions: Vec<f32> = [1.0, 1.0, 1.0, 1.0, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]
            .iter()
            .map(|&loss| {
                patience.observe(loss, &settings);
                patience.reduction
            })
            .collect();
        assert_eq!(reductions, [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]);
    }

    #[test]
    fn training_stops_when_patience_is_exhausted() {
        let settings = Train { early_stop_patience: 2, ..Train::default() };
        let mut patience = Patience::default();
        let stops: Vec<bool> = [1.0, 0.5, 0.6, 0.49999, 0.4]
            .iter()
            .map(|&loss| {
                patience.observe(loss, &settings);
                patience.exhausted(&settings)
            })
            .collect();
        assert_eq!(stops, [false, false, false, true, false]);
    }
}
