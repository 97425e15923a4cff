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
    /// The kind of source: `github`, `jira`, `confluence` or `google_docs`.
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
    /// The source's own settings.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub settings: serde_json::Value,
    /// Since when it is paused: it takes no deliveries and is not looked after.
    #[serde(default)]
    pub paused_at: Option<DateTime<Utc>>,
    /// How many repositories and spaces are followed through it.
    #[serde(default)]
    pub spaces: i64,
    /// How it is looked after.
    #[serde(default)]
    pub upkeep: Upkeep,
}

/// How a connection is looked after: its spaces are polled, and what expires is renewed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Upkeep {
    /// When the next round is due.
    pub due_at: Option<DateTime<Utc>>,
    /// When the last one was.
    pub done_at: Option<DateTime<Utc>>,
    /// What it did, in one line.
    pub summary: Option<String>,
    /// What went wrong in it.
    pub problem: Option<String>,
    /// What it left for the next one: the source's channels and registrations with their ends.
    #[schema(value_type = Option<Object>)]
    pub state: Option<serde_json::Value>,
    /// Polls in succession that found changes which no delivery had announced.
    pub unannounced: i32,
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
    /// The source's own settings; see docs/CONNECTING.md for each source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<serde_json::Value>,
    /// What to authenticate with when fetching: for git a token or an SSH private key; for a hosted
    /// source what docs/CONNECTING.md says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub credential: Option<String>,
    /// The one host that git shows the credential to: `host`, or `host:port` for a port that the
    /// address's scheme does not imply. `github.com` when absent; empty: git is not shown it, it is for
    /// GitHub's own interface alone. Not for hosted sources.
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

/// Changes a connection; what is absent stays as it is.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct ConnectionChange {
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Other settings, all of them. Where they name another host, the credential must be given again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<serde_json::Value>,
    /// Another credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub credential: Option<String>,
    /// The one host that git shows the new credential to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_host: Option<String>,
}

/// Whether a connection's service can be reached.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConnectionTested {
    /// Whether it can.
    pub ok: bool,
    /// What was seen, or why not.
    pub seen: String,
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
without_secrets!(NewConnection, ConnectionMade, ConnectionChange, Rotate, Rotated);
