//! The contract of `notify`. Frozen: see the crate's documentation.

use sbh_domain::{ChannelId, TenantId};
use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

/// Where `notify` and its activity run.
pub const TASK_QUEUE: &str = "notify";

/// The one workflow of an alert channel: whatever is told to the channel goes through it, one message
/// after the other.
pub fn workflow_id(tenant: &TenantId, channel: ChannelId) -> String {
    format!("notify/{tenant}/{channel}")
}

/// Starts the workflow of a channel; see [`workflow_id`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NotifyInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The channel.
    pub channel: ChannelId,
    /// How long to collect what comes together, in milliseconds.
    pub collect_ms: u64,
    /// The time between two messages at least, in milliseconds.
    pub gap_ms: u64,
    /// After how many seconds without a signal the workflow completes.
    pub idle_s: u64,
    /// Whether the run before this one still had something to tell.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carried: bool,
}

/// Signal `due`: the channel is to be told something. A hint: the activity reads what, in the store.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct NotifyDue {}

/// What the workflow is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotifyPhase {
    /// Nothing to do.
    #[default]
    Idle,
    /// Collecting what comes together.
    Collecting,
    /// Sending a message.
    Sending,
    /// Waiting until the channel may be sent the next one.
    Waiting,
}

/// Query `status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct NotifyStatus {
    /// What it is doing.
    pub phase: NotifyPhase,
    /// Whether there is something to tell.
    pub pending: bool,
    /// Messages of this run that arrived.
    pub sent: u32,
    /// Messages of this run of which nobody knows whether they arrived.
    pub unknown: u32,
    /// Messages of this run that were refused for good.
    pub failed: u32,
    /// Why the last one did not arrive.
    pub last_error: Option<String>,
}

/// Input of the activity `notify.deliver`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliverInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The channel.
    pub channel: ChannelId,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivered {
    /// There was nothing to tell.
    Nothing,
    /// It arrived.
    Sent,
    /// It may have arrived.
    Unknown,
    /// It was refused for good.
    Failed,
    /// It certainly did not arrive, and is to be sent after a while.
    Later,
}

/// Output of the activity `notify.deliver`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliverOutcome {
    /// What became of the message.
    pub delivered: Delivered,
    /// How many alerts it tells of.
    pub alerts: u32,
    /// How long the channel is to be left alone, in milliseconds, beyond the usual gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
    /// Why it did not arrive, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The activity of `notify`.
pub struct NotifyActivities;

#[activity_definitions]
impl NotifyActivities {
    /// Ties what the channel is to be told to one message, and sends that.
    #[activity(name = "notify.deliver")]
    pub fn deliver(_input: DeliverInput) -> DeliverOutcome {
        unimplemented!()
    }
}

/// The activity as a type, for `#[activity(definition = …)]`.
pub mod definitions {
    pub use super::notify_activities::Deliver;
}
