//! Hosted spaces: what their synchronisations read and stage, document by document.
//!
//! The documents that are still to be fetched are rows of `space_fetches`. Taking notices up adds those
//! that they name, a listing adds those that changed, and staging a document removes it. Whatever ends
//! a synchronisation early, the next one goes on with what is left.

use std::collections::BTreeMap;

use sbh_domain::{InboxId, RepositoryId, SyncId, TenantId};
use serde_json::json;
use uuid::Uuid;

use crate::repo_sync::{DocumentChange, MAX_BASELINE, StagedSync, adopt_open, enter};
use crate::repository::Repository;
use crate::settle::{Change, settle};
use crate::stage::stage;
use crate::{Store, StoreError, audit};

/// Bytes of a hosted document's key at most. It is the document's path.
pub const MAX_KEY: usize = 1_000;

/// What a synchronisation of a space starts from.
#[derive(Clone, Debug)]
pub struct SpaceStart {
    /// The repository. Its baseline is the cursor of the last listing.
    pub repository: Repository,
    /// The notices that no synchronisation has answered.
    pub notices: Vec<InboxId>,
    /// Whether one of them names no document: then anything may have changed.
    pub whole: bool,
}

/// How a synchronisation of a space ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishedSpaceSync {
    /// Documents that it found changed or gone, all its attempts together.
    pub staged: u32,
    /// Notices that it answered, or will when those documents are recorded.
    pub answered: u32,
}

/// A document that is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedDocument {
    /// Its key.
    pub key: String,
    /// Which request it is: asked for again, it is another.
    pub asked: Uuid,
}

