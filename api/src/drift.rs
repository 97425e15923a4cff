//! Drift: documents whose content is not the proved one.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Why a document drifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftCause {
    /// It was never proved before.
    Added,
    /// Its text changed.
    Changed,
    /// It is gone.
    Removed,
}

impl DriftCause {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftState {
    /// It waits for its proof.
    Waiting,
    /// It is being proved.
    Proving,
    /// A proof failed, and is tried again.
    Failing,
    /// Every proof failed: it was given up until it changes or somebody asks for a proof.
    Stuck,
}

impl DriftState {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Proving => "proving",
            Self::Failing => "failing",
            Self::Stuck => "stuck",
        }
    }
}

/// Somebody's word that they know of something.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why it is as it is.
    pub reason: String,
}

/// The drift of one document.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Drift {
    /// The document.
    pub document: Uuid,
    /// Its path.
    pub path: String,
    /// Its repository.
    pub repository: Uuid,
    /// Its repository's name.
    pub repository_name: String,
    /// The content that was seen last, cut to 8 characters; `null`: the document is gone.
    pub observed: Option<String>,
    /// The content that was proved last, cut to 8 characters; `null`: none was.
    pub recorded: Option<String>,
    /// Since when the two differ.
    pub since: DateTime<Utc>,
    /// For how many seconds they have differed.
    pub age_s: i64,
    /// Why.
    pub cause: DriftCause,
    /// What becomes of it.
    pub state: DriftState,
    /// Failed proofs of this content.
    pub failures: i32,
    /// Why the last one failed.
    pub last_failure: Option<String>,
    /// Whoever acknowledged this very drift. It ends when the document changes again.
    pub acknowledged: Option<Acknowledgement>,
    /// The page of the document's workflow.
    pub workflow_url: String,
}

/// Which drift.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DriftQuery {
    /// Only of this repository.
    pub repository: Option<Uuid>,
    /// Only in this state.
    #[param(inline)]
    pub state: Option<DriftState>,
    /// Only for this cause.
    #[param(inline)]
    pub cause: Option<DriftCause>,
    /// Only what is (`true`) or is not (`false`) acknowledged.
    pub acknowledged: Option<bool>,
    /// Only what is at least so many seconds old.
    pub older_than_s: Option<u64>,
}

/// Says that somebody knows of something.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Acknowledge {
    /// Why it is as it is, for the audit log: 1 to 1,000 characters.
    pub reason: String,
}
