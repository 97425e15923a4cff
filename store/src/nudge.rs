//! When the workflows of open documents are told: once by the announcement of a synchronisation, again
//! by the reconciler in growing intervals, and no more when every run of it fails.

use std::time::Duration;

use sbh_domain::{DocumentId, RepositoryId, TenantId};
use sqlx::PgConnection;

use crate::inbox::OpenDocument;
use crate::record_alert::tell_stuck;
use crate::tenant::known;
use crate::text::shortened;
use crate::{Store, StoreError};

/// The longest that the reconciler waits until it announces a document again, unless its first
/// interval is longer.
const LONGEST: Duration = Duration::from_secs(600);

impl Store {
    /// Up to `limit` open documents of a repository whose observed content was not announced yet, with
    /// an id above `after`, in id order. None of a removed repository. Say afterwards which were told
    /// ([`Store::note_announced`]): whoever dies between leaves them to be announced again.
    pub async fn documents_to_announce(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        after: Option<DocumentId>,
        limit: i64,
    ) -> Result<Vec<OpenDocument>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let mut rows = sqlx::query!(
            "WITH open AS MATERIALIZED (
                 SELECT document.id, repository.name
                 FROM documents document
                 JOIN repositories repository
                   ON repository.tenant_id = $1 AND repository.id = document.repository_id
                  AND repository.removed_at IS NULL
                 WHERE document.tenant_id = $1 AND document.repository_id = $2
                   AND document.drifted_at IS NOT NULL AND document.id > $3
                   AND document.observed_version > document.announced_version
                 ORDER BY document.id LIMIT $4 FOR NO KEY UPDATE OF document
             )
             UPDATE documents document SET nudged_at = greatest(nudged_at, now()) FROM open
             WHERE document.tenant_id = $1 AND document.id = open.id
             RETURNING document.id, document.path, document.observed_version, open.name",
            tenant.as_str(),
            repository.0,
            after.map_or(uuid::Uuid::nil(), |document| document.0),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.sort_by_key(|row| row.id);
        Ok(rows
            .into_iter()
            .map(|row| OpenDocument {
                tenant: tenant.clone(),
                repository,
                repository_name: row.name,
                document: DocumentId(row.id),
                path: row.path,
                version: row.observed_version,
            })
            .collect())
    }

    /// Notes that the workflows of these documents were told of the versions that were read.
    pub async fn note_announced(
        &self,
        tenant: &TenantId,
        told: &[(DocumentId, i64)],
    ) -> Result<(), StoreError> {
        // In one order everywhere, so that two transactions never wait for each other in a circle.
        let mut told = told.to_vec();
        told.sort_unstable();
        let ids: Vec<_> = told.iter().map(|(document, _)| document.0).collect();
        let versions: Vec<_> = told.iter().map(|(_, version)| *version).collect();
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "SELECT id FROM documents WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
            tenant.as_str(),
            &ids,
        )
        .fetch_all(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE documents document SET announced_version = told.version
             FROM unnest($2::uuid[], $3::bigint[]) AS told (id, version)
             WHERE document.tenant_id = $1 AND document.id = told.id
               AND document.announced_version < told.version",
            tenant.as_str(),
            &ids,
            &versions,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Open documents that were told, or found changed, longer ago than `first`, for the reconciler;
    /// marks them as told now. One that stays open waits twice as long each time, up to ten minutes; a
    /// new content and a recorded one begin anew. Documents that were given up are left out.
    pub async fn claim_open_documents(
        &self,
        first: Duration,
        limit: i64,
    ) -> Result<Vec<OpenDocument>, StoreError> {
        let rows = sqlx::query!(
            r#"WITH taken AS MATERIALIZED (
                   SELECT document.tenant_id, document.id, repository.name
                   FROM documents document
                   JOIN repositories repository
                     ON repository.tenant_id = document.tenant_id
                    AND repository.id = document.repository_id AND repository.removed_at IS NULL
                   WHERE drifted_at IS NOT NULL AND nudged_at <= now() - make_interval(secs => $2)
                   ORDER BY nudged_at LIMIT $1 FOR NO KEY UPDATE OF document SKIP LOCKED
               )
               UPDATE documents document SET
                   nudges = nudges + 1,
                   nudged_at = now() + make_interval(
                       secs => least($2::float8 * 2.0::float8 ^ least(nudges + 1, 30),
                                     greatest($2::float8, $3::float8)) - $2::float8)
               FROM taken
               WHERE document.tenant_id = taken.tenant_id AND document.id = taken.id
                 AND document.drifted_at IS NOT NULL
               RETURNING document.tenant_id, document.repository_id, taken.name, document.id,
                         document.path"#,
            limit,
            first.as_secs_f64(),
            LONGEST.as_secs_f64(),
        )
        .fetch_all(&self.dispatch)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(OpenDocument {
                    tenant: known(row.tenant_id)?,
                    repository: RepositoryId(row.repository_id),
                    repository_name: row.name,
                    document: DocumentId(row.id),
                    path: row.path,
                    version: 0,
                })
            })
            .collect()
    }

    /// Makes everything that is open due at once, for a Temporal that knows nothing any more: notices
    /// that no synchronisation has answered, and open documents but those that were given up. Returns
    /// how many documents.
    pub async fn tell_all_anew(&self) -> Result<u64, StoreError> {
        sqlx::query!(
            "UPDATE inbox SET signalled_at = NULL
             WHERE state = 'open' AND sync_id IS NULL AND signalled_at IS NOT NULL"
        )
        .execute(&self.dispatch)
        .await?;
        let documents = sqlx::query!(
            "UPDATE documents SET nudges = 0, nudged_at = '-infinity'
             WHERE drifted_at IS NOT NULL AND nudged_at < 'infinity'"
        )
        .execute(&self.dispatch)
        .await?;
        Ok(documents.rows_affected())
    }

    /// Notes that a run failed to prove or to record an open document. After `max_failures` it is given
    /// up until its content changes or somebody retries what waits for it; the notices that wait for
    /// nothing but documents that were given up are parked with the reason. Returns how many were.
    pub async fn fail_document(
        &self,
        tenant: &TenantId,
        document: DocumentId,
        reason: &str,
        max_failures: i32,
    ) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let failures = sqlx::query_scalar!(
            "UPDATE documents SET
                 failures = failures + 1, failure = $3,
                 nudged_at = CASE WHEN failures + 1 >= $4 THEN 'infinity' ELSE nudged_at END
             WHERE tenant_id = $1 AND id = $2 AND drifted_at IS NOT NULL RETURNING failures",
            tenant.as_str(),
            document.0,
            shortened(reason, 2_000),
            max_failures,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(failures) = failures.filter(|failures| *failures >= max_failures) {
            tell_stuck(&mut tx, tenant, document, failures, reason).await?;
        }
        let parked = park_hopeless(&mut tx, tenant).await?;
        tx.commit().await?;
        Ok(parked)
    }
}

