//! What a synchronisation of a repository reads and stages.

use std::collections::BTreeMap;

use sbh_domain::{Digest, InboxId, RepositoryId, SyncId, TenantId};
use serde_json::json;
use sqlx::PgConnection;

use crate::check_run::{self, Wanted};
use crate::repository::Repository;
use crate::settle::{Change, settle};
use crate::text::shortened;
use crate::{Store, StoreError, audit};

/// Characters of a baseline at most: a commit, or the cursor of a hosted space's last listing.
pub const MAX_BASELINE: usize = 2_000;

/// What a synchronisation starts from.
#[derive(Clone, Debug)]
pub struct SyncStart {
    /// The repository with its baseline.
    pub repository: Repository,
    /// The notices that no synchronisation has answered, parked ones included: this one answers them,
    /// because it fetches after reading them.
    pub notices: Vec<InboxId>,
    /// Whether the newest synchronisation began to stage and did not finish: then documents may
    /// be ahead of the baseline, and only a comparison of everything tells what differs.
    pub unfinished: bool,
}

/// One change of a document between the baseline and the new head.
#[derive(Clone, Debug)]
pub enum DocumentChange {
    /// The path holds a document now.
    Present {
        /// Its path in the repository.
        path: String,
        /// The path it had before, when it was renamed.
        renamed_from: Option<String>,
        /// The git object id of its content, or the source's version of it.
        blob: String,
        /// The title and the address that people see, where it has such.
        about: About,
        /// Its canonical text with its digest, or why it cannot be read as text
        /// (too large, binary, not UTF-8).
        content: Result<CanonicalText, String>,
    },
    /// The path holds no document any more.
    Absent {
        /// Its path in the repository.
        path: String,
    },
}

/// What people see of a hosted document besides its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its title.
    pub title: Option<String>,
    /// Where it is read.
    pub url: Option<String>,
}

/// A document's canonical text.
#[derive(Clone, Debug)]
pub struct CanonicalText {
    /// The digest of `text`.
    pub hash: Digest,
    /// The text itself.
    pub text: String,
}

/// How a synchronisation ended.
#[derive(Clone, Debug)]
pub struct StagedSync {
    /// Documents that must be proved again.
    pub changed: u32,
    /// Documents that are gone.
    pub removed: u32,
}

/// What a finished synchronisation did, all its attempts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishedSync {
    /// Documents that it found changed or gone.
    pub staged: u32,
    /// Whether an earlier attempt finished it already.
    pub repeated: bool,
}

