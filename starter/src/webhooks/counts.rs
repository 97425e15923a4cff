//! Deliveries per connection, counted in memory and added now and then: an update per delivery
//! would make all deliveries of a connection wait for each other.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sbh_domain::{ConnectionId, TenantId};
use sbh_store::{Store, StoreError};

/// What was counted and not added yet.
#[derive(Debug, Default)]
pub struct Counts {
    counted: Mutex<HashMap<ConnectionId, Count>>,
}

#[derive(Debug)]
struct Count {
    tenant: TenantId,
    deliveries: i64,
    refused: i64,
    last_error: Option<String>,
}

impl Counts {
    /// A delivery with a right signature; `error` is what was wrong with it all the same.
    pub fn delivered(&self, tenant: &TenantId, connection: ConnectionId, error: Option<&str>) {
        self.add(tenant, connection, 1, 0, error);
    }

    /// A delivery with a missing or wrong signature.
    pub fn refused(&self, tenant: &TenantId, connection: ConnectionId, error: &str) {
        self.add(tenant, connection, 0, 1, Some(error));
    }

    fn add(
        &self,
        tenant: &TenantId,
        id: ConnectionId,
        deliveries: i64,
        refused: i64,
        error: Option<&str>,
    ) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counted.entry(id).or_insert_with(|| Count {
            tenant: tenant.clone(),
            deliveries: 0,
            refused: 0,
            last_error: None,
        });
        count.deliveries += deliveries;
        count.refused += refused;
        if let Some(error) = error {
            count.last_error = Some(error.to_owned());
        }
    }

    /// Adds everything to the store. What fails is kept for the next time.
    pub async fn flush(&self, store: &Store) {
        let counted =
            std::mem::take(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner));
        for (id, count) in counted {
            let Count { tenant, deliveries, refused, last_error } = count;
            let added = store
                .count_deliveries(&tenant, id, deliveries, refused, last_error.as_deref())
                .await;
            match added {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => {
                    tracing::warn!(%error, "deliveries could not be counted yet");
                    self.add(&tenant, id, deliveries, refused, last_error.as_deref());
                }
            }
        }
    }
}
