//! Commits notices together. While two batches of a tenant are being committed, those that come wait and
//! are the next batch: nobody waits for a timer, and under load a commit carries many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sbh_domain::TenantId;
use sbh_store::inbox::{Accepted, NewNotice};
use sbh_store::{Store, StoreError};
use tokio::sync::oneshot;

use crate::problem::{Failure, Kind};

/// Notices in one commit at most.
const BATCH: usize = 128;
/// Commits of one tenant at once: one that waits for the disk leaves the processor to the other.
const AT_ONCE: usize = 2;

/// How a notice was accepted; `None` where its repository is not there.
type Answer = Result<Option<Accepted>, Failure>;

/// A notice and whoever waits for it.
type Waiting = (NewNotice, oneshot::Sender<Answer>);

/// What a tenant wants committed.
#[derive(Default)]
struct Lane {
    waiting: Vec<Waiting>,
    /// Tasks that commit.
    tasks: usize,
}

/// Commits notices. Cloning shares the batches.
#[derive(Clone)]
pub struct Acceptor {
    store: Store,
    /// Only tenants for which a task commits.
    lanes: Arc<Mutex<HashMap<TenantId, Lane>>>,
}

impl Acceptor {
    /// Nothing waits yet.
    pub fn new(store: Store) -> Self {
        Self { store, lanes: Arc::default() }
    }

    /// Commits a notice, alone or with others. After this returns it may be acknowledged; whoever stops
    /// waiting does not stop the commit. `None` where the tenant has no such repository any more.
    ///
    /// # Errors
    /// The store's.
    pub async fn accept(&self, notice: NewNotice) -> Answer {
        let (answer, answered) = oneshot::channel();
        let tenant = notice.tenant.clone();
        let another = self.locked(|lanes| {
            let lane = lanes.entry(tenant.clone()).or_default();
            lane.waiting.push((notice, answer));
            let another = lane.tasks < AT_ONCE;
            lane.tasks += usize::from(another);
            another
        });
        if another {
            let task = Task { acceptor: self.clone(), tenant, over: false };
            tokio::spawn(task.run());
        }
        // A task ends without an answer only when it panicked.
        let lost = |_| Err(Failure::new(Kind::Internal, "the notice could not be committed"));
        answered.await.unwrap_or_else(lost)
    }

    async fn commit(&self, tenant: &TenantId, notices: &[NewNotice]) -> Vec<Answer> {
        let answer = |accepted| match accepted {
            Ok(accepted) => Ok(Some(accepted)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(Failure::from(error)),
        };
        let all: Vec<_> = notices.iter().collect();
        match self.store.accept_batch(tenant, &all).await {
            Ok(accepted) => accepted.into_iter().map(answer).collect(),
            // The database is away, for all of them.
            Err(error) if error.is_retryable() => {
                let failure = Failure::from(error);
                notices.iter().map(|_| Err(failure.clone())).collect()
            }
            // One of them is refused: it must not take the others with it.
            Err(error) => {
                tracing::warn!(%error, "notices could not be committed together");
                let mut answers = Vec::with_capacity(notices.len());
                for notice in notices {
                    answers.push(answer(self.store.accept(notice).await));
                }
                answers
            }
        }
    }

    fn locked<T>(&self, work: impl FnOnce(&mut HashMap<TenantId, Lane>) -> T) -> T {
        work(&mut self.lanes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Commits what waits for a tenant until nothing does.
struct Task {
    acceptor: Acceptor,
    tenant: TenantId,
    /// Whether it is counted no more.
    over: bool,
}

impl Task {
    async fn run(mut self) {
        while let Some(batch) = self.next() {
            let (notices, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let answered = self.acceptor.commit(&self.tenant, &notices).await;
            for (waiting, answer) in answers.into_iter().zip(answered) {
                // Whoever has gone away does not want to know.
                let _ = waiting.send(answer);
            }
        }
    }

    /// What waits. `None` ends the task, in the same moment in which nothing waits: a notice that comes
    /// after it has a task of its own.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let batch = self.acceptor.locked(|lanes| {
            let lane = lanes.get_mut(&self.tenant)?;
            if lane.waiting.is_empty() {
                lane.tasks -= 1;
                if lane.tasks == 0 {
                    lanes.remove(&self.tenant);
                }
                return None;
            }
            Some(lane.waiting.drain(..lane.waiting.len().min(BATCH)).collect())
        });
        self.over = batch.is_none();
        batch
    }
}

/// A task that panics lets go of everybody who waits, and the next notice has a new one.
impl Drop for Task {
    fn drop(&mut self) {
        if !self.over {
            self.acceptor.locked(|lanes| lanes.remove(&self.tenant));
        }
    }
}
