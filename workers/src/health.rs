//! How the workers stand: whether each queue's thread gets on, and whether the server sees it poll.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::fleet::Queue;

/// A thread that shows nothing for this long is blocked.
const BLOCKED_AFTER: Duration = Duration::from_secs(15);
/// A worker that the server has not seen for this long cannot be relied on.
const UNSEEN_AFTER: Duration = Duration::from_secs(90);

/// What is known of one queue's worker. Cloning shares it.
#[derive(Debug, Clone)]
pub struct QueueHealth {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    since: Instant,
    running: AtomicBool,
    /// Whether the server did not answer when it was last asked.
    away: AtomicBool,
    restarts: AtomicU64,
    /// Milliseconds after `since`.
    ticked: AtomicU64,
    seen: AtomicU64,
}

impl Default for QueueHealth {
    fn default() -> Self {
        Self {
            inner: Arc::new(Inner {
                since: Instant::now(),
                running: AtomicBool::new(false),
                away: AtomicBool::new(false),
                restarts: AtomicU64::new(0),
                ticked: AtomicU64::new(0),
                seen: AtomicU64::new(0),
            }),
        }
    }
}

impl QueueHealth {
    /// The worker polls from now on.
    pub(crate) fn started(&self) {
        self.tick();
        self.seen();
        self.inner.running.store(true, Ordering::Relaxed);
    }

    /// The worker polls no more.
    pub(crate) fn ended(&self) {
        self.inner.running.store(false, Ordering::Relaxed);
    }

    /// The worker ended with an error.
    pub(crate) fn restarted(&self) {
        self.inner.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// The thread gets on.
    pub(crate) fn tick(&self) {
        self.inner.ticked.store(self.now(), Ordering::Relaxed);
    }

    /// Whether the server answers.
    pub(crate) fn answers(&self, answers: bool) {
        self.inner.away.store(!answers, Ordering::Relaxed);
    }

    /// The server sees the polls.
    pub(crate) fn seen(&self) {
        self.answers(true);
        self.inner.seen.store(self.now(), Ordering::Relaxed);
    }

    /// How often the worker ended with an error.
    pub fn restarts(&self) -> u64 {
        self.inner.restarts.load(Ordering::Relaxed)
    }

    /// What is wrong, or `None`.
    pub fn problem(&self) -> Option<Problem> {
        if !self.inner.running.load(Ordering::Relaxed) {
            return Some(Problem::NotPolling);
        }
        let since = |at: &AtomicU64| {
            Duration::from_millis(self.now().saturating_sub(at.load(Ordering::Relaxed)))
        };
        if since(&self.inner.ticked) > BLOCKED_AFTER {
            return Some(Problem::Blocked(since(&self.inner.ticked)));
        }
        if self.inner.away.load(Ordering::Relaxed) {
            return Some(Problem::Away);
        }
        if since(&self.inner.seen) > UNSEEN_AFTER {
            return Some(Problem::Unseen(since(&self.inner.seen)));
        }
        None
    }

    fn now(&self) -> u64 {
        u64::try_from(self.inner.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// What can be wrong with a queue's worker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is starting, or Temporal is away.
    #[error("it does not poll: Temporal is away, or the worker is starting")]
    NotPolling,
    /// A workflow blocks its thread. Only a restart of the process helps.
    #[error("its workflow thread has been blocked for {} s", .0.as_secs())]
    Blocked(Duration),
    /// The server does not answer.
    #[error("Temporal does not answer")]
    Away,
    /// The server does not see its polls.
    #[error("the server has not seen it for {} s", .0.as_secs())]
    Unseen(Duration),
}

/// The state of the process or of a part of it, as `/healthz` and `/readyz` say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It works.
    Ok,
    /// It does not.
    Down,
}

/// A part and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Whether it works.
    pub status: State,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Part {
    /// A part that works when there is no reason why not.
    pub fn new(reason: Option<String>) -> Self {
        Self { status: if reason.is_none() { State::Ok } else { State::Down }, reason }
    }
}

/// An answer of `/healthz` or `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Down when any part is.
    pub status: State,
    /// Part by part.
    pub parts: BTreeMap<String, Part>,
}

impl Report {
    /// A report on some parts.
    pub fn new(parts: BTreeMap<String, Part>) -> Self {
        let down = parts.values().any(|part| part.status == State::Down);
        Self { status: if down { State::Down } else { State::Ok }, parts }
    }
}

/// The queues that this process serves.
pub type Queues = BTreeMap<Queue, QueueHealth>;

/// Whether the process should go on running: false only when a restart would help.
pub fn liveness(queues: &Queues) -> Report {
    Report::new(
        queues
            .iter()
            .map(|(queue, health)| {
                let problem = health.problem().filter(|p| matches!(p, Problem::Blocked(_)));
                (queue.name().to_owned(), Part::new(problem.map(|problem| problem.to_string())))
            })
            .collect(),
    )
}

/// Whether the process can take work.
pub fn readiness(queues: &Queues) -> BTreeMap<String, Part> {
    queues
        .iter()
        .map(|(queue, health)| {
            let problem = health.problem().map(|problem| problem.to_string());
            (queue.name().to_owned(), Part::new(problem))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(health: &QueueHealth, ticked: Duration, seen: Duration) {
        let ms = |ago: Duration| health.now().saturating_sub(ago.as_millis() as u64);
        health.inner.ticked.store(ms(ticked), Ordering::Relaxed);
        health.inner.seen.store(ms(seen), Ordering::Relaxed);
    }

    /// One that began long ago, so that there is a past to speak of.
    fn old() -> QueueHealth {
        let inner = Inner {
            since: Instant::now().checked_sub(Duration::from_secs(1_000)).unwrap(),
            running: AtomicBool::new(true),
            away: AtomicBool::new(false),
            restarts: AtomicU64::new(0),
            ticked: AtomicU64::new(0),
            seen: AtomicU64::new(0),
        };
        QueueHealth { inner: Arc::new(inner) }
    }

    #[test]
    fn a_worker_is_well_while_it_gets_on_and_is_seen() {
        let health = QueueHealth::default();
        assert_eq!(health.problem(), Some(Problem::NotPolling));
        health.started();
        assert_eq!(health.problem(), None);
        health.ended();
        assert_eq!(health.problem(), Some(Problem::NotPolling));
    }

    #[test]
    fn only_a_blocked_thread_asks_for_a_restart() {
        let health = old();
        let queues = Queues::from([(Queue::Sync, health.clone())]);
        let second = Duration::from_secs(1);
        at(&health, second, second);
        assert_eq!(Report::new(readiness(&queues)).status, State::Ok);
        health.answers(false);
        assert_eq!(health.problem(), Some(Problem::Away));
        assert_eq!(liveness(&queues).status, State::Ok);
        health.answers(true);
        at(&health, second, 100 * second);
        assert!(matches!(health.problem(), Some(Problem::Unseen(_))));
        assert_eq!(liveness(&queues).status, State::Ok);
        at(&health, 20 * second, second);
        assert!(matches!(health.problem(), Some(Problem::Blocked(_))));
        assert_eq!(liveness(&queues).status, State::Down);
        assert_eq!(liveness(&queues).parts["sync"].status, State::Down);
    }
}
