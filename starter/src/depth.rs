//! How full the inbox is, asked at most once a second whatever the load.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sbh_store::inbox::InboxDepth;
use sbh_store::{Store, StoreError};

/// How long an answer is good.
const FRESH: Duration = Duration::from_secs(1);

/// The depth as it was asked last, and what was accepted here since.
#[derive(Clone)]
pub struct Depth {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    last: Mutex<Option<(Instant, InboxDepth)>>,
    accepted_since: AtomicI64,
    asking: AtomicBool,
}

impl Depth {
    /// Nothing is asked yet.
    pub fn new(store: Store) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                last: Mutex::new(None),
                accepted_since: AtomicI64::new(0),
                asking: AtomicBool::new(false),
            }),
        }
    }

    /// Open rows: a little out of date, and never waited for but the first time.
    ///
    /// # Errors
    /// The store's, the first time.
    pub async fn open(&self) -> Result<i64, StoreError> {
        let last = *self.inner.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, depth)) = last else { return Ok(self.ask().await?.open) };
        if at.elapsed() > FRESH && !self.inner.asking.swap(true, Ordering::AcqRel) {
            let this = self.clone();
            tokio::spawn(async move {
                if let Err(error) = this.ask().await {
                    tracing::warn!(%error, "the depth of the inbox could not be asked");
                }
                this.inner.asking.store(false, Ordering::Release);
            });
        }
        Ok(depth.open + self.inner.accepted_since.load(Ordering::Relaxed))
    }

    /// Counts a row that was accepted here.
    pub fn accepted(&self) {
        self.inner.accepted_since.fetch_add(1, Ordering::Relaxed);
    }

    /// The depth, at most a second old.
    ///
    /// # Errors
    /// The store's.
    pub async fn now(&self) -> Result<InboxDepth, StoreError> {
        let last = *self.inner.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some((at, depth)) if at.elapsed() <= FRESH => Ok(depth),
            _ => self.ask().await,
        }
    }

    async fn ask(&self) -> Result<InboxDepth, StoreError> {
        let before = self.inner.accepted_since.load(Ordering::Relaxed);
        let depth = self.inner.store.inbox_depth().await?;
        *self.inner.last.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), depth));
        // What was accepted before asking is in the answer.
        self.inner.accepted_since.fetch_sub(before, Ordering::Relaxed);
        Ok(depth)
    }
}
