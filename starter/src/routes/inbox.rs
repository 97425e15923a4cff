//! The inbox as people see it.

use axum::Json;
use axum::extract::State;
use sbh_api::inbox::{InboxQuery, InboxRetried, InboxRetryQuery, InboxRow, InboxState};
use sbh_api::page::PageQuery;
use sbh_api::{Page, Problem};
use sbh_domain::{InboxId, Permission, RepositoryId};

use crate::auth::Caller;
use crate::extract::{Id, Query};
use crate::paging;
use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// Lists notices, newest first.
#[utoipa::path(get, path = "/api/inbox", tag = "inbox", params(InboxQuery, PageQuery),
    responses((status = 200, body = Page<InboxRow>), (status = 401, body = Problem)))]
pub async fn list(
    State(state): State<Shared>,
    caller: Caller,
    Query(which): Query<InboxQuery>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<InboxRow>>, Failure> {
    caller.may(Permission::Read)?;
    let limit = paging::limit(&query)?;
    let before: Option<uuid::Uuid> = paging::after(&query)?;
    let wanted = which.state.map(InboxState::as_str);
    let rows = state.store.inbox(&caller.tenant, wanted, before.map(InboxId), limit + 1).await?;
    let rows: Vec<InboxRow> = rows.into_iter().map(shown).collect::<Result<_, _>>()?;
    Ok(Json(paging::page(rows, limit, |row| row.id, |row| row)))
}

/// One notice: how it stands, and how it ended.
#[utoipa::path(get, path = "/api/inbox/{id}", tag = "inbox", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = InboxRow), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<InboxId>,
) -> Result<Json<InboxRow>, Failure> {
    caller.may(Permission::Read)?;
    Ok(Json(shown(state.store.inbox_row(&caller.tenant, id).await?)?))
}

/// Tries a parked notice again.
#[utoipa::path(post, path = "/api/inbox/{id}/retry", tag = "inbox",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = InboxRow), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn retry(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<InboxId>,
) -> Result<Json<InboxRow>, Failure> {
    caller.may(Permission::EditRepositories)?;
    state.store.retry_notice(&caller.tenant, &caller.subject, id).await?;
    state.wake.ask();
    Ok(Json(shown(state.store.inbox_row(&caller.tenant, id).await?)?))
}

/// Tries all parked notices again, or those of one repository.
#[utoipa::path(post, path = "/api/inbox/retry", tag = "inbox",
    params(InboxRetryQuery, ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = InboxRetried), (status = 403, body = Problem)))]
pub async fn retry_all(
    State(state): State<Shared>,
    caller: Caller,
    Query(which): Query<InboxRetryQuery>,
) -> Result<Json<InboxRetried>, Failure> {
    caller.may(Permission::EditRepositories)?;
    let repository = which.repository.map(RepositoryId);
    let retried = state.store.retry_notices(&caller.tenant, &caller.subject, repository).await?;
    state.wake.ask();
    Ok(Json(InboxRetried { retried }))
}

fn shown(row: sbh_store::inbox::InboxRow) -> Result<InboxRow, Failure> {
    let state = match row.state.as_str() {
        "open" => InboxState::Open,
        "closed" => InboxState::Closed,
        "parked" => InboxState::Parked,
        other => {
            tracing::error!(state = other, "an inbox row has an unknown state");
            return Err(Failure::new(Kind::Internal, "an inbox row cannot be shown"));
        }
    };
    Ok(InboxRow {
        id: row.id.0,
        repository: row.repository.0,
        document: row.document.map(|document| document.0),
        source: row.source,
        state,
        reason: row.reason,
        attempts: row.attempts,
        hint: row.hint,
        received_at: row.received_at,
        signalled_at: row.signalled_at,
        closed_at: row.closed_at,
    })
}
