//! The activities of `spec_drift`: the changed invariants of a document are judged and recorded.
#![allow(missing_docs, reason = "the macro adds constants that it does not document")]

mod apart;
mod audit;
mod cache;
mod chunk;
pub(crate) mod metrics;
mod prove;
mod record;
mod staging;

use std::sync::Arc;

use sbh_runtime::trace;
use sbh_workflows::spec_drift::{
    ProveInput, ProveOutcome, ProveResume, RecordInput, RecordOutcome, definitions,
};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tracing::Instrument;

use metrics::Metrics;

use crate::Parts;
use crate::error::Failure;
use crate::pulse::{Pulse, beating};

/// The activities of `spec_drift`.
pub struct SpecDrift {
    parts: Parts,
    metrics: Metrics,
}

#[activities]
impl SpecDrift {
    /// See [`sbh_workflows::spec_drift::SpecDriftActivities`].
    #[activity(definition = definitions::Prove)]
    pub async fn prove(
        self: Arc<Self>,
        context: ActivityContext,
        input: ProveInput,
    ) -> Result<ProveOutcome, ActivityError> {
        let pulse = Pulse::default();
        // What an earlier attempt of this very call staged is not proved twice. Details of an
        // unknown shape are as good as none.
        let before = context.heartbeat_details().deserialize::<Option<ProveResume>>();
        let before = before.ok().flatten().flatten();
        let attempt = context.info().attempt;
        let span = tracing::info_span!("spec_drift.prove", tenant = %input.tenant, document = %input.document, attempt);
        trace::join(&span, &input.traces);
        let judging = async {
            let outcome = self.judge_or_note(&pulse, &input, before, attempt).await?;
            tracing::info!(?outcome, "a document is judged");
            Ok(outcome)
        };
        beating(&context, &pulse, judging).instrument(span).await
    }

    /// See [`sbh_workflows::spec_drift::SpecDriftActivities`].
    #[activity(definition = definitions::Record)]
    pub async fn record(
        self: Arc<Self>,
        context: ActivityContext,
        input: RecordInput,
    ) -> Result<RecordOutcome, ActivityError> {
        let span = tracing::info_span!("spec_drift.record");
        trace::join(&span, &input.traces);
        let attempt = context.info().attempt;
        let recording = self.settle_or_note(&input, attempt).instrument(span);
        recording.await.map_err(Failure::into_activity)
    }
}

impl SpecDrift {
    pub(crate) fn new(parts: Parts, metrics: Metrics) -> Self {
        Self { parts, metrics }
    }
}
