//! `POST /api/v1/classify` and `/api/v1/timeline`: a recording → its record, or its timeline while it grows.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use genrescope::audio::AudioStream;
use genrescope::predict::{Decoding, Segment, Watch};
use genrescope::report::{Detail, json};
use serde::Deserialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_blocking;

use crate::documents::{Documents, Format};
use crate::hearing::{Heard, Hearing, Purpose};
use crate::limits::MAX_WORK;
use crate::refusal::{Refusal, failed, json_response};
use crate::upload::Upload;
use crate::{App, Judge};

/// What may stand behind `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wishes {
    model: Option<String>,
    format: Format,
    timeline: bool,
}

/// Behind `?` of what always is a timeline.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ModelWish {
    pub(crate) model: Option<String>,
}

pub(crate) type Form = Result<Multipart, MultipartRejection>;

pub(crate) fn wishes<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Refusal> {
    query.map(|Query(wishes)| wishes).map_err(|e| Refusal::bad_request(e.body_text()))
}

pub(crate) fn named(path: Result<Path<String>, PathRejection>) -> Result<String, Refusal> {
    path.map(|Path(name)| name).map_err(|e| Refusal::bad_request(e.body_text()))
}

/// One recording to be judged by one model.
struct Job {
    app: Arc<App>,
    judge: Arc<Judge>,
    upload: Upload,
    purpose: Purpose,
}

/// What became of it: the document, or status and body of what it failed of.
type Outcome = Result<String, (StatusCode, String)>;

impl Job {
    /// Does it, once it is its turn; ends early when the future is dropped or `wanted` says so.
    async fn run(
        self,
        mut judged: impl FnMut(&Segment) + Send + 'static,
        written: impl FnOnce(&Documents) -> String + Send + 'static,
    ) -> Outcome {
        let turn = Arc::clone(&self.app.turns).acquire_owned().await;
        let waiting = Waiting::default();
        let wanted = Arc::clone(&waiting.0);
        let outcome = spawn_blocking(move || {
            let _turn = turn;
            let heard = self.hear(&mut judged, &|| wanted.load(Ordering::Relaxed));
            let label = &self.judge.label;
            heard.map(|heard| written(&Documents::new(&self.upload.name, heard, label))).map_err(|error| {
                let response = failed(&self.upload.name, error, label);
                self.app.hidden(response)
            })
        });
        outcome.await.unwrap_or_else(|_| Err((StatusCode::INTERNAL_SERVER_ERROR, String::new())))
    }

    fn hear(
        &self,
        judged: &mut dyn FnMut(&Segment),
        wanted: &(dyn Fn() -> bool + Sync),
    ) -> genrescope::Result<Heard> {
        let model = &self.judge.model;
        let hearing = Hearing {
            model,
            purpose: self.purpose,
            decoding: Decoding::Ahead,
            until: Some(Instant::now() + MAX_WORK),
            wanted,
        };
        let name = &self.upload.name;
        let open = || {
            let file = self.upload.file.try_clone().map_err(|e| genrescope::Error::io(name, e))?;
            AudioStream::from_file(file, name, model.header.front_end.sample_rate_hz)
        };
        let mut judged = |patch: &Segment| {
            judged(patch);
            Ok(())
        };
        hearing.hear(name, open, Watch { heard: &mut |_| Ok(()), judged: &mut judged })
    }
}

/// Set as long as somebody waits.
struct Waiting(Arc<AtomicBool>);

impl Default for Waiting {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The record of `classify --format json`, or another of its formats.
pub(crate) async fn classify(
    State(app): State<Arc<App>>,
    query: Result<Query<Wishes>, QueryRejection>,
    form: Form,
) -> Result<Response, Refusal> {
    let Wishes { model, format, timeline } = wishes(query)?;
    let judge = app.judge(model.as_deref())?;
    let upload = Upload::receive(&app, form).await?;
    let detail = if timeline { Detail::Segments } else { Detail::Track };
    let job = Job { app, judge, upload, purpose: format.purpose() };
    let outcome = job.run(|_| (), move |documents| documents.write(format, detail)).await;
    Ok(match outcome {
        Ok(document) => ([(header::CONTENT_TYPE, format.content_type())], document).into_response(),
        Err((status, body)) => json_response(status, body),
    })
}

/// Events of a timeline: `patch`, one for each that is judged; `result`, or `error`, at the end.
enum News {
    Patch(String),
    End(Outcome),
}

/// Server-sent events: patches as they are judged, then everything that the page shows.
pub(crate) async fn timeline(
    State(app): State<Arc<App>>,
    query: Result<Query<ModelWish>, QueryRejection>,
    form: Form,
) -> Result<Response, Refusal> {
    let judge = app.judge(wishes(query)?.model.as_deref())?;
    let upload = Upload::receive(&app, form).await?;
    let job = Job { app, judge, upload, purpose: Purpose::Picture };
    let (sender, mut news) = unbounded_channel();
    tokio::spawn(report(job, sender));
    let first = news.recv().await;
    match first {
        Some(News::End(Err((status, body)))) => Ok(json_response(status, body)),
        Some(first) => Ok(events(first, news)),
        None => Err(Refusal::internal()),
    }
}

/// Does the job, and tells how it comes along until nobody listens.
async fn report(job: Job, sender: UnboundedSender<News>) {
    let patches = sender.clone();
    let judged = move |patch: &Segment| {
        // Nobody listens any more: the job ends by itself.
        let _ = patches.send(News::Patch(json::segments(std::slice::from_ref(patch))));
    };
    let running = job.run(judged, |documents| documents.whole());
    tokio::select! {
        outcome = running => drop(sender.send(News::End(outcome))),
        () = sender.closed() => (),
    }
}

fn events(first: News, news: UnboundedReceiver<News>) -> Response {
    let rest = stream::unfold((Some(first), news), |(first, mut news)| async {
        let next = match first {
            Some(first) => Some(first),
            None => news.recv().await,
        };
        next.map(|next| (Ok::<_, Infallible>(event(next)), (None, news)))
    });
    Sse::new(rest).keep_alive(KeepAlive::default()).into_response()
}

fn event(news: News) -> Event {
    match news {
        News::Patch(segments) => Event::default().event("patch").data(segments),
        News::End(Ok(whole)) => Event::default().event("result").data(whole),
        News::End(Err((_, record))) => Event::default().event("error").data(record),
    }
}
