//! The local activity `spec_drift.record`.

use sbh_domain::{Digest, VerdictCounts};
use sbh_store::spec_drift::ProofRun;
use sbh_workflows::spec_drift::{RecordInput, RecordOutcome};

use super::SpecDrift;
use crate::error::Failure;

/// Attempts of one recording after which a failure counts even where it is not final. No more than
/// the workflow makes.
const PATIENCE: u32 = 10;

impl SpecDrift {
    /// Records, and notes with the document that it failed for good.
    pub(crate) async fn settle_or_note(
        &self,
        input: &RecordInput,
        attempt: u32,
    ) -> Result<RecordOutcome, Failure> {
        let result = self.settle(input).await;
        if let Err(failure) = &result
            && (failure.kind.is_final() || attempt >= PATIENCE)
        {
            self.note_failure(&input.tenant, input.document, &failure.to_string()).await;
        }
        result
    }

    /// Records the staged verdicts in one transaction. Repeating it changes nothing.
    pub(crate) async fn settle(&self, input: &RecordInput) -> Result<RecordOutcome, Failure> {
        let RecordInput { tenant, document, hash, total, workflow_id, run_id, .. } = input;
        let run = ProofRun { workflow_id: workflow_id.clone(), run_id: run_id.clone() };
        let recorded = self.parts.store.record(tenant, *document, *hash, *total, &run).await?;
        let label = result_label(*hash, &recorded.after);
        self.metrics.recorded.with_label_values(&[label]).inc();
        self.metrics.closed.inc_by(recorded.closed.into());
        tracing::info!(
            %tenant,
            %document,
            content = hash.as_ref().map(Digest::short),
            proved = recorded.after.proved,
            invariants = recorded.after.total(),
            closed = recorded.closed,
            stale = recorded.stale,
            "verdicts are recorded"
        );
        Ok(RecordOutcome {
            content: hash.as_ref().map(Digest::short),
            before: recorded.before,
            after: recorded.after,
            stale: recorded.stale,
        })
    }
}

fn result_label(hash: Option<Digest>, after: &VerdictCounts) -> &'static str {
    match (hash, after.total()) {
        (None, _) => "removed",
        (_, 0) => "no_invariants",
        (_, total) if total == after.proved => "proved",
        _ => "not_proved",
    }
}
