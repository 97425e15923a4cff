//! The synchronisation of a repository with its tracked branch.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::repository::Repository;

/// What the workflow of a repository is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepoSyncPhase {
    /// Nothing to do, or no run at all.
    #[default]
    Idle,
    /// Collecting notices.
    Debouncing,
    /// Fetching and staging.
    Syncing,
    /// Telling documents.
    Announcing,
    /// Leaving a service alone that asked for it.
    Waiting,
}

/// How a repository stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RepositoryStatus {
    /// The repository.
    pub repository: Repository,
    /// What its workflow is doing.
    pub phase: RepoSyncPhase,
    /// Whether `phase` was asked of the running workflow; `false` when there is none to ask or it did
    /// not answer in time, and everything else is from the database.
    pub live: bool,
    /// Notices that came and are not finished.
    pub open_notices: i64,
    /// Spec documents.
    pub documents: i64,
    /// Documents whose verdicts are not those of the content seen last.
    pub open_documents: i64,
    /// Synchronisations of the running workflow so far.
    pub syncs: Option<u32>,
    /// Why the last synchronisation failed.
    pub last_error: Option<String>,
    /// The repository's workflow.
    pub workflow_id: String,
    /// Its page in the Temporal Web UI.
    pub workflow_url: String,
}

/// A request that goes through the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acknowledged {
    /// The inbox row; follow it at `/api/inbox/{id}`.
    pub id: Option<Uuid>,
    /// Whether the same notice waits already.
    #[serde(default)]
    pub duplicate: bool,
    /// Why nothing was put into the inbox, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
}
