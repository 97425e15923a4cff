//! The inbox: every acknowledged notice until its result is recorded.
//!
//! A notice of a repository is `open` until its repository was synchronised and every document that the
//! synchronisation found changed has a recorded result (then it is `closed`), or until it was
//! tried too often (then it is `parked` with the reason, for a person to retry). Requests about one
//! document are rows as well: see [`crate::reprove`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use sbh_domain::{ConnectionId, DocumentId, InboxId, RepositoryId, TenantId, TraceParent, Traces};
use serde_json::json;
use sqlx::PgConnection;

use crate::audit;
use crate::text::{shortened, storable};
use crate::{Store, StoreError};

pub use crate::inbox_claim::InboxListener;

/// Characters of a document's key within its space at most.
pub const MAX_KEY: usize = 1_000;

/// A notice to be acknowledged: "look at this repository".
#[derive(Clone, Debug)]
pub struct NewNotice {
    /// The tenant.
    pub tenant: TenantId,
    /// The repository to look at.
    pub repository: RepositoryId,
    /// Who says so: `github`, `poll`, `api`.
    pub source: &'static str,
    /// The connection it came through.
    pub connection: Option<ConnectionId>,
    /// What the source declares as its deduplication key. A second notice with the key of one
    /// that no synchronisation has taken up yet is the same notice.
    pub dedup_key: String,
    /// The document of the repository's space that it names; `None`: anything in it may have changed.
    pub document_key: Option<String>,
    /// The pull request that it is about: then it says nothing about the tracked branch.
    pub pull_number: Option<i64>,
    /// What the notice said, for people: branch, commit, pusher. Small, never trusted.
    pub hint: serde_json::Value,
    /// The trace of the request that it came with.
    pub trace: Option<TraceParent>,
}

/// How a notice was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// A new row.
    New(InboxId),
    /// The same notice waits already.
    Duplicate(InboxId),
}

/// The rows for one workflow that a dispatcher took up.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The tenant.
    pub tenant: TenantId,
    /// The repository to signal, or the document's.
    pub repository: RepositoryId,
    /// The document to signal, where the rows ask for its proof.
    pub document: Option<DocumentId>,
    /// The pull request to signal, where the rows are about one.
    pub pull_number: Option<i64>,
    /// Its name, for the Web UI.
    pub repository_name: String,
    /// The rows.
    pub rows: Vec<InboxId>,
    /// When the oldest of them came.
    pub oldest: DateTime<Utc>,
    /// The traces that they came with, oldest first.
    pub traces: Traces,
}

/// A row as people see it.
#[derive(Clone, Debug)]
pub struct InboxRow {
    /// Its id.
    pub id: InboxId,
    /// The repository it is about.
    pub repository: RepositoryId,
    /// The document it is about, where it asks for a proof.
    pub document: Option<DocumentId>,
    /// Who sent it.
    pub source: String,
    /// `open`, `closed` or `parked`.
    pub state: String,
    /// How a closed row ended (`recorded`, `superseded`, `unchanged`), why a parked one was parked.
    pub reason: Option<String>,
    /// Attempts that failed so far.
    pub attempts: i32,
    /// What the notice said.
    pub hint: serde_json::Value,
    /// When it was acknowledged.
    pub received_at: DateTime<Utc>,
    /// When its workflow was last signalled.
    pub signalled_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
}

/// A document whose observed content is not the recorded one.
#[derive(Clone, Debug)]
pub struct OpenDocument {
    /// The tenant.
    pub tenant: TenantId,
    /// Its repository.
    pub repository: RepositoryId,
    /// The repository's name, for the Web UI.
    pub repository_name: String,
    /// The document.
    pub document: DocumentId,
    /// Its path, for the Web UI.
    pub path: String,
    /// The observed version, where it is read to be announced; else 0.
    pub version: i64,
}

/// How full the inbox is.
#[derive(Clone, Copy, Debug, Default)]
pub struct InboxDepth {
    /// Open rows.
    pub open: i64,
    /// Parked rows.
    pub parked: i64,
    /// Age of the oldest open row.
    pub oldest_age: Option<Duration>,
}

