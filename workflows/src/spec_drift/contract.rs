//! The contract of `spec_drift`. Frozen: see the crate's documentation.

use sbh_domain::{Digest, DocumentId, TenantId, Traces, VerdictCounts};
use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

/// Where `spec_drift` and its activities run.
pub const TASK_QUEUE: &str = "proof";

/// The one workflow of a document.
pub fn workflow_id(tenant: &TenantId, document: DocumentId) -> String {
    format!("spec-drift/{tenant}/{document}")
}

/// Starts the workflow of a document; see [`workflow_id`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SpecDriftInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The document.
    pub document: DocumentId,
    /// After how many seconds without a change the workflow completes.
    pub idle_s: u64,
    /// Whether a change is carried over from the run before this one.
    #[serde(default)]
    pub carried: bool,
    /// Whether that change asks for everything to be proved anew.
    #[serde(default)]
    pub carried_force: bool,
    /// The traces of that change.
    #[serde(default, skip_serializing_if = "Traces::is_empty")]
    pub traces: Traces,
}

/// Signal `changed`: the document's observed content is not the recorded one. A hint: the activity
/// reads the content from the store. Notices were debounced before they came here.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DocumentChanged {
    /// The traces that asked for it.
    #[serde(default, skip_serializing_if = "Traces::is_empty")]
    pub traces: Traces,
}

/// Update `reprove`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReproveRequest {
    /// Whether to prove everything anew, whatever is recorded or cached.
    pub force: bool,
    /// The traces that asked for it.
    #[serde(default, skip_serializing_if = "Traces::is_empty")]
    pub traces: Traces,
}

/// Answer of the update `reprove`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReproveAccepted {
    /// Whether a proof was under way; the new one follows it.
    pub queued_behind: bool,
}

/// What the workflow is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpecDriftPhase {
    /// Nothing to do.
    #[default]
    Idle,
    /// Proving.
    Proving,
    /// Recording.
    Recording,
}

/// Query `status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SpecDriftStatus {
    /// What it is doing.
    pub phase: SpecDriftPhase,
    /// Whether another change waits.
    pub pending: bool,
    /// Invariants judged so far in the running proof, at chunk granularity.
    pub done: u32,
    /// Invariants of the document in the running proof, once known.
    pub total: u32,
    /// Proofs of this run so far.
    pub proofs: u32,
    /// How the last one ended.
    pub last: Option<RecordOutcome>,
    /// Why the last one failed.
    pub last_error: Option<String>,
}

/// Input of the activity `spec_drift.prove`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProveInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The document.
    pub document: DocumentId,
    /// Where to go on; `None` begins with the content observed now.
    pub resume: Option<ProveResume>,
    /// Whether to prove everything anew, whatever is recorded or cached.
    pub force: bool,
    /// The traces that asked for it.
    #[serde(default, skip_serializing_if = "Traces::is_empty")]
    pub traces: Traces,
}

/// Where the next chunk of a document begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProveResume {
    /// The content that is being proved.
    pub hash: Digest,
    /// The ordinal of the next invariant.
    pub from: u32,
}

/// Output of the activity `spec_drift.prove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ProveOutcome {
    /// The observed content is the recorded one: nothing to do.
    Unchanged,
    /// The document is gone: record that.
    Removed,
    /// All verdicts are staged: record them.
    Staged {
        /// The content that they are about.
        hash: Digest,
        /// How many there are.
        total: u32,
    },
    /// More invariants than one chunk: call again.
    More {
        /// Where to go on.
        resume: ProveResume,
        /// Invariants of the document.
        total: u32,
    },
    /// The content changed again while it was proved: begin anew.
    Superseded,
}

/// Input of the local activity `spec_drift.record`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The document.
    pub document: DocumentId,
    /// The content whose staged verdicts are recorded; `None`: the document is gone.
    pub hash: Option<Digest>,
    /// How many verdicts must be staged.
    pub total: u32,
    /// The workflow id of the recording run.
    pub workflow_id: String,
    /// The id of the recording run.
    pub run_id: String,
    /// The traces that asked for it.
    #[serde(default, skip_serializing_if = "Traces::is_empty")]
    pub traces: Traces,
}

/// Output of the local activity `spec_drift.record`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordOutcome {
    /// The first 8 characters of the content's hash.
    pub content: Option<String>,
    /// The document's verdicts before.
    pub before: VerdictCounts,
    /// The document's verdicts after.
    pub after: VerdictCounts,
    /// Whether the document changed again meanwhile: it must be proved once more.
    pub stale: bool,
}

/// The activities of `spec_drift`.
pub struct SpecDriftActivities;

#[activity_definitions]
impl SpecDriftActivities {
    /// Judges a chunk of the changed invariants of a document and stages the verdicts.
    #[activity(name = "spec_drift.prove")]
    pub fn prove(_input: ProveInput) -> ProveOutcome {
        unimplemented!()
    }

    /// Records the staged verdicts in one transaction.
    #[activity(name = "spec_drift.record")]
    pub fn record(_input: RecordInput) -> RecordOutcome {
        unimplemented!()
    }
}

/// The activities as types, for `#[activity(definition = …)]`.
pub mod definitions {
    pub use super::spec_drift_activities::{Prove, Record};
}
