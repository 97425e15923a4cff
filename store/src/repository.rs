//! Tracked repositories.

use chrono::{DateTime, Utc};
use sbh_domain::{ConnectionId, InboxId, RepositoryId, TenantId};
use serde_json::json;
use sqlx::PgConnection;

use crate::audit;
use crate::text::{shortened, storable};
use crate::{Store, StoreError};

/// A tracked repository.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Its id.
    pub id: RepositoryId,
    /// Its tenant.
    pub tenant: TenantId,
    /// The connection that announces its pushes and holds its credential, if any.
    pub connection: Option<ConnectionId>,
    /// What people call it: unique among a tenant's repositories, the last part of the address by
    /// default.
    pub name: String,
    /// Where its documents come from: `git`, or a hosted source.
    pub source: String,
    /// What a hosted source calls the space; `None` for a git repository.
    pub space: Option<String>,
    /// The git address, without credentials; for a space `source:space`.
    pub url: String,
    /// The tracked branch; `None` follows the remote's default branch.
    pub branch: Option<String>,
    /// Which files are spec documents.
    pub globs: Vec<String>,
    /// The commit whose documents are recorded, or the cursor of a space's last listing; `None` before
    /// the first synchronisation.
    pub baseline: Option<String>,
    /// The last thing that went wrong with it, cleared by the next success.
    pub last_error: Option<String>,
    /// When it was last synchronised with success.
    pub synced_at: Option<DateTime<Utc>>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was removed; it can be restored for a time (30 days).
    pub removed_at: Option<DateTime<Utc>>,
}

/// What is needed to track a repository.
#[derive(Clone, Debug)]
pub struct NewRepository {
    /// See [`Repository::connection`].
    pub connection: Option<ConnectionId>,
    /// See [`Repository::name`].
    pub name: String,
    /// See [`Repository::url`].
    pub url: String,
    /// See [`Repository::branch`].
    pub branch: Option<String>,
    /// See [`Repository::globs`].
    pub globs: Vec<String>,
    /// The hosted source and its space, where it is no git repository.
    pub hosted: Option<(String, String)>,
}

/// A repository's columns as the database gives them.
pub(crate) struct Row {
    id: uuid::Uuid,
    connection_id: Option<uuid::Uuid>,
    name: String,
    source: String,
    space: Option<String>,
    url: String,
    branch: Option<String>,
    globs: Vec<String>,
    baseline: Option<String>,
    last_error: Option<String>,
    synced_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    removed_at: Option<DateTime<Utc>>,
}

impl Row {
    pub(crate) fn of(self, tenant: &TenantId) -> Repository {
        Repository {
            id: RepositoryId(self.id),
            tenant: tenant.clone(),
            connection: self.connection_id.map(ConnectionId),
            name: self.name,
            source: self.source,
            space: self.space,
            url: self.url,
            branch: self.branch,
            globs: self.globs,
            baseline: self.baseline,
            last_error: self.last_error,
            synced_at: self.synced_at,
            created_at: self.created_at,
            removed_at: self.removed_at,
        }
    }
}

/// Reads one repository in a transaction.
pub(crate) async fn read(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
) -> Result<Repository, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT id, connection_id, name, source, space, url, branch, globs, baseline, last_error, synced_at,
                created_at, removed_at
         FROM repositories WHERE tenant_id = $1 AND id = $2",
        tenant.as_str(),
        repository.0,
    )
    .fetch_optional(tx)
    .await?
    .map(|row| row.of(tenant))
    .ok_or_else(|| StoreError::not_found("repository", repository))
}

