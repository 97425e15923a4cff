//! The inbox: every acknowledged notice until its result is recorded.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// How a notice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InboxState {
    /// Its result is not recorded yet.
    Open,
    /// Its result is recorded, or another took its place.
    Closed,
    /// It was tried too often: look at the reason, mend it, retry.
    Parked,
}

impl InboxState {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Parked => "parked",
        }
    }
}

/// An acknowledged notice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InboxRow {
    /// Its id.
    pub id: Uuid,
    /// The repository that it is about.
    pub repository: Uuid,
    /// The document that is to be proved again, where that is what it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Uuid>,
    /// Who sent it: `github`, `poll` or `api`.
    pub source: String,
    /// How it stands.
    pub state: InboxState,
    /// How a closed one ended (`recorded`, `superseded`, `unchanged`), why a parked one was parked.
    pub reason: Option<String>,
    /// Attempts that failed so far.
    pub attempts: i32,
    /// What the notice said (branch, commit, pusher). Never trusted.
    pub hint: serde_json::Value,
    /// When it was acknowledged.
    pub received_at: DateTime<Utc>,
    /// When its workflow was last signalled.
    pub signalled_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
}

/// Which notices.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InboxQuery {
    /// Only those in this state.
    #[param(inline)]
    pub state: Option<InboxState>,
}

/// Which parked notices are tried again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InboxRetryQuery {
    /// Only those of this repository.
    pub repository: Option<Uuid>,
}

/// How many parked notices are tried again.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InboxRetried {
    /// How many.
    pub retried: u64,
}