impl Store {
    /// What a synchronisation of a space starts from. Call it before fetching: it takes the notices up,
    /// so that one that comes from here on is another notice and asks for another fetch.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also for a removed repository.
    pub async fn start_space_sync(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<SpaceStart, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let found = crate::repository::read(&mut tx, tenant, repository).await?;
        if found.removed_at.is_some() {
            return Err(StoreError::not_found("repository", repository));
        }
        let named = sqlx::query_scalar!(
            "UPDATE inbox SET taken_at = now()
             WHERE tenant_id = $1 AND repository_id = $2 AND document_id IS NULL
               AND pull_number IS NULL
               AND state <> 'closed' AND sync_id IS NULL AND taken_at IS NULL
             RETURNING document_key",
            tenant.as_str(),
            repository.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut keys: Vec<String> = named.into_iter().flatten().collect();
        keys.sort_unstable();
        keys.dedup();
        want(&mut tx, tenant, repository, &keys).await?;
        let notices = sqlx::query!(
            r#"SELECT id, document_key IS NULL AS "whole!" FROM inbox
               WHERE tenant_id = $1 AND repository_id = $2 AND document_id IS NULL
                 AND pull_number IS NULL
                 AND state <> 'closed' AND sync_id IS NULL AND taken_at IS NOT NULL
               ORDER BY id"#,
            tenant.as_str(),
            repository.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(SpaceStart {
            repository: found,
            whole: notices.iter().any(|notice| notice.whole),
            notices: notices.into_iter().map(|notice| InboxId(notice.id)).collect(),
        })
    }

    /// Adds a page of a listing to what is to be fetched and moves the cursor, in one transaction: a
    /// listing that is interrupted goes on from there. Of `gone` only what is known is fetched, to see
    /// that it is gone. With `all`, every document that is known is fetched.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a newer synchronisation of the repository has begun to stage, and
    /// [`StoreError::Unreadable`] for a cursor that is too long.
    #[allow(clippy::too_many_arguments, reason = "a page of a listing, and whose it is")]
    pub async fn note_listing(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        sync: SyncId,
        cursor: &str,
        changed: &[String],
        gone: &[String],
        all: bool,
    ) -> Result<(), StoreError> {
        if cursor.chars().count() > MAX_BASELINE || cursor.contains('\0') {
            return Err(StoreError::Unreadable("a cursor that cannot be stored".into()));
        }
        let mut tx = self.scope(tenant).await?;
        enter(&mut tx, tenant, repository, sync).await?;
        want(&mut tx, tenant, repository, changed).await?;
        sqlx::query!(
            "INSERT INTO space_fetches (tenant_id, repository_id, key, asked)
             SELECT $1, $2, path, gen_random_uuid() FROM documents
             WHERE tenant_id = $1 AND repository_id = $2 AND observed IS NOT NULL
               AND ($3 OR path = ANY($4))
             ORDER BY path ON CONFLICT DO NOTHING",
            tenant.as_str(),
            repository.0,
            all,
            gone,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE repositories SET baseline = $3 WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            repository.0,
            cursor,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// A page of what is to be fetched, by key; `after` is the last key of the page before.
    pub async fn wanted_documents(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<WantedDocument>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query_as!(
            WantedDocument,
            "SELECT key, asked FROM space_fetches
             WHERE tenant_id = $1 AND repository_id = $2 AND key > $3 ORDER BY key LIMIT $4",
            tenant.as_str(),
            repository.0,
            after,
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Stages what was fetched, as [`Store::stage_documents`] does, and takes it off what is to be
    /// fetched. A document that was asked for again meanwhile, or that another attempt staged, is left
    /// out: what was fetched of it may be old.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a newer synchronisation of the repository has begun to stage.
    pub async fn stage_fetched(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        sync: SyncId,
        fetched: Vec<(WantedDocument, DocumentChange)>,
    ) -> Result<StagedSync, StoreError> {
        let mut tx = self.scope(tenant).await?;
        enter(&mut tx, tenant, repository, sync).await?;
        let keys: Vec<_> = fetched.iter().map(|(wanted, _)| wanted.key.clone()).collect();
        let asked: Vec<_> = fetched.iter().map(|(wanted, _)| wanted.asked).collect();
        let mut counted = sqlx::query_scalar!(
            "DELETE FROM space_fetches wanted
             USING unnest($3::text[], $4::uuid[]) AS done (key, asked)
             WHERE wanted.tenant_id = $1 AND wanted.repository_id = $2
               AND wanted.key = done.key AND wanted.asked = done.asked
             RETURNING wanted.key",
            tenant.as_str(),
            repository.0,
            &keys,
            &asked,
        )
        .fetch_all(&mut *tx)
        .await?;
        counted.sort_unstable();
        let changes: Vec<_> = fetched
            .into_iter()
            .filter(|(wanted, _)| counted.binary_search(&wanted.key).is_ok())
            .map(|(_, change)| change)
            .collect();
        let staged = stage(&mut tx, tenant, repository, sync, &changes).await?;
        tx.commit().await?;
        Ok(staged)
    }

    /// Hands those of `notices` to `sync` of which nothing is left to be fetched: those whose document
    /// was staged, and, where the space was listed to its end (`listed`) and all of it is staged, those
    /// that name none. They then wait for the open documents of the space, and are closed at once where
    /// there is none. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a newer synchronisation of the repository has begun to stage.
    pub async fn finish_space_sync(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        sync: SyncId,
        notices: &[InboxId],
        listed: bool,
    ) -> Result<FinishedSpaceSync, StoreError> {
        let notices: Vec<_> = notices.iter().map(|id| id.0).collect();
        let mut tx = self.scope(tenant).await?;
        enter(&mut tx, tenant, repository, sync).await?;
        let done = sqlx::query_scalar!(
            "SELECT id FROM inbox notice
             WHERE tenant_id = $1 AND repository_id = $2 AND id = ANY($3)
               AND state <> 'closed' AND sync_id IS NULL AND taken_at IS NOT NULL
               AND (document_key IS NOT NULL OR $4)
               AND NOT EXISTS (SELECT FROM space_fetches wanted
                               WHERE wanted.tenant_id = $1 AND wanted.repository_id = $2
                                 AND (notice.document_key IS NULL OR wanted.key = notice.document_key))
             ORDER BY id FOR NO KEY UPDATE",
            tenant.as_str(),
            repository.0,
            &notices,
            listed,
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut adopted = 0;
        if !done.is_empty() {
            adopted = adopt_open(&mut tx, tenant, repository, sync).await?;
        }
        sqlx::query!(
            "UPDATE repositories SET last_error = NULL, synced_at = now()
             WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            repository.0,
        )
        .execute(&mut *tx)
        .await?;
        let own = sqlx::query!(
            r#"UPDATE syncs SET finished_at = coalesce(finished_at, now())
               WHERE tenant_id = $1 AND id = $2
               RETURNING staged, finished_at < now() AS "repeated!""#,
            tenant.as_str(),
            sync.0,
        )
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE inbox SET sync_id = $3 WHERE tenant_id = $1 AND id = ANY($2)",
            tenant.as_str(),
            &done,
            sync.0,
        )
        .execute(&mut *tx)
        .await?;
        let finished = FinishedSpaceSync {
            staged: own.staged.unsigned_abs(),
            answered: u32::try_from(done.len()).unwrap_or(u32::MAX),
        };
        if own.staged > 0 && !own.repeated {
            let detail = json!({ "changed": own.staged, "notices": done.len() });
            let who = "system:repo_sync";
            audit::append(&mut tx, tenant, who, "repository.sync", repository, &detail).await?;
        }
        let own =
            Change { pending: i32::try_from(adopted).unwrap_or(i32::MAX), ..Change::default() };
        settle(&mut tx, tenant, &[], BTreeMap::from([(sync.0, own)])).await?;
        tx.commit().await?;
        Ok(finished)
    }

    /// Moves the cursor of a space of which nothing changed since `from`. Nothing happens where a
    /// synchronisation has moved it meanwhile.
    pub async fn note_cursor(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        from: &str,
        cursor: &str,
    ) -> Result<(), StoreError> {
        if cursor.chars().count() > MAX_BASELINE || cursor.contains('\0') {
            return Err(StoreError::Unreadable("a cursor that cannot be stored".into()));
        }
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "UPDATE repositories SET baseline = $4
             WHERE tenant_id = $1 AND id = $2 AND baseline = $3 AND space IS NOT NULL",
            tenant.as_str(),
            repository.0,
            from,
            cursor,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Adds documents to what is to be fetched; one that is there already is another request from now on.
async fn want(
    tx: &mut sqlx::PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    keys: &[String],
) -> Result<(), StoreError> {
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO space_fetches (tenant_id, repository_id, key, asked)
         SELECT DISTINCT ON (key) $1, $2, key, gen_random_uuid() FROM unnest($3::text[]) AS given (key)
         ORDER BY key ON CONFLICT (repository_id, key) DO UPDATE SET asked = excluded.asked",
        tenant.as_str(),
        repository.0,
        keys,
    )
    .execute(tx)
    .await?;
    Ok(())
}
