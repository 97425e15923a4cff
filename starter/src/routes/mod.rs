//! The API: one file per concern. Every handler names the permission that it needs.

pub mod alert;
pub mod alert_channel;
pub mod audit;
pub mod check_run;
pub mod connection;
mod connection_given;
pub mod coverage;
pub mod drift;
pub mod effect;
pub mod inbox;
pub mod pull_request;
pub mod repo_sync;
pub mod repository;
pub mod spec_drift;
pub mod upload;
mod verdict;

use axum::Router;
use axum::routing::{get, post};

use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// All routes below `/api`, without the layers around them.
pub fn router() -> Router<Shared> {
    Router::new()
        .route("/api/connections", get(connection::list).post(connection::create))
        .route(
            "/api/connections/{id}",
            get(connection::show).patch(connection::change).delete(connection::remove),
        )
        .route("/api/connections/{id}/pause", post(connection::pause))
        .route("/api/connections/{id}/resume", post(connection::resume))
        .route("/api/connections/{id}/rotate", post(connection::rotate))
        .route("/api/connections/{id}/test", post(connection::test))
        .route("/api/repositories", get(repository::list).post(repository::add))
        .route(
            "/api/repositories/{id}",
            get(repository::show).patch(repository::change).delete(repository::remove),
        )
        .route("/api/repositories/{id}/restore", post(repository::restore))
        .route("/api/repositories/{id}/sync", post(repo_sync::sync))
        .route("/api/repositories/{id}/status", get(repo_sync::status))
        .route("/api/repositories/{id}/specs", get(spec_drift::list_of))
        .route("/api/repositories/{id}/check-runs", get(check_run::list))
        .route("/api/repositories/{id}/pull-requests", get(pull_request::list))
        .route("/api/repositories/{id}/pull-requests/{number}", get(pull_request::show))
        .route("/api/specs", get(spec_drift::list))
        .route("/api/specs/{document}", get(upload::show).put(upload::put).delete(upload::delete))
        .route("/api/specs/{document}/invariants", get(spec_drift::invariants))
        .route("/api/specs/{document}/status", get(spec_drift::status))
        .route("/api/specs/{document}/reprove", post(spec_drift::reprove))
        .route("/api/inbox", get(inbox::list))
        .route("/api/inbox/{id}", get(inbox::show))
        .route("/api/inbox/retry", post(inbox::retry_all))
        .route("/api/inbox/{id}/retry", post(inbox::retry))
        .route("/api/coverage", get(coverage::tenant))
        .route("/api/coverage/repository/{repo}", get(coverage::repository))
        .route("/api/drift", get(drift::list))
        .route("/api/drift/{document}/reprove", post(drift::reprove))
        .route(
            "/api/drift/{document}/acknowledge",
            post(drift::acknowledge).delete(drift::withdraw),
        )
        .route("/api/alerts", get(alert::list))
        .route("/api/alerts/{id}", get(alert::show))
        .route("/api/alerts/{id}/acknowledge", post(alert::acknowledge))
        .route("/api/alerts/channels", get(alert_channel::list).post(alert_channel::create))
        .route(
            "/api/alerts/channels/{id}",
            get(alert_channel::show).patch(alert_channel::change).delete(alert_channel::remove),
        )
        .route("/api/alerts/channels/{id}/test", post(alert_channel::test))
        .route("/api/effects", get(effect::list))
        .route("/api/effects/{id}", get(effect::show))
        .route("/api/effects/{id}/resolve", post(effect::resolve))
        .route("/api/audit", get(audit::list))
        .route("/api/audit/verify", get(audit::verify))
}

/// A reason that the audit log keeps.
fn reason(text: &str) -> Result<&str, Failure> {
    let text = text.trim();
    if (1..=1_000).contains(&text.chars().count()) {
        Ok(text)
    } else {
        Err(Failure::new(Kind::Invalid, "reason: use 1 to 1,000 characters"))
    }
}
