//! Check runs on commits.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A check run that is wanted on a commit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CheckRun {
    /// Its id.
    pub id: Uuid,
    /// The commit.
    pub commit: String,
    /// The pull request whose head the commit is; `null`: a commit of the tracked branch.
    pub pull_request: Option<i64>,
    /// How it ended: `settled`, `superseded`, `parked`, `removed`; `null` while it is being proved.
    pub outcome: Option<String>,
    /// What GitHub is told of the end: `success`, `failure`, `neutral`.
    pub conclusion: Option<String>,
    /// The same in one line.
    pub title: Option<String>,
    /// Why it ended without a result, or why GitHub cannot be told.
    pub reason: Option<String>,
    /// What GitHub was told last: `nothing`, `in_progress`, `completed`, or `failed`.
    pub posted: String,
    /// When it was wanted.
    pub created_at: DateTime<Utc>,
    /// When GitHub was told last.
    pub posted_at: Option<DateTime<Utc>>,
}
