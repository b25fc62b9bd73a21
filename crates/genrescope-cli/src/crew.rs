//! Recordings → judgements, on all cores: one recording a thread; a single one has all threads to itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context, Result};
use genrescope::model::Model;
use genrescope::predict::{Decoding, Prediction, Settings, classify};
use genrescope::report::Entry;
use genrescope::{Error, ErrorKind};

use crate::inputs::{Input, Source};

/// What the crew reports, as it happens.
pub(crate) enum Event {
    /// The input of that number is done; any order.
    Done(usize, Entry),
    /// Ctrl-C.
    Interrupted,
}

/// What the crew works on.
struct Work {
    model: Model,
    settings: Settings,
    inputs: Vec<Input>,
    next: AtomicUsize,
}

/// Starts up to `threads` threads on the inputs; there will be one [`Event::Done`] for each.
pub(crate) fn start(
    model: Model,
    settings: &Settings,
    inputs: Vec<Input>,
    threads: usize,
) -> Result<Receiver<Event>> {
    let (events, received) = channel();
    watch_for_interrupt(events.clone())?;
    let workers = threads.min(inputs.len()).max(1);
    let threads_each = threads / workers;
    let decoding = if threads_each > 1 { Decoding::Ahead } else { Decoding::Inline };
    let work = Arc::new(Work {
        model,
        settings: Settings { decoding, ..settings.clone() },
        inputs,
        next: AtomicUsize::new(0),
    });
    for _ in 0..workers {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads_each).build();
        let pool = pool.context("threads cannot be started")?;
        let (work, events) = (Arc::clone(&work), events.clone());
        thread::spawn(move || pool.install(|| work.go_on(&events)));
    }
    Ok(received)
}

/// The first Ctrl-C lets finished results be written, the second ends the program where it stands.
fn watch_for_interrupt(events: Sender<Event>) -> Result<()> {
    let interrupts = AtomicUsize::new(0);
    ctrlc::set_handler(move || {
        if interrupts.fetch_add(1, Ordering::Relaxed) > 0 || events.send(Event::Interrupted).is_err() {
            std::process::exit(130);
        }
    })
    .context("Ctrl-C cannot be watched for")
}

impl Work {
    /// Takes inputs until none is left or nobody listens.
    fn go_on(&self, events: &Sender<Event>) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(input) = self.inputs.get(number) else { return };
            if events.send(Event::Done(number, self.judge(input))).is_err() {
                return;
            }
        }
    }

    fn judge(&self, input: &Input) -> Entry {
        let outcome = match &input.source {
            Ok(source) => self.classify(source, input),
            Err(error) => Err(Error::new(error.kind(), error.to_string())),
        };
        Entry { path: input.name.clone(), outcome }
    }

    fn classify(&self, source: &Source, input: &Input) -> genrescope::Result<Prediction> {
        let sample_rate_hz = self.model.header.front_end.sample_rate_hz;
        let classify = || classify(&self.model, source.open(sample_rate_hz)?, &self.settings);
        let mut prediction = catch_unwind(AssertUnwindSafe(classify)).unwrap_or_else(|_| {
            let message =
                format!("{}: this file makes the decoder fail; convert it to another format", input.name);
            Err(Error::new(ErrorKind::Corrupt, message))
        })?;
        prediction.warnings.extend(input.warning());
        Ok(prediction)
    }
}
