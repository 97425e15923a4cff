//! The pool of solver processes: warm, fenced in, never shared between tenants.

mod binary;
mod config;
mod core;
mod idle;
mod model;
mod outcome;
mod query;
mod quick;
mod solver;
mod spawner;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use sbh_domain::{Digest, Form, ProofDetail, Verdict, VerdictCounts};
use tokio::sync::Semaphore;

pub use self::config::{Limits, PoolConfig, PoolError};
pub use self::outcome::{Assignment, Counterexample, Outcome, PoolStats};

pub(crate) use self::model::read as read_model;

use self::binary::Binary;
use self::idle::Processes;
use self::query::Judgement;
use self::solver::{Failure, Solver};
use self::spawner::Spawner;
use crate::invariant::Invariant;

/// After how many proofs a process is replaced by a new one, so that nothing can pile up in it.
const MAX_USES: u32 = 500;

/// How long a process waits for its tenant's next proof.
const IDLE: Duration = Duration::from_secs(60);

/// A pool of warm solver processes. Clones share it; the processes end with the last of them.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    binary: Arc<Binary>,
    spawner: Spawner,
    size: usize,
    limits: Limits,
    places: Semaphore,
    processes: Mutex<Processes>,
    verdicts: Mutex<VerdictCounts>,
    reaper_runs: AtomicBool,
    spawned: AtomicU64,
    replaced: AtomicU64,
    retired: AtomicU64,
    reused: AtomicU64,
}

impl Pool {
    /// Checks the binary. Processes are started when the first proofs need them.
    ///
    /// # Errors
    /// [`PoolError`] when the binary is missing or is not Z3.
    pub async fn start(config: PoolConfig) -> Result<Self, PoolError> {
        let PoolConfig { z3, size, limits } = config;
        let path = z3.clone();
        let unreadable = |source| PoolError::Unreadable { path: path.clone(), source };
        let binary = tokio::task::spawn_blocking(move || Binary::open(&z3))
            .await
            .map_err(|error| unreadable(std::io::Error::other(error)))??;
        let binary = Arc::new(binary);
        let spawner = Spawner::start(Arc::clone(&binary)).map_err(unreadable)?;
        let size = size.max(1);
        Ok(Self(Arc::new(Inner {
            binary,
            spawner,
            size,
            limits,
            places: Semaphore::new(size),
            processes: Mutex::default(),
            verdicts: Mutex::default(),
            reaper_runs: AtomicBool::new(false),
            spawned: AtomicU64::new(0),
            replaced: AtomicU64::new(0),
            retired: AtomicU64::new(0),
            reused: AtomicU64::new(0),
        })))
    }

    /// Judges one invariant for a tenant. Waits for a free place in the pool; who comes first is
    /// served first.
    ///
    /// Dropping the future kills the process that works on it.
    pub async fn prove(&self, tenant: &str, invariant: &Invariant) -> Outcome {
        self.prove_seeded(tenant, invariant, self.0.limits.seed).await
    }

    /// Judges one invariant with another seed than the configured one.
    pub async fn prove_seeded(&self, tenant: &str, invariant: &Invariant, seed: u32) -> Outcome {
        if let Some(language) = invariant.language() {
            // It holds nothing that z3 reads: an empty question would have an answer.
            let reason = format!("z3 does not read {language}: the workers judge such a block");
            return Outcome::unasked(Verdict::NotRun, reason);
        }
        let limits = Limits { seed, ..self.0.limits.clone() };
        // The semaphore is never closed; without a permit the worst is one process too many.
        let _place = self.0.places.acquire().await.ok();
        let started = Instant::now();
        let judgement = match self.lease(tenant).await {
            Ok(mut lease) => lease.judge(invariant, &limits).await,
            Err(failure) => {
                let reason = format!("z3 could not be started: {}", describe(&failure));
                Judgement::open(Verdict::Error, reason, false)
            }
        };
        lock(&self.0.verdicts).add(judgement.verdict, 1);
        Outcome {
            verdict: judgement.verdict,
            duration: started.elapsed(),
            counterexample: judgement.counterexample,
            reason: judgement.reason,
            detail: ProofDetail {
                prover: Some(self.0.binary.name.clone()),
                assumptions: judgement.assumptions,
                ..ProofDetail::default()
            },
        }
    }

    /// The key under which a tenant's decisive verdict on the invariant may be cached. It changes
    /// with everything that could change the verdict.
    ///
    /// The first call reads the binary, which takes a moment; [`Pool::digest_binary`] takes it
    /// beforehand.
    pub fn cache_key(&self, tenant: &str, invariant: &Invariant) -> String {
        let Inner { binary, limits, .. } = &*self.0;
        // Limits are among the options; the wall-clock limit is there as the solver's time-out.
        let options = query::options(limits, limits.time);
        Digest::of_fields([
            tenant.as_bytes(),
            invariant.statement().as_bytes(),
            invariant.form().map_or("", Form::as_str).as_bytes(),
            binary.name.as_bytes(),
            &binary.digest().0,
            &query::ENCODER.to_be_bytes(),
            options.as_bytes(),
        ])
        .to_string()
    }

