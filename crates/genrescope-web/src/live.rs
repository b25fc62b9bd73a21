//! `/api/v1/live`: a microphone, chunk by chunk. Its samples go the way of `genrescope listen`, with the same answers
//! twice a second; once it is closed they are a recording with the numbers of `genrescope classify`.

use std::collections::HashMap;
use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use genrescope::audio::{AudioStream, RawAudio, SAMPLE_RATES_HZ, SampleFormat};
use genrescope::predict::{Decoding, LIVE_HOP_S, Listener, Moment, Watch};
use genrescope::report::live::record;
use serde::Deserialize;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::documents::Documents;
use crate::hearing::{Heard, Hearing, Purpose};
use crate::limits::{LIVE_PAUSE, MAX_LIVE, UPLOAD_PAUSE};
use crate::recordings::{named, wishes};
use crate::refusal::{Refusal, failed, json_response, status};
use crate::{App, Judge, Token};

/// What stands in records and messages.
const NAME: &str = "microphone";
/// Bytes of a sample: 32-bit floats, little-endian.
const SAMPLE_BYTES: usize = 4;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opening {
    rate_hz: u32,
    model: Option<String>,
}

/// The microphones that are open, by their names.
#[derive(Default)]
pub(crate) struct Microphones(Mutex<HashMap<String, Shared>>);

/// One that is open; none once it is closed.
type Shared = Arc<Mutex<Option<Microphone>>>;

struct Microphone {
    judge: Arc<Judge>,
    rate_hz: u32,
    /// Holds nothing: a chunk is taken when the one before is judged.
    feed: SyncSender<Bytes>,
    listener: JoinHandle<genrescope::Result<Heard>>,
    moments: Arc<Mutex<Vec<Moment>>>,
    heard_samples: usize,
    used: Instant,
}

/// Nothing is left half done when a thread panics that holds one of these.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `POST /api/v1/live?rate_hz=N`: opens a microphone.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    query: Result<Query<Opening>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Opening { rate_hz, model } = wishes(query)?;
    if !SAMPLE_RATES_HZ.contains(&rate_hz) {
        return Err(Refusal::bad_request(format!("rate_hz={rate_hz}; choose from {SAMPLE_RATES_HZ:?} Hz")));
    }
    let judge = app.judge(model.as_deref())?;
    listener(&judge).map_err(|e| Refusal::new(status(e.kind()), e.kind().name(), e.to_string()))?;
    let name = Token::random().map_err(|_| Refusal::internal())?.digits().to_owned();
    {
        let mut open = locked(&app.microphones.0);
        if open.len() >= MAX_LIVE {
            return Err(Refusal::busy("too many microphones at once; close one"));
        }
        open.insert(name.clone(), Arc::new(Mutex::new(Some(Microphone::open(judge, rate_hz)))));
    }
    tokio::spawn(forget_when_idle(Arc::clone(&app), name.clone()));
    let body = serde_json::json!({"id": name, "chunk_bytes": crate::limits::LIVE_CHUNK_BYTES});
    Ok(json_response(StatusCode::CREATED, body.to_string()))
}

/// Closes a microphone whose page has gone.
async fn forget_when_idle(app: Arc<App>, name: String) {
    loop {
        tokio::time::sleep(LIVE_PAUSE).await;
        let mut open = locked(&app.microphones.0);
        let Some(microphone) = open.get(&name) else { return };
        let unused = |microphone: &Microphone| microphone.used.elapsed() >= LIVE_PAUSE;
        let idle = microphone.try_lock().is_ok_and(|microphone| microphone.as_ref().is_none_or(unused));
        if idle {
            open.remove(&name);
            return;
        }
    }
}

/// `POST /api/v1/live/{id}`: takes the next samples, gives what is new.
pub(crate) async fn listen(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let name = named(name)?;
    let chunk = timeout(UPLOAD_PAUSE, Bytes::from_request(request, &())).await;
    let chunk = chunk.map_err(|_| Refusal::too_slow("the chunk has stopped; send the next"))?;
    let chunk = chunk.map_err(|e| match e.status() {
        status @ StatusCode::PAYLOAD_TOO_LARGE => {
            Refusal::new(status, "limit_exceeded", "too much at once; send smaller chunks")
        }
        _ => Refusal::bad_request(e.body_text()),
    })?;
    if chunk.len() % SAMPLE_BYTES != 0 {
        return Err(Refusal::bad_request("samples are 32-bit floats, little-endian; send whole ones"));
    }
    let microphone = locked(&app.microphones.0).get(&name).cloned().ok_or_else(unknown)?;
    let heard = spawn_blocking(move || locked(&microphone).as_mut().ok_or_else(unknown)?.hear(chunk));
    let body = heard.await.map_err(|_| Refusal::internal())??;
    Ok(json_response(StatusCode::OK, body))
}

