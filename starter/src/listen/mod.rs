//! Accepts connections and bounds them: how many there are, and how long one may take to send a
//! request's head, do nothing between two requests, or take no bytes of an answer.

mod stall;

use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use stall::Stalling;

/// Connections at once, where the system allows for as many open files.
const CONNECTIONS: usize = 4_096;
/// Open files that are left for everything else: the database, Temporal, Valkey, key files.
const OTHER_FILES: u64 = 256;
/// How long a connection may be idle, a head may take, and an answer may not be taken.
const IDLE: Duration = Duration::from_secs(30);
/// Bytes of a request's head at most.
const HEAD: usize = 64 * 1024;
/// How long to wait after a failed accept, which mostly means too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// What a connection beyond the limit is told.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once. Further ones are answered 503 and closed.
    pub connections: usize,
    /// After this a connection is closed that sent no whole head, or nothing at all.
    pub idle: Duration,
    /// After this a connection is closed that takes no bytes of its answer.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: CONNECTIONS, idle: IDLE, stall: IDLE }
    }
}

impl Limits {
    /// The defaults, with as many connections as this process may have files open. The soft limit is
    /// raised to the hard one before.
    pub fn of_process() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        let files = if raised.is_ok() { maximum } else { current };
        let free = files.map_or(u64::MAX, |files| files.saturating_sub(OTHER_FILES).max(64));
        let connections = usize::try_from(free).unwrap_or(usize::MAX).min(CONNECTIONS);
        if connections < CONNECTIONS {
            tracing::warn!(connections, "few files may be open: raise the limit (ulimit -n)");
        }
        Self { connections, ..Self::default() }
    }
}

/// Serves until `stop`; then open requests are finished, and given up after `drain`.
pub async fn run(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    stop: &CancellationToken,
    drain: Duration,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let (open, give_up) = (TaskTracker::new(), CancellationToken::new());
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Of one connection that went away, or of the listener.
                if !matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
                ) {
                    tracing::warn!(%error, "a connection could not be accepted");
                    stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                }
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            refuse(stream);
            continue;
        };
        let (app, stop, give_up) = (app.clone(), stop.clone(), give_up.clone());
        open.spawn(async move {
            give_up.run_until_cancelled(connection(stream, app, limits, &stop)).await;
            drop(place);
        });
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(drain, open.wait()).await.is_err() {
        tracing::warn!(seconds = drain.as_secs(), open = open.len(), "open requests were given up");
        give_up.cancel();
        open.wait().await;
    }
}

/// One connection to its end.
async fn connection(stream: TcpStream, app: Router, limits: Limits, stop: &CancellationToken) {
    // Answers are written whole: waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection went away");
    }
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        // A router is always ready.
        app.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The time begins when the head is waited for, so that it is the limit of idleness too.
        .header_read_timeout(limits.idle)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(Stalling::new(stream, limits.stall)), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Says that there is no place, as far as that goes into the socket at once, and closes.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        // One that is not there any more needs no answer.
        let _ = stream.write(FULL);
    }
}
