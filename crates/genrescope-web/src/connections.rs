//! Connections with limits of time and number: whoever waits without asking makes room for those who ask.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::limits::{ANSWER_PAUSE, HEAD_PAUSE, MAX_CONNECTIONS};

/// Threads that move bytes; judging has its own.
const NETWORK_THREADS: usize = 2;
/// How long to wait when no connection can be taken, for example for want of file descriptors.
const BREATH: Duration = Duration::from_millis(50);
/// How long uploads that are read get to notice that the server ends.
const GOODBYE: Duration = Duration::from_millis(500);

/// Serves until Ctrl-C or a request to terminate; `ready` is called once either is listened for.
///
/// # Errors
/// Where the operating system refuses threads, the listener, or to say when to end; that of `ready`.
pub fn serve(listener: TcpListener, app: Router, ready: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(NETWORK_THREADS).enable_all().build()?;
    listener.set_nonblocking(true)?;
    let outcome = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let asked_to_end = asked_to_end()?;
        ready()?;
        tokio::select! {
            () = accept(&listener, app) => (),
            () = asked_to_end => (),
        }
        Ok(())
    });
    runtime.shutdown_timeout(GOODBYE);
    outcome
}

/// Listens from the call on, not from the first wait.
#[cfg(unix)]
fn asked_to_end() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

#[cfg(not(unix))]
fn asked_to_end() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

async fn accept(listener: &tokio::net::TcpListener, app: Router) {
    let table = Arc::new(Table::default());
    for number in 0_u64.. {
        match listener.accept().await {
            Ok((stream, _)) => Table::take(&table, number, stream, app.clone()),
            Err(_) => {
                table.make_room(0);
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// The connections that are open, by number.
#[derive(Default)]
struct Table(Mutex<HashMap<u64, Open>>);

struct Open {
    task: AbortHandle,
    activity: Arc<Activity>,
}

/// What a connection does.
struct Activity {
    requests: AtomicUsize,
    idle_since: Mutex<Instant>,
}

/// A request whose answer has not gone out.
struct Busy(Arc<Activity>);

impl Activity {
    fn begin(self: &Arc<Self>) -> Busy {
        self.requests.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    fn idle_since(&self) -> Option<Instant> {
        let since = *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner);
        (self.requests.load(Ordering::Relaxed) == 0).then_some(since)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        *self.0.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Table {
    fn take(table: &Arc<Self>, number: u64, stream: TcpStream, app: Router) {
        if !table.make_room(MAX_CONNECTIONS - 1) {
            return;
        }
        let activity =
            Arc::new(Activity { requests: AtomicUsize::new(0), idle_since: Mutex::new(Instant::now()) });
        let (own_table, own_activity) = (Arc::clone(table), Arc::clone(&activity));
        // Held while the task begins, so that it cannot end before it is in the table.
        let mut open = table.0.lock().unwrap_or_else(PoisonError::into_inner);
        let task = tokio::spawn(async move {
            converse(stream, app, own_activity).await;
            own_table.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        });
        open.insert(number, Open { task: task.abort_handle(), activity });
    }

    /// Closes the longest idle where more than `most` are open; false where none is idle.
    fn make_room(&self, most: usize) -> bool {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() <= most {
            return true;
        }
        let idle = open.iter().filter_map(|(number, open)| Some((open.activity.idle_since()?, *number)));
        let Some((_, number)) = idle.min() else { return false };
        if let Some(closed) = open.remove(&number) {
            closed.task.abort();
        }
        true
    }
}

/// One request after the other, until the client goes or takes too long.
async fn converse(stream: TcpStream, app: Router, activity: Arc<Activity>) {
    // A failure to set it costs milliseconds, no more.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(ANSWER_PAUSE));
    let service = service_fn(move |request: Request<Incoming>| {
        let (busy, app) = (activity.begin(), app.clone());
        async move { app.oneshot(request).await.map(|response| held(response, busy)) }
    });
    let mut connection = http1::Builder::new();
    connection.timer(TokioTimer::new()).header_read_timeout(HEAD_PAUSE);
    // How it ended is the client's affair.
    let _ = connection.serve_connection(TokioIo::new(Box::pin(stream)), service).await;
}

/// Keeps a connection busy until its answer has gone out.
fn held(response: Response, busy: Busy) -> Response {
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _ = &busy;
            frame
        }))
    })
}
