//! The activity of `check_run`: GitHub is told what the commits of a repository are worth.
#![allow(missing_docs, reason = "the macro adds constants that it does not document")]

mod create;
mod post;
pub(crate) mod report;
mod tell;

use std::sync::Arc;

use prometheus::{IntCounterVec, Opts, Registry};
use sbh_workflows::check_run::{PostInput, PostOutcome, definitions};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tracing::Instrument;

use crate::Parts;
use crate::pulse::{Pulse, beating};

/// The activity of `check_run`.
#[derive(Clone)]
pub struct CheckRun {
    parts: Parts,
    metrics: Metrics,
}

/// The metrics of `check_run`. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// `sbh_check_runs_total{result}`: what was told: `in_progress`, `success`, `failure`, `neutral`; or
    /// not: `later`, `refused`.
    runs: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let options = Opts::new("sbh_check_runs_total", "Check runs told, by result");
        let runs = IntCounterVec::new(options, &["result"])?;
        registry.register(Box::new(runs.clone()))?;
        Ok(Self { runs })
    }
}

#[activities]
impl CheckRun {
    /// See [`sbh_workflows::check_run::CheckRunActivities`].
    #[activity(definition = definitions::Post)]
    pub async fn post(
        self: Arc<Self>,
        context: ActivityContext,
        input: PostInput,
    ) -> Result<PostOutcome, ActivityError> {
        let pulse = Pulse::default();
        let span = tracing::info_span!("check_run.post", tenant = %input.tenant, repository = %input.repository);
        beating(&context, &pulse, self.post_due(&input)).instrument(span).await
    }
}

impl CheckRun {
    pub(crate) fn new(parts: Parts, metrics: Metrics) -> Self {
        Self { parts, metrics }
    }
}
