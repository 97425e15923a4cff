//! What a pool answers and what it counts.

use std::time::Duration;

use sbh_domain::{ProofDetail, Verdict, VerdictCounts};
use serde::{Deserialize, Serialize};

/// What is known after an attempt to prove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// How long it took from when a place in the pool was free.
    pub duration: Duration,
    /// For a refuted invariant, the model in which the claim fails. Missing when it is too large
    /// to be read; the reason then says so.
    pub counterexample: Option<Counterexample>,
    /// For every verdict that is not decisive, why; at most a few hundred characters.
    pub reason: Option<String>,
    /// Who said so, what the proof used, and whether it is stable.
    pub detail: ProofDetail,
}

impl Outcome {
    /// A verdict that no prover was asked for, with the reason.
    pub fn unasked(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            duration: Duration::ZERO,
            counterexample: None,
            reason: Some(reason.into()),
            detail: ProofDetail::default(),
        }
    }
}

/// A model in which the claim fails: at most 50 assignments and 4 KB of text, in the order in which
/// the block declares its symbols. Symbols that do not matter are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counterexample(pub Vec<Assignment>);

/// What a model assigns to one of the block's symbols.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The constant or function. `…` stands for those that were cut off.
    pub name: String,
    /// Its value as people write it: `-5`, `3/2`, `true`; `{1: true, else: false}` for a function
    /// or an array.
    pub value: String,
}

/// What a pool has done since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PoolStats {
    /// Processes started.
    pub spawned: u64,
    /// Processes killed because they misbehaved or ran into a limit, or because the proof was
    /// given up.
    pub replaced: u64,
    /// Processes ended in good order: idle, old, or in the way of another tenant.
    pub retired: u64,
    /// Proofs that found a warm process.
    pub reused: u64,
    /// Processes alive now, busy and idle.
    pub running: u64,
    /// Outcomes by verdict.
    pub verdicts: VerdictCounts,
}