/// Locks the repository and makes `sync` its newest synchronisation, or refuses it: one that began
/// before the newest may have fetched before it, too, and would bring old contents back.
pub(crate) async fn enter(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    sync: SyncId,
) -> Result<(), StoreError> {
    let row = sqlx::query!(
        "SELECT current_sync FROM repositories
         WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL FOR NO KEY UPDATE",
        tenant.as_str(),
        repository.0,
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| StoreError::not_found("repository", repository))?;
    if row.current_sync == Some(sync.0) {
        return Ok(());
    }
    let new = sqlx::query!(
        "INSERT INTO syncs (id, tenant_id, repository_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        sync.0,
        tenant.as_str(),
        repository.0,
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if new == 0 {
        return Err(StoreError::Conflict(format!(
            "the synchronisation {sync} was overtaken by a newer one of the repository {repository}"
        )));
    }
    sqlx::query!(
        "UPDATE repositories SET current_sync = $3 WHERE tenant_id = $1 AND id = $2",
        tenant.as_str(),
        repository.0,
        sync.0,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Has a synchronisation wait for every open document of the repository. Returns for how many more.
pub(crate) async fn adopt_open(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    sync: SyncId,
) -> Result<u64, StoreError> {
    // The rows are locked, so that a document whose recording commits meanwhile is seen as recorded,
    // rather than waited for by a row that nobody removes.
    let adopted = sqlx::query!(
        "INSERT INTO sync_documents (tenant_id, sync_id, document_id, version, hash)
         SELECT $1, $3, id, observed_version, observed FROM
             (SELECT id, observed_version, observed FROM documents
              WHERE tenant_id = $1 AND repository_id = $2 AND drifted_at IS NOT NULL
              ORDER BY id FOR NO KEY UPDATE) AS open
         ON CONFLICT DO NOTHING",
        tenant.as_str(),
        repository.0,
        sync.0,
    )
    .execute(tx)
    .await?
    .rows_affected();
    Ok(adopted)
}

impl Store {
    /// What a synchronisation starts from. Call it before fetching: it takes the notices up, so that
    /// one that comes from here on is another notice and asks for another fetch.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also for a removed repository.
    pub async fn start_sync(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<SyncStart, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let found = crate::repository::read(&mut tx, tenant, repository).await?;
        if found.removed_at.is_some() {
            return Err(StoreError::not_found("repository", repository));
        }
        sqlx::query!(
            "UPDATE inbox SET taken_at = now()
             WHERE tenant_id = $1 AND repository_id = $2 AND document_id IS NULL AND pull_number IS NULL
               AND state <> 'closed' AND sync_id IS NULL AND taken_at IS NULL",
            tenant.as_str(),
            repository.0,
        )
        .execute(&mut *tx)
        .await?;
        let notices = sqlx::query_scalar!(
            "SELECT id FROM inbox
             WHERE tenant_id = $1 AND repository_id = $2 AND document_id IS NULL AND pull_number IS NULL
               AND state <> 'closed' AND sync_id IS NULL AND taken_at IS NOT NULL
             ORDER BY id",
            tenant.as_str(),
            repository.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        let unfinished = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                   SELECT FROM repositories repository
                   JOIN syncs ON syncs.tenant_id = $1 AND syncs.id = repository.current_sync
                   WHERE repository.tenant_id = $1 AND repository.id = $2
                     AND syncs.finished_at IS NULL) AS "unfinished!""#,
            tenant.as_str(),
            repository.0,
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        let notices = notices.into_iter().map(InboxId).collect();
        Ok(SyncStart { repository: found, notices, unfinished })
    }

    /// Moves the baseline to `commit` and hands `notices` to `sync`, in one transaction. The notices
    /// then wait for every document that is open, those that an earlier synchronisation found
    /// included; where none is, they are closed at once (`unchanged` when the synchronisation found
    /// no change). Also notes success and the audit entry. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a newer synchronisation of the repository has begun to stage.
    pub async fn finish_sync(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        sync: SyncId,
        commit: &str,
        notices: &[InboxId],
    ) -> Result<FinishedSync, StoreError> {
        let commit = shortened(commit, MAX_BASELINE);
        let notices: Vec<_> = notices.iter().map(|id| id.0).collect();
        let mut tx = self.scope(tenant).await?;
        enter(&mut tx, tenant, repository, sync).await?;
        let mut adopted = 0;
        if !notices.is_empty() {
            adopted = adopt_open(&mut tx, tenant, repository, sync).await?;
        }
        let moved = sqlx::query_scalar!(
            r#"UPDATE repositories SET baseline = $3, last_error = NULL, synced_at = now()
               FROM (SELECT baseline FROM repositories WHERE tenant_id = $1 AND id = $2) AS before
               WHERE tenant_id = $1 AND id = $2
               RETURNING before.baseline IS DISTINCT FROM $3 AS "moved!""#,
            tenant.as_str(),
            repository.0,
            commit,
        )
        .fetch_one(&mut *tx)
        .await?;
        let own = sqlx::query!(
            r#"UPDATE syncs SET commit = $3, finished_at = coalesce(finished_at, now())
               WHERE tenant_id = $1 AND id = $2
               RETURNING staged, finished_at < now() AS "repeated!""#,
            tenant.as_str(),
            sync.0,
            commit,
        )
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE inbox SET sync_id = $4
             WHERE tenant_id = $1 AND repository_id = $2 AND id = ANY($3)
               AND state <> 'closed' AND sync_id IS NULL AND taken_at IS NOT NULL",
            tenant.as_str(),
            repository.0,
            &notices,
            sync.0,
        )
        .execute(&mut *tx)
        .await?;
        if moved {
            let detail =
                json!({ "commit": commit, "changed": own.staged, "notices": notices.len() });
            audit::append(
                &mut tx,
                tenant,
                "system:repo_sync",
                "repository.sync",
                repository,
                &detail,
            )
            .await?;
        }
        // As text: a hint may hold escaped NULs, at which the operators of JSON fail.
        let anew = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM inbox
                              WHERE tenant_id = $1 AND id = ANY($2)
                                AND source = 'github'
                                AND hint::text LIKE '%"action":"rerequested"%') AS "anew!""#,
            tenant.as_str(),
            &notices,
        )
        .fetch_one(&mut *tx)
        .await?;
        let pull_number = None;
        let wanted = Wanted { repository, commit: &commit, pull_number, sync: Some(sync), anew };
        check_run::want(&mut tx, tenant, &wanted).await?;
        let finished = FinishedSync { staged: own.staged.unsigned_abs(), repeated: own.repeated };
        let own =
            Change { pending: i32::try_from(adopted).unwrap_or(i32::MAX), ..Change::default() };
        settle(&mut tx, tenant, &[], BTreeMap::from([(sync.0, own)])).await?;
        // Last: a recording locks synchronisations before the check runs that they end.
        check_run::supersede(&mut tx, tenant, repository, pull_number, &commit).await?;
        tx.commit().await?;
        Ok(finished)
    }
}
