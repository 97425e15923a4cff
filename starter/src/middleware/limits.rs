//! No request takes for ever, and no more are worked on at once than can be.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::problem::{Failure, Kind};

/// Requests at once. Beyond it they are answered 503 at once, which callers repeat, rather than
/// queued until nobody waits for them any more.
const AT_ONCE: usize = 1_024;
/// The time for a request, its body included.
const TIME: Duration = Duration::from_secs(10);

/// The places for requests.
#[derive(Debug, Clone)]
pub struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// Layer of all routes that work.
pub async fn bounded(State(places): State<Places>, request: Request, next: Next) -> Response {
    let Ok(_place) = places.0.try_acquire() else {
        return Failure::new(Kind::Overloaded, format!("{AT_ONCE} requests are worked on already"))
            .into_response();
    };
    match tokio::time::timeout(TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Failure::new(Kind::Deadline, format!("the request took more than {} s", TIME.as_secs()))
                .into_response()
        }
    }
}
