//! Tenants.

use sbh_domain::TenantId;

use crate::{Store, StoreError};

impl Store {
    /// Makes sure that a tenant exists. Returns whether it is new.
    pub async fn ensure_tenant(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let _ = tenant;
        todo!()
    }

    /// Every tenant, for the background work that is done tenant by tenant.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        todo!()
    }
}
