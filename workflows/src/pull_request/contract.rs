//! The contract of `pull_request`. Frozen: see the crate's documentation.

use sbh_domain::{Debounce, RepositoryId, TenantId, Traces, VerdictCounts};
use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

/// Where `pull_request` and its activity run: it proves, so it shares the places of proofs.
pub const TASK_QUEUE: &str = "proof";

/// The one workflow of a pull request.
pub fn workflow_id(tenant: &TenantId, repository: RepositoryId, number: i64) -> String {
    format!("pull-request/{tenant}/{repository}/{number}")
}

/// Starts the workflow of a pull request; see [`workflow_id`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PullRequestInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The repository.
    pub repository: RepositoryId,
    /// The pull request's number.
    pub number: i64,
    /// How long to collect notices.
    pub debounce: Debounce,
    /// After how many seconds without a notice the workflow completes.
    pub idle_s: u64,
    /// Notices carried over from the run before this one.
    #[serde(default)]
    pub carried: u32,
    /// Their traces.
    #[serde(default, skip_serializing_if = "Traces::is_empty")]
    pub traces: Traces,
}

/// Signal `changed`: there are notices in the inbox. A hint: the activity reads them there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PullRequestChanged {
    /// How many.
    pub notices: u32,
    /// Their traces.
    #[serde(default, skip_serializing_if = "Traces::is_empty")]
    pub traces: Traces,
}

/// What the workflow is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullRequestPhase {
    /// Nothing to do.
    #[default]
    Idle,
    /// Collecting notices.
    Debouncing,
    /// Fetching and proving the head.
    Proving,
}

/// Query `status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PullRequestStatus {
    /// What it is doing.
    pub phase: PullRequestPhase,
    /// Notices that came and are not answered yet.
    pub pending: u32,
    /// Heads that this run judged.
    pub judged: u32,
    /// How the last one ended.
    pub last: Option<JudgeOutcome>,
    /// Why the last one failed.
    pub last_error: Option<String>,
}

/// Input of the activity `pull_request.judge`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JudgeInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The repository.
    pub repository: RepositoryId,
    /// The pull request's number.
    pub number: i64,
    /// The traces that asked for it.
    #[serde(default, skip_serializing_if = "Traces::is_empty")]
    pub traces: Traces,
}

/// Output of the activity `pull_request.judge`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgeOutcome {
    /// The head that was judged; `None`: nothing was there to be judged.
    pub head: Option<String>,
    /// Whether a newer head came before this one was judged: then the rest is left to the next look.
    pub superseded: bool,
    /// Documents that it changes, adds or removes.
    pub documents: u32,
    /// The repository's verdicts before.
    pub before: VerdictCounts,
    /// What they would be after.
    pub after: VerdictCounts,
    /// Notices that this answered.
    pub notices: u32,
}

/// The activity of `pull_request`.
pub struct PullRequestActivities;

#[activity_definitions]
impl PullRequestActivities {
    /// Fetches the head, proves what it changes, and records what it would do to coverage.
    #[activity(name = "pull_request.judge")]
    pub fn judge(_input: JudgeInput) -> JudgeOutcome {
        unimplemented!()
    }
}

/// The activity as a type, for `#[activity(definition = …)]`.
pub mod definitions {
    pub use super::pull_request_activities::Judge;
}
