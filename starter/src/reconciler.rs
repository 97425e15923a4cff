//! Finds what lies open and sets it going again; folds, seals and expires what others appended.
//! Any number of replicas may run.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
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
/// Between two looks at expired keys.
const EXPIRED: Duration = Duration::from_secs(600);
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
    loop {
        let applied = stop.run_until_cancelled(state.engine.apply()).await;
        let again_after = match applied {
            None => return,
            Some(Ok(changed)) => {
                if changed || !well {
                    tracing::info!(changed, "Temporal is set up");
                }
                well = true;
                if changed { SET_UP_SOON } else { SET_UP }
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

async fn housekeeping(state: &Shared, stop: &CancellationToken) {
    let (mut open, mut expired) = (Every::new(OPEN), Every::new(EXPIRED));
    loop {
        let store = &state.store;
        did(state, "coverage", store.fold_coverage().await);
        did(state, "audit", store.seal_audit().await);
        state.webhooks.flush_counts(store).await;
        if open.is_due() {
            did(state, "documents", documents(state).await);
            did(state, "notices", store.close_finished_notices().await);
        }
        if expired.is_due() {
            did(state, "idempotency", store.expire_idempotent().await);
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
    let older_than = Duration::from_secs(state.config.starter.reconcile_after_s);
    let mut signalled = 0;
    loop {
        let documents = state.store.claim_open_documents(older_than, BATCH).await?;
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
    let sent = state
        .engine
        .notify_document(&open.tenant, &open.repository_name, open.document, &open.path)
        .await;
    let outcome = match &sent {
        Ok(()) => "sent",
        Err(error) if error.is_away() => "away",
        Err(_) => "refused",
    };
    state.metrics.signals.with_label_values(&["document", outcome]).inc();
    if let Err(error) = &sent {
        tracing::warn!(tenant = %open.tenant, document = %open.document, %error, "a document could not be signalled");
    }
    sent.is_ok()
}
