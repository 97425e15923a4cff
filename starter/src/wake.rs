//! Wakes all dispatchers after commits: one NOTIFY for all that was committed in 10 ms, in the
//! background. (A NOTIFY per commit would make commits wait for each other.)

use std::time::Duration;

use sbh_store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The shortest time between two NOTIFYs.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks for a wake-up.
#[derive(Debug, Default)]
pub struct Wake {
    asked: Notify,
}

impl Wake {
    /// Asks for a wake-up; returns at once.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Sends wake-ups until stopped.
    pub async fn run(&self, store: &Store, stop: &CancellationToken) {
        while stop.run_until_cancelled(self.asked.notified()).await.is_some() {
            if let Err(error) = store.wake_dispatchers().await {
                // Dispatchers look each second anyway.
                tracing::warn!(%error, "dispatchers could not be woken");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
