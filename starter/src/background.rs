//! Work in the background that must not end: what panics is started again, and health and metrics
//! tell.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::IntCounterVec;
use tokio_util::sync::CancellationToken;

/// The first wait before a task that failed is started again.
const MIN_BACKOFF: Duration = Duration::from_millis(250);
/// The longest.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// How long a task must run after a failure to count as well again.
const WELL_AFTER: Duration = Duration::from_secs(60);

/// All tasks that were started, and how each stands.
pub struct Background {
    restarts: IntCounterVec,
    tasks: Mutex<BTreeMap<&'static str, Option<Instant>>>,
}

impl Background {
    /// No task is started yet. Restarts are counted by task.
    pub fn new(restarts: IntCounterVec) -> Self {
        Self { restarts, tasks: Mutex::default() }
    }

    /// Runs a task until `stop`, and again whenever it ends before. `task` makes it anew each time.
    pub async fn keep<F>(
        &self,
        name: &'static str,
        stop: &CancellationToken,
        mut task: impl FnMut() -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        self.set(name, None);
        let restarts = self.restarts.with_label_values(&[name]);
        let mut backoff = MIN_BACKOFF;
        loop {
            let started = Instant::now();
            let ended = tokio::spawn(task()).await;
            if stop.is_cancelled() && ended.is_ok() {
                return;
            }
            // A panic's own words are in the log already, through the panic hook.
            let why = if ended.is_ok() { "it ended by itself" } else { "it panicked" };
            tracing::error!(task = name, why, "a background task failed and is started again");
            restarts.inc();
            self.set(name, Some(Instant::now()));
            if started.elapsed() >= WELL_AFTER {
                backoff = MIN_BACKOFF;
            }
            if stop.run_until_cancelled(tokio::time::sleep(backoff)).await.is_none() {
                return;
            }
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    /// Each task; what is wrong with one that failed in the last minute.
    pub fn states(&self) -> Vec<(&'static str, Result<(), String>)> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let state = |failed: Option<Instant>| match failed {
            Some(at) if at.elapsed() < WELL_AFTER => {
                let seconds = at.elapsed().as_secs();
                Err(format!("it failed {seconds} s ago and is started again: see the log"))
            }
            _ => Ok(()),
        };
        tasks.iter().map(|(name, failed)| (*name, state(*failed))).collect()
    }

    fn set(&self, name: &'static str, failed: Option<Instant>) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).insert(name, failed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use prometheus::Opts;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_started_again_and_told_of() {
        let restarts = IntCounterVec::new(Opts::new("restarts", "x"), &["task"]).unwrap();
        let background = Arc::new(Background::new(restarts.clone()));
        let stop = CancellationToken::new();
        let (runs, second) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let kept = {
            let (background, stop, second) = (background.clone(), stop.clone(), second.clone());
            tokio::spawn(async move {
                let task = || {
                    let (run, second, stop) =
                        (runs.fetch_add(1, Ordering::Relaxed), second.clone(), stop.clone());
                    async move {
                        assert_ne!(run, 0, "the first run fails");
                        second.notify_one();
                        stop.cancelled().await;
                    }
                };
                background.keep("dispatcher", &stop, task).await;
            })
        };
        second.notified().await;
        assert_eq!(restarts.with_label_values(&["dispatcher"]).get(), 1);
        let states = background.states();
        assert_eq!(states.len(), 1);
        assert!(states[0].1.as_ref().unwrap_err().contains("failed"), "{states:?}");
        stop.cancel();
        kept.await.unwrap();
    }

    #[tokio::test]
    async fn a_task_that_was_stopped_is_well_and_not_started_again() {
        let restarts = IntCounterVec::new(Opts::new("restarts", "x"), &["task"]).unwrap();
        let background = Background::new(restarts.clone());
        let stop = CancellationToken::new();
        stop.cancel();
        background.keep("reconciler", &stop, || async {}).await;
        assert_eq!(restarts.with_label_values(&["reconciler"]).get(), 0);
        assert_eq!(background.states(), [("reconciler", Ok(()))]);
    }
}
