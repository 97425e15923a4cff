//! Check runs that are wanted on commits: rows that come with the synchronisation, or the pull request,
//! that they are about, and end with it. Telling GitHub is [`crate::check_run_post`]'s.
//!
//! A row is written in the transaction that moves the baseline and ends in the one that closes the
//! synchronisation, so that no crash forgets one, and none stays without an end.

use chrono::{DateTime, Utc};
use sbh_domain::{CheckRunId, RepositoryId, SyncId, TenantId, VerdictCounts};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::text::shortened;
use crate::{Store, StoreError};

pub use crate::check_run_post::{BranchState, DueChecks, Unproved};

/// How a check run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// Everything that it waited for is judged.
    Settled,
    /// Another commit came before it was.
    Superseded,
    /// It was given up.
    Parked,
    /// The repository is not tracked any more.
    Removed,
}

impl CheckOutcome {
    const ALL: [Self; 4] = [Self::Settled, Self::Superseded, Self::Parked, Self::Removed];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Superseded => "superseded",
            Self::Parked => "parked",
            Self::Removed => "removed",
        }
    }

    fn read(text: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|outcome| outcome.as_str() == text);
        found.ok_or_else(|| StoreError::Unreadable(format!("the outcome {text:?} of a check run")))
    }
}

/// A check run as its row has it.
#[derive(Clone, Debug)]
pub struct CheckRun {
    /// Its id.
    pub id: CheckRunId,
    /// The repository.
    pub repository: RepositoryId,
    /// The commit.
    pub commit: String,
    /// The pull request whose head the commit is; `None`: a commit of the tracked branch.
    pub pull_number: Option<i64>,
    /// Which telling of it this is, from 1.
    pub generation: i32,
    /// The repository's verdicts before.
    pub before: VerdictCounts,
    /// How it ended; `None` while it is being proved.
    pub outcome: Option<CheckOutcome>,
    /// Why it ended so, or why it cannot be told.
    pub reason: Option<String>,
    /// What is told of its end.
    pub report: Option<serde_json::Value>,
    /// What GitHub was told last: `nothing`, `in_progress`, `completed`, or `failed`.
    pub posted: String,
    /// Tellings in succession that failed.
    pub attempts: i32,
    /// When it was wanted.
    pub created_at: DateTime<Utc>,
    /// When GitHub was told last.
    pub posted_at: Option<DateTime<Utc>>,
}

impl CheckRun {
    /// Our own name for what is made of it at GitHub: the key of the effect, and its `external_id`.
    pub fn external_id(&self) -> String {
        format!("{}/{}", self.id, self.generation)
    }
}

/// A row's columns as the database gives them.
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) repository_id: Uuid,
    pub(crate) commit: String,
    pub(crate) pull_number: Option<i64>,
    pub(crate) generation: i32,
    pub(crate) before: serde_json::Value,
    pub(crate) outcome: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) report: Option<serde_json::Value>,
    pub(crate) posted: String,
    pub(crate) attempts: i32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) posted_at: Option<DateTime<Utc>>,
}

impl Row {
    pub(crate) fn of(self) -> Result<CheckRun, StoreError> {
        Ok(CheckRun {
            id: CheckRunId(self.id),
            repository: RepositoryId(self.repository_id),
            commit: self.commit,
            pull_number: self.pull_number,
            generation: self.generation,
            before: counts(self.before)?,
            outcome: self.outcome.as_deref().map(CheckOutcome::read).transpose()?,
            reason: self.reason,
            report: self.report,
            posted: self.posted,
            attempts: self.attempts,
            created_at: self.created_at,
            posted_at: self.posted_at,
        })
    }
}

/// Counts from a column.
pub(crate) fn counts(json: serde_json::Value) -> Result<VerdictCounts, StoreError> {
    serde_json::from_value(json).map_err(|_| StoreError::Unreadable("counts of verdicts".into()))
}

/// What a check run is wanted for.
pub(crate) struct Wanted<'a> {
    pub(crate) repository: RepositoryId,
    pub(crate) commit: &'a str,
    pub(crate) pull_number: Option<i64>,
    pub(crate) sync: Option<SyncId>,
    /// Whether somebody asks for it although it ended well.
    pub(crate) anew: bool,
}