/// Parks the open notices whose synchronisation waits for nothing but documents that were given up.
pub(crate) async fn park_hopeless(
    tx: &mut PgConnection,
    tenant: &TenantId,
) -> Result<u64, StoreError> {
    let parked = sqlx::query!(
        "WITH hopeless AS (
             SELECT wait.sync_id, min(document.path || ': ' || document.failure) AS reason,
                    max(document.failures) AS failures
             FROM documents document
             JOIN sync_documents wait ON wait.tenant_id = $1 AND wait.document_id = document.id
             WHERE document.tenant_id = $1 AND document.nudged_at = 'infinity'
             GROUP BY wait.sync_id
         )
         UPDATE inbox notice SET
             state = 'parked', reason = left(hopeless.reason, 2000), attempts = hopeless.failures
         FROM hopeless
         WHERE notice.tenant_id = $1 AND notice.state = 'open' AND notice.sync_id = hopeless.sync_id
           AND NOT EXISTS (
               SELECT FROM sync_documents other
               JOIN documents document ON document.tenant_id = $1 AND document.id = other.document_id
               WHERE other.tenant_id = $1 AND other.sync_id = hopeless.sync_id
                 AND document.nudged_at IS DISTINCT FROM 'infinity')",
        tenant.as_str(),
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    crate::check_run::park_hopeless(tx, tenant).await?;
    Ok(parked)
}
