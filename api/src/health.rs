//! Whether the server can work.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the server or a part of it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// It works.
    Ok,
    /// It is away, and work is delayed or slower, but nothing is refused.
    Degraded,
    /// It is away, and nothing can be acknowledged.
    Down,
}

/// What `/readyz` answers: 200, or 503 when the state is `down`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// The worst that any part means for the whole.
    pub status: PartState,
    /// Part by part: `database`, `temporal`, `valkey`, and the background tasks
    /// `dispatcher`, `reconciler`, `wake`.
    pub parts: BTreeMap<String, Part>,
}

/// One part.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Part {
    /// How it stands.
    pub status: PartState,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
