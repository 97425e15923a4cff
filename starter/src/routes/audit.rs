//! The audit log.

use axum::Json;
use axum::extract::State;
use sbh_api::audit::{AuditEntry, AuditVerification};
use sbh_api::page::PageQuery;
use sbh_api::{Page, Problem};
use sbh_domain::Permission;

use crate::auth::Caller;
use crate::extract::Query;
use crate::paging;
use crate::problem::Failure;
use crate::state::Shared;

/// Lists the tenant's audit log, newest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", params(PageQuery),
    responses((status = 200, body = Page<AuditEntry>), (status = 403, body = Problem)))]
pub async fn list(
    State(state): State<Shared>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<AuditEntry>>, Failure> {
    caller.may(Permission::ReadAudit)?;
    let limit = paging::limit(&query)?;
    let rows = state.store.audit(&caller.tenant, paging::after(&query)?, limit + 1).await?;
    Ok(Json(paging::page(
        rows,
        limit,
        |row| row.sequence,
        |row| AuditEntry {
            sequence: row.sequence,
            at: row.at,
            actor: row.actor,
            action: row.action,
            target: row.target,
            detail: row.detail,
            hash: row.hash,
        },
    )))
}

/// Follows the chain of the tenant's audit log from its beginning.
#[utoipa::path(get, path = "/api/audit/verify", tag = "audit",
    responses((status = 200, body = AuditVerification), (status = 403, body = Problem)))]
pub async fn verify(
    State(state): State<Shared>,
    caller: Caller,
) -> Result<Json<AuditVerification>, Failure> {
    caller.may(Permission::ReadAudit)?;
    let found = state.store.verify_audit(&caller.tenant).await?;
    Ok(Json(AuditVerification {
        valid: found.broken.is_none(),
        entries: found.entries,
        unsealed: found.unsealed,
        head: found.head,
        broken: found.broken,
    }))
}
