//! Gives notice to the workflows of repositories whose check runs are due. Any number of replicas may
//! run.

use std::time::Duration;

use futures::{StreamExt, stream};
use sbh_store::StoreError;
use sbh_store::check_run::DueChecks;
use tokio_util::sync::CancellationToken;

use crate::state::Shared;

/// Check runs taken at once.
const BATCH: i64 = 500;
/// Workflows signalled at once.
const AT_ONCE: usize = 16;
/// Between two looks at what is due.
const DUE: Duration = Duration::from_secs(1);
/// A workflow that was told and still has something due is told again after this.
const AGAIN: Duration = Duration::from_secs(15);
/// Looks at what is due between two looks at effects that somebody wants sent again.
const REVIVED: u32 = 5;
/// How old such a wish is at least: whoever sends it may be at it.
const WISHED: Duration = Duration::from_secs(5);

/// Gives notice until stopped.
pub async fn run(state: &Shared, stop: &CancellationToken) {
    let mut looks = 0_u32;
    loop {
        if looks.is_multiple_of(REVIVED)
            && let Err(error) = revive(state).await
        {
            tracing::warn!(%error, "check runs that are to be told again are looked for later");
        }
        looks = looks.wrapping_add(1);
        match due(state).await {
            Ok(told) => state.metrics.reconciled.with_label_values(&["check_runs"]).inc_by(told),
            Err(error) => tracing::warn!(%error, "due check runs are looked for later"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(DUE)).await.is_none() {
            return;
        }
    }
}

/// Makes check runs due again whose effect a person wants sent again.
async fn revive(state: &Shared) -> Result<(), StoreError> {
    for (tenant, effect) in state.store.intended_effects("check_run", WISHED, BATCH).await? {
        state.store.revive_check_run(&tenant, effect).await?;
    }
    Ok(())
}

/// Signals the workflow of every repository with something due.
async fn due(state: &Shared) -> Result<u64, StoreError> {
    let due = state.store.claim_check_runs(AGAIN, BATCH).await?;
    let signalled = stream::iter(due)
        .map(|due| async move { signal(state, &due).await })
        .buffer_unordered(AT_ONCE)
        .filter(|signalled| std::future::ready(*signalled))
        .count()
        .await;
    Ok(signalled as u64)
}

async fn signal(state: &Shared, due: &DueChecks) -> bool {
    let DueChecks { tenant, repository, name } = due;
    let sent = state.engine.notify_check_runs(tenant, *repository, name).await;
    let outcome = match &sent {
        Ok(()) => "sent",
        Err(error) if error.is_away() => "away",
        Err(_) => "refused",
    };
    state.metrics.signals.with_label_values(&["check_run", outcome]).inc();
    if let Err(error) = &sent {
        // They are marked as told and come again after `AGAIN`.
        tracing::warn!(%tenant, %repository, %error, "check runs could not be signalled");
    }
    sent.is_ok()
}
