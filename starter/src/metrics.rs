//! The starter's metrics, in a registry of their own.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// All metrics.
pub struct Metrics {
    registry: Registry,
    /// Requests by method, route template and status: how long they took, in seconds.
    pub requests: HistogramVec,
    /// Webhooks by source and outcome.
    pub webhooks: IntCounterVec,
    /// Signals by kind of entity (`repository`, `document`) and outcome (`sent`, `away`, `refused`).
    pub signals: IntCounterVec,
    /// Housekeeping by task: rows worked on.
    pub reconciled: IntCounterVec,
    /// Restarts of background tasks by task.
    pub restarts: IntCounterVec,
    open: IntGauge,
    parked: IntGauge,
    oldest: IntGauge,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// When two have one name.
    pub fn new() -> anyhow::Result<Self> {
        let registry = Registry::new();
        let buckets = vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
        let requests = HistogramVec::new(
            HistogramOpts::new(
                "sbh_http_request_duration_seconds",
                "HTTP requests by route template.",
            )
            .buckets(buckets),
            &["method", "route", "status"],
        )?;
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            anyhow::Ok(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            anyhow::Ok(gauge)
        };
        registry.register(Box::new(requests.clone()))?;
        Ok(Self {
            webhooks: counter(
                "sbh_webhooks_total",
                "Webhook deliveries by outcome.",
                &["source", "outcome"],
            )?,
            signals: counter(
                "sbh_signals_total",
                "Signals to entity workflows.",
                &["entity", "outcome"],
            )?,
            reconciled: counter(
                "sbh_reconciled_total",
                "Rows that housekeeping worked on.",
                &["task"],
            )?,
            restarts: counter(
                "sbh_background_restarts_total",
                "Background tasks that failed and were started again.",
                &["task"],
            )?,
            open: gauge("sbh_inbox_open", "Acknowledged notices without a recorded result.")?,
            parked: gauge("sbh_inbox_parked", "Notices that were tried too often.")?,
            oldest: gauge("sbh_inbox_oldest_seconds", "Age of the oldest open notice.")?,
            requests,
            registry,
        })
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}

/// `GET /metrics`. While the database is away the inbox's figures stay as they were last seen.
pub async fn serve(State(state): State<Shared>) -> Result<Response, Failure> {
    let metrics = &state.metrics;
    if let Ok(depth) = state.depth.now().await {
        metrics.open.set(depth.open);
        metrics.parked.set(depth.parked);
        let oldest = depth.oldest_age.map_or(0, |age| age.as_secs());
        metrics.oldest.set(i64::try_from(oldest).unwrap_or(i64::MAX));
    }
    let text = sbh_runtime::metrics::render(&metrics.registry).map_err(|error| {
        tracing::error!(%error, "metrics cannot be rendered");
        Failure::new(Kind::Internal, "metrics cannot be rendered")
    })?;
    Ok(([(header::CONTENT_TYPE, sbh_runtime::metrics::CONTENT_TYPE)], text).into_response())
}