/// `DELETE /api/v1/live/{id}`: closes the microphone, gives the whole.
pub(crate) async fn close(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let microphone = locked(&app.microphones.0).remove(&named(name)?).ok_or_else(unknown)?;
    let closed = spawn_blocking(move || {
        let microphone = locked(&microphone).take();
        microphone.map(Microphone::close)
    });
    let outcome = closed.await.map_err(|_| Refusal::internal())?.ok_or_else(unknown)?;
    let (status, body) = outcome.unwrap_or_else(|response| app.hidden(response));
    Ok(json_response(status, body))
}

fn unknown() -> Refusal {
    Refusal::not_found("no such microphone is open; open one by POST /api/v1/live")
}

fn listener(judge: &Judge) -> genrescope::Result<Listener<'_>> {
    Listener::new(&judge.model, LIVE_HOP_S)
}

impl Microphone {
    fn open(judge: Arc<Judge>, rate_hz: u32) -> Self {
        let (feed, chunks) = sync_channel(0);
        let moments = Arc::default();
        let listener = {
            let (judge, moments) = (Arc::clone(&judge), Arc::clone(&moments));
            thread::spawn(move || {
                let chunks = Chunks { chunks: Mutex::new(chunks), rest: Bytes::new() };
                hear(&judge, (rate_hz, chunks), &moments)
            })
        };
        Self { judge, rate_hz, feed, listener, moments, heard_samples: 0, used: Instant::now() }
    }

    /// Takes a chunk; gives the answers that are complete with it.
    fn hear(&mut self, chunk: Bytes) -> Result<String, Refusal> {
        self.used = Instant::now();
        self.heard_samples += chunk.len() / SAMPLE_BYTES;
        let ended = |_| Refusal::bad_request("the recording has ended; close it and open another");
        // Once the empty one is taken, all before it is judged.
        [chunk, Bytes::new()].into_iter().try_for_each(|part| self.feed.send(part)).map_err(ended)?;
        let heard_s = self.heard_samples as f64 / f64::from(self.rate_hz);
        let moments = std::mem::take(&mut *locked(&self.moments));
        let records: Vec<String> = moments.iter().map(|moment| record(moment, &self.judge.label)).collect();
        Ok(format!("{{\"heard_s\":{heard_s:.3},\"moments\":[{}]}}", records.join(",")))
    }

    fn close(self) -> Result<(StatusCode, String), (StatusCode, String)> {
        let Self { feed, listener, judge, .. } = self;
        drop(feed);
        let heard = listener.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let heard = heard.map_err(|error| failed(NAME, error, &judge.label))?;
        Ok((StatusCode::OK, Documents::new(NAME, heard, &judge.label).whole()))
    }
}

fn hear(
    judge: &Judge,
    (rate_hz, chunks): (u32, Chunks),
    moments: &Mutex<Vec<Moment>>,
) -> genrescope::Result<Heard> {
    let (model, mut listener) = (&judge.model, listener(judge)?);
    let purpose = Purpose::Picture;
    let hearing = Hearing { model, purpose, decoding: Decoding::Live, until: None, wanted: &|| true };
    let raw = RawAudio { format: SampleFormat::F32, rate_hz, channels: 1 };
    let open = || raw.stream(chunks, NAME, model.header.front_end.sample_rate_hz).map(AudioStream::live);
    let mut heard = |samples: &[f32]| {
        let new = listener.push(samples, Vec::new())?;
        locked(moments).extend(new);
        Ok(())
    };
    hearing.hear(NAME, open, Watch { heard: &mut heard, judged: &mut |_| Ok(()) })
}

/// The chunks of a microphone as one reader; it ends when the microphone is closed or forgotten.
struct Chunks {
    chunks: Mutex<Receiver<Bytes>>,
    rest: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            let next = locked(&self.chunks).recv();
            match next {
                Ok(chunk) => self.rest = chunk,
                Err(_) => return Ok(0),
            }
        }
        let count = buffer.len().min(self.rest.len());
        buffer[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}
