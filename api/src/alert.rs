//! Alerts: conditions that somebody should know of, and the channels that they are told to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::drift::Acknowledgement;

/// How grave an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look at it today.
    Warning,
    /// A promise is broken: somebody should look at it now.
    Critical,
}

impl Severity {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// How an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The condition is there.
    Open,
    /// It happened, and does not last.
    Event,
    /// The condition is gone.
    Resolved,
}

impl AlertState {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Event => "event",
            Self::Resolved => "resolved",
        }
    }
}

/// A condition that somebody should know of.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// Its id.
    pub id: Uuid,
    /// The name of the condition: it is open once.
    pub key: String,
    /// What it is about: `invariant_refuted`, `drift_backlog`, …
    pub kind: String,
    /// How grave it is.
    pub severity: Severity,
    /// One sentence.
    pub title: String,
    /// More about it.
    pub detail: serde_json::Value,
    /// The repository that it concerns.
    pub repository: Option<Uuid>,
    /// The document that it concerns.
    pub document: Option<Uuid>,
    /// The connection that it concerns.
    pub connection: Option<Uuid>,
    /// The invariant that it concerns.
    pub invariant: Option<String>,
    /// How it stands.
    pub state: AlertState,
    /// When it was raised.
    pub raised_at: DateTime<Utc>,
    /// When it was found last.
    pub last_seen_at: DateTime<Utc>,
    /// How often it was found.
    pub times_seen: i64,
    /// When it was resolved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Whoever acknowledged it: it is not escalated any more.
    pub acknowledged: Option<Acknowledgement>,
    /// The page of the run that found it.
    pub run_url: Option<String>,
}

/// What a channel was, or is to be, told of an alert.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Telling {
    /// The channel.
    pub channel: Uuid,
    /// Its name.
    pub channel_name: String,
    /// `raised`, `escalated` or `resolved`.
    pub told: String,
    /// From when on it may be told.
    pub due_at: DateTime<Utc>,
    /// `waiting`, `dropped`, or the state of the message that tells it.
    pub state: String,
    /// The message.
    pub effect: Option<Uuid>,
}

/// An alert with what each channel was told of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertWithTellings {
    /// The alert.
    #[serde(flatten)]
    pub alert: Alert,
    /// What the channels were told.
    pub tellings: Vec<Telling>,
}

/// Which alerts.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlertsQuery {
    /// Only those in this state.
    #[param(inline)]
    pub state: Option<AlertState>,
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only those of this severity.
    #[param(inline)]
    pub severity: Option<Severity>,
    /// Only those that concern this document.
    pub document: Option<Uuid>,
}

/// How a channel is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// One of Slack's incoming webhooks.
    SlackWebhook,
    /// A bot in a Slack workspace.
    SlackBot,
    /// E-mail.
    Email,
}

impl ChannelKind {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SlackWebhook => "slack_webhook",
            Self::SlackBot => "slack_bot",
            Self::Email => "email",
        }
    }
}

/// What a channel is told, and when. In a change, what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelRules {
    /// The least severity that it is told; `warning` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Severity>,
    /// The kinds that it is told; an empty list: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<String>>,
    /// The hours in which it is told only what is critical: `22:00-07:00`; an empty text: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<String>,
    /// How far its time is ahead of UTC: `+02:00`, `-05:30`, `Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utc_offset: Option<String>,
    /// A condition that comes back within so many seconds after it was told is told again only when it
    /// lasts that long; 600 unless said, at most 86,400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup_window_s: Option<u32>,
    /// After how many seconds an alert that nobody acknowledged is told again, one step graver; 0: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_after_s: Option<u32>,
}

/// A channel that alerts are told to, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// Its id.
    pub id: Uuid,
    /// How it is reached.
    pub kind: ChannelKind,
    /// What people call it; unique in a tenant.
    pub name: String,
    /// The Slack channel, for a bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack_channel: Option<String>,
    /// The addresses, for e-mail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// What it is told, and when.
    pub rules: ChannelRules,
    /// Whether nothing is sent for now. What it misses is kept.
    pub paused: bool,
    /// Messages that arrived.
    pub sent: i64,
    /// Alerts that wait to be told.
    pub waiting: i64,
    /// When the last message arrived.
    pub last_sent_at: Option<DateTime<Utc>>,
    /// Why the last message did not arrive.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The page of its workflow.
    pub workflow_url: String,
}

/// Makes a channel.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewChannel {
    /// How it is reached.
    pub kind: ChannelKind,
    /// What to call it: 1 to 100 characters, unique in the tenant.
    pub name: String,
    /// The webhook's address, or the bot's token. Sealed, and never shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub secret: Option<String>,
    /// The Slack channel's id, for a bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack_channel: Option<String>,
    /// The addresses, for e-mail: 1 to 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// What it is told, and when.
    #[serde(default)]
    pub rules: ChannelRules,
}

/// Changes a channel: what is absent stays.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct ChangeChannel {
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Another secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub secret: Option<String>,
    /// Another Slack channel, for a bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack_channel: Option<String>,
    /// Other addresses, for e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<String>>,
    /// Other rules.
    #[serde(default)]
    pub rules: ChannelRules,
    /// Whether nothing is sent for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

/// A trial of a channel is under way.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChannelTested {
    /// The alert that it is told: it shows what became of it.
    pub alert: Uuid,
}

// What holds a secret is never printed.
macro_rules! without_secrets {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
without_secrets!(NewChannel, ChangeChannel);
