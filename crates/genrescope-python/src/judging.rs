//! Recordings → judgements, on several threads, without the interpreter.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use genrescope::audio::contained;
use genrescope::model::Model;
use genrescope::predict::{Decoding, Prediction, Settings, classify};
use genrescope::{Error, ErrorKind, Result};

use crate::recording::Recording;

/// What recordings are judged by.
pub(crate) struct Judge {
    pub(crate) model: Model,
    pub(crate) settings: Settings,
    pub(crate) threads: usize,
}

impl Judge {
    /// One outcome a recording, in their order. Each call has threads of its own: two at once do not wait for each
    /// other, and none are missing in a process that was forked.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn judge_all(&self, recordings: &[Recording]) -> Result<Vec<Result<Prediction>>> {
        let workers = self.threads.min(recordings.len()).max(1);
        let pools = (0..workers).map(|_| pool(self.threads / workers)).collect::<Result<Vec<_>>>()?;
        let next = AtomicUsize::new(0);
        let outcomes = Mutex::new(Vec::from_iter(recordings.iter().map(|_| None)));
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(recording) = recordings.get(number) else { return };
                let outcome = self.judge(recording);
                outcomes.lock().expect("nobody panics with it")[number] = Some(outcome);
            }
        };
        thread::scope(|scope| {
            for pool in &pools {
                scope.spawn(move || pool.install(work));
            }
        });
        let outcomes = outcomes.into_inner().expect("nobody panics with it");
        Ok(outcomes.into_iter().map(|outcome| outcome.expect("each has been worked on")).collect())
    }

    fn judge(&self, recording: &Recording) -> Result<Prediction> {
        let settings = Settings { decoding: Decoding::Inline, ..self.settings.clone() };
        let rate_hz = self.model.header.front_end.sample_rate_hz;
        contained(&recording.name(), || classify(&self.model, recording.open(rate_hz)?, &settings))
    }
}

/// 0 threads: one a core.
pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| Error::new(ErrorKind::Io, "threads cannot be started").with_source(error))
}
