//! The contract of `check_run`. Frozen: see the crate's documentation.

use sbh_domain::{RepositoryId, TenantId};
use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

/// Where `check_run` and its activity run.
pub const TASK_QUEUE: &str = "notify";

/// The one workflow of a repository's check runs.
pub fn workflow_id(tenant: &TenantId, repository: RepositoryId) -> String {
    format!("check-run/{tenant}/{repository}")
}

/// Starts the workflow of a repository's check runs; see [`workflow_id`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckRunInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The repository.
    pub repository: RepositoryId,
    /// After how many seconds without a signal the workflow completes.
    pub idle_s: u64,
    /// Whether the run before this one still had something to tell.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carried: bool,
}

/// Signal `due`: check runs are to be told. A hint: the activity reads which, in the store.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CheckRunDue {}

/// What the workflow is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckRunPhase {
    /// Nothing to do.
    #[default]
    Idle,
    /// Telling GitHub.
    Posting,
    /// Waiting until GitHub may be asked again.
    Waiting,
}

/// Query `status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CheckRunStatus {
    /// What it is doing.
    pub phase: CheckRunPhase,
    /// Whether there is something to tell.
    pub pending: bool,
    /// States of check runs that this run told.
    pub posted: u32,
    /// Why the last telling failed.
    pub last_error: Option<String>,
}

/// Input of the activity `check_run.post`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PostInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The repository.
    pub repository: RepositoryId,
}

/// Output of the activity `check_run.post`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostOutcome {
    /// States of check runs that were told.
    pub posted: u32,
    /// Check runs that could not be told now, or ever.
    pub failed: u32,
    /// Whether more are due now.
    pub more: bool,
    /// After how many seconds GitHub may be asked again, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// Why the last one that failed did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The activity of `check_run`.
pub struct CheckRunActivities;

#[activity_definitions]
impl CheckRunActivities {
    /// Tells GitHub what is due of a repository's check runs.
    #[activity(name = "check_run.post")]
    pub fn post(_input: PostInput) -> PostOutcome {
        unimplemented!()
    }
}

/// The activity as a type, for `#[activity(definition = …)]`.
pub mod definitions {
    pub use super::check_run_activities::Post;
}
