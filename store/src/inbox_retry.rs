//! Failed attempts of notices, parking, and the retrying of parked rows by people.

use sbh_domain::{InboxId, RepositoryId, TenantId};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::inbox::Claim;
use crate::text::shortened;
use crate::{Store, StoreError, audit};

impl Store {
    /// Opens a parked row again, with no attempts counted, and gives documents of its repository that
    /// were given up another chance. Where the same notice waits already, the parked row is closed as
    /// `superseded` instead.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the row is not parked.
    pub async fn retry_notice(
        &self,
        tenant: &TenantId,
        actor: &str,
        id: InboxId,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let state = sqlx::query_scalar!(
            "SELECT state FROM inbox WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
            tenant.as_str(),
            id.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("inbox row", id))?;
        if state != "parked" {
            return Err(StoreError::Conflict(format!("the inbox row {id} is {state}, not parked")));
        }
        reopen(&mut tx, tenant, &[id.0]).await?;
        audit::append(&mut tx, tenant, actor, "inbox.retry", id, &json!({})).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Retries all parked rows of a tenant, or of one of its repositories, as [`Store::retry_notice`]
    /// does. Returns how many.
    pub async fn retry_notices(
        &self,
        tenant: &TenantId,
        actor: &str,
        repository: Option<RepositoryId>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let ids = sqlx::query_scalar!(
            "SELECT id FROM inbox
             WHERE tenant_id = $1 AND state <> 'closed' AND state = 'parked'
               AND ($2::uuid IS NULL OR repository_id = $2)
             ORDER BY id FOR NO KEY UPDATE",
            tenant.as_str(),
            repository.map(|repository| repository.0),
        )
        .fetch_all(&mut *tx)
        .await?;
        if !ids.is_empty() {
            reopen(&mut tx, tenant, &ids).await?;
            let target = repository.map_or_else(|| "all".to_owned(), |id| id.to_string());
            let detail = json!({ "rows": ids.len() });
            audit::append(&mut tx, tenant, actor, "inbox.retry", target, &detail).await?;
        }
        tx.commit().await?;
        Ok(ids.len() as u64)
    }

    /// Notes a failed attempt of the notices that the synchronisation under way took up
    /// ([`Store::start_sync`]); those with `max_attempts` or more are parked with the reason. Rows that
    /// came since, and rows that a synchronisation has answered, are none of its business. Returns how
    /// many were parked.
    pub async fn fail_notices(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        reason: &str,
        max_attempts: i32,
    ) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let ids = sqlx::query_scalar!(
            "SELECT id FROM inbox
             WHERE tenant_id = $1 AND repository_id = $2 AND document_id IS NULL AND pull_number IS NULL
               AND state <> 'closed' AND state = 'open' AND sync_id IS NULL AND taken_at IS NOT NULL
             ORDER BY id FOR NO KEY UPDATE",
            tenant.as_str(),
            repository.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        let parked = fail(&mut tx, tenant, &ids, reason, max_attempts).await?;
        tx.commit().await?;
        Ok(parked)
    }

    /// Notes that a dispatcher could not hand the rows over that it claimed; those with `max_attempts`
    /// or more failed attempts are parked with the reason. Returns how many were parked.
    pub async fn fail_claim(
        &self,
        claim: &Claim,
        reason: &str,
        max_attempts: i32,
    ) -> Result<u64, StoreError> {
        let ids: Vec<_> = claim.rows.iter().map(|id| id.0).collect();
        let mut tx = self.scope(&claim.tenant).await?;
        let parked = fail(&mut tx, &claim.tenant, &ids, reason, max_attempts).await?;
        tx.commit().await?;
        Ok(parked)
    }
}

/// Counts a failed attempt of rows that no synchronisation has answered. Returns how many were parked.
pub(crate) async fn fail(
    tx: &mut PgConnection,
    tenant: &TenantId,
    ids: &[Uuid],
    reason: &str,
    max_attempts: i32,
) -> Result<u64, StoreError> {
    let parked = sqlx::query_scalar!(
        r#"WITH failed AS (
               UPDATE inbox SET
                   attempts = attempts + 1,
                   reason = $3,
                   state = CASE WHEN attempts + 1 >= $4 THEN 'parked' ELSE 'open' END
               WHERE tenant_id = $1 AND id = ANY($2) AND state = 'open' AND sync_id IS NULL
               RETURNING state
           )
           SELECT count(*) AS "count!" FROM failed WHERE state = 'parked'"#,
        tenant.as_str(),
        ids,
        shortened(reason, 2_000),
        max_attempts,
    )
    .fetch_one(tx)
    .await?;
    Ok(parked.unsigned_abs())
}

/// Opens parked rows again, one of each notice; closes those whose notice waits already. A duplicate
/// that comes in between breaks the unique index, and trying again helps.
async fn reopen(tx: &mut PgConnection, tenant: &TenantId, ids: &[Uuid]) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH parked AS (
             SELECT id, repository_id, dedup_key,
                    row_number() OVER (PARTITION BY repository_id, dedup_key ORDER BY id) AS nth
             FROM inbox WHERE tenant_id = $1 AND id = ANY($2)
         ), judged AS (
             SELECT id, nth > 1 OR EXISTS (
                 SELECT FROM inbox waiting
                 WHERE waiting.tenant_id = $1 AND waiting.repository_id = parked.repository_id
                   AND waiting.dedup_key = parked.dedup_key AND waiting.state = 'open'
                   AND waiting.sync_id IS NULL AND waiting.taken_at IS NULL) AS waits
             FROM parked
         )
         UPDATE inbox SET
             state = CASE WHEN judged.waits THEN 'closed' ELSE 'open' END,
             reason = CASE WHEN judged.waits THEN 'superseded' END,
             closed_at = CASE WHEN judged.waits THEN now() END,
             attempts = 0, signalled_at = NULL, sync_id = NULL, taken_at = NULL
         FROM judged WHERE inbox.tenant_id = $1 AND inbox.id = judged.id",
        tenant.as_str(),
        ids,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE documents SET failures = 0, failure = NULL, nudges = 0, nudged_at = '-infinity'
         WHERE tenant_id = $1 AND nudged_at = 'infinity' AND repository_id IN
             (SELECT repository_id FROM inbox WHERE tenant_id = $1 AND id = ANY($2))",
        tenant.as_str(),
        ids,
    )
    .execute(tx)
    .await?;
    Ok(())
}
