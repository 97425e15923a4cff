//! From blocks and outcomes to the verdicts that wait in the store.

use std::collections::HashMap;

use sbh_domain::{Digest, ProofDetail, Verdict};
use sbh_prover::{Block, Outcome};
use sbh_store::spec_drift::{RecordedInvariant, StagedVerdict};

use super::cache::{self, Known};

/// The recorded facts of a document by statement. The form is part of the statement's text.
pub(super) struct Recorded<'a>(HashMap<Digest, &'a RecordedInvariant>);

impl<'a> Recorded<'a> {
    /// The recorded invariants whose verdicts may be kept.
    pub(super) fn of(invariants: &'a [RecordedInvariant]) -> Self {
        let decisive = invariants.iter().filter(|recorded| recorded.verdict.is_decisive());
        Self(decisive.filter_map(|recorded| Some((recorded.statement_hash?, recorded))).collect())
    }

    /// The verdict to keep for a block, if its statement did not change.
    pub(super) fn kept(&self, ordinal: usize, block: &Block) -> Option<StagedVerdict> {
        let statement_hash = block.parsed.as_ref().ok()?.statement_hash();
        let recorded = self.0.get(&statement_hash)?;
        Some(StagedVerdict {
            verdict: recorded.verdict,
            duration_ms: recorded.duration_ms,
            counterexample: recorded.counterexample.clone(),
            detail: recorded.detail.clone(),
            origin: "kept",
            ..unjudged(ordinal, block)
        })
    }
}

/// A block as it is staged, without a verdict.
fn unjudged(ordinal: usize, block: &Block) -> StagedVerdict {
    let invariant = block.parsed.as_ref().ok();
    StagedVerdict {
        ordinal: i32::try_from(ordinal).unwrap_or(i32::MAX),
        name: block.name.clone(),
        story: block.story.clone(),
        title: block.title.clone(),
        line: i32::try_from(block.line).unwrap_or(i32::MAX),
        form: invariant.and_then(sbh_prover::Invariant::form),
        statement: invariant.map(|invariant| invariant.statement().to_owned()),
        statement_hash: invariant.map(sbh_prover::Invariant::statement_hash),
        verdict: Verdict::NotRun,
        duration_ms: 0.0,
        counterexample: None,
        reason: None,
        detail: ProofDetail::default(),
        origin: "proved",
    }
}

/// The verdict on a block that could not be parsed, or `None` when it could.
pub(super) fn malformed(ordinal: usize, block: &Block) -> Option<StagedVerdict> {
    let error = block.parsed.as_ref().err()?;
    Some(StagedVerdict {
        verdict: Verdict::Error,
        reason: Some(error.to_string()),
        ..unjudged(ordinal, block)
    })
}

/// The verdict that the cache has on a block.
pub(super) fn cached(ordinal: usize, block: &Block, known: Known) -> StagedVerdict {
    StagedVerdict {
        verdict: known.verdict,
        duration_ms: known.duration_ms,
        counterexample: known.counterexample,
        detail: known.detail,
        origin: "cache",
        ..unjudged(ordinal, block)
    }
}

/// The verdict of the solver on a block.
pub(super) fn proved(ordinal: usize, block: &Block, outcome: &Outcome) -> StagedVerdict {
    StagedVerdict {
        verdict: outcome.verdict,
        duration_ms: cache::milliseconds(outcome),
        counterexample: cache::counterexample(outcome),
        reason: outcome.reason.clone(),
        detail: outcome.detail.clone(),
        ..unjudged(ordinal, block)
    }
}

/// The one verdict on a document that is no text.
pub(super) fn unreadable(reason: &str) -> StagedVerdict {
    StagedVerdict {
        ordinal: 0,
        name: "document".to_owned(),
        story: None,
        title: None,
        line: 1,
        form: None,
        statement: None,
        statement_hash: None,
        verdict: Verdict::Error,
        duration_ms: 0.0,
        counterexample: None,
        reason: Some(reason.to_owned()),
        detail: ProofDetail::default(),
        origin: "proved",
    }
}