impl Store {
    /// Commits a notice to the inbox, in one round trip. After this returns it may be acknowledged.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the tenant tracks no such repository.
    pub async fn accept(&self, notice: &NewNotice) -> Result<Accepted, StoreError> {
        insert(&mut *self.app.acquire().await?, notice).await
    }

    /// Commits a synchronisation that somebody asked for, with its audit entry. One that nobody has
    /// taken up yet is the same: nothing changes, and nothing is noted.
    ///
    /// # Errors
    /// Those of [`Store::accept`].
    pub async fn request_sync(
        &self,
        notice: &NewNotice,
        actor: &str,
    ) -> Result<Accepted, StoreError> {
        let mut tx = self.scope(&notice.tenant).await?;
        let accepted = insert(&mut tx, notice).await?;
        if let Accepted::New(id) = accepted {
            let detail = json!({ "inbox": id.to_string() });
            let repository = notice.repository;
            audit::append(&mut tx, &notice.tenant, actor, "repository.sync", repository, &detail)
                .await?;
        }
        tx.commit().await?;
        Ok(accepted)
    }

    /// How full the inbox is, over all tenants.
    pub async fn inbox_depth(&self) -> Result<InboxDepth, StoreError> {
        let row = sqlx::query!(
            r#"SELECT count(*) FILTER (WHERE state = 'open') AS "open!",
                      count(*) FILTER (WHERE state = 'parked') AS "parked!",
                      extract(epoch FROM now() - min(received_at) FILTER (WHERE state = 'open'))
                          ::double precision AS age
               FROM inbox WHERE state <> 'closed'"#
        )
        .fetch_one(&self.dispatch)
        .await?;
        let oldest_age = row.age.map(|age| Duration::try_from_secs_f64(age).unwrap_or_default());
        Ok(InboxDepth { open: row.open, parked: row.parked, oldest_age })
    }

    /// A page of a tenant's rows, newest first, in one state or in all; `before` is the id of the
    /// last row of the page before.
    pub async fn inbox(
        &self,
        tenant: &TenantId,
        state: Option<&str>,
        before: Option<InboxId>,
        limit: i64,
    ) -> Result<Vec<InboxRow>, StoreError> {
        let before = before.map_or(uuid::Uuid::max(), |id| id.0);
        let mut tx = self.scope(tenant).await?;
        let rows = match state {
            // Few rows among many closed ones: the partial index gives them.
            Some(state @ ("open" | "parked")) => {
                sqlx::query_as!(
                    Row,
                    "SELECT id, repository_id, document_id, source, state, reason, attempts, hint, received_at,
                            signalled_at, closed_at
                     FROM inbox
                     WHERE tenant_id = $1 AND state <> 'closed' AND state = $2 AND id < $3
                     ORDER BY id DESC LIMIT $4",
                    tenant.as_str(),
                    state,
                    before,
                    limit,
                )
                .fetch_all(&mut *tx)
                .await?
            }
            state => {
                sqlx::query_as!(
                    Row,
                    "SELECT id, repository_id, document_id, source, state, reason, attempts, hint, received_at,
                            signalled_at, closed_at
                     FROM inbox
                     WHERE tenant_id = $1 AND ($2::text IS NULL OR state = $2) AND id < $3
                     ORDER BY id DESC LIMIT $4",
                    tenant.as_str(),
                    state,
                    before,
                    limit,
                )
                .fetch_all(&mut *tx)
                .await?
            }
        };
        tx.commit().await?;
        Ok(rows.into_iter().map(Row::of).collect())
    }

    /// How many rows of a repository are open, requests about its documents included.
    pub async fn open_notices(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<i64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        // As the partial index has it.
        let open = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM inbox
               WHERE tenant_id = $1 AND repository_id = $2 AND state <> 'closed' AND state = 'open'"#,
            tenant.as_str(),
            repository.0,
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(open)
    }

    /// One row.
    pub async fn inbox_row(&self, tenant: &TenantId, id: InboxId) -> Result<InboxRow, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let row = sqlx::query_as!(
            Row,
            "SELECT id, repository_id, document_id, source, state, reason, attempts, hint, received_at,
                    signalled_at, closed_at
             FROM inbox WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            id.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("inbox row", id))?;
        tx.commit().await?;
        Ok(row.of())
    }
}

