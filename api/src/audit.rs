//! The audit log.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An entry of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its place in the tenant's chain, from 1; `null` until it is sealed.
    pub sequence: Option<i64>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it: a token's subject, or `system:` and a part's name.
    pub actor: String,
    /// What was done, for example `repository.add`.
    pub action: String,
    /// To what.
    pub target: String,
    /// More about it.
    pub detail: serde_json::Value,
    /// The entry's digest in full; `null` until it is sealed.
    pub hash: Option<String>,
}

/// Whether the chain of the audit log holds.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditVerification {
    /// Whether every sealed entry holds.
    pub valid: bool,
    /// Entries that hold.
    pub entries: i64,
    /// Entries that are not sealed yet.
    pub unsealed: i64,
    /// The digest of the last entry that holds, in full.
    pub head: String,
    /// The first broken entry and what is wrong with it.
    pub broken: Option<String>,
}
