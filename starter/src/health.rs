//! `/healthz` and `/readyz`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sbh_api::health::{Part, PartState, Readiness};

use crate::state::Shared;

/// Whether the process is alive: it answers.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "The process is alive", body = String)))]
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the server can work, part by part, each asked now.
///
/// Without the database nothing can be acknowledged (`down`, 503). Without Temporal everything is
/// still acknowledged and done later; without Valkey proofs are found in no cache; a background task
/// that failed is started again (`degraded`, 200).
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "It can work", body = Readiness),
              (status = 503, description = "The database is away", body = Readiness)))]
pub async fn readyz(State(state): State<Shared>) -> Response {
    let limit = std::time::Duration::from_secs(2);
    let database = async {
        match tokio::time::timeout(limit, state.store.ping()).await {
            Ok(Ok(())) => Ok(()),
            // The answer may hold an address: the log has it.
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database does not answer");
                Err("the database does not answer".to_owned())
            }
            Err(_) => Err(format!("the database does not answer within {} s", limit.as_secs())),
        }
    };
    let (database, temporal, valkey) =
        tokio::join!(database, state.engine.ping(), state.valkey.ping());
    let part = |result: Result<(), String>, otherwise| match result {
        Ok(()) => Part { status: PartState::Ok, reason: None },
        Err(reason) => Part { status: otherwise, reason: Some(reason) },
    };
    let mut parts = BTreeMap::from([
        ("database".to_owned(), part(database, PartState::Down)),
        ("temporal".to_owned(), part(temporal, PartState::Degraded)),
        ("valkey".to_owned(), part(valkey.map_err(|error| error.to_string()), PartState::Degraded)),
    ]);
    let tasks = state.background.states().into_iter();
    parts.extend(tasks.map(|(name, how)| (name.to_owned(), part(how, PartState::Degraded))));
    let is = |state| parts.values().any(|part| part.status == state);
    let (code, status) = if is(PartState::Down) {
        (StatusCode::SERVICE_UNAVAILABLE, PartState::Down)
    } else if is(PartState::Degraded) {
        (StatusCode::OK, PartState::Degraded)
    } else {
        (StatusCode::OK, PartState::Ok)
    };
    (code, Json(Readiness { status, parts })).into_response()
}
