//! Pull requests: what they would do to coverage.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::verdict::{Counts, Verdict};

/// A judged pull request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PullRequest {
    /// Its number.
    pub number: i64,
    /// The head that was judged.
    pub head: String,
    /// The commit that it was compared with.
    pub base: String,
    /// How that was found: `merge_base`, or `baseline` where no commit in common was.
    pub compared_with: String,
    /// The commit whose recorded verdicts are `before`.
    pub baseline: Option<String>,
    /// Documents that it changes, adds or removes.
    pub documents: i32,
    /// The repository's invariants by verdict as they are recorded.
    pub before: Counts,
    /// The same with the pull request merged.
    pub after: Counts,
    /// When it was judged.
    pub proved_at: DateTime<Utc>,
    /// Why the last attempt to judge it failed.
    pub last_error: Option<String>,
    /// The pull request's workflow.
    pub workflow_id: String,
    /// Its page in the Temporal Web UI.
    pub workflow_url: String,
}

/// A verdict on a block of a changed document.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PullRequestProof {
    /// The document's path at the head.
    pub path: String,
    /// The invariant's name.
    pub name: String,
    /// Its title.
    pub title: Option<String>,
    /// The first line of the block.
    pub line: i32,
    /// Its last line.
    pub end_line: i32,
    /// The verdict that would count.
    pub verdict: Verdict,
    /// The verdict that counts now; `null`: the invariant is new.
    pub was: Option<Verdict>,
    /// The counterexample: a list of `{"name","value"}`.
    #[schema(value_type = Option<Object>)]
    pub counterexample: Option<serde_json::Value>,
    /// Why the verdict is not decisive, or what is wrong with the block.
    pub reason: Option<String>,
    /// Where the verdict comes from: `proved`, `cache`, `kept`.
    pub origin: String,
}

/// A judged pull request with its verdicts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PullRequestWithProofs {
    /// The pull request.
    #[serde(flatten)]
    pub pull_request: PullRequest,
    /// What its workflow is doing: `idle`, `debouncing`, `proving`.
    pub phase: String,
    /// Up to 500 of the verdicts, those that are not proved first.
    pub proofs: Vec<PullRequestProof>,
}
