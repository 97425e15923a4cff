//! Effects: what was sent outside and cannot be undone.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// What became of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectState {
    /// It is to be sent.
    Intended,
    /// It is being sent right now.
    Sending,
    /// It arrived.
    Sent,
    /// It may have arrived: it is never sent again by itself.
    Unknown,
    /// It was refused for good.
    Failed,
    /// Somebody decided that it is not to be sent.
    Dropped,
}

impl EffectState {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// Something that is sent outside and cannot be undone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Effect {
    /// Its id. Messages show it, so that one can be looked up at its receiver.
    pub id: Uuid,
    /// What it is: `slack`, `email`, `check_run`.
    pub kind: String,
    /// The same for the same effect: it is made once.
    pub idempotency_key: String,
    /// To whom or what.
    pub target: String,
    /// The alert channel that it goes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Uuid>,
    /// What became of it.
    pub state: EffectState,
    /// Sendings that were begun.
    pub attempts: i32,
    /// The service's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_ref: Option<String>,
    /// Why it stands as it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was intended.
    pub created_at: DateTime<Utc>,
    /// When its state changed last.
    pub changed_at: DateTime<Utc>,
}

/// Which effects.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EffectsQuery {
    /// Only those in this state.
    #[param(inline)]
    pub state: Option<EffectState>,
    /// Only those of this kind.
    pub kind: Option<String>,
}

/// What somebody found out about an effect, or wants done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectResolution {
    /// It arrived.
    Sent,
    /// It did not arrive: send it again.
    Resend,
    /// It is not to be sent.
    Dropped,
}

/// Resolves an effect that is unknown or failed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ResolveEffect {
    /// What is so.
    pub resolution: EffectResolution,
    /// Why, for the audit log: 1 to 1,000 characters.
    pub reason: String,
}