/// A row's columns as the database gives them.
struct Row {
    id: uuid::Uuid,
    repository_id: uuid::Uuid,
    document_id: Option<uuid::Uuid>,
    source: String,
    state: String,
    reason: Option<String>,
    attempts: i32,
    hint: serde_json::Value,
    received_at: DateTime<Utc>,
    signalled_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
}

impl Row {
    fn of(self) -> InboxRow {
        InboxRow {
            id: InboxId(self.id),
            repository: RepositoryId(self.repository_id),
            document: self.document_id.map(DocumentId),
            source: self.source,
            state: self.state,
            reason: self.reason,
            attempts: self.attempts,
            hint: self.hint,
            received_at: self.received_at,
            signalled_at: self.signalled_at,
            closed_at: self.closed_at,
        }
    }
}

/// The texts of a notice as its row holds them.
pub(crate) struct Stored {
    pub(crate) dedup_key: String,
    /// As text: sqlx sends JSON values as `jsonb`, which refuses NUL characters.
    pub(crate) hint: String,
    pub(crate) trace: Option<String>,
    pub(crate) document_key: Option<String>,
}

impl Stored {
    pub(crate) fn of(notice: &NewNotice) -> Self {
        // A key that is too long names nothing that could be fetched: then anything may have changed.
        let document_key = notice.document_key.as_deref().map(storable);
        Self {
            dedup_key: shortened(&notice.dedup_key, 300),
            hint: notice.hint.to_string(),
            trace: notice.trace.map(|trace| trace.to_string()),
            document_key: document_key.filter(|key| key.chars().count() <= MAX_KEY),
        }
    }
}

/// Inserts a notice that is not there yet, in one statement.
async fn insert(connection: &mut PgConnection, notice: &NewNotice) -> Result<Accepted, StoreError> {
    let id = InboxId(uuid::Uuid::now_v7());
    let Stored { dedup_key, hint, trace, document_key } = Stored::of(notice);
    // A duplicate that is committed while this statement runs stops the insert and is not seen
    // by the look-up: the next turn sees it. Each turn has a reason to end, but none is certain.
    for _ in 0..10 {
        // `scope` is a volatile function in a CTE: it runs before the row that is selected from
        // it exists, so the policies compare with this very tenant. The repository is looked up
        // per row, hence after that too, and NULL where it is not the tenant's.
        let row = sqlx::query!(
            r#"WITH scope AS MATERIALIZED (SELECT set_config('sbh.tenant', $1, true) AS tenant),
                   added AS (
                       INSERT INTO inbox
                           (id, tenant_id, repository_id, source, connection_id, dedup_key, hint,
                            traceparent, document_key, pull_number)
                       SELECT $2, scope.tenant,
                              (SELECT repository.id FROM repositories repository
                               WHERE repository.tenant_id = scope.tenant AND repository.id = $3
                                 AND repository.removed_at IS NULL),
                              $4, $5, $6, $7::text::json, $8, $9, $10
                       FROM scope
                       ON CONFLICT (tenant_id, repository_id, dedup_key)
                           WHERE state = 'open' AND sync_id IS NULL AND taken_at IS NULL DO NOTHING
                       RETURNING id
                   )
                   SELECT id AS "id!", true AS "added!" FROM added
                   UNION ALL
                   SELECT waiting.id, false FROM inbox waiting
                   WHERE NOT EXISTS (SELECT FROM added)
                     AND waiting.tenant_id = $1 AND waiting.repository_id = $3
                     AND waiting.dedup_key = $6 AND waiting.state = 'open'
                     AND waiting.sync_id IS NULL AND waiting.taken_at IS NULL
                   LIMIT 1"#,
            notice.tenant.as_str(),
            id.0,
            notice.repository.0,
            notice.source,
            notice.connection.map(|connection| connection.0),
            dedup_key,
            hint,
            trace,
            document_key,
            notice.pull_number,
        )
        .fetch_optional(&mut *connection)
        .await;
        match row {
            Ok(Some(row)) if row.added => return Ok(Accepted::New(id)),
            Ok(Some(row)) => return Ok(Accepted::Duplicate(InboxId(row.id))),
            Ok(None) => {}
            // 23502, not null: the look-up found no repository.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("23502") => {
                return Err(StoreError::not_found("repository", notice.repository));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy)
}
