//! Heartbeats: how a running activity says that it is alive and how far it is.

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::time::{MissedTickBehavior, interval};

use crate::error::Failure;

/// Time between two heartbeats. The SDK passes on what the time-out needs.
const BEAT: Duration = Duration::from_secs(1);

/// How far an activity is: what its next heartbeat says.
#[derive(Debug, Default)]
pub struct Pulse {
    details: Mutex<serde_json::Value>,
}

impl Pulse {
    /// Notes how far the work is; a retry finds it.
    pub fn note(&self, details: impl Serialize) {
        // Only our own plain structs come here, which always serialise.
        let details = serde_json::to_value(details).unwrap_or_default();
        *self.details.lock().unwrap_or_else(PoisonError::into_inner) = details;
    }

    /// What was noted last.
    pub fn latest(&self) -> serde_json::Value {
        self.details.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Does the work with a heartbeat each second. A cancellation drops the work where it stands:
/// solver processes and git processes end with it.
pub(crate) async fn beating<T>(
    context: &ActivityContext,
    pulse: &Pulse,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, ActivityError> {
    let mut work = pin!(work);
    let mut ticks = interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            biased;
            result = &mut work => return result.map_err(Failure::into_activity),
            () = context.cancelled() => return Err(ActivityError::cancelled()),
            _ = ticks.tick() => {
                if let Err(error) = context.record_heartbeat(pulse.latest()).await {
                    tracing::warn!(%error, "a heartbeat was not recorded");
                }
            }
        }
    }
}
