//! Webhooks: one road for every source. What a delivery is and says is the source's affair
//! ([`sbh_sources`]); here are its limits, its connection with opened secrets, its commit, and counting.

pub mod body;
mod connections;
mod counts;
mod key_sets;
pub mod receive;
mod share;

use sbh_outbound::Outbound;
use sbh_runtime::Keyring;
use sbh_store::Store;

pub use connections::{Connections, Live};
pub use counts::Counts;
use key_sets::KeySets;

/// What a secret of a connection is sealed for.
pub const SECRET_PURPOSE: &str = "connection-secret";
/// What a credential of a connection is sealed for.
pub const CREDENTIAL_PURPOSE: &str = "connection-credential";

/// What the webhooks share.
pub struct WebhookState {
    /// Connections with their opened secrets.
    pub connections: Connections,
    /// Published keys of sources that sign with such.
    pub key_sets: KeySets,
    /// Deliveries of each connection under way.
    pub shares: share::Shares,
    /// Bytes of bodies that may be in memory at once.
    pub budget: body::Budget,
    counts: Counts,
}

impl WebhookState {
    /// Empty caches.
    pub fn new(store: Store, keyring: Keyring, outbound: Outbound) -> Self {
        Self {
            connections: Connections::new(store, keyring),
            key_sets: KeySets::new(outbound),
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
