//! Turns inbox rows into signals, and does nothing else. Any number of replicas may run.

use std::time::Duration;

use futures::{StreamExt, stream};
use sbh_domain::Traces;
use sbh_runtime::trace;
use sbh_store::StoreError;
use sbh_store::inbox::{Claim, InboxListener};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::state::Shared;

/// Rows taken at once.
const BATCH: i64 = 500;
/// Repositories signalled at once.
const AT_ONCE: usize = 32;
/// The shortest time between two rounds that find something. A signal costs the workflow engine more
/// than anything else costs anybody here; in a burst one for all that came meanwhile is enough, since
/// its workflow collects for longer than this.
const PACE: Duration = Duration::from_millis(100);
/// How long to wait for a wake-up before looking anyway.
const POLL: Duration = Duration::from_secs(1);
/// The longest wait while Temporal is away.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// The first wait while Temporal is away.
const MIN_BACKOFF: Duration = Duration::from_millis(250);

/// How a round went.
#[derive(Debug, Default)]
struct Round {
    claimed: usize,
    away: bool,
}

/// Dispatches until stopped. What was claimed is signalled or given back before it returns.
pub async fn run(state: &Shared, stop: &CancellationToken) {
    let mut listener = None;
    let mut backoff = Duration::ZERO;
    while !stop.is_cancelled() {
        let began = tokio::time::Instant::now();
        match round(state).await {
            Ok(Round { away: true, .. }) => {
                backoff = (backoff * 2).clamp(MIN_BACKOFF, MAX_BACKOFF);
                stop.run_until_cancelled(tokio::time::sleep(backoff)).await;
                continue;
            }
            Ok(Round { claimed, .. }) => {
                backoff = Duration::ZERO;
                if i64::try_from(claimed).is_ok_and(|claimed| claimed >= BATCH) {
                    continue;
                }
                if claimed > 0 {
                    stop.run_until_cancelled(tokio::time::sleep_until(began + PACE)).await;
                }
            }
            Err(error) => tracing::warn!(%error, "the inbox cannot be read"),
        }
        stop.run_until_cancelled(wait(state, &mut listener)).await;
    }
}

/// Waits for a wake-up, at most [`POLL`].
async fn wait(state: &Shared, listener: &mut Option<InboxListener>) {
    let woken = async {
        if listener.is_none() {
            *listener = Some(state.store.inbox_listener().await?);
        }
        match listener {
            Some(listener) => listener.woken().await,
            None => Ok(()),
        }
    };
    match tokio::time::timeout(POLL, woken).await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "dispatchers are not woken now, only by the clock");
            *listener = None;
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Claims a batch and signals its repositories.
async fn round(state: &Shared) -> Result<Round, StoreError> {
    let again_after = Duration::from_secs(state.config.starter.reconcile_after_s);
    let claims = state.store.claim_notices(BATCH, again_after).await?;
    let mut round = Round::default();
    let mut signals = stream::iter(claims)
        .map(|claim| async move { (claim.rows.len(), signal(state, &claim).await) })
        .buffer_unordered(AT_ONCE);
    while let Some((rows, away)) = signals.next().await {
        round.claimed += rows;
        round.away |= away;
    }
    Ok(round)
}

/// Signals one workflow, in the trace of its oldest row. Returns whether Temporal is away.
async fn signal(state: &Shared, claim: &Claim) -> bool {
    let document = claim.document.map(|document| document.to_string());
    let span = tracing::info_span!("dispatch", tenant = %claim.tenant, repository = %claim.repository, document);
    let traces = trace::join(&span, &claim.traces);
    send(state, claim, traces).instrument(span).await
}

async fn send(state: &Shared, claim: &Claim, traces: Traces) -> bool {
    let notices = u32::try_from(claim.rows.len()).unwrap_or(u32::MAX);
    let Claim { tenant, repository, document, pull_number, repository_name, .. } = claim;
    let engine = &state.engine;
    let (entity, sent) = match (document, pull_number) {
        (None, None) => {
            let told =
                engine.notify_repository(tenant, *repository, repository_name, notices, traces);
            ("repository", told.await)
        }
        (None, Some(number)) => {
            let name = repository_name;
            let told =
                engine.notify_pull_request(tenant, *repository, name, *number, notices, traces);
            ("pull_request", told.await)
        }
        (Some(id), _) => {
            // What it asks for stands in the inbox: the proof takes it from there.
            let path = match state.store.document(tenant, *id).await {
                Ok(document) => document.path,
                Err(error) => {
                    tracing::warn!(%error, "a document cannot be read, and is signalled later");
                    return false;
                }
            };
            let told = engine.notify_document(tenant, repository_name, *id, &path, traces);
            ("document", told.await)
        }
    };
    let count = |outcome: &str| state.metrics.signals.with_label_values(&[entity, outcome]).inc();
    let Err(error) = sent else {
        count("sent");
        tracing::info!(notices, "a workflow is signalled");
        return false;
    };
    let (away, kept) = if error.is_away() {
        count("away");
        (true, state.store.release_notices(claim).await)
    } else {
        count("refused");
        let attempts = state.config.starter.max_attempts;
        let reason = error.to_string();
        let failed = state.store.fail_claim(claim, &reason, attempts).await;
        (false, failed.map(drop))
    };
    tracing::warn!(%error, "a workflow could not be signalled");
    if let Err(error) = kept {
        // The rows stay marked as signalled and are claimed again after `reconcile_after_s`.
        tracing::warn!(%error, "the notices could not be given back");
    }
    away
}
