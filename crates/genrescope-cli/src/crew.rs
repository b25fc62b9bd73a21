//! Recordings → results, on all cores: one recording a thread; a single one has all threads to itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context, Result};
use genrescope::Error;
use genrescope::audio::contained;

use crate::inputs::{Input, Source};

/// What the crew reports, as it happens.
pub(crate) enum Event<T> {
    /// The input of that number is done; any order.
    Done(usize, T),
    /// Ctrl-C.
    Interrupted,
}

/// Results on their way into the order of the inputs.
pub(crate) struct InOrder<T> {
    waiting: BTreeMap<usize, T>,
    next: usize,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), next: 0 }
    }
}

impl<T> InOrder<T> {
    /// Takes the result of an input; gives those whose turn it is, with their numbers.
    pub(crate) fn add(&mut self, number: usize, result: T) -> Vec<(usize, T)> {
        self.waiting.insert(number, result);
        let mut ready = Vec::new();
        while let Some(result) = self.waiting.remove(&self.next) {
            ready.push((self.next, result));
            self.next += 1;
        }
        ready
    }

    /// Those that wait for an earlier one.
    pub(crate) fn into_waiting(self) -> impl Iterator<Item = T> {
        self.waiting.into_values()
    }
}

/// What the crew works on.
struct Work<J> {
    inputs: Vec<Input>,
    job: J,
    next: AtomicUsize,
}

/// How many threads one recording has of `threads`, when there are `inputs`.
pub(crate) fn threads_each(threads: usize, inputs: usize) -> usize {
    threads / threads.min(inputs).max(1)
}

/// Starts up to `threads` threads on the inputs; there will be one [`Event::Done`] for each, with what `job` makes of it.
pub(crate) fn start<T: Send + 'static>(
    inputs: Vec<Input>,
    threads: usize,
    job: impl Fn(&Input) -> T + Send + Sync + 'static,
) -> Result<Receiver<Event<T>>> {
    let (events, received) = channel();
    watch_for_interrupt(events.clone())?;
    send_out(inputs, threads, job, &events)?;
    Ok(received)
}

/// The same, to a channel that is watched already.
pub(crate) fn send_out<T: Send + 'static>(
    inputs: Vec<Input>,
    threads: usize,
    job: impl Fn(&Input) -> T + Send + Sync + 'static,
    events: &Sender<Event<T>>,
) -> Result<()> {
    let workers = threads.min(inputs.len()).max(1);
    let threads_each = threads_each(threads, inputs.len());
    let work = Arc::new(Work { inputs, job, next: AtomicUsize::new(0) });
    for _ in 0..workers {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads_each).build();
        let pool = pool.context("threads cannot be started")?;
        let (work, events) = (Arc::clone(&work), events.clone());
        thread::spawn(move || pool.install(|| work.go_on(&events)));
    }
    Ok(())
}

/// The first Ctrl-C lets finished results be written, the second ends the program where it stands.
pub(crate) fn watch_for_interrupt<T: Send + 'static>(events: Sender<Event<T>>) -> Result<()> {
    let interrupts = AtomicUsize::new(0);
    ctrlc::set_handler(move || {
        if interrupts.fetch_add(1, Ordering::Relaxed) > 0 || events.send(Event::Interrupted).is_err() {
            std::process::exit(130);
        }
    })
    .context("Ctrl-C cannot be watched for")
}

impl<J> Work<J> {
    /// Takes inputs until none is left or nobody listens.
    fn go_on<T>(&self, events: &Sender<Event<T>>)
    where
        J: Fn(&Input) -> T,
    {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(input) = self.inputs.get(number) else { return };
            if events.send(Event::Done(number, (self.job)(input))).is_err() {
                return;
            }
        }
    }
}

/// Works on an input's recording; what was looked for in vain stays an error, and a decoder that fails becomes one.
pub(crate) fn work_on<T>(
    input: &Input,
    work: impl FnOnce(&Source) -> genrescope::Result<T>,
) -> genrescope::Result<T> {
    let source = input.source.as_ref().map_err(|error| Error::new(error.kind(), error.to_string()))?;
    contained(&input.name, || work(source))
}
