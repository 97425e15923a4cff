//! Which synchronisations a recorded content answers, and the closing of their notices.
//!
//! A synchronisation waits for each document that it found changed (`sync_documents`), by the
//! version of the content that it found. Recording that version, or a later one, ends the wait. The
//! number of waits (`syncs.pending`) is changed last in each transaction, so that its row lock is
//! held only until commit, and whoever brings it to 0 closes the notices: two recordings of the last
//! two documents cannot both believe that the other one closes.

use std::collections::BTreeMap;

use sbh_domain::TenantId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::nudge::park_hopeless;
use crate::{Store, StoreError};

/// A content that was recorded (or that needs no recording any more): all waits of the document
/// for this version and for earlier ones end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// The document.
    pub document: Uuid,
    /// The version.
    pub version: i64,
}

/// What a transaction changes in the counters of one synchronisation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change {
    /// Waits added, less waits ended.
    pub pending: i32,
    /// Documents recorded with the very content that it found.
    pub recorded: i32,
    /// Documents that it found changed.
    pub staged: i32,
}

/// Ends the waits that `answered` answers, applies `changes`, and closes the notices of finished
/// synchronisations that wait for nothing more. To be called last in a transaction, with the
/// documents' rows locked. Returns how many notices were closed.
pub(crate) async fn settle(
    tx: &mut PgConnection,
    tenant: &TenantId,
    answered: &[Answered],
    mut changes: BTreeMap<Uuid, Change>,
) -> Result<u32, StoreError> {
    if !answered.is_empty() {
        let documents: Vec<_> = answered.iter().map(|answer| answer.document).collect();
        let versions: Vec<_> = answered.iter().map(|answer| answer.version).collect();
        let ended = sqlx::query!(
            r#"DELETE FROM sync_documents wait
               USING unnest($2::uuid[], $3::bigint[]) AS answer (document_id, version)
               WHERE wait.tenant_id = $1 AND wait.document_id = answer.document_id
                 AND wait.version <= answer.version
               RETURNING wait.sync_id, wait.version = answer.version AS "exact!""#,
            tenant.as_str(),
            &documents,
            &versions,
        )
        .fetch_all(&mut *tx)
        .await?;
        for row in ended {
            let change = changes.entry(row.sync_id).or_default();
            change.pending -= 1;
            change.recorded += i32::from(row.exact);
        }
    }
    if changes.is_empty() {
        return Ok(0);
    }
    let ids: Vec<_> = changes.keys().copied().collect();
    if ids.len() > 1 {
        // In one order everywhere, so that two transactions never wait for each other in a circle.
        sqlx::query!(
            "SELECT id FROM syncs WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
            tenant.as_str(),
            &ids,
        )
        .fetch_all(&mut *tx)
        .await?;
    }
    let pending: Vec<_> = changes.values().map(|change| change.pending).collect();
    let recorded: Vec<_> = changes.values().map(|change| change.recorded).collect();
    let staged: Vec<_> = changes.values().map(|change| change.staged).collect();
    let done = sqlx::query_scalar!(
        r#"WITH counted AS (
               UPDATE syncs sync SET
                   pending = sync.pending + change.pending,
                   recorded = sync.recorded + change.recorded,
                   staged = sync.staged + change.staged
               FROM unnest($2::uuid[], $3::int[], $4::int[], $5::int[])
                   AS change (id, pending, recorded, staged)
               WHERE sync.tenant_id = $1 AND sync.id = change.id
               RETURNING sync.id, sync.pending, sync.finished_at
           )
           SELECT id FROM counted WHERE pending = 0 AND finished_at IS NOT NULL"#,
        tenant.as_str(),
        &ids,
        &pending,
        &recorded,
        &staged,
    )
    .fetch_all(&mut *tx)
    .await?;
    if done.is_empty() { Ok(0) } else { close(tx, tenant, &done).await }
}