    /// Reads the binary for [`Pool::cache_key`] now. Blocks.
    pub fn digest_binary(&self) {
        self.0.binary.digest();
    }

    /// What the pool has done.
    pub fn stats(&self) -> PoolStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PoolStats {
            spawned: count(&self.0.spawned),
            replaced: count(&self.0.replaced),
            retired: count(&self.0.retired),
            reused: count(&self.0.reused),
            running: lock(&self.0.processes).running() as u64,
            verdicts: *lock(&self.0.verdicts),
        }
    }

    /// The seed that is used where none is asked for.
    pub fn seed(&self) -> u32 {
        self.0.limits.seed
    }

    /// The prover's name and version, for example `z3 5.4.0`.
    pub fn prover(&self) -> &str {
        &self.0.binary.name
    }

    /// A process for the tenant, warm if there is one.
    async fn lease(&self, tenant: &str) -> Result<Lease, Failure> {
        let mut lease = Lease {
            pool: Arc::clone(&self.0),
            tenant: tenant.to_owned(),
            solver: None,
            counted: false,
        };
        loop {
            let Some(mut warm) = lock(&self.0.processes).take(tenant) else {
                break;
            };
            if warm.is_alive() {
                self.0.reused.fetch_add(1, Ordering::Relaxed);
                lease.solver = Some(warm);
                lease.counted = true;
                return Ok(lease);
            }
            // It died while it waited, for example because the machine ran out of memory.
            self.0.replaced.fetch_add(1, Ordering::Relaxed);
            lock(&self.0.processes).ended();
        }
        let in_the_way = lock(&self.0.processes).make_room(self.0.size);
        lease.counted = true;
        self.0.retired.fetch_add(u64::from(in_the_way.is_some()), Ordering::Relaxed);
        drop(in_the_way);
        self.0.spawned.fetch_add(1, Ordering::Relaxed);
        let started = Solver::start(&self.0.spawner, self.0.limits.memory_mb).await;
        lease.solver = Some(started?);
        Ok(lease)
    }
}

/// A busy process, or one about to be. Dropped without being given back, for whatever reason, it
/// is killed.
struct Lease {
    pool: Arc<Inner>,
    tenant: String,
    solver: Option<Solver>,
    /// Whether it is among the busy ones.
    counted: bool,
}

impl Lease {
    async fn judge(&mut self, invariant: &Invariant, limits: &Limits) -> Judgement {
        let Some(solver) = &mut self.solver else {
            return Judgement::open(Verdict::Error, "the solver is gone".to_owned(), false);
        };
        solver.uses += 1;
        let worn = solver.uses >= MAX_USES;
        let judgement = query::judge(solver, invariant, limits).await;
        if judgement.reusable
            && let Some(solver) = self.solver.take()
        {
            let mut processes = lock(&self.pool.processes);
            self.counted = false;
            if worn {
                processes.ended();
                self.pool.retired.fetch_add(1, Ordering::Relaxed);
            } else {
                processes.put_back(std::mem::take(&mut self.tenant), solver);
                drop(processes);
                self.pool.reap_later();
            }
        }
        judgement
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.counted {
            // First the kill, then the room for another.
            self.solver = None;
            self.pool.replaced.fetch_add(1, Ordering::Relaxed);
            lock(&self.pool.processes).ended();
        }
    }
}

impl Inner {
    /// Sees to it that idle processes end after a while. One task does so, while there are any.
    fn reap_later(self: &Arc<Self>) {
        if !self.reaper_runs.swap(true, Ordering::AcqRel) {
            tokio::spawn(reap(Arc::downgrade(self)));
        }
    }
}

async fn reap(pool: Weak<Inner>) {
    loop {
        tokio::time::sleep(IDLE / 2).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut processes = lock(&pool.processes);
        let expired = processes.expired(IDLE);
        pool.retired.fetch_add(expired.len() as u64, Ordering::Relaxed);
        if processes.waiting() == 0 {
            // Under the lock, so that whoever puts one back next starts the next task.
            pool.reaper_runs.store(false, Ordering::Release);
            return;
        }
    }
}

fn describe(failure: &Failure) -> String {
    match failure {
        Failure::Error(message) => message.clone(),
        Failure::Ended(_, text) if text.trim().is_empty() => "it ended at once".to_owned(),
        Failure::Ended(_, text) => text.chars().take(200).collect(),
        Failure::TooMuch(_) => "it wrote without being asked".to_owned(),
        Failure::Late => "it did not answer in time".to_owned(),
        Failure::Io(error) => error.to_string(),
    }
}

/// A lock that a panic elsewhere does not take away: what it guards is whole at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
