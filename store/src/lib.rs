//! All SQL of SBH fleet, over PostgreSQL.
//!
//! One file per concern. Every query names its tenant and runs in a transaction whose
//! `sbh.tenant` setting row-level security compares with each row, so that a forgotten predicate
//! shows nothing rather than another tenant's rows.

pub mod alert;
pub mod alert_channel;
mod alert_routing;
pub mod alert_view;
pub mod audit;
pub mod check_run;
mod check_run_post;
mod connect;
pub mod connection;
mod connection_change;
pub mod coverage;
pub mod drift;
mod drift_backlog;
pub mod effect;
pub mod effect_view;
pub mod error;
pub mod idempotency;
pub mod inbox;
mod inbox_batch;
mod inbox_claim;
mod inbox_retry;
pub mod migrate;
pub mod notify;
mod nudge;
mod prune;
pub mod pull_request;
mod pull_request_baseline;
mod pull_request_view;
mod record;
mod record_alert;
mod record_lock;
pub mod repo_sync;
pub mod repository;
mod repository_removal;
pub mod reprove;
mod settle;
pub mod source_upkeep;
pub mod space;
pub mod spec_drift;
mod spec_drift_view;
mod stage;
mod stage_write;
pub mod tenant;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
pub mod upload;

pub use connect::StoreOptions;
pub use error::StoreError;

use sbh_domain::TenantId;
use sqlx::{PgPool, Postgres, Transaction};

/// The store: two pools, one per database role.
#[derive(Clone, Debug)]
pub struct Store {
    /// As `sbh_app`: everything, under row-level security.
    app: PgPool,
    /// As `sbh_dispatch`: the inbox and the look-up of connections, across tenants.
    dispatch: PgPool,
}

impl Store {
    /// Whether the database answers (`SELECT 1`), for `/readyz`.
    ///
    /// # Errors
    /// The database's answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query!("SELECT 1 AS one").fetch_one(&self.app).await?;
        Ok(())
    }

    /// Begins a transaction that sees the rows of one tenant. Dropped, it is rolled back.
    async fn scope(&self, tenant: &TenantId) -> Result<Transaction<'static, Postgres>, StoreError> {
        let mut tx = self.app.begin().await?;
        sqlx::query!("SELECT set_config('sbh.tenant', $1, true)", tenant.as_str())
            .fetch_one(&mut *tx)
            .await?;
        Ok(tx)
    }
}
