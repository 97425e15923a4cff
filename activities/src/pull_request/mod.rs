//! The activity of `pull_request`: the head is proved beside the tracked branch, and what it would do to
//! coverage is recorded.
#![allow(missing_docs, reason = "the macro adds constants that it does not document")]

mod changed;
mod compare;
mod judge;

use std::sync::Arc;

use prometheus::{IntCounterVec, Opts, Registry};
use sbh_runtime::trace;
use sbh_workflows::pull_request::{JudgeInput, JudgeOutcome, definitions};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tracing::Instrument;

use crate::git::Git;
use crate::pulse::{Pulse, beating};
use crate::{Parts, SpecDrift};

/// The activity of `pull_request`.
pub struct PullRequest {
    parts: Parts,
    git: Git,
    /// Judges blocks.
    judge: SpecDrift,
    metrics: Metrics,
}

/// The metrics of `pull_request`. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// `sbh_pull_requests_total{result}`: `success`, `failure`, `neutral`, `superseded`, `nothing`, or
    /// the type of a failure.
    heads: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let options = Opts::new("sbh_pull_requests_total", "Heads of pull requests, by result");
        let heads = IntCounterVec::new(options, &["result"])?;
        registry.register(Box::new(heads.clone()))?;
        Ok(Self { heads })
    }
}

#[activities]
impl PullRequest {
    /// See [`sbh_workflows::pull_request::PullRequestActivities`].
    #[activity(definition = definitions::Judge)]
    pub async fn judge(
        self: Arc<Self>,
        context: ActivityContext,
        input: JudgeInput,
    ) -> Result<JudgeOutcome, ActivityError> {
        let pulse = Pulse::default();
        let attempt = context.info().attempt;
        let span = tracing::info_span!("pull_request.judge", tenant = %input.tenant, repository = %input.repository, number = input.number, attempt);
        trace::join(&span, &input.traces);
        let judging = self.judge_or_note(&pulse, &input, attempt);
        beating(&context, &pulse, judging).instrument(span).await
    }
}

impl PullRequest {
    pub(crate) fn new(parts: Parts, git: Git, judge: SpecDrift, metrics: Metrics) -> Self {
        Self { parts, git, judge, metrics }
    }
}
