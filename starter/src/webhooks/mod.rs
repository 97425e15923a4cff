//! Webhooks: one folder per source. What is shared is here: the connection with its opened secrets,
//! the limits of bodies, and counting.

mod address;
pub mod body;
mod connections;
mod counts;
pub mod github;
mod share;

use sbh_runtime::Keyring;
use sbh_store::Store;

pub use connections::{Connections, Live};
pub use counts::Counts;

/// What a secret of a connection is sealed for.
pub const SECRET_PURPOSE: &str = "connection-secret";
/// What a credential of a connection is sealed for.
pub const CREDENTIAL_PURPOSE: &str = "connection-credential";

/// What the webhooks share.
pub struct WebhookState {
    /// Connections with their opened secrets.
    pub connections: Connections,
    /// Deliveries of each connection under way.
    pub shares: share::Shares,
    /// Bytes of bodies that may be in memory at once.
    pub budget: body::Budget,
    counts: Counts,
}

impl WebhookState {
    /// Empty caches.
    pub fn new(store: Store, keyring: Keyring) -> Self {
        Self {
            connections: Connections::new(store, keyring),
            shares: share::Shares::default(),
            budget: body::Budget::default(),
            counts: Counts::default(),
        }
    }

    /// Counts per connection, until they are flushed.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Adds what was counted to the connections.
    pub async fn flush_counts(&self, store: &Store) {
        self.counts.flush(store).await;
    }
}
