//! The API: one file per concern. Every handler names the permission that it needs.

pub mod audit;
pub mod connection;
pub mod coverage;
pub mod inbox;
pub mod repo_sync;
pub mod repository;
pub mod spec_drift;
mod verdict;

use axum::Router;
use axum::routing::{get, post};

use crate::state::Shared;

/// All routes below `/api`, without the layers around them.
pub fn router() -> Router<Shared> {
    Router::new()
        .route("/api/connections", get(connection::list).post(connection::create))
        .route("/api/connections/{id}/rotate", post(connection::rotate))
        .route("/api/repositories", get(repository::list).post(repository::add))
        .route("/api/repositories/{id}", get(repository::show).delete(repository::remove))
        .route("/api/repositories/{id}/restore", post(repository::restore))
        .route("/api/repositories/{id}/sync", post(repo_sync::sync))
        .route("/api/repositories/{id}/status", get(repo_sync::status))
        .route("/api/repositories/{id}/specs", get(spec_drift::list_of))
        .route("/api/specs", get(spec_drift::list))
        .route("/api/specs/{document}", get(spec_drift::show))
        .route("/api/specs/{document}/invariants", get(spec_drift::invariants))
        .route("/api/specs/{document}/status", get(spec_drift::status))
        .route("/api/specs/{document}/reprove", post(spec_drift::reprove))
        .route("/api/inbox", get(inbox::list))
        .route("/api/inbox/{id}", get(inbox::show))
        .route("/api/inbox/retry", post(inbox::retry_all))
        .route("/api/inbox/{id}/retry", post(inbox::retry))
        .route("/api/coverage", get(coverage::tenant))
        .route("/api/coverage/repository/{repo}", get(coverage::repository))
        .route("/api/audit", get(audit::list))
        .route("/api/audit/verify", get(audit::verify))
}
