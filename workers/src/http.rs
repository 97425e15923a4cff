//! `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus::Registry;
use sbh_store::Store;

use crate::health::{self, Part, Queues, Report};
use crate::metrics::SdkMetrics;

/// How long the database may take to answer a readiness check.
const PING: Duration = Duration::from_secs(2);

/// What the routes look at.
#[derive(Clone)]
pub struct Sight {
    /// The workers.
    pub queues: Queues,
    /// The database, once it is there.
    pub store: Arc<OnceLock<Store>>,
    /// Our own metrics.
    pub registry: Registry,
    /// The SDK's metrics.
    pub sdk: SdkMetrics,
}

/// The routes.
pub fn router(sight: Sight) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(sight)
}

async fn healthz(State(sight): State<Sight>) -> Response {
    answer(health::liveness(&sight.queues))
}

async fn readyz(State(sight): State<Sight>) -> Response {
    let mut parts = health::readiness(&sight.queues);
    let database = match sight.store.get() {
        None => Some("it has not answered yet".to_owned()),
        Some(store) => match tokio::time::timeout(PING, store.ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {} s", PING.as_secs())),
        },
    };
    parts.insert("database".to_owned(), Part::new(database));
    answer(Report::new(parts))
}

fn answer(report: Report) -> Response {
    let status = match report.status {
        health::State::Ok => StatusCode::OK,
        health::State::Down => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(report)).into_response()
}

async fn metrics(State(sight): State<Sight>) -> Response {
    let text = async {
        let own = sbh_runtime::metrics::render(&sight.registry)?;
        anyhow::Ok(own + &sight.sdk.render().await?)
    };
    match text.await {
        Ok(text) => {
            ([(header::CONTENT_TYPE, sbh_runtime::metrics::CONTENT_TYPE)], text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "cannot render the metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
