//! Spec documents, their invariants and verdicts.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::page::Page;
use crate::verdict::{Counts, Verdict};

/// A spec document.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Document {
    /// Its id.
    pub id: Uuid,
    /// Its repository.
    pub repository: Uuid,
    /// Its path in the repository; in a space of a hosted source its key.
    pub path: String,
    /// What people call it, where the source says so.
    #[serde(default)]
    pub title: Option<String>,
    /// Where people read it, where the source says so.
    #[serde(default)]
    pub source_url: Option<String>,
    /// The hash of the content seen last, 8 characters; `null` when the document is gone.
    pub observed: Option<String>,
    /// The hash of the content whose verdicts these are, 8 characters.
    pub recorded: Option<String>,
    /// Since when the two differ: a proof is due or under way.
    pub drifted_at: Option<DateTime<Utc>>,
    /// When verdicts were last recorded.
    pub recorded_at: Option<DateTime<Utc>>,
    /// Its invariants by verdict.
    pub counts: Counts,
    /// All its invariants.
    pub total: i64,
    /// The workflow that recorded last.
    pub workflow_id: Option<String>,
    /// The run that recorded last.
    pub run_id: Option<String>,
    /// That run's page in the Temporal Web UI.
    pub run_url: Option<String>,
}

/// An invariant with its verdict.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Invariant {
    /// Its name.
    pub name: String,
    /// The user story that it belongs to.
    pub story: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// The line of its block in the document, from 1.
    pub line: i32,
    /// `claim` or `refutation`; `null` for a block that cannot be read.
    pub form: Option<String>,
    /// The statement in normal form.
    pub statement: Option<String>,
    /// The verdict that counts.
    pub verdict: Verdict,
    /// How long the proof took, in milliseconds.
    pub duration_ms: f64,
    /// Values under which the claim fails.
    pub counterexample: Option<Vec<Assignment>>,
    /// Why the verdict is what it is.
    pub reason: Option<String>,
    /// The language of a block that is not SMT-LIB.
    #[serde(default)]
    pub language: Option<String>,
    /// Who said so: a prover's name and version, and its seed where several are asked.
    #[serde(default)]
    pub prover: Option<String>,
    /// For a proved invariant, its assumptions and whether the proof used them; `null` where the
    /// prover cannot tell. At most 200.
    #[serde(default)]
    pub assumptions: Option<Vec<Assumption>>,
    /// Where the verdict changes with the seed: which seeds said what.
    #[serde(default)]
    pub unstable: Option<String>,
    /// When this verdict was first recorded for this statement.
    pub recorded_at: DateTime<Utc>,
}

/// An assumption of an invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assumption {
    /// The asserted term on one line, cut after 300 characters.
    pub text: String,
    /// Whether the proof used it. One that is not used could be dropped.
    pub used: bool,
}

/// One value of a counterexample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    /// The symbol.
    pub name: String,
    /// Its value, in SMT-LIB.
    pub value: String,
}

/// A document with a page of its invariants.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DocumentWithInvariants {
    /// The document.
    #[serde(flatten)]
    pub document: Document,
    /// A page of its invariants, in their order.
    pub invariants: Page<Invariant>,
}

/// Which documents.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DocumentsQuery {
    /// The repository's id.
    pub repository: Uuid,
}

/// What the workflow of a document is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpecDriftPhase {
    /// Nothing to do, or no run at all.
    #[default]
    Idle,
    /// Proving.
    Proving,
    /// Recording.
    Recording,
}

/// How a document stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DocumentStatus {
    /// The document.
    pub document: Document,
    /// What its workflow is doing.
    pub phase: SpecDriftPhase,
    /// Whether `phase` was asked of the running workflow; `false` when there is none to ask or it did
    /// not answer in time, and everything else is from the database.
    pub live: bool,
    /// Invariants judged so far in the running proof.
    pub done: i64,
    /// Invariants of the running proof, once known.
    pub of: Option<i64>,
    /// Whether another change waits behind the running proof.
    pub pending: bool,
    /// Why the last proof failed.
    pub last_error: Option<String>,
    /// The document's workflow.
    pub workflow_id: String,
    /// Its page in the Temporal Web UI.
    pub workflow_url: String,
}

/// Asks for a proof.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Reprove {
    /// Whether to prove everything anew, whatever is recorded or cached.
    #[serde(default)]
    pub force: bool,
}

/// How a request for a proof was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReproveAnswer {
    /// Whether the workflow has taken it up (200); `false` (202): it waits in the inbox and will be.
    pub accepted: bool,
    /// Whether a proof was under way that this one follows.
    pub queued_behind: bool,
    /// The document's workflow.
    pub workflow_id: String,
    /// Its page in the Temporal Web UI.
    pub workflow_url: String,
    /// The inbox row, which is closed when the proof is recorded: `/api/inbox/{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbox_id: Option<Uuid>,
}
