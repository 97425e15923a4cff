//! Synchronising a repository, and how it stands.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use sbh_api::Problem;
use sbh_api::repo_sync::{Acknowledged, RepoSyncPhase, RepositoryStatus};
use sbh_domain::{Permission, RepositoryId, TraceParent};
use sbh_store::inbox::{Accepted, NewNotice};
use sbh_workflows::repo_sync;

use super::repository::shown;
use crate::auth::Caller;
use crate::extract::Id;
use crate::problem::Failure;
use crate::state::Shared;

/// Asks for a synchronisation, through the inbox.
#[utoipa::path(post, path = "/api/repositories/{id}/sync", tag = "repositories",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Acknowledged), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 503, body = Problem)))]
pub async fn sync(
    State(state): State<Shared>,
    caller: Caller,
    Extension(trace): Extension<TraceParent>,
    Id(repository): Id<RepositoryId>,
) -> Result<(StatusCode, Json<Acknowledged>), Failure> {
    caller.may(Permission::Reprove)?;
    crate::inbox_limit::check(&state).await?;
    // Requests that nobody has taken up yet are one: each means the state at its time or later.
    let notice = NewNotice {
        tenant: caller.tenant.clone(),
        repository,
        source: "api",
        connection: None,
        dedup_key: "api:sync".to_owned(),
        document_key: None,
        pull_number: None,
        hint: serde_json::json!({ "why": "asked for", "by": caller.subject }),
        trace: Some(trace),
    };
    let (id, duplicate) = match state.store.request_sync(&notice, &caller.subject).await? {
        Accepted::New(id) => {
            state.depth.accepted();
            (id, false)
        }
        Accepted::Duplicate(id) => (id, true),
    };
    state.wake.ask();
    Ok((StatusCode::ACCEPTED, Json(Acknowledged { id: Some(id.0), duplicate, ignored: None })))
}

/// How a repository stands: from the database, and from its workflow if it runs.
#[utoipa::path(get, path = "/api/repositories/{id}/status", tag = "repositories",
    params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = RepositoryStatus), (status = 404, body = Problem)))]
pub async fn status(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<RepositoryId>,
) -> Result<Json<RepositoryStatus>, Failure> {
    caller.may(Permission::Read)?;
    let repository = state.store.repository(&caller.tenant, id).await?;
    let (coverage, open_notices, live) = tokio::join!(
        state.store.coverage_of(&caller.tenant, id),
        state.store.open_notices(&caller.tenant, id),
        state.engine.repo_sync_status(&caller.tenant, id),
    );
    let coverage = coverage?;
    let workflow_id = repo_sync::workflow_id(&caller.tenant, id);
    Ok(Json(RepositoryStatus {
        phase: live.as_ref().map_or(RepoSyncPhase::Idle, |live| phase(live.phase)),
        live: live.is_some(),
        open_notices: open_notices?,
        documents: coverage.documents,
        open_documents: coverage.drifted,
        syncs: live.as_ref().map(|live| live.syncs),
        last_error: repository.last_error.clone().or(live.and_then(|live| live.last_error)),
        workflow_url: state.engine.page(&workflow_id, None),
        workflow_id,
        repository: shown(repository),
    }))
}

fn phase(phase: repo_sync::RepoSyncPhase) -> RepoSyncPhase {
    use repo_sync::RepoSyncPhase as P;
    match phase {
        P::Idle => RepoSyncPhase::Idle,
        P::Debouncing => RepoSyncPhase::Debouncing,
        P::Syncing => RepoSyncPhase::Syncing,
        P::Announcing => RepoSyncPhase::Announcing,
        P::Waiting => RepoSyncPhase::Waiting,
    }
}
