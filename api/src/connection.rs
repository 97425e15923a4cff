//! Connections: where webhooks come from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A connection, without its secrets.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// Its id.
    pub id: Uuid,
    /// The kind of source: `github`.
    pub source: String,
    /// What people call it; unique in a tenant.
    pub name: String,
    /// The address for the source's webhook settings.
    pub webhook_url: String,
    /// How many secrets are live: 1, or 2 after a rotation.
    pub live_secrets: u8,
    /// Whether a credential for fetching is stored.
    pub has_credential: bool,
    /// The one host that the credential is shown to.
    pub credential_host: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the last verified delivery came.
    pub last_delivery_at: Option<DateTime<Utc>>,
    /// The last thing that went wrong with it.
    pub last_error: Option<String>,
    /// Verified deliveries so far. Counted in batches: may lag some seconds.
    pub deliveries: i64,
    /// Deliveries refused so far for a missing or wrong signature. May lag as well.
    pub refused: i64,
}

/// Makes a connection.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewConnection {
    /// The kind of source; `github` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What people call it: 1 to 200 characters, unique in the tenant.
    pub name: String,
    /// The secret to be entered at the source, 16 to 256 characters; drawn at random when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub secret: Option<String>,
    /// What git authenticates with: a token, or an SSH private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub credential: Option<String>,
    /// The one host that the credential is shown to: `host`, or `host:port` for a port that the
    /// address's scheme does not imply. `github.com` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_host: Option<String>,
}

/// A new connection, with its secret: shown now and never again.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ConnectionMade {
    /// The connection's id.
    pub id: Uuid,
    /// The kind of source.
    pub source: String,
    /// Its name.
    pub name: String,
    /// The address for the source's webhook settings.
    pub webhook_url: String,
    /// The secret for the source's webhook settings.
    pub secret: String,
}

/// Adds a new secret to a connection. The one before it stays live until the next rotation.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Rotate {
    /// The new secret, 16 to 256 characters; drawn at random when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub secret: Option<String>,
}

/// A connection's new secret: shown now and never again.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Rotated {
    /// The connection's id.
    pub id: Uuid,
    /// The new secret.
    pub secret: String,
}

// What holds a secret is never printed.
macro_rules! without_secrets {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
without_secrets!(NewConnection, ConnectionMade, Rotate, Rotated);
