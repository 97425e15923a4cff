//! Connections: where webhooks come from, their secrets and credentials.
//!
//! Secrets and credentials arrive here sealed (encrypted by `runtime`'s keyring); the store never
//! sees them in clear.

use chrono::{DateTime, Utc};
use sbh_domain::{ConnectionId, RepositoryId, TenantId};

use crate::{Store, StoreError};

/// A connection as people see it: without secrets.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its id, which is part of its webhook address.
    pub id: ConnectionId,
    /// Its tenant.
    pub tenant: TenantId,
    /// The kind of source, `github` today.
    pub source: String,
    /// What people call it.
    pub name: String,
    /// How many secrets are live: 1, or 2 during a rotation.
    pub live_secrets: u8,
    /// Whether a credential for fetching is stored.
    pub has_credential: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the last verified delivery came.
    pub last_delivery_at: Option<DateTime<Utc>>,
    /// The last thing that went wrong with it.
    pub last_error: Option<String>,
    /// Verified deliveries so far.
    pub deliveries: i64,
    /// Deliveries refused so far for a bad signature.
    pub refused: i64,
}

/// What a webhook needs of its connection before its tenant is known.
#[derive(Clone, Debug)]
pub struct ConnectionForWebhook {
    /// The connection.
    pub id: ConnectionId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The kind of source.
    pub source: String,
    /// The live secrets, sealed, newest first.
    pub sealed_secrets: Vec<Vec<u8>>,
    /// The repositories announced through it: id and address.
    pub repositories: Vec<(RepositoryId, String)>,
}

impl Store {
    /// Makes a connection with one secret.
    pub async fn create_connection(
        &self,
        tenant: &TenantId,
        actor: &str,
        source: &str,
        name: &str,
        sealed_secret: &[u8],
        sealed_credential: Option<&[u8]>,
    ) -> Result<ConnectionId, StoreError> {
        let _ = (tenant, actor, source, name, sealed_secret, sealed_credential);
        todo!()
    }

    /// All connections of a tenant, by name.
    pub async fn connections(&self, tenant: &TenantId) -> Result<Vec<Connection>, StoreError> {
        let _ = tenant;
        todo!()
    }

    /// Adds a new secret and keeps the one before it live: the older of two goes.
    pub async fn rotate_connection(
        &self,
        tenant: &TenantId,
        actor: &str,
        connection: ConnectionId,
        sealed_secret: &[u8],
    ) -> Result<(), StoreError> {
        let _ = (tenant, actor, connection, sealed_secret);
        todo!()
    }

    /// Looks a connection up by its id alone (as `sbh_dispatch`). `None` where there is none.
    pub async fn connection_for_webhook(
        &self,
        connection: ConnectionId,
    ) -> Result<Option<ConnectionForWebhook>, StoreError> {
        let _ = connection;
        todo!()
    }

    /// The sealed credential for fetching, if there is one.
    pub async fn connection_credential(
        &self,
        tenant: &TenantId,
        connection: ConnectionId,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = (tenant, connection);
        todo!()
    }

    /// Adds deliveries and refusals that were counted in memory (the caller flushes now and then:
    /// an update per delivery would make all deliveries of a connection wait for each other).
    pub async fn count_deliveries(
        &self,
        tenant: &TenantId,
        connection: ConnectionId,
        deliveries: i64,
        refused: i64,
        last_error: Option<&str>,
    ) -> Result<(), StoreError> {
        let _ = (tenant, connection, deliveries, refused, last_error);
        todo!()
    }
}
