//! One stand-in's server: takes requests whole, writes them down, and answers or fails as told.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::arrived::Arrived;
use crate::fault::{Fault, What};

/// Bytes of a request's body at most.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// A running stand-in's server.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    desk: Arc<Desk>,
    stop: watch::Sender<bool>,
}

/// What came and what is to go wrong.
#[derive(Debug, Default)]
struct Desk {
    arrived: Mutex<Vec<Arrived>>,
    faults: Mutex<Vec<Fault>>,
}

/// What was asked for, whole.
#[derive(Debug, Clone)]
pub(crate) struct WholeUri(pub http::Uri);

/// Why a connection ends without an answer.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for Cut {}

impl Service {
    /// Serves `routes` on a free loopback port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start(runtime: &Handle, routes: Router) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let _entered = runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        let (stop, stopped) = watch::channel(false);
        let desk = Arc::new(Desk::default());
        runtime.spawn(accept(listener, routes, Arc::clone(&desk), stopped));
        Ok(Self { address, desk, stop })
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has requests go wrong, in the order in which faults were added.
    pub fn fail(&self, fault: Fault) {
        lock(&self.desk.faults).push(fault);
    }

    /// Ends all faults.
    pub fn mend(&self) {
        lock(&self.desk.faults).clear();
    }

    /// Every request so far, in the order in which their bodies were complete.
    pub fn arrived(&self) -> Vec<Arrived> {
        lock(&self.desk.arrived).clone()
    }

    /// How many requests with this method and a path beginning so there were.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let fits = |a: &&Arrived| a.method == method && a.path.starts_with(path);
        lock(&self.desk.arrived).iter().filter(fits).count()
    }

    /// Takes no further connections and closes those that are open.
    pub fn stop(&self) {
        // Nobody listens any more: it is stopped already.
        let _ = self.stop.send(true);
    }
}

/// A lock whose holder cannot have left something half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn accept(
    listener: TcpListener,
    routes: Router,
    desk: Arc<Desk>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        // Answers are small: waiting to fill packets would only delay them.
        let _ = stream.set_nodelay(true);
        let (routes, desk, mut stopped) = (routes.clone(), Arc::clone(&desk), stopped.clone());
        tokio::spawn(async move {
            let answers = service_fn(|request| answer(request, routes.clone(), Arc::clone(&desk)));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answers);
            tokio::select! {
                // How a connection ends is the caller's affair.
                _ = connection => {}
                _ = stopped.changed() => {}
            }
        });
    }
}

async fn answer(
    request: http::Request<Incoming>,
    routes: Router,
    desk: Arc<Desk>,
) -> Result<http::Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|_| Cut)?.to_bytes();
    let fault = desk.fault(parts.method.as_str(), parts.uri.path());
    let acts = fault.as_ref().is_none_or(|fault| fault.acts);
    let number = desk.write_down(Arrived::new(&parts, body.clone(), acts));
    let answered = if acts {
        let mut request = http::Request::from_parts(parts, Body::from(body));
        // Nested routes see the rest of the path only.
        let whole = WholeUri(request.uri().clone());
        request.extensions_mut().insert(whole);
        let response = routes.oneshot(request).await.unwrap_or_else(|never| match never {});
        Some(response)
    } else {
        None
    };
    let answer = match (fault.map(|fault| fault.what), answered) {
        (Some(What::Answer { status, headers, body }), _) => {
            let mut answer = http::Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            answer.body(Body::from(body)).expect("the fault's answer")
        }
        (Some(What::Hang), _) => std::future::pending().await,
        (Some(What::Cut), _) | (None, None) => return Err(Cut),
        (None, Some(response)) => response,
    };
    desk.answered(number, answer.status().as_u16());
    Ok(answer)
}

impl Desk {
    /// The fault that hits this request, if any does.
    fn fault(&self, method: &str, path: &str) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        let index = faults.iter().position(|fault| fault.hits(method, path))?;
        let fault = faults[index].clone();
        match &mut faults[index].times {
            Some(1) => drop(faults.remove(index)),
            Some(times) => *times -= 1,
            None => {}
        }
        Some(fault)
    }

    fn write_down(&self, mut arrived: Arrived) -> usize {
        let mut all = lock(&self.arrived);
        arrived.number = all.len();
        all.push(arrived);
        all.len() - 1
    }

    fn answered(&self, number: usize, status: u16) {
        lock(&self.arrived)[number].status = Some(status);
    }
}
