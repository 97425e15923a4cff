//! What was told, for Prometheus.

use prometheus::{IntCounterVec, Opts, Registry};

/// The metrics of `notify`. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// `sbh_notify_messages_total{kind,outcome}`: kinds of channels; `sent`, `unknown`, `failed`,
    /// `later`.
    pub(super) messages: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let options = Opts::new(
            "sbh_notify_messages_total",
            "Messages to alert channels, by kind of channel and outcome",
        );
        let messages = IntCounterVec::new(options, &["kind", "outcome"])?;
        registry.register(Box::new(messages.clone()))?;
        Ok(Self { messages })
    }
}
