//! Requests to prove a document again: rows of the inbox that name their document.
//!
//! A request is *taken* by the first proof that begins after it, and answered by what that proof
//! records. A proof that was under way when the request came does not answer it: it may have read a
//! verdict that the request wants anew.

use sbh_domain::{DocumentId, InboxId, TenantId, TraceParent};
use serde_json::json;
use sqlx::PgConnection;

use crate::inbox_retry::fail;
use crate::{Store, StoreError, audit};

/// A request to prove a document again.
#[derive(Clone, Debug)]
pub struct NewReprove {
    /// The tenant.
    pub tenant: TenantId,
    /// The document.
    pub document: DocumentId,
    /// Who asks.
    pub actor: String,
    /// Whether to prove everything anew, whatever is recorded or cached.
    pub force: bool,
    /// The trace of the request.
    pub trace: Option<TraceParent>,
}

impl Store {
    /// Commits a request to the inbox. A request that waits already and asks for as much is the same
    /// request.
    ///
    /// It is marked as signalled: the caller is about to tell the workflow, and gives it back
    /// ([`Store::release_reprove`]) where that fails. A caller that dies between leaves a row that
    /// is claimed as any other that nobody took up.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also for a document of a removed repository.
    pub async fn request_reprove(&self, new: &NewReprove) -> Result<InboxId, StoreError> {
        let NewReprove { tenant, document, force, .. } = new;
        let id = InboxId(uuid::Uuid::now_v7());
        let mut tx = self.scope(tenant).await?;
        let waiting = sqlx::query_scalar!(
            "SELECT id FROM inbox
             WHERE tenant_id = $1 AND document_id = $2 AND state = 'open' AND taken_at IS NULL
               AND force >= $3
             ORDER BY id LIMIT 1",
            tenant.as_str(),
            document.0,
            force,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(waiting) = waiting {
            return Ok(InboxId(waiting));
        }
        let hint = json!({ "why": "asked for", "by": new.actor, "force": force });
        let added = sqlx::query!(
            "INSERT INTO inbox (id, tenant_id, repository_id, source, dedup_key, hint, document_id, force,
                                signalled_at, traceparent)
             SELECT $2, $1, repository.id, 'api', $4, $5::text::json, document.id, $6, now(), $7
             FROM documents document
             JOIN repositories repository
               ON repository.tenant_id = $1 AND repository.id = document.repository_id
              AND repository.removed_at IS NULL
             WHERE document.tenant_id = $1 AND document.id = $3",
            tenant.as_str(),
            id.0,
            document.0,
            format!("reprove:{id}"),
            hint.to_string(),
            force,
            new.trace.map(|trace| trace.to_string()),
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if added == 0 {
            return Err(StoreError::not_found("document", document));
        }
        let detail = json!({ "force": force });
        audit::append(&mut tx, tenant, &new.actor, "document.reprove", document, &detail).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Gives a request back whose workflow could not be told: the next claim finds it.
    pub async fn release_reprove(&self, tenant: &TenantId, id: InboxId) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "UPDATE inbox SET signalled_at = NULL
             WHERE tenant_id = $1 AND id = $2 AND state = 'open' AND taken_at IS NULL",
            tenant.as_str(),
            id.0,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes up all open requests of a document: a proof of it begins. Returns whether one of them,
    /// or one that was taken before and is not answered yet, wants everything proved anew.
    pub async fn take_reproves(
        &self,
        tenant: &TenantId,
        document: DocumentId,
    ) -> Result<bool, StoreError> {
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "UPDATE inbox SET taken_at = now()
             WHERE tenant_id = $1 AND document_id = $2 AND state = 'open' AND taken_at IS NULL",
            tenant.as_str(),
            document.0,
        )
        .execute(&mut *tx)
        .await?;
        let force = taken_force(&mut tx, tenant, document).await?;
        tx.commit().await?;
        Ok(force)
    }

    /// Whether a request that the running proof took up wants everything proved anew.
    pub async fn taken_reproves(
        &self,
        tenant: &TenantId,
        document: DocumentId,
    ) -> Result<bool, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let force = taken_force(&mut tx, tenant, document).await?;
        tx.commit().await?;
        Ok(force)
    }

    /// Closes the requests that were taken up by a proof that found nothing to do.
    pub async fn close_reproves(
        &self,
        tenant: &TenantId,
        document: DocumentId,
    ) -> Result<u32, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let closed = close(&mut tx, tenant, document, "unchanged").await?;
        tx.commit().await?;
        Ok(closed)
    }

    /// Notes a failed attempt of the requests that the proof took up; those with `max_attempts` or more
    /// are parked with the reason. Returns how many were parked.
    pub async fn fail_reproves(
        &self,
        tenant: &TenantId,
        document: DocumentId,
        reason: &str,
        max_attempts: i32,
    ) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let ids = sqlx::query_scalar!(
            "SELECT id FROM inbox WHERE tenant_id = $1 AND document_id = $2 AND state = 'open'
               AND taken_at IS NOT NULL
             ORDER BY id FOR NO KEY UPDATE",
            tenant.as_str(),
            document.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        let parked = fail(&mut tx, tenant, &ids, reason, max_attempts).await?;
        tx.commit().await?;
        Ok(parked)
    }
}

async fn taken_force(
    tx: &mut PgConnection,
    tenant: &TenantId,
    document: DocumentId,
) -> Result<bool, StoreError> {
    let force = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM inbox
               WHERE tenant_id = $1 AND document_id = $2 AND state = 'open' AND taken_at IS NOT NULL
                 AND force) AS "force!""#,
        tenant.as_str(),
        document.0,
    )
    .fetch_one(tx)
    .await?;
    Ok(force)
}

/// Closes the requests that the proof took up which ends now; parked ones too, unless they want more
/// than it may have done.
pub(crate) async fn close(
    tx: &mut PgConnection,
    tenant: &TenantId,
    document: DocumentId,
    how: &str,
) -> Result<u32, StoreError> {
    let closed = sqlx::query!(
        "UPDATE inbox SET state = 'closed', closed_at = now(), reason = $3
         WHERE tenant_id = $1 AND document_id = $2 AND state <> 'closed' AND taken_at IS NOT NULL
           AND (state = 'open' OR NOT force)",
        tenant.as_str(),
        document.0,
        how,
    )
    .execute(tx)
    .await?
    .rows_affected();
    Ok(u32::try_from(closed).unwrap_or(u32::MAX))
}
