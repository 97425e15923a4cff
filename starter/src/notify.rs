//! Gives notice to the workflows of alert channels that have something to be told, and keeps effects and
//! escalations going. Any number of replicas may run.

use std::time::Duration;

use futures::{StreamExt, stream};
use sbh_domain::{ChannelId, TenantId};
use sbh_store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::state::Shared;

/// Channels taken at once.
const BATCH: i64 = 200;
/// Channels signalled at once.
const AT_ONCE: usize = 16;
/// Between two looks at what is due.
const DUE: Duration = Duration::from_secs(1);
/// A channel whose workflow was told and that still has something due is told again after this.
const AGAIN: Duration = Duration::from_secs(10);
/// Looks at what is due between two looks at what is overdue.
const OVERDUE: u32 = 5;

/// Gives notice until stopped.
pub async fn run(state: &Shared, stop: &CancellationToken) {
    let mut looks = 0_u32;
    loop {
        if looks.is_multiple_of(OVERDUE) {
            did(state, "effects", state.store.expire_effects().await);
            did(state, "escalations", state.store.escalate_alerts().await);
        }
        looks = looks.wrapping_add(1);
        did(state, "channels", due(state).await);
        if stop.run_until_cancelled(tokio::time::sleep(DUE)).await.is_none() {
            return;
        }
    }
}

fn did(state: &Shared, task: &str, result: Result<u64, StoreError>) {
    match result {
        Ok(rows) => state.metrics.reconciled.with_label_values(&[task]).inc_by(rows),
        Err(error) => tracing::warn!(task, %error, "alerts are looked after later"),
    }
}

/// Signals every channel with something due.
async fn due(state: &Shared) -> Result<u64, StoreError> {
    let channels = state.store.claim_due_channels(AGAIN, BATCH).await?;
    let signalled = stream::iter(channels)
        .map(|(tenant, channel)| async move { signal(state, &tenant, channel).await })
        .buffer_unordered(AT_ONCE)
        .filter(|signalled| std::future::ready(*signalled))
        .count()
        .await;
    Ok(signalled as u64)
}

async fn signal(state: &Shared, tenant: &TenantId, channel: ChannelId) -> bool {
    let sent = state.engine.notify_channel(tenant, channel).await;
    let outcome = match &sent {
        Ok(()) => "sent",
        Err(error) if error.is_away() => "away",
        Err(_) => "refused",
    };
    state.metrics.signals.with_label_values(&["channel", outcome]).inc();
    let Err(error) = sent else { return true };
    tracing::warn!(%tenant, %channel, %error, "an alert channel could not be signalled");
    if let Err(error) = state.store.release_due_channel(tenant, channel).await {
        // It is marked as told and comes again after `AGAIN`.
        tracing::warn!(%tenant, %channel, %error, "an alert channel could not be given back");
    }
    false
}
