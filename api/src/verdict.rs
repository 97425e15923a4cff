//! Verdicts and how many there are of each.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is known about an invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The claim follows from the assumptions, and these can hold together.
    Proved,
    /// The claim fails in at least one model of the assumptions: the counterexample.
    Refuted,
    /// The assumptions contradict each other, so the claim says nothing.
    Vacuous,
    /// The prover gave up for a reason of its own.
    Unknown,
    /// The prover used up its time or its resource limit.
    Timeout,
    /// Provers disagree.
    Conflict,
    /// The block cannot be judged: malformed, not allowed, defined twice, or the prover failed.
    Error,
    /// Not judged yet.
    NotRun,
}

/// Invariants counted by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Proved.
    pub proved: i64,
    /// Refuted.
    pub refuted: i64,
    /// Vacuous.
    pub vacuous: i64,
    /// Unknown.
    pub unknown: i64,
    /// Timed out.
    pub timeout: i64,
    /// Provers disagree.
    pub conflict: i64,
    /// Cannot be judged.
    pub error: i64,
    /// Not judged yet.
    pub not_run: i64,
}
