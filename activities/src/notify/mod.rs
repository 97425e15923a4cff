//! The activity of `notify`: what a channel is to be told becomes one message, and that is sent at most
//! once.
#![allow(missing_docs, reason = "the macro adds constants that it does not document")]

mod content;
mod deliver;
mod email;
mod email_send;
pub(crate) mod metrics;
mod slack;
mod slack_send;

use std::sync::Arc;
use std::time::Duration;

use sbh_store::effect::Outcome;
use sbh_workflows::notify::{DeliverInput, DeliverOutcome, definitions};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::Parts;
use crate::pulse::{Pulse, beating};

/// What the secrets of channels are sealed for.
pub const CHANNEL_PURPOSE: &str = "alert-channel";

/// The activity of `notify`.
#[derive(Clone)]
pub struct Notify {
    parts: Parts,
    metrics: metrics::Metrics,
    mailer: email_send::Mailer,
}

/// How the sending of a message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ending {
    outcome: Outcome,
    /// How long the service asks to be left alone.
    pause: Option<Duration>,
}

#[activities]
impl Notify {
    /// See [`sbh_workflows::notify::NotifyActivities`].
    #[activity(definition = definitions::Deliver)]
    pub async fn deliver(
        self: Arc<Self>,
        context: ActivityContext,
        input: DeliverInput,
    ) -> Result<DeliverOutcome, ActivityError> {
        let pulse = Pulse::default();
        beating(&context, &pulse, self.deliver_next(input)).await
    }
}

impl Notify {
    pub(crate) fn new(parts: Parts, metrics: metrics::Metrics) -> Self {
        Self { parts, metrics, mailer: email_send::Mailer::default() }
    }
}

#[cfg(test)]
mod tests;
