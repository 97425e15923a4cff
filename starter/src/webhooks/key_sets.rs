//! Published keys of sources, kept for a while. A delivery that names an unknown key has them read
//! anew, but not more often than every few seconds, whatever strangers send.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::future::Cache;
use moka::ops::compute::{CompResult, Op};
use reqwest::{Method, Url};
use sbh_outbound::Outbound;
use sbh_sources::key_set::{self, KeySet, MAX_BYTES};

/// How long keys are used without asking again, so that a withdrawn one ends.
const KEEP: Duration = Duration::from_secs(600);
/// How often at most an address is asked.
const STALE: Duration = Duration::from_secs(10);
/// How long asking may take: a delivery waits for it, and some sources wait 5 s for the answer.
const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Clone)]
struct Found {
    /// `None`: the address gave no keys.
    keys: Option<Arc<KeySet>>,
    asked: Instant,
}

/// Key sets by their address.
pub struct KeySets {
    outbound: Outbound,
    kept: Cache<Url, Found>,
}

impl KeySets {
    /// None is read yet.
    pub fn new(outbound: Outbound) -> Self {
        let kept = Cache::builder().max_capacity(1_000).time_to_live(KEEP).build();
        Self { outbound, kept }
    }

    /// The keys at an address, read when nobody has yet. `None` where they cannot be had.
    pub async fn get(&self, url: &Url) -> Option<Arc<KeySet>> {
        let found = self.kept.get_with_by_ref(url, self.read(url)).await;
        // An address that was away is asked again by the next delivery after a moment.
        if found.keys.is_none() { self.newer(url).await } else { found.keys }
    }

    /// The keys for a delivery that names none of those kept: read anew, unless that was done a moment
    /// ago.
    pub async fn newer(&self, url: &Url) -> Option<Arc<KeySet>> {
        let entry = self.kept.entry_by_ref(url);
        let read = entry.and_compute_with(async |kept| match kept {
            Some(kept) if kept.value().asked.elapsed() < STALE => Op::Nop,
            // While the address is away, its last answer stays good until it is too old.
            Some(kept) => match self.read(url).await {
                Found { keys: None, asked } => {
                    Op::Put(Found { keys: kept.into_value().keys, asked })
                }
                found => Op::Put(found),
            },
            None => Op::Put(self.read(url).await),
        });
        match read.await {
            CompResult::Inserted(entry)
            | CompResult::ReplacedWith(entry)
            | CompResult::Unchanged(entry) => entry.into_value().keys,
            CompResult::StillNone(_) | CompResult::Removed(_) => None,
        }
    }

    async fn read(&self, url: &Url) -> Found {
        let asked = Instant::now();
        let keys = match self.fetch(url).await {
            Ok(keys) => Some(Arc::new(keys)),
            Err(reason) => {
                tracing::warn!(%url, reason, "the published keys of a source cannot be read");
                None
            }
        };
        Found { keys, asked }
    }

    async fn fetch(&self, url: &Url) -> Result<KeySet, String> {
        let request = self.outbound.request(Method::GET, url.clone()).timeout(TIMEOUT);
        let answer =
            self.outbound.send(request, MAX_BYTES).await.map_err(|error| error.to_string())?;
        if !answer.status.is_success() {
            return Err(format!("the answer is {}", answer.status));
        }
        key_set::parse(&answer.body)
    }
}
