//! Connections with their secrets opened, kept for a few seconds so that a delivery costs one trip
//! to the database: the one that commits it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::future::Cache;
use sbh_domain::{ConnectionId, RepositoryId, TenantId};
use sbh_runtime::Keyring;
use sbh_store::Store;

use super::SECRET_PURPOSE;
use super::address::{self, Address};
use crate::problem::{Failure, Kind};

/// How long a connection is kept. A secret that was rotated away on another replica is accepted
/// for so long.
const KEEP: Duration = Duration::from_secs(3);
/// How old a kept connection must be for a delivery that does not fit it to have it read anew: a
/// new secret or repository works at once, and a flood of bad signatures costs four reads a second.
const STALE: Duration = Duration::from_millis(250);

/// A connection as a delivery needs it.
pub struct Live {
    /// Its tenant.
    pub tenant: TenantId,
    /// The kind of source.
    pub source: String,
    /// Its live secrets in clear, newest first.
    pub secrets: Vec<Vec<u8>>,
    /// The repositories that it announces.
    pub repositories: Vec<(RepositoryId, Address)>,
    read: Instant,
}

impl Live {
    /// Whether it is worth reading anew.
    pub fn is_stale(&self) -> bool {
        self.read.elapsed() >= STALE
    }
}

/// All connections, read when needed.
pub struct Connections {
    store: Store,
    keyring: Keyring,
    kept: Cache<ConnectionId, Arc<Live>>,
}

impl Connections {
    /// None is read yet.
    pub fn new(store: Store, keyring: Keyring) -> Self {
        let kept = Cache::builder().max_capacity(10_000).time_to_live(KEEP).build();
        Self { store, keyring, kept }
    }

    /// The connection; `None` where there is none (asked anew each time).
    ///
    /// # Errors
    /// The store's.
    pub async fn get(&self, id: ConnectionId) -> Result<Option<Arc<Live>>, Failure> {
        match self.kept.get(&id).await {
            Some(live) => Ok(Some(live)),
            None => self.read(id).await,
        }
    }

    /// The connection as it is in the database now.
    ///
    /// # Errors
    /// The store's.
    pub async fn read(&self, id: ConnectionId) -> Result<Option<Arc<Live>>, Failure> {
        let Some(found) = self.store.connection_for_webhook(id).await? else { return Ok(None) };
        let open = |sealed: &Vec<u8>| self.keyring.open(SECRET_PURPOSE, sealed);
        let secrets: Result<_, _> = found.sealed_secrets.iter().map(open).collect();
        let live = Arc::new(Live {
            tenant: found.tenant,
            source: found.source,
            secrets: secrets.map_err(|error| {
                tracing::error!(connection = %id, %error, "a secret cannot be opened: is the keyring complete?");
                Failure::new(Kind::Internal, "the connection's secret cannot be opened")
            })?,
            repositories: found
                .repositories
                .into_iter()
                .map(|(repository, url)| (repository, address::parse(&url)))
                .collect(),
            read: Instant::now(),
        });
        self.kept.insert(id, Arc::clone(&live)).await;
        Ok(Some(live))
    }

    /// Forgets a connection that was changed here.
    pub async fn forget(&self, id: ConnectionId) {
        self.kept.invalidate(&id).await;
    }
}
