//! The activity of `drift_backlog`: drift that nobody proves.
#![allow(missing_docs, reason = "the macro adds constants that it does not document")]

use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntGauge, Registry};
use sbh_workflows::drift_backlog::{DriftBacklogInput, DriftBacklogOutcome, definitions};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::Parts;
use crate::error::Failure;
use crate::pulse::{Pulse, beating};

/// The activity of `drift_backlog`.
pub struct DriftBacklog {
    parts: Parts,
    metrics: Metrics,
}

/// The metrics of `drift_backlog`. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// `sbh_drift_backlog`: documents that were overdue in the last round that this process did.
    overdue: IntGauge,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let overdue = IntGauge::new(
            "sbh_drift_backlog",
            "Documents whose drift was un-proved for too long, in the last round done here",
        )?;
        registry.register(Box::new(overdue.clone()))?;
        Ok(Self { overdue })
    }
}

#[activities]
impl DriftBacklog {
    /// See [`sbh_workflows::drift_backlog::DriftBacklogActivities`].
    #[activity(definition = definitions::Scan)]
    pub async fn scan(
        self: Arc<Self>,
        context: ActivityContext,
        _input: DriftBacklogInput,
    ) -> Result<DriftBacklogOutcome, ActivityError> {
        let pulse = Pulse::default();
        beating(&context, &pulse, self.round(&pulse)).await
    }
}

impl DriftBacklog {
    pub(crate) fn new(parts: Parts, metrics: Metrics) -> Self {
        Self { parts, metrics }
    }

    /// One look at every tenant's drift. Repeating it changes nothing: a document is alerted once per
    /// content.
    async fn round(&self, pulse: &Pulse) -> Result<DriftBacklogOutcome, Failure> {
        let age = Duration::from_secs(self.parts.config.drift.backlog_after_s);
        let count = |found: u64| u32::try_from(found).unwrap_or(u32::MAX);
        let mut outcome = DriftBacklogOutcome::default();
        for tenant in self.parts.store.tenants().await? {
            let backlog = self.parts.store.scan_backlog(&tenant, age).await?;
            outcome.overdue += count(backlog.overdue);
            outcome.raised += count(backlog.raised);
            outcome.resolved += count(backlog.resolved);
            pulse.note(&outcome);
        }
        self.metrics.overdue.set(i64::from(outcome.overdue));
        Ok(outcome)
    }
}
