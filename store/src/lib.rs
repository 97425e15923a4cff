//! All SQL of SBH fleet, over PostgreSQL.
//!
//! One file per concern. Every query names its tenant and runs in a transaction whose
//! `sbh.tenant` setting row-level security compares with each row, so that a forgotten predicate
//! shows nothing rather than another tenant's rows.

pub mod audit;
pub mod connection;
pub mod coverage;
pub mod error;
pub mod idempotency;
pub mod inbox;
pub mod migrate;
pub mod repository;
pub mod repo_sync;
pub mod spec_drift;
pub mod tenant;

pub use error::StoreError;

use sqlx::PgPool;

/// The store: two pools, one per database role.
#[derive(Clone, Debug)]
pub struct Store {
    /// As `sbh_app`: everything, under row-level security.
    app: PgPool,
    /// As `sbh_dispatch`: the inbox and the look-up of connections, across tenants.
    dispatch: PgPool,
}

/// Where the database is and how much of it to use.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `postgres://sbh_app:…@host:port/database`.
    pub app_url: String,
    /// `postgres://sbh_dispatch:…@host:port/database`.
    pub dispatch_url: String,
    /// Connections of the `sbh_app` pool at most; the other pool gets a quarter, at least 2.
    pub max_connections: u32,
}

impl Store {
    /// Connects, and refuses a role that is a superuser or bypasses row-level security, and a
    /// database whose migrations are not the ones built in.
    ///
    /// # Errors
    /// [`StoreError`] names the database's answer or the rule that a role breaks.
    pub async fn connect(options: &StoreOptions) -> Result<Self, StoreError> {
        let _ = options;
        todo!()
    }

    /// Whether the database answers (`SELECT 1`), for `/readyz`.
    ///
    /// # Errors
    /// The database's answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        todo!()
    }
}
