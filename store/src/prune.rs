//! Deleting what nobody needs any more, in batches that hold their locks for a moment each. Proof
//! results and the audit log stay.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use sbh_domain::{RepositoryId, TenantId};
use serde_json::json;
use sqlx::PgConnection;

use crate::repository_removal::lock_name;
use crate::{Store, StoreError, audit};

/// Rows of one transaction at most.
const BATCH: u64 = 1_000;
/// The same for SQL.
const LIMIT: i64 = 1_000;

/// What is pruned batch by batch.
#[derive(Clone, Copy)]
enum Stale {
    /// Inbox rows closed longer ago than this.
    Notices(Duration),
    /// Synchronisations begun longer ago than this.
    Syncs(Duration),
    /// The invariants of a removed repository.
    Invariants(RepositoryId),
    /// Texts that no document has.
    Texts,
}

impl Store {
    /// Deletes, for every tenant, inbox rows closed longer ago than `retention`, synchronisations as
    /// old that nothing waits for, texts that no document has had for a day, expired
    /// `Idempotency-Key`s, and repositories whose removal cannot be undone any more (30 days), with
    /// their documents and invariants. Returns how many rows were deleted.
    pub async fn prune(&self, retention: Duration) -> Result<u64, StoreError> {
        let mut pruned = self.expire_idempotent().await?;
        for tenant in self.tenants().await? {
            pruned += self.prune_all(&tenant, Stale::Notices(retention)).await?;
            pruned += self.prune_all(&tenant, Stale::Syncs(retention)).await?;
            pruned += self.prune_repositories(&tenant).await?;
            // Last: documents that went free their texts.
            pruned += self.prune_all(&tenant, Stale::Texts).await?;
        }
        Ok(pruned)
    }

    /// Repeats a batch until one is not full.
    async fn prune_all(&self, tenant: &TenantId, stale: Stale) -> Result<u64, StoreError> {
        let mut pruned = 0;
        loop {
            let rows = match stale {
                Stale::Notices(retention) => self.prune_notices(tenant, retention).await?,
                Stale::Syncs(retention) => self.prune_syncs(tenant, retention).await?,
                Stale::Invariants(repository) => self.prune_invariants(tenant, repository).await?,
                Stale::Texts => self.prune_texts(tenant).await?,
            };
            pruned += rows;
            if rows < BATCH {
                return Ok(pruned);
            }
        }
    }