/// Puts a notice of our own into the inbox, in the transaction of what it is about.
pub(crate) async fn notice(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    why: &str,
) -> Result<(), StoreError> {
    let id = InboxId(uuid::Uuid::now_v7());
    sqlx::query!(
        "INSERT INTO inbox (id, tenant_id, repository_id, source, dedup_key, hint)
         VALUES ($1, $2, $3, 'api', $4, $5)",
        id.0,
        tenant.as_str(),
        repository.0,
        format!("{why}:{id}"),
        json!({ "why": why }),
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl Store {
    /// Tracks a repository and puts a first notice (source `api`) for it into the inbox, in one
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn add_repository(
        &self,
        tenant: &TenantId,
        actor: &str,
        new: &NewRepository,
    ) -> Result<Repository, StoreError> {
        let id = RepositoryId(uuid::Uuid::now_v7());
        let globs: Vec<_> = new.globs.iter().map(|glob| storable(glob)).collect();
        let mut tx = self.scope(tenant).await?;
        if let Some(connection) = new.connection {
            lives(&mut tx, tenant, connection).await?;
        }
        sqlx::query!(
            "INSERT INTO repositories
                 (id, tenant_id, connection_id, name, url, branch, globs, source, space)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            id.0,
            tenant.as_str(),
            new.connection.map(|connection| connection.0),
            storable(&new.name),
            storable(&new.url),
            new.branch.as_deref().map(storable),
            &globs,
            new.hosted.as_ref().map_or("git", |(source, _)| source),
            new.hosted.as_ref().map(|(_, space)| storable(space)),
        )
        .execute(&mut *tx)
        .await
        .map_err(|error| {
            if StoreError::breaks(&error, "repositories_name_key") {
                StoreError::Conflict(name_taken(&new.name))
            } else if StoreError::breaks(&error, SPACE_KEY) {
                StoreError::Conflict(SPACE_TAKEN.to_owned())
            } else if StoreError::breaks(&error, "repositories_tenant_id_fkey") {
                StoreError::not_found("tenant", tenant)
            } else if StoreError::breaks(&error, "repositories_tenant_id_connection_id_fkey") {
                let connection = new.connection.map(|id| id.to_string());
                StoreError::not_found("connection", connection.unwrap_or_default())
            } else {
                error.into()
            }
        })?;
        notice(&mut tx, tenant, id, "added").await?;
        let mut detail =
            json!({ "name": new.name, "url": new.url, "branch": new.branch, "globs": new.globs });
        if let Some((source, space)) = &new.hosted {
            detail = json!({ "name": new.name, "source": source, "space": space });
        }
        audit::append(&mut tx, tenant, actor, "repository.add", id, &detail).await?;
        let repository = read(&mut tx, tenant, id).await?;
        tx.commit().await?;
        Ok(repository)
    }

    /// A tenant's repositories by name; the removed ones only when asked for.
    pub async fn repositories(
        &self,
        tenant: &TenantId,
        with_removed: bool,
    ) -> Result<Vec<Repository>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, connection_id, name, source, space, url, branch, globs, baseline, last_error, synced_at,
                    created_at, removed_at
             FROM repositories WHERE tenant_id = $1 AND (removed_at IS NULL OR $2)
             ORDER BY name, id",
            tenant.as_str(),
            with_removed,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(|row| row.of(tenant)).collect())
    }

    /// One repository, removed or not, by id.
    pub async fn repository(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<Repository, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let found = read(&mut tx, tenant, repository).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// Has another connection, or none, announce a repository and hold its credential.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for a space without a connection, through a connection of another
    /// source, or through one that follows the space already.
    pub async fn move_repository(
        &self,
        tenant: &TenantId,
        actor: &str,
        repository: RepositoryId,
        connection: Option<ConnectionId>,
    ) -> Result<Repository, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let before = read(&mut tx, tenant, repository).await?;
        let source = match connection {
            Some(connection) => Some(lives(&mut tx, tenant, connection).await?),
            None => None,
        };
        if before.space.is_some() && source.as_deref() != Some(before.source.as_str()) {
            return Err(StoreError::Conflict(format!(
                "a space of {} needs a connection of that source",
                before.source
            )));
        }
        sqlx::query!(
            "UPDATE repositories SET connection_id = $3 WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            repository.0,
            connection.map(|connection| connection.0),
        )
        .execute(&mut *tx)
        .await
        .map_err(|error| {
            if StoreError::breaks(&error, SPACE_KEY) {
                StoreError::Conflict(SPACE_TAKEN.to_owned())
            } else {
                error.into()
            }
        })?;
        if before.removed_at.is_none() {
            notice(&mut tx, tenant, repository, "moved").await?;
        }
        let detail = json!({ "connection": connection.map(|connection| connection.to_string()) });
        audit::append(&mut tx, tenant, actor, "repository.move", repository, &detail).await?;
        let repository = read(&mut tx, tenant, repository).await?;
        tx.commit().await?;
        Ok(repository)
    }

    /// Notes what went wrong with a repository, or (`None`) that all is well again.
    pub async fn note_repository(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let updated = sqlx::query!(
            "UPDATE repositories SET last_error = $3 WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            repository.0,
            error.map(|error| shortened(error, 2_000)),
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        if updated == 0 { Err(StoreError::not_found("repository", repository)) } else { Ok(()) }
    }
}

/// The index that lets a space be followed once.
pub(crate) const SPACE_KEY: &str = "repositories_space_key";
/// Why a space is refused.
pub(crate) const SPACE_TAKEN: &str = "the space is followed through this connection already";

/// Keeps a connection from being removed before the transaction ends, and gives its source.
pub(crate) async fn lives(
    tx: &mut PgConnection,
    tenant: &TenantId,
    connection: ConnectionId,
) -> Result<String, StoreError> {
    sqlx::query_scalar!(
        "SELECT source FROM connections
         WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL FOR SHARE",
        tenant.as_str(),
        connection.0,
    )
    .fetch_optional(tx)
    .await?
    .ok_or_else(|| StoreError::not_found("connection", connection))
}

/// Why a name is refused.
pub(crate) fn name_taken(name: &str) -> String {
    format!("there is a repository {name:?} already: choose another name")
}
