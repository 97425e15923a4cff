//! Finds what lies open and sets it going again; folds and seals what others appended, and prunes
//! what nobody needs any more.
//! Any number of replicas may run.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use sbh_domain::Traces;
use sbh_runtime::trace;
use sbh_store::StoreError;
use sbh_store::inbox::OpenDocument;
use tokio_util::sync::CancellationToken;

use crate::state::Shared;

/// Documents taken at once.
const BATCH: i64 = 500;
/// Documents signalled at once.
const AT_ONCE: usize = 16;
/// Between two looks at what was appended: two statements that find nothing when idle.
const APPENDED: Duration = Duration::from_secs(1);
/// Between two looks at what lies open.
const OPEN: Duration = Duration::from_secs(3);
/// Between two looks at what nobody needs any more.
const PRUNED: Duration = Duration::from_secs(3_600);
/// Between two applications of Temporal's set-up while all is well.
const SET_UP: Duration = Duration::from_secs(60);
/// The same while Temporal is away or was just set up.
const SET_UP_SOON: Duration = Duration::from_secs(2);

/// A thing to be done again and again.
struct Every {
    due: Instant,
    period: Duration,
}

impl Every {
    fn new(period: Duration) -> Self {
        Self { due: Instant::now(), period }
    }

    /// Whether it is due; then it is due again after the period, jittered by a fifth, so that
    /// replicas do not do it all at once.
    fn is_due(&mut self) -> bool {
        let due = Instant::now() >= self.due;
        if due {
            let jitter = f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 255.0 * 0.4 - 0.2;
            self.due = Instant::now() + self.period.mul_f64(1.0 + jitter);
        }
        due
    }
}

/// Reconciles until stopped.
pub async fn run(state: &Shared, stop: &CancellationToken) {
    tokio::join!(set_up(state, stop), housekeeping(state, stop));
}

/// Keeps namespace, search attributes and schedules as they should be, also in a Temporal that lost
/// its database.
async fn set_up(state: &Shared, stop: &CancellationToken) {
    let mut well = false;
    // Whether everything that is open is still to be told to a Temporal that may know nothing of it.
    let mut untold = false;
    let mut known = None;
    loop {
        let applied = stop.run_until_cancelled(state.engine.apply()).await;
        let again_after = match applied {
            None => return,
            Some(Ok(changed)) => {
                if changed || !well {
                    tracing::info!(changed, "Temporal is set up");
                }
                well = true;
                // A worker may have set a new Temporal up before: its namespace is another all the same.
                let namespace = state.engine.namespace_id().await.ok();
                let other = namespace.is_some() && known.is_some() && namespace != known;
                known = namespace.or(known);
                untold |= changed || other;
                if untold {
                    untold = !tell_all_anew(state).await;
                }
                if changed || untold { SET_UP_SOON } else { SET_UP }
            }
            Some(Err(error)) => {
                if well {
                    tracing::warn!(error = format!("{error:#}"), "Temporal cannot be set up now");
                }
                well = false;
                SET_UP_SOON
            }
        };
        // A server that lost its database answers, but knows nothing: the first call that fails says
        // so, long before the next round.
        let due = async {
            tokio::time::sleep(again_after.min(SET_UP_SOON)).await;
            let rest = again_after.saturating_sub(SET_UP_SOON);
            let _ = tokio::time::timeout(rest, state.engine.doubted()).await;
        };
        if stop.run_until_cancelled(due).await.is_none() {
            return;
        }
    }
}

/// Makes everything that is open due at once. Says whether that is done.
async fn tell_all_anew(state: &Shared) -> bool {
    match state.store.tell_all_anew().await {
        Ok(documents) => {
            tracing::info!(documents, "everything open is told to Temporal anew");
            state.wake.ask();
            true
        }
        Err(error) => {
            tracing::warn!(%error, "what is open cannot be told to Temporal anew now");
            false
        }
    }
}

async fn housekeeping(state: &Shared, stop: &CancellationToken) {
    let (mut open, mut pruned) = (Every::new(OPEN), Every::new(PRUNED));
    let retention = Duration::from_secs(state.config.starter.retention_days.saturating_mul(86_400));
    loop {
        let store = &state.store;
        did(state, "coverage", store.fold_coverage().await);
        did(state, "audit", store.seal_audit().await);
        state.webhooks.flush_counts(store).await;
        if open.is_due() {
            did(state, "documents", documents(state).await);
            did(state, "notices", store.close_finished_notices().await);
        }
        if pruned.is_due() {
            did(state, "pruned", store.prune(retention).await);
        }
        if stop.run_until_cancelled(tokio::time::sleep(APPENDED)).await.is_none() {
            return;
        }
    }
}

fn did(state: &Shared, task: &str, result: Result<u64, StoreError>) {
    match result {
        Ok(rows) => state.metrics.reconciled.with_label_values(&[task]).inc_by(rows),
        Err(error) => tracing::warn!(task, %error, "housekeeping failed and is tried again"),
    }
}

/// Signals documents whose observed content is not the recorded one and that nobody took up.
async fn documents(state: &Shared) -> Result<u64, StoreError> {
    let first = Duration::from_secs(state.config.starter.reconcile_after_s);
    let mut signalled = 0;
    loop {
        let documents = state.store.claim_open_documents(first, BATCH).await?;
        let last = documents.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        let sent: Vec<bool> = stream::iter(documents)
            .map(|document| async move { signal(state, &document).await })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        signalled += sent.iter().filter(|sent| **sent).count() as u64;
        // While Temporal is away the rest waits as well as it would here.
        if last || !sent.iter().any(|sent| *sent) {
            return Ok(signalled);
        }
    }
}

async fn signal(state: &Shared, open: &OpenDocument) -> bool {
    // Nobody asked for this one now: it is a trace of its own.
    let span = tracing::info_span!("reconcile", tenant = %open.tenant, document = %open.document);
    let traces = trace::join(&span, &Traces::new());
    let sent = state
        .engine
        .notify_document(&open.tenant, &open.repository_name, open.document, &open.path, traces)
        .await;
    let outcome = match &sent {
        Ok(()) => "sent",
        Err(error) if error.is_away() => "away",
        Err(_) => "refused",
    };
    state.metrics.signals.with_label_values(&["document", outcome]).inc();
    if let Err(error) = &sent {
        span.in_scope(|| tracing::warn!(%error, "a document could not be signalled"));
    }
    sent.is_ok()
}
