//! Alerts: conditions that somebody should know of, and how grave they are.
//!
//! An alert is a condition with a key. It is open from when it is found until it is gone, however
//! often it is found again meanwhile. Who is told of it, and when, is [`ChannelRules`].

mod bulletin;
mod routing;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::InvalidId;

pub use bulletin::{Bulletin, Line};
pub use routing::{ChannelRules, QuietHours, Timing, UnreadableRules};

/// How grave an alert is, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look at it today.
    Warning,
    /// A promise is broken: somebody should look at it now, quiet hours or not.
    Critical,
}

impl Severity {
    /// Every severity, least first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The next one up: what an alert is escalated to.
    pub const fn escalated(self) -> Self {
        match self {
            Self::Info => Self::Warning,
            Self::Warning | Self::Critical => Self::Critical,
        }
    }
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A document changed after it had been proved, and was proved anew. An event.
    DriftDetected,
    /// An invariant does not hold.
    InvariantRefuted,
    /// Provers disagree about an invariant.
    ProverConflict,
    /// The verdict on an invariant changes with the prover's seed.
    ProofUnstable,
    /// A verdict of the cache is not what proving again gives.
    CacheDisagreement,
    /// A document was given up: every proof of it fails.
    ProofStuck,
    /// The drift of a document has been un-proved for too long.
    DriftBacklog,
    /// Nothing comes from a source that used to deliver.
    SourceSilent,
    /// A source refuses, or cannot be read.
    SourceFailing,
    /// A watch channel or a webhook of a source cannot be renewed and is about to end.
    ChannelRenewalFailing,
    /// Nobody knows whether something that cannot be undone was done.
    EffectUnknown,
    /// A channel for alerts refuses messages.
    NotifyFailing,
    /// Somebody tries a channel. An event.
    Test,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::DriftDetected,
        Self::InvariantRefuted,
        Self::ProverConflict,
        Self::ProofUnstable,
        Self::CacheDisagreement,
        Self::ProofStuck,
        Self::DriftBacklog,
        Self::SourceSilent,
        Self::SourceFailing,
        Self::ChannelRenewalFailing,
        Self::EffectUnknown,
        Self::NotifyFailing,
        Self::Test,
    ];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DriftDetected => "drift_detected",
            Self::InvariantRefuted => "invariant_refuted",
            Self::ProverConflict => "prover_conflict",
            Self::ProofUnstable => "proof_unstable",
            Self::CacheDisagreement => "cache_disagreement",
            Self::ProofStuck => "proof_stuck",
            Self::DriftBacklog => "drift_backlog",
            Self::SourceSilent => "source_silent",
            Self::SourceFailing => "source_failing",
            Self::ChannelRenewalFailing => "channel_renewal_failing",
            Self::EffectUnknown => "effect_unknown",
            Self::NotifyFailing => "notify_failing",
            Self::Test => "test",
        }
    }

    /// What people read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::DriftDetected => "Drift detected",
            Self::InvariantRefuted => "Invariant refuted",
            Self::ProverConflict => "Provers disagree",
            Self::ProofUnstable => "Proof depends on the seed",
            Self::CacheDisagreement => "Cached verdict disagrees",
            Self::ProofStuck => "Proof stuck",
            Self::DriftBacklog => "Drift un-proved for too long",
            Self::SourceSilent => "Source silent",
            Self::SourceFailing => "Source failing",
            Self::ChannelRenewalFailing => "Renewal failing",
            Self::EffectUnknown => "Outcome unknown",
            Self::NotifyFailing => "Alert channel failing",
            Self::Test => "Test",
        }
    }

    /// How grave it is, unless whoever raises it knows better.
    pub const fn severity(self) -> Severity {
        match self {
            Self::DriftDetected | Self::Test => Severity::Info,
            Self::InvariantRefuted | Self::ProverConflict | Self::CacheDisagreement => {
                Severity::Critical
            }
            Self::ProofUnstable
            | Self::ProofStuck
            | Self::DriftBacklog
            | Self::SourceSilent
            | Self::SourceFailing
            | Self::ChannelRenewalFailing
            | Self::EffectUnknown
            | Self::NotifyFailing => Severity::Warning,
        }
    }

    /// Whether it happened rather than lasts: told once, never open, never resolved.
    pub const fn is_event(self) -> bool {
        matches!(self, Self::DriftDetected | Self::Test)
    }
}

/// What a message says about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// It is there.
    Raised,
    /// It is still there, and nobody acknowledged it for a while, or it became graver.
    Escalated,
    /// It is gone.
    Resolved,
}

impl Told {
    /// Every message.
    pub const ALL: [Self; 3] = [Self::Raised, Self::Escalated, Self::Resolved];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Escalated => "escalated",
            Self::Resolved => "resolved",
        }
    }
}

macro_rules! by_name {
    ($($type:ident $kind:literal $rule:literal;)*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = InvalidId;

            fn from_str(value: &str) -> Result<Self, InvalidId> {
                Self::ALL.into_iter().find(|known| known.as_str() == value).ok_or_else(|| InvalidId {
                    kind: $kind,
                    value: value.chars().take(80).collect(),
                    rule: $rule,
                })
            }
        }
    )*};
}

by_name! {
    Severity "severity" "use info, warning or critical";
    AlertKind "kind of alert" "use one of those that docs/OPERATIONS.md lists, such as invariant_refuted";
    Told "message" "use raised, escalated or resolved";
}

#[cfg(test)]
mod tests;
