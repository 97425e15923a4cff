//! No request takes for ever, and no more are worked on at once than can be.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::problem::{Failure, Kind};

/// Requests of one kind at once. Beyond it they are answered 503 at once, which callers repeat,
/// rather than queued until nobody waits for them any more.
pub const AT_ONCE: usize = 1_024;
/// The time for a request, its body included.
const TIME: Duration = Duration::from_secs(10);

/// The limits of one kind of requests: strangers who fill the places of webhooks leave the API's
/// free.
#[derive(Debug, Clone)]
pub struct Limits {
    places: Arc<Semaphore>,
    time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), time: TIME }
    }
}

/// Layer of all routes that work.
pub async fn bounded(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let Ok(_place) = limits.places.try_acquire() else {
        return Failure::new(Kind::Overloaded, "as many requests as there may be are worked on")
            .into_response();
    };
    match tokio::time::timeout(limits.time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let seconds = limits.time.as_secs();
            Failure::new(Kind::Deadline, format!("the request took more than {seconds} s"))
                .into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tokio::sync::Notify;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(app: &Router) -> Response {
        app.clone().oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn requests_beyond_the_places_are_refused_until_one_is_free() {
        let limits = Limits { places: Arc::new(Semaphore::new(1)), time: TIME };
        let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (begun, go) = (begun.clone(), go.clone());
            get(async move || {
                begun.notify_one();
                go.notified().await;
            })
        };
        let app = Router::new().route("/", handler).layer(from_fn_with_state(limits, bounded));
        let first = tokio::spawn({
            let app = app.clone();
            async move { ask(&app).await }
        });
        begun.notified().await;
        let refused = ask(&app).await;
        assert_eq!(refused.status(), 503);
        assert!(refused.headers().contains_key("retry-after"));
        go.notify_one();
        assert_eq!(first.await.unwrap().status(), 200);
        go.notify_one();
        assert_eq!(ask(&app).await.status(), 200);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_takes_too_long_is_answered_all_the_same() {
        let app = Router::new()
            .route("/", get(std::future::pending::<()>))
            .layer(from_fn_with_state(Limits::default(), bounded));
        assert_eq!(ask(&app).await.status(), Kind::Deadline.status());
    }
}