    async fn prune_notices(
        &self,
        tenant: &TenantId,
        retention: Duration,
    ) -> Result<u64, StoreError> {
        // Ids begin with the time, so that the primary key finds old rows. A day for clocks that
        // differ; what counts is `closed_at`.
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let before = Utc::now()
            .checked_sub_signed(TimeDelta::milliseconds(retention_ms))
            .and_then(|before| before.checked_add_signed(TimeDelta::days(1)))
            .and_then(|before| u64::try_from(before.timestamp_millis()).ok())
            .unwrap_or_default();
        let before = uuid::Builder::from_unix_timestamp_millis(before, &[0; 10]).into_uuid();
        let mut tx = self.scope(tenant).await?;
        let pruned = sqlx::query!(
            "DELETE FROM inbox WHERE tenant_id = $1 AND id IN
                 (SELECT id FROM inbox
                  WHERE tenant_id = $1 AND id < $2 AND state = 'closed'
                    AND closed_at < now() - make_interval(secs => $3)
                  ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED)",
            tenant.as_str(),
            before,
            retention.as_secs_f64(),
            LIMIT,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        Ok(pruned)
    }

    async fn prune_syncs(&self, tenant: &TenantId, retention: Duration) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let pruned = sqlx::query!(
            "DELETE FROM syncs WHERE tenant_id = $1 AND id IN
                 (SELECT sync.id FROM syncs sync
                  WHERE sync.tenant_id = $1 AND sync.started_at < now() - make_interval(secs => $2)
                    AND NOT EXISTS (SELECT FROM repositories repository
                                    WHERE repository.tenant_id = $1
                                      AND repository.current_sync = sync.id)
                    AND NOT EXISTS (SELECT FROM sync_documents wait
                                    WHERE wait.tenant_id = $1 AND wait.sync_id = sync.id)
                    AND NOT EXISTS (SELECT FROM inbox notice
                                    WHERE notice.tenant_id = $1 AND notice.sync_id = sync.id
                                      AND notice.state <> 'closed')
                  ORDER BY sync.id LIMIT $3 FOR UPDATE OF sync SKIP LOCKED)",
            tenant.as_str(),
            retention.as_secs_f64(),
            LIMIT,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        Ok(pruned)
    }

    async fn prune_texts(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let pruned = sqlx::query!(
            "DELETE FROM document_texts WHERE tenant_id = $1 AND hash IN
                 (SELECT text.hash FROM document_texts text
                  WHERE text.tenant_id = $1 AND text.created_at < now() - interval '1 day'
                    AND NOT EXISTS (SELECT FROM documents document
                                    WHERE document.tenant_id = $1 AND document.observed = text.hash)
                  ORDER BY text.hash LIMIT $2 FOR UPDATE OF text SKIP LOCKED)",
            tenant.as_str(),
            LIMIT,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        Ok(pruned)
    }

    async fn prune_repositories(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        // The rule of `restore_repository`: from then on nothing brings it back.
        let removed = sqlx::query_scalar!(
            "SELECT id FROM repositories
             WHERE tenant_id = $1 AND removed_at < now() - interval '30 days' ORDER BY removed_at",
            tenant.as_str(),
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut pruned = 0;
        for repository in removed.into_iter().map(RepositoryId) {
            pruned += self.prune_all(tenant, Stale::Invariants(repository)).await?;
            pruned += self.prune_repository(tenant, repository).await?;
        }
        Ok(pruned)
    }

    async fn prune_invariants(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let pruned = invariants(&mut tx, tenant, repository).await?;
        tx.commit().await?;
        Ok(pruned)
    }

    /// Deletes a removed repository with all that is left of it.
    async fn prune_repository(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        // A recording that is under way ends first; a later one finds no document.
        sqlx::query!(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            lock_name(repository)
        )
        .execute(&mut *tx)
        .await?;
        let still = sqlx::query_scalar!(
            "SELECT name FROM repositories
             WHERE tenant_id = $1 AND id = $2 AND removed_at < now() - interval '30 days' FOR UPDATE",
            tenant.as_str(),
            repository.0,
        )
        .fetch_optional(&mut *tx)
        .await?;
        // Another replica was faster.
        let Some(name) = still else { return Ok(0) };
        let mut pruned = 0;
        loop {
            match invariants(&mut tx, tenant, repository).await? {
                0 => break,
                more => pruned += more,
            }
        }
        sqlx::query!(
            "DELETE FROM staged_verdicts WHERE tenant_id = $1 AND document_id IN
                 (SELECT id FROM documents WHERE tenant_id = $1 AND repository_id = $2)",
            tenant.as_str(),
            repository.0,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "DELETE FROM sync_documents WHERE tenant_id = $1 AND document_id IN
                 (SELECT id FROM documents WHERE tenant_id = $1 AND repository_id = $2)",
            tenant.as_str(),
            repository.0,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "DELETE FROM coverage_deltas WHERE tenant_id = $1 AND repository_id = $2",
            tenant.as_str(),
            repository.0,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "DELETE FROM coverage_totals WHERE tenant_id = $1 AND repository_id = $2",
            tenant.as_str(),
            repository.0,
        )
        .execute(&mut *tx)
        .await?;
        pruned += sqlx::query!(
            "DELETE FROM syncs WHERE tenant_id = $1 AND repository_id = $2",
            tenant.as_str(),
            repository.0,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        pruned += sqlx::query!(
            "DELETE FROM documents WHERE tenant_id = $1 AND repository_id = $2",
            tenant.as_str(),
            repository.0,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        pruned += sqlx::query!(
            "DELETE FROM repositories WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            repository.0,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        let detail = json!({ "name": name });
        audit::append(&mut tx, tenant, "system:prune", "repository.prune", repository, &detail)
            .await?;
        tx.commit().await?;
        Ok(pruned)
    }
}

/// Deletes a batch of a repository's invariants.
async fn invariants(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
) -> Result<u64, StoreError> {
    let pruned = sqlx::query!(
        "DELETE FROM invariants WHERE tenant_id = $1 AND (document_id, name, occurrence) IN
             (SELECT document_id, name, occurrence FROM invariants
              WHERE tenant_id = $1 AND repository_id = $2 LIMIT $3)",
        tenant.as_str(),
        repository.0,
        LIMIT,
    )
    .execute(tx)
    .await?
    .rows_affected();
    Ok(pruned)
}