/// Wants a check run, where the repository's connection posts them. One that is there already and ended
/// without a result, or is asked for anew, begins again: as another one at GitHub if GitHub was told of
/// the end.
pub(crate) async fn want(
    tx: &mut PgConnection,
    tenant: &TenantId,
    wanted: &Wanted<'_>,
) -> Result<(), StoreError> {
    let posts = sqlx::query_scalar!(
        r#"SELECT coalesce(connection.settings->>'checks' = 'true', false) AS "posts!"
           FROM repositories repository
           JOIN connections connection
             ON connection.tenant_id = $1 AND connection.id = repository.connection_id
           WHERE repository.tenant_id = $1 AND repository.id = $2 AND repository.source = 'git'
             AND connection.source = 'github' AND connection.removed_at IS NULL"#,
        tenant.as_str(),
        wanted.repository.0,
    )
    .fetch_optional(&mut *tx)
    .await?;
    if posts != Some(true) {
        return Ok(());
    }
    let before = crate::coverage::counts_of(&mut *tx, tenant, wanted.repository).await?;
    let before = serde_json::json!(before).to_string();
    sqlx::query!(
        "INSERT INTO check_runs (id, tenant_id, repository_id, commit, pull_number, sync_id, before)
         VALUES ($2, $1, $3, $4, $5, $6, $7::text::json)
         ON CONFLICT (tenant_id, repository_id, commit, (coalesce(pull_number, 0))) DO UPDATE SET
             sync_id = excluded.sync_id, before = excluded.before,
             generation = check_runs.generation
                 + CASE WHEN check_runs.posted IN ('completed', 'failed') THEN 1 ELSE 0 END,
             posted = CASE WHEN check_runs.posted IN ('completed', 'failed') THEN 'nothing'
                           ELSE check_runs.posted END,
             outcome = NULL, reason = NULL, report = NULL, attempts = 0,
             due = check_runs.posted <> 'in_progress', due_at = now(), signalled_at = NULL
         WHERE check_runs.outcome IN ('superseded', 'parked', 'removed')
            OR ($8 AND check_runs.outcome IS NOT NULL)",
        tenant.as_str(),
        Uuid::now_v7(),
        wanted.repository.0,
        wanted.commit,
        wanted.pull_number,
        wanted.sync.map(|sync| sync.0),
        before,
        wanted.anew,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends the check runs of earlier commits that are still being proved. Call it last in a transaction
/// that locks synchronisations: recordings lock those first, too.
pub(crate) async fn supersede(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    pull_number: Option<i64>,
    commit: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE check_runs SET outcome = 'superseded', reason = $5,
             due = true, due_at = now(), signalled_at = NULL
         WHERE tenant_id = $1 AND repository_id = $2 AND outcome IS NULL AND commit <> $4
           AND pull_number IS NOT DISTINCT FROM $3",
        tenant.as_str(),
        repository.0,
        pull_number,
        commit,
        format!("the commit {} came after it", shortened(commit, 12)),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends the check runs of synchronisations that wait for nothing any more.
pub(crate) async fn settle(
    tx: &mut PgConnection,
    tenant: &TenantId,
    syncs: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE check_runs SET outcome = 'settled', due = true, due_at = now(), signalled_at = NULL
         WHERE tenant_id = $1 AND sync_id = ANY($2) AND outcome IS NULL",
        tenant.as_str(),
        syncs,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends the check runs of synchronisations that wait for nothing but documents that were given up.
pub(crate) async fn park_hopeless(
    tx: &mut PgConnection,
    tenant: &TenantId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH hopeless AS (
             SELECT run.id, min(document.path || ': ' || document.failure) AS reason
             FROM check_runs run
             JOIN sync_documents wait ON wait.tenant_id = $1 AND wait.sync_id = run.sync_id
             JOIN documents document ON document.tenant_id = $1 AND document.id = wait.document_id
             WHERE run.tenant_id = $1 AND run.outcome IS NULL AND run.sync_id IS NOT NULL
             GROUP BY run.id HAVING bool_and(document.nudged_at = 'infinity')
         )
         UPDATE check_runs run SET outcome = 'parked', reason = left(hopeless.reason, 2000),
             due = true, due_at = now(), signalled_at = NULL
         FROM hopeless WHERE run.tenant_id = $1 AND run.id = hopeless.id AND run.outcome IS NULL",
        tenant.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends the check runs of a pull request that are still being proved: they were given up.
pub(crate) async fn park_pull(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    pull_number: i64,
    reason: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE check_runs SET outcome = 'parked', reason = $4,
             due = true, due_at = now(), signalled_at = NULL
         WHERE tenant_id = $1 AND repository_id = $2 AND pull_number = $3 AND outcome IS NULL",
        tenant.as_str(),
        repository.0,
        pull_number,
        shortened(reason, 2_000),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends the check runs of a repository that is not tracked any more.
pub(crate) async fn remove(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE check_runs SET outcome = 'removed', reason = 'the repository is not tracked any more',
             due = true, due_at = now(), signalled_at = NULL
         WHERE tenant_id = $1 AND repository_id = $2 AND outcome IS NULL",
        tenant.as_str(),
        repository.0,
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl Store {
    /// A page of a repository's check runs, newest first; `before` is the last id of the page before.
    pub async fn check_runs(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        before: Option<CheckRunId>,
        limit: i64,
    ) -> Result<Vec<CheckRun>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, repository_id, commit, pull_number, generation, before, outcome, reason, report,
                    posted, attempts, created_at, posted_at
             FROM check_runs
             WHERE tenant_id = $1 AND repository_id = $2 AND ($3::uuid IS NULL OR id < $3)
             ORDER BY id DESC LIMIT $4",
            tenant.as_str(),
            repository.0,
            before.map(|id| id.0),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter().map(Row::of).collect()
    }
}
