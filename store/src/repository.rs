//! Tracked repositories.

use chrono::{DateTime, Utc};
use sbh_domain::{ConnectionId, RepositoryId, TenantId};

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
    /// The git address, without credentials.
    pub url: String,
    /// The tracked branch; `None` follows the remote's default branch.
    pub branch: Option<String>,
    /// Which files are spec documents.
    pub globs: Vec<String>,
    /// The commit whose documents are recorded; `None` before the first synchronisation.
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
        let _ = (tenant, actor, new);
        todo!()
    }

    /// A tenant's repositories by name; the removed ones only when asked for.
    pub async fn repositories(
        &self,
        tenant: &TenantId,
        with_removed: bool,
    ) -> Result<Vec<Repository>, StoreError> {
        let _ = (tenant, with_removed);
        todo!()
    }

    /// One repository, removed or not, by id.
    pub async fn repository(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<Repository, StoreError> {
        let _ = (tenant, repository);
        todo!()
    }

    /// Stops tracking: its documents and invariants leave coverage, its notices are closed as
    /// `superseded`, nothing is deleted.
    pub async fn remove_repository(
        &self,
        tenant: &TenantId,
        actor: &str,
        repository: RepositoryId,
    ) -> Result<(), StoreError> {
        let _ = (tenant, actor, repository);
        todo!()
    }

    /// Undoes a removal: what was recorded counts again, and a notice asks for a synchronisation.
    pub async fn restore_repository(
        &self,
        tenant: &TenantId,
        actor: &str,
        repository: RepositoryId,
    ) -> Result<(), StoreError> {
        let _ = (tenant, actor, repository);
        todo!()
    }

    /// Notes what went wrong with a repository, or (`None`) that all is well again.
    pub async fn note_repository(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let _ = (tenant, repository, error);
        todo!()
    }
}
