//! The audit log: appended by every mutation, sealed into a chain per tenant afterwards.

use chrono::{DateTime, Utc};
use sbh_domain::TenantId;

use crate::{Store, StoreError};

/// An audit entry as people see it.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// Its place in the chain; `None` until it is sealed.
    pub sequence: Option<i64>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub target: String,
    /// More about it.
    pub detail: serde_json::Value,
    /// The entry's digest in full; `None` until it is sealed.
    pub hash: Option<String>,
}

/// The result of following a chain.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Entries that hold.
    pub entries: i64,
    /// Entries not sealed yet.
    pub unsealed: i64,
    /// The digest of the last entry that holds, in full.
    pub head: String,
    /// The first broken entry and what is wrong with it.
    pub broken: Option<String>,
}

impl Store {
    /// Seals what is not sealed, tenant by tenant, one sealer per tenant at a time. Returns how
    /// many entries were sealed.
    pub async fn seal_audit(&self) -> Result<u64, StoreError> {
        todo!()
    }

    /// Follows a tenant's chain from its beginning.
    pub async fn verify_audit(&self, tenant: &TenantId) -> Result<Verification, StoreError> {
        let _ = tenant;
        todo!()
    }

    /// A page of a tenant's entries, newest first; `before` is the sequence of the last entry of the page
    /// before.
    pub async fn audit(
        &self,
        tenant: &TenantId,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let _ = (tenant, before, limit);
        todo!()
    }
}
