//! What dispatchers and the reconciler take from the inbox, across tenants, as `sbh_dispatch`.

use std::time::Duration;

use sbh_domain::{DocumentId, InboxId, RepositoryId};
use sqlx::postgres::PgListener;

use crate::inbox::Claim;
use crate::tenant::known;
use crate::{Store, StoreError};

/// The channel of [`Store::wake_dispatchers`].
const CHANNEL: &str = "sbh_inbox";

/// Wakes dispatchers; made by [`Store::inbox_listener`].
#[derive(Debug)]
pub struct InboxListener {
    // A connection of its own, outside the pools (LISTEN holds it).
    listener: PgListener,
}

impl InboxListener {
    /// Waits for the next wake-up. Ends with an error when the connection is lost; a lost one is
    /// re-made by the next call.
    pub async fn woken(&mut self) -> Result<(), StoreError> {
        match self.listener.try_recv().await? {
            Some(_) => Ok(()),
            // Notices that came meanwhile were missed, and the caller should know.
            None => Err(StoreError::Database(sqlx::Error::Io(std::io::Error::new(
                std::io::ErrorKind::ConnectionReset,
                "the connection that waits for notices was lost",
            )))),
        }
    }
}

impl Store {
    /// Wakes all dispatchers (NOTIFY). Call it coalesced, outside any transaction: a NOTIFY per
    /// row would make all commits wait for each other.
    pub async fn wake_dispatchers(&self) -> Result<(), StoreError> {
        sqlx::query!("SELECT pg_notify($1, '')", CHANNEL).execute(&self.dispatch).await?;
        Ok(())
    }

    /// A listener for [`Store::wake_dispatchers`], on its own connection.
    pub async fn inbox_listener(&self) -> Result<InboxListener, StoreError> {
        // A pool of one of its own: a listener holds its connection for as long as it lives.
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(crate::connect::ACQUIRE_TIMEOUT)
            .connect_with((*self.dispatch.connect_options()).clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(InboxListener { listener })
    }

    /// Takes up to `limit` open rows that no synchronisation has taken up and that were never
    /// signalled, or last signalled longer ago than `again_after`, oldest first, skipping rows that
    /// another dispatcher holds; marks them as signalled now and groups them by repository or, where they
    /// name one, by document or pull request. (A request that a proof took up is claimed again as well: the proof may
    /// have been lost, and a signal too many does no harm.)
    pub async fn claim_notices(
        &self,
        limit: i64,
        again_after: Duration,
    ) -> Result<Vec<Claim>, StoreError> {
        // Two look-ups, each along its own partial index: rows that wait for their result are never
        // walked over to find new ones.
        let rows = sqlx::query!(
            r#"WITH fresh AS MATERIALIZED (
                   SELECT tenant_id, id FROM inbox
                   WHERE state = 'open' AND sync_id IS NULL AND signalled_at IS NULL
                   ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
               ), again AS MATERIALIZED (
                   SELECT tenant_id, id FROM inbox
                   WHERE state = 'open' AND sync_id IS NULL
                     AND signalled_at IS NOT NULL AND signalled_at < now() - make_interval(secs => $2)
                   ORDER BY signalled_at LIMIT $1 - (SELECT count(*) FROM fresh)
                   FOR NO KEY UPDATE SKIP LOCKED
               ), taken AS (
                   SELECT * FROM fresh UNION ALL SELECT * FROM again
               ), claimed AS (
                   UPDATE inbox SET signalled_at = now() FROM taken
                   WHERE inbox.tenant_id = taken.tenant_id AND inbox.id = taken.id
                   RETURNING inbox.tenant_id, inbox.repository_id, inbox.document_id,
                             inbox.pull_number, inbox.id,
                             inbox.received_at, inbox.traceparent
               )
               SELECT claimed.tenant_id, claimed.repository_id, claimed.document_id, claimed.pull_number,
                      repository.name,
                      array_agg(claimed.id ORDER BY claimed.id) AS "ids!",
                      min(claimed.received_at) AS "oldest!",
                      array_remove(array_agg(claimed.traceparent ORDER BY claimed.id), NULL)
                          AS "traces!"
               FROM claimed
               JOIN repositories repository
                 ON repository.tenant_id = claimed.tenant_id AND repository.id = claimed.repository_id
               GROUP BY claimed.tenant_id, claimed.repository_id, claimed.document_id, claimed.pull_number,
                        repository.name
               ORDER BY min(claimed.received_at)"#,
            limit,
            again_after.as_secs_f64(),
        )
        .fetch_all(&self.dispatch)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Claim {
                    tenant: known(row.tenant_id)?,
                    repository: RepositoryId(row.repository_id),
                    document: row.document_id.map(DocumentId),
                    pull_number: row.pull_number,
                    repository_name: row.name,
                    rows: row.ids.into_iter().map(InboxId).collect(),
                    oldest: row.oldest,
                    // A trace that nobody can read is no reason to leave a notice lying.
                    traces: row.traces.iter().filter_map(|trace| trace.parse().ok()).collect(),
                })
            })
            .collect()
    }

    /// Gives rows back that could not be signalled because Temporal was away: the next claim finds
    /// them; it does not count as an attempt.
    pub async fn release_notices(&self, claim: &Claim) -> Result<(), StoreError> {
        let ids: Vec<_> = claim.rows.iter().map(|id| id.0).collect();
        sqlx::query!(
            "UPDATE inbox SET signalled_at = NULL
             WHERE tenant_id = $1 AND id = ANY($2) AND state = 'open' AND sync_id IS NULL",
            claim.tenant.as_str(),
            &ids,
        )
        .execute(&self.dispatch)
        .await?;
        Ok(())
    }

    /// Closes open rows whose synchronisation has no document left to record: what a crash
    /// between two transactions can leave behind. Returns how many.
    pub async fn close_finished_notices(&self) -> Result<u64, StoreError> {
        let tenants = sqlx::query_scalar!(
            r#"SELECT DISTINCT notice.tenant_id
               FROM inbox notice
               LEFT JOIN repositories repository
                 ON repository.tenant_id = notice.tenant_id AND repository.id = notice.repository_id
               WHERE notice.state <> 'closed'
                 AND (notice.sync_id IS NOT NULL OR repository.removed_at IS NOT NULL)"#
        )
        .fetch_all(&self.dispatch)
        .await?;
        let mut closed = 0;
        for tenant in tenants {
            closed += self.mend(&known(tenant)?).await?;
        }
        Ok(closed)
    }
}
