//! The activities of `source_upkeep`: connections are looked after.
#![allow(missing_docs, reason = "the macro adds constants that it does not document")]

mod poll;
mod replay;
mod round;
pub(crate) mod silence;

use std::sync::Arc;

use prometheus::{IntCounterVec, Opts, Registry};
use sbh_workflows::source_upkeep::{DueInput, DueOutcome, RunInput, RunOutcome, definitions};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tracing::Instrument;

use crate::Parts;
use crate::error::Failure;
use crate::pace::Paces;
use crate::pulse::{Pulse, beating};

/// The activities of `source_upkeep`.
pub struct SourceUpkeep {
    parts: Parts,
    paces: Paces,
    metrics: Metrics,
}

/// The metrics of `source_upkeep`. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// `sbh_source_upkeep_total{source,result}`: `done`, `rate_limited`, `failed`.
    rounds: IntCounterVec,
    /// `sbh_source_polls_total{source,result}`: `unchanged`, `changed`, `failed`.
    polls: IntCounterVec,
    /// `sbh_source_replayed_total{source}`.
    replayed: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let both = ["source", "result"];
        Ok(Self {
            rounds: counters(
                "sbh_source_upkeep_total",
                "Rounds of upkeep of a connection, by result",
                &both,
            )?,
            polls: counters("sbh_source_polls_total", "Hosted spaces polled, by result", &both)?,
            replayed: counters(
                "sbh_source_replayed_total",
                "Missed deliveries that were replayed",
                &["source"],
            )?,
        })
    }
}

#[activities]
impl SourceUpkeep {
    /// See [`sbh_workflows::source_upkeep::SourceUpkeepActivities`].
    #[activity(definition = definitions::Due)]
    pub async fn due(
        self: Arc<Self>,
        context: ActivityContext,
        input: DueInput,
    ) -> Result<DueOutcome, ActivityError> {
        let pulse = Pulse::default();
        beating(&context, &pulse, self.list(&input)).await
    }

    /// See [`sbh_workflows::source_upkeep::SourceUpkeepActivities`].
    #[activity(definition = definitions::Run)]
    pub async fn run(
        self: Arc<Self>,
        context: ActivityContext,
        input: RunInput,
    ) -> Result<RunOutcome, ActivityError> {
        let pulse = Pulse::default();
        let span = tracing::info_span!("source_upkeep.run", tenant = %input.tenant, connection = %input.connection);
        beating(&context, &pulse, self.look_after(&pulse, &input)).instrument(span).await
    }
}

impl SourceUpkeep {
    pub(crate) fn new(parts: Parts, paces: Paces, metrics: Metrics) -> Self {
        Self { parts, paces, metrics }
    }

    async fn list(&self, input: &DueInput) -> Result<DueOutcome, Failure> {
        let due = self.parts.store.connections_due(input.limit.into()).await?;
        let connections =
            due.into_iter().map(|(tenant, connection)| RunInput { tenant, connection }).collect();
        Ok(DueOutcome { connections })
    }
}
