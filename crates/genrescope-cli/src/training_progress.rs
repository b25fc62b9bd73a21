//! How training looks while it runs: a bar on a terminal, else one line an epoch, both on stderr.

use std::io::Write;
use std::time::{Duration, Instant};

use genrescope::evaluate::Event;
use genrescope::train::Progress;
use genrescope::train::history::Epoch;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::talk::Talk;

/// Folds of experiments: done, and left.
#[derive(Default)]
pub(crate) struct Work {
    /// Whether one fold of each experiment is all that is done.
    pub(crate) one_fold: bool,
    /// How many folds of each experiment are done, where not all are.
    pub(crate) most_folds: Option<usize>,
    experiment: usize,
    experiments: usize,
    fold: usize,
    folds: usize,
    begun: Option<Instant>,
    /// Time of the folds that were trained.
    spent: Duration,
    trained: u32,
}

impl Work {
    pub(crate) fn begin_experiment(&mut self, number: usize, count: usize) {
        (self.experiment, self.experiments) = (number, count);
    }

    pub(crate) fn begin_fold(&mut self, number: usize, folds: usize) {
        (self.fold, self.folds) = (number, self.most_folds.map_or(folds, |most| most.min(folds)));
        self.begun = Some(Instant::now());
    }

    /// A fold that was done before takes no time and tells none.
    pub(crate) fn end_fold(&mut self, before: bool) {
        if let Some(begun) = self.begun.take().filter(|_| !before) {
            self.spent += begun.elapsed();
            self.trained += 1;
        }
    }

    /// How long the rest takes, if its folds are like those so far.
    pub(crate) fn left(&self) -> Option<HumanDuration> {
        let (of_each, of_this) =
            if self.one_fold { (1, 0) } else { (self.folds, self.folds.saturating_sub(self.fold)) };
        let folds = of_this + of_each * self.experiments.saturating_sub(self.experiment);
        let each = self.spent.checked_div(self.trained)?;
        Some(HumanDuration(Duration::from_secs((each * u32::try_from(folds).ok()?).as_secs())))
    }
}

/// Shows the events of training runs.
pub(crate) struct TrainingProgress {
    /// What there is to do in all, for commands that train more than once.
    pub(crate) work: Work,
    quiet: bool,
    bar: ProgressBar,
    /// When the run began, and after which epoch.
    begun: (Instant, usize),
    epoch_begun: Instant,
    samples: usize,
}

impl TrainingProgress {
    pub(crate) fn new(talk: &Talk) -> Self {
        let quiet = talk.is_quiet();
        let bar = ProgressBar::no_length();
        if quiet {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{prefix} [{bar:24}] {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        let now = Instant::now();
        Self { work: Work::default(), quiet, bar, begun: (now, 0), epoch_begun: now, samples: 0 }
    }

    pub(crate) fn show(&mut self, event: &Progress) {
        match *event {
            Progress::Read { tracks, skipped } => {
                self.line(&format!("{tracks} tracks read, {} skipped", skipped.len()));
                skipped.iter().for_each(|file| self.line(&format!("skipped {}", file.error)));
            }
            Progress::Begin { tracks, valid_tracks, trainable, epochs_done, epochs } => {
                let goes_on = if epochs_done > 0 {
                    format!(", going on behind epoch {epochs_done}")
                } else {
                    String::new()
                };
                self.line(&format!("{tracks} tracks to learn from, {valid_tracks} to choose by; {trainable} trained parameters; {epochs} epochs{goes_on}"));
                self.begun = (Instant::now(), epochs_done);
                self.epoch_begun = Instant::now();
            }
            Progress::Step { epoch, step, steps, samples, loss, accuracy } => {
                self.samples = samples;
                self.bar.set_prefix(format!("epoch {epoch}"));
                self.bar.set_length(steps as u64);
                self.bar.set_position(step as u64);
                self.bar.set_message(format!(
                    "loss {loss:.3} accuracy {:.1} % {:.0} samples/s",
                    100.0 * accuracy,
                    self.speed()
                ));
            }
            Progress::Epoch { row, epochs } => {
                self.line(&self.summary(row, epochs));
                self.epoch_begun = Instant::now();
            }
            _ => {}
        }
    }

    pub(crate) fn show_evaluation(&mut self, event: &Event) {
        match event {
            Event::Experiment { name, number, count } => {
                self.work.begin_experiment(*number, *count);
                if !name.is_empty() {
                    self.line(&format!("{name} ({number} of {count})"));
                }
            }
            Event::Training(event) => self.show(event),
            Event::Fold { number, folds, tracks } => {
                self.work.begin_fold(*number, *folds);
                self.line(&format!("fold {number} of {folds}: {tracks} to measure"));
            }
            Event::Measured { fold, accuracy, before } => {
                self.work.end_fold(*before);
                let left = self.work.left().map(|left| format!(" | {left} left in all")).unwrap_or_default();
                let (number, percent) = (fold.fold, 100.0 * accuracy);
                let again = if *before { " (measured before)" } else { "" };
                self.line(&format!("fold {number}: {percent:.1} % right{again}{left}"));
            }
            Event::Perturbed { change, figures } => {
                let percent = figures.accuracy_percent;
                self.line(&format!("{change}: {percent:.1} % of {} right", figures.tracks));
            }
            _ => {}
        }
    }

    fn speed(&self) -> f64 {
        self.samples as f64 / self.epoch_begun.elapsed().as_secs_f64().max(1e-9)
    }

    fn summary(&self, row: &Epoch, epochs: usize) -> String {
        let valid = row.valid_loss.zip(row.valid_accuracy);
        let valid = valid.map(|(loss, accuracy)| format!(" | valid {loss:.3} {:.1} %", 100.0 * accuracy));
        let done = row.epoch.saturating_sub(self.begun.1).max(1);
        let left = self.begun.0.elapsed().mul_f64((epochs.saturating_sub(row.epoch)) as f64 / done as f64);
        format!(
            "epoch {}/{epochs} | loss {:.3} accuracy {:.1} %{} | {:.0} samples/s | {} left",
            row.epoch,
            row.train_loss,
            100.0 * row.train_accuracy,
            valid.unwrap_or_default(),
            self.speed(),
            HumanDuration(Duration::from_secs(left.as_secs())),
        )
    }

    /// One line that stays, above the bar when there is one.
    pub(crate) fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        if self.bar.is_hidden() {
            // A closed stderr must not end the training.
            let _ = writeln!(std::io::stderr(), "{text}");
        } else {
            self.bar.println(text);
        }
    }
}
