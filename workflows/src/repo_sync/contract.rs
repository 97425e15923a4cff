//! The contract of `repo_sync`. Frozen: see the crate's documentation.

use sbh_domain::{Debounce, RepositoryId, SyncId, TenantId, Traces};
use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

/// Where `repo_sync` and its activities run.
pub const TASK_QUEUE: &str = "sync";

/// The one workflow of a repository.
pub fn workflow_id(tenant: &TenantId, repository: RepositoryId) -> String {
    format!("repo-sync/{tenant}/{repository}")
}

/// Starts the workflow of a repository; see [`workflow_id`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RepoSyncInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The repository.
    pub repository: RepositoryId,
    /// How long to collect notices.
    pub debounce: Debounce,
    /// After how many seconds without a notice the workflow completes.
    pub idle_s: u64,
    /// Notices carried over from the run before this one.
    #[serde(default)]
    pub carried: u32,
    /// Whether the run before this one still owed an announcement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owes_announcement: bool,
    /// Their traces.
    #[serde(default, skip_serializing_if = "Traces::is_empty")]
    pub traces: Traces,
}

/// Signal `changed`: there are notices in the inbox. A hint: the activity reads them there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RepoChanged {
    /// How many.
    pub notices: u32,
    /// Their traces.
    #[serde(default, skip_serializing_if = "Traces::is_empty")]
    pub traces: Traces,
}

/// What the workflow is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepoSyncPhase {
    /// Nothing to do.
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

/// Query `status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RepoSyncStatus {
    /// What it is doing.
    pub phase: RepoSyncPhase,
    /// Notices that came and are not synchronised yet.
    pub pending: u32,
    /// Synchronisations of this run so far.
    pub syncs: u32,
    /// How the last one ended.
    pub last: Option<SyncOutcome>,
    /// Why the last one failed.
    pub last_error: Option<String>,
}

/// Input of the activity `repo_sync.sync`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The repository.
    pub repository: RepositoryId,
    /// The id of this synchronisation, drawn by the workflow so that a retry has the same.
    pub sync: SyncId,
    /// The traces that asked for it.
    #[serde(default, skip_serializing_if = "Traces::is_empty")]
    pub traces: Traces,
}

/// Output of the activity `repo_sync.sync`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncOutcome {
    /// The commit that the tracked branch points to.
    pub commit: Option<String>,
    /// Documents to prove again.
    pub changed: u32,
    /// Documents that are gone.
    pub removed: u32,
    /// Notices that this answered.
    pub notices: u32,
    /// The service asks to be left alone for so many seconds: then there is more to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

/// Input of the activity `repo_sync.announce`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AnnounceInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The repository.
    pub repository: RepositoryId,
    /// The traces that asked for it.
    #[serde(default, skip_serializing_if = "Traces::is_empty")]
    pub traces: Traces,
}

/// Output of the activity `repo_sync.announce`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AnnounceOutcome {
    /// Documents whose workflow was signalled.
    pub documents: u32,
}

/// The activities of `repo_sync`.
pub struct RepoSyncActivities;

#[activity_definitions]
impl RepoSyncActivities {
    /// Fetches the tracked branch, stages what changed since the baseline, moves the baseline.
    #[activity(name = "repo_sync.sync")]
    pub fn sync(_input: SyncInput) -> SyncOutcome {
        unimplemented!()
    }

    /// Signals the workflow of every document whose observed content is not the recorded one.
    #[activity(name = "repo_sync.announce")]
    pub fn announce(_input: AnnounceInput) -> AnnounceOutcome {
        unimplemented!()
    }
}

/// The activities as types, for `#[activity(definition = …)]`.
pub mod definitions {
    pub use super::repo_sync_activities::{Announce, Sync};
}
