//! Connections with their secrets opened, kept for a few seconds so that a delivery costs one trip
//! to the database: the one that commits it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::future::Cache;
use moka::ops::compute::{CompResult, Op};
use sbh_domain::{ConnectionId, TenantId};
use sbh_runtime::Keyring;
use sbh_sources::{Source, Space};
use sbh_store::Store;
use serde_json::Value;

use super::SECRET_PURPOSE;
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
    pub source: &'static dyn Source,
    /// Its settings.
    pub settings: Value,
    /// Whether it takes no deliveries now.
    pub paused: bool,
    /// Its live secrets in clear, newest first.
    pub secrets: Vec<Vec<u8>>,
    /// The spaces that it announces, by the names that their source gives them.
    pub spaces: Vec<Space>,
}

/// A look-up: what was found, or when nothing was. Ids are never reused and are known to nobody before
/// the connection is there, so that a remembered absence hides none.
#[derive(Clone)]
struct Found {
    live: Option<Arc<Live>>,
    read: Instant,
}

/// All connections, read when needed: by one delivery, however many wait for the same.
pub struct Connections {
    store: Store,
    keyring: Keyring,
    kept: Cache<ConnectionId, Found>,
}

impl Connections {
    /// None is read yet.
    pub fn new(store: Store, keyring: Keyring) -> Self {
        let kept = Cache::builder().max_capacity(10_000).time_to_live(KEEP).build();
        Self { store, keyring, kept }
    }

    /// The connection; `None` where there is none.
    ///
    /// # Errors
    /// The store's.
    pub async fn get(&self, id: ConnectionId) -> Result<Option<Arc<Live>>, Failure> {
        let found = self.kept.try_get_with(id, self.read(id)).await;
        found.map(|found| found.live).map_err(|failure| Failure::clone(&failure))
    }

    /// The connection for a delivery that does not fit what is kept: read anew, unless that was done a
    /// moment ago. `None` where there is none any more.
    ///
    /// # Errors
    /// The store's.
    pub async fn newer(&self, id: ConnectionId) -> Result<Option<Arc<Live>>, Failure> {
        let read = self.kept.entry(id).and_try_compute_with(async |kept| match kept {
            Some(kept) if kept.value().read.elapsed() < STALE => Ok(Op::Nop),
            _ => self.read(id).await.map(Op::Put),
        });
        Ok(match read.await? {
            // Unchanged: another delivery has read it while this one waited for its turn.
            CompResult::Inserted(entry)
            | CompResult::ReplacedWith(entry)
            | CompResult::Unchanged(entry) => entry.into_value().live,
            CompResult::StillNone(_) | CompResult::Removed(_) => None,
        })
    }

    async fn read(&self, id: ConnectionId) -> Result<Found, Failure> {
        let read = Instant::now();
        let Some(found) = self.store.connection_for_webhook(id).await? else {
            return Ok(Found { live: None, read });
        };
        let Some(source) = sbh_sources::by_name(&found.source) else {
            tracing::error!(connection = %id, source = found.source, "a connection of a source that this program does not know");
            return Ok(Found { live: None, read });
        };
        let open = |sealed: &Vec<u8>| self.keyring.open(SECRET_PURPOSE, sealed);
        let secrets: Result<_, _> = found.sealed_secrets.iter().map(open).collect();
        let live = Live {
            tenant: found.tenant,
            source,
            // Settings that were left out when it was made have their defaults.
            settings: source.check_settings(&found.settings).unwrap_or(found.settings),
            paused: found.paused,
            secrets: secrets.map_err(|error| {
                tracing::error!(connection = %id, %error, "a secret cannot be opened: is the keyring complete?");
                Failure::new(Kind::Internal, "the connection's secret cannot be opened")
            })?,
            spaces: found
                .repositories
                .into_iter()
                .filter_map(|(repository, space)| {
                    Some(Space { repository, space: source.check_space(&space).ok()? })
                })
                .collect(),
        };
        Ok(Found { live: Some(Arc::new(live)), read })
    }

    /// Forgets a connection that was changed here.
    pub async fn forget(&self, id: ConnectionId) {
        self.kept.invalidate(&id).await;
    }
}
