//! Errors: problem documents as RFC 9457 has them, of media type `application/problem+json`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The stable kind of the problem, `/problems/…`: a page of the same server explains it.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words, the same for each problem of the kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The request's id, as in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The id of what a repeated request made the first time (problem `secret-withheld`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}
