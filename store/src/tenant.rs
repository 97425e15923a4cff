//! Tenants.

use sbh_domain::TenantId;

use crate::{Store, StoreError};

impl Store {
    /// Makes sure that a tenant exists. Returns whether it is new.
    pub async fn ensure_tenant(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let made = sqlx::query!(
            "INSERT INTO tenants (id) VALUES ($1) ON CONFLICT DO NOTHING",
            tenant.as_str()
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if made > 0 {
            crate::audit::append(
                &mut tx,
                tenant,
                "system:store",
                "tenant.create",
                tenant,
                &serde_json::json!({}),
            )
            .await?;
        }
        tx.commit().await?;
        Ok(made > 0)
    }

    /// Every tenant, for the background work that is done tenant by tenant.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let ids = sqlx::query_scalar!("SELECT id FROM tenants ORDER BY id")
            .fetch_all(&self.dispatch)
            .await?;
        ids.into_iter().map(known).collect()
    }
}

/// A tenant from a column.
pub(crate) fn known(id: String) -> Result<TenantId, StoreError> {
    id.parse().map_err(|_| StoreError::Unreadable(format!("the tenant {id:?}")))
}
