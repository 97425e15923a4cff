//! The warm processes that wait for work, each kept for one tenant.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::solver::Solver;

/// A waiting process.
#[derive(Debug)]
struct Idle {
    tenant: String,
    solver: Solver,
    since: Instant,
}

/// The processes of a pool: the waiting ones themselves, and how many are busy.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    /// Longest waiting first.
    idle: VecDeque<Idle>,
    /// Busy ones, and ones about to be started.
    busy: usize,
}

impl Processes {
    /// A warm process of the tenant, the one used last, counted as busy from here on.
    pub(crate) fn take(&mut self, tenant: &str) -> Option<Solver> {
        let at = self.idle.iter().rposition(|idle| idle.tenant == tenant)?;
        let idle = self.idle.remove(at)?;
        self.busy += 1;
        Some(idle.solver)
    }

    /// Makes room for a new process, counted as busy from here on: the one that has waited longest
    /// goes when there are `size` of them.
    pub(crate) fn make_room(&mut self, size: usize) -> Option<Solver> {
        let full = self.idle.len() + self.busy >= size;
        self.busy += 1;
        full.then(|| self.idle.pop_front()).flatten().map(|idle| idle.solver)
    }

    /// A busy process has ended.
    pub(crate) fn ended(&mut self) {
        self.busy = self.busy.saturating_sub(1);
    }

    /// A busy process waits for its tenant's next proof.
    pub(crate) fn put_back(&mut self, tenant: String, solver: Solver) {
        self.ended();
        self.idle.push_back(Idle { tenant, solver, since: Instant::now() });
    }

    /// The processes that have waited for `time`.
    pub(crate) fn expired(&mut self, time: Duration) -> Vec<Solver> {
        let young = self.idle.iter().take_while(|idle| idle.since.elapsed() >= time).count();
        self.idle.drain(..young).map(|idle| idle.solver).collect()
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.idle.len()
    }

    /// How many there are.
    pub(crate) fn running(&self) -> usize {
        self.idle.len() + self.busy
    }
}
