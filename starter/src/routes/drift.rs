//! Drift: documents whose content is not the proved one.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use sbh_api::drift::{Acknowledge, Acknowledgement, Drift, DriftCause, DriftQuery, DriftState};
use sbh_api::page::PageQuery;
use sbh_api::spec_drift::{Reprove, ReproveAnswer};
use sbh_api::{Page, Problem};
use sbh_domain::{DocumentId, Permission, RepositoryId, TraceParent};
use sbh_store::drift::{self, DriftFilter};
use sbh_workflows::spec_drift;

use super::reason;
use crate::auth::Caller;
use crate::extract::{Body, Id, OptionalBody, Query};
use crate::paging;
use crate::problem::Failure;
use crate::state::Shared;

/// Lists the tenant's drift, oldest first.
#[utoipa::path(get, path = "/api/drift", tag = "drift", params(DriftQuery, PageQuery),
    responses((status = 200, body = Page<Drift>), (status = 403, body = Problem)))]
pub async fn list(
    State(state): State<Shared>,
    caller: Caller,
    Query(which): Query<DriftQuery>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Drift>>, Failure> {
    caller.may(Permission::Read)?;
    let limit = paging::limit(&query)?;
    let filter = DriftFilter {
        repository: which.repository.map(RepositoryId),
        state: which.state.map(|state| match state {
            DriftState::Waiting => drift::DriftState::Waiting,
            DriftState::Proving => drift::DriftState::Proving,
            DriftState::Failing => drift::DriftState::Failing,
            DriftState::Stuck => drift::DriftState::Stuck,
        }),
        cause: which.cause.map(|cause| match cause {
            DriftCause::Added => drift::DriftCause::Added,
            DriftCause::Changed => drift::DriftCause::Changed,
            DriftCause::Removed => drift::DriftCause::Removed,
        }),
        acknowledged: which.acknowledged,
        older_than: which.older_than_s.map(Duration::from_secs),
    };
    let after = paging::after(&query)?;
    let found = state.store.drift(&caller.tenant, &filter, after, limit + 1).await?;
    let now = chrono::Utc::now();
    let key = |drift: &drift::Drift| (drift.since, drift.document);
    Ok(Json(paging::page(found, limit, key, |drift| shown(&state, &caller, now, drift))))
}

/// Asks for a document that drifted to be proved.
///
/// The same as `POST /api/specs/{document}/reprove`: also a document that was given up is tried again.
#[utoipa::path(post, path = "/api/drift/{document}/reprove", tag = "drift", request_body = Reprove,
    params(("document" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ReproveAnswer), (status = 202, body = ReproveAnswer),
              (status = 403, body = Problem), (status = 404, body = Problem),
              (status = 503, body = Problem)))]
pub async fn reprove(
    state: State<Shared>,
    caller: Caller,
    id: Id<DocumentId>,
    trace: Extension<TraceParent>,
    headers: HeaderMap,
    wanted: OptionalBody<Reprove>,
) -> Result<(StatusCode, Json<ReproveAnswer>), Failure> {
    super::spec_drift::reprove(state, caller, id, trace, headers, wanted).await
}

/// Says that somebody knows of a document's drift.
///
/// It raises no backlog alert until the document changes again.
#[utoipa::path(post, path = "/api/drift/{document}/acknowledge", tag = "drift",
    request_body = Acknowledge,
    params(("document" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 204), (status = 400, body = Problem), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn acknowledge(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<DocumentId>,
    Body(acknowledge): Body<Acknowledge>,
) -> Result<StatusCode, Failure> {
    caller.may(Permission::Acknowledge)?;
    let why = reason(&acknowledge.reason)?;
    state.store.acknowledge_drift(&caller.tenant, &caller.subject, id, why).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an acknowledgement back.
#[utoipa::path(delete, path = "/api/drift/{document}/acknowledge", tag = "drift",
    params(("document" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn withdraw(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<DocumentId>,
) -> Result<StatusCode, Failure> {
    caller.may(Permission::Acknowledge)?;
    state.store.withdraw_drift_acknowledgement(&caller.tenant, &caller.subject, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(
    state: &Shared,
    caller: &Caller,
    now: chrono::DateTime<chrono::Utc>,
    found: drift::Drift,
) -> Drift {
    let workflow_id = spec_drift::workflow_id(&caller.tenant, found.document);
    Drift {
        document: found.document.0,
        path: found.path,
        repository: found.repository.0,
        repository_name: found.repository_name,
        observed: found.observed.map(|hash| hash.short()),
        recorded: found.recorded.map(|hash| hash.short()),
        since: found.since,
        age_s: (now - found.since).num_seconds().max(0),
        cause: match found.cause {
            drift::DriftCause::Added => DriftCause::Added,
            drift::DriftCause::Changed => DriftCause::Changed,
            drift::DriftCause::Removed => DriftCause::Removed,
        },
        state: match found.state {
            drift::DriftState::Waiting => DriftState::Waiting,
            drift::DriftState::Proving => DriftState::Proving,
            drift::DriftState::Failing => DriftState::Failing,
            drift::DriftState::Stuck => DriftState::Stuck,
        },
        failures: found.failures,
        last_failure: found.last_failure,
        acknowledged: found.acknowledged.map(|(by, at, reason)| Acknowledgement { by, at, reason }),
        workflow_url: state.engine.page(&workflow_id, None),
    }
}