/// Closes the notices of these synchronisations, parked ones too: their result is recorded.
async fn close(
    tx: &mut PgConnection,
    tenant: &TenantId,
    syncs: &[Uuid],
) -> Result<u32, StoreError> {
    let closed = sqlx::query!(
        "UPDATE inbox notice SET
             state = 'closed', closed_at = now(),
             reason = CASE WHEN sync.recorded > 0 THEN 'recorded'
                           WHEN sync.staged = 0 THEN 'unchanged'
                           ELSE 'superseded' END
         FROM syncs sync
         WHERE notice.tenant_id = $1 AND notice.sync_id = ANY($2) AND notice.state <> 'closed'
           AND sync.tenant_id = $1 AND sync.id = notice.sync_id",
        tenant.as_str(),
        syncs,
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    crate::check_run::settle(tx, tenant, syncs).await?;
    Ok(u32::try_from(closed).unwrap_or(u32::MAX))
}

impl Store {
    /// Ends waits whose documents have nothing left to record, counts the waits of each
    /// synchronisation with unclosed notices anew, closes what can be closed, and parks what waits
    /// only for documents that were given up.
    pub(crate) async fn mend(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let mut closed = sqlx::query!(
            "UPDATE inbox notice SET state = 'closed', closed_at = now(), reason = 'superseded'
             FROM repositories repository
             WHERE notice.tenant_id = $1 AND notice.state <> 'closed' AND repository.tenant_id = $1
               AND repository.id = notice.repository_id AND repository.removed_at IS NOT NULL",
            tenant.as_str(),
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        let answered: Vec<_> = sqlx::query!(
            r#"SELECT document.id,
                      CASE WHEN document.drifted_at IS NULL THEN document.observed_version
                           ELSE document.recorded_version END AS "version!"
               FROM documents document
               WHERE document.tenant_id = $1 AND document.id = ANY (ARRAY(
                   SELECT wait.document_id
                   FROM (SELECT DISTINCT sync_id FROM inbox
                         WHERE tenant_id = $1 AND state <> 'closed' AND sync_id IS NOT NULL) AS notice
                   JOIN sync_documents wait
                     ON wait.tenant_id = $1 AND wait.sync_id = notice.sync_id
                   JOIN documents answer ON answer.tenant_id = $1 AND answer.id = wait.document_id
                   WHERE wait.version <= CASE WHEN answer.drifted_at IS NULL THEN answer.observed_version
                                              ELSE answer.recorded_version END))
               ORDER BY document.id FOR NO KEY UPDATE"#,
            tenant.as_str(),
        )
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .map(|row| Answered { document: row.id, version: row.version })
        .collect();
        closed += u64::from(settle(&mut tx, tenant, &answered, BTreeMap::new()).await?);
        let waiting = sqlx::query_scalar!(
            "SELECT id FROM syncs WHERE tenant_id = $1 AND finished_at IS NOT NULL AND id IN
                 (SELECT sync_id FROM inbox
                  WHERE tenant_id = $1 AND state <> 'closed' AND sync_id IS NOT NULL)
             ORDER BY id FOR NO KEY UPDATE",
            tenant.as_str(),
        )
        .fetch_all(&mut *tx)
        .await?;
        // A statement of its own, hence with a snapshot younger than the locks: waits that others
        // end or add without having committed are counted by them afterwards.
        let done = sqlx::query_scalar!(
            "WITH counted AS (
                 UPDATE syncs SET pending =
                     (SELECT count(*) FROM sync_documents wait
                      WHERE wait.tenant_id = $1 AND wait.sync_id = syncs.id)
                 WHERE tenant_id = $1 AND id = ANY($2) RETURNING id, pending
             )
             SELECT id FROM counted WHERE pending = 0",
            tenant.as_str(),
            &waiting,
        )
        .fetch_all(&mut *tx)
        .await?;
        closed += u64::from(close(&mut tx, tenant, &done).await?);
        park_hopeless(&mut tx, tenant).await?;
        tx.commit().await?;
        Ok(closed)
    }
}
