//! Commits notices together. While one batch of a tenant is being committed, those that come wait and
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

/// How a notice was accepted; `None` where its repository is not there.
type Answer = Result<Option<Accepted>, Failure>;

/// A notice and whoever waits for it.
type Waiting = (NewNotice, oneshot::Sender<Answer>);

/// Commits notices. Cloning shares the batches.
#[derive(Clone)]
pub struct Acceptor {
    store: Store,
    /// What waits, by tenant. A tenant that is here has a task that commits.
    waiting: Arc<Mutex<HashMap<TenantId, Vec<Waiting>>>>,
}

impl Acceptor {
    /// Nothing waits yet.
    pub fn new(store: Store) -> Self {
        Self { store, waiting: Arc::default() }
    }

    /// Commits a notice, alone or with others. After this returns it may be acknowledged; whoever stops
    /// waiting does not stop the commit. `None` where the tenant has no such repository any more.
    ///
    /// # Errors
    /// The store's.
    pub async fn accept(&self, notice: NewNotice) -> Answer {
        let (answer, answered) = oneshot::channel();
        let tenant = notice.tenant.clone();
        let first = self.locked(|waiting| match waiting.get_mut(&tenant) {
            Some(batch) => {
                batch.push((notice, answer));
                false
            }
            None => {
                waiting.insert(tenant.clone(), vec![(notice, answer)]);
                true
            }
        });
        if first {
            tokio::spawn(self.clone().commit_all(tenant));
        }
        let lost = |_| Err(Failure::new(Kind::Internal, "the notice could not be committed"));
        answered.await.unwrap_or_else(lost)
    }

    /// Commits what waits until nothing does.
    async fn commit_all(self, tenant: TenantId) {
        let lane = Lane { acceptor: &self, tenant: &tenant };
        loop {
            let batch = self.locked(|waiting| {
                let batch = waiting.get_mut(&tenant)?;
                if batch.is_empty() {
                    waiting.remove(&tenant);
                    return None;
                }
                Some(batch.drain(..batch.len().min(BATCH)).collect::<Vec<_>>())
            });
            let Some(batch) = batch else { break };
            let (notices, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let answered = self.commit(&tenant, &notices).await;
            for (waiting, answer) in answers.into_iter().zip(answered) {
                // Whoever has gone away does not want to know.
                let _ = waiting.send(answer);
            }
        }
        std::mem::forget(lane);
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

    fn locked<T>(&self, work: impl FnOnce(&mut HashMap<TenantId, Vec<Waiting>>) -> T) -> T {
        work(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The task of a tenant. Dropped by a panic it lets go of whoever waits, so that the next notice has a
/// new task.
struct Lane<'a> {
    acceptor: &'a Acceptor,
    tenant: &'a TenantId,
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        self.acceptor.locked(|waiting| waiting.remove(self.tenant));
    }
}
