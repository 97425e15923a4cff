//! The pool of solver processes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sbh_domain::{Verdict, VerdictCounts};
use serde::{Deserialize, Serialize};

use crate::invariant::Invariant;

/// What a pool runs, and how much of it.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// The `z3` binary.
    pub z3: PathBuf,
    /// How many processes there are at most, busy and idle together.
    pub size: usize,
    /// The limits of each proof.
    pub limits: Limits,
}

/// What one proof may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time for one invariant.
    pub time: Duration,
    /// Memory of one process, in megabytes.
    pub memory_mb: u64,
    /// Z3's deterministic count of work for one check; the same on every machine.
    pub rlimit: u64,
    /// The seed of everything that Z3 draws.
    pub seed: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            memory_mb: 512,
            rlimit: 100_000_000,
            seed: 0,
        }
    }
}

/// Why a pool cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The binary is not there or cannot be read.
    #[error("cannot read the prover {path}: {source}; install z3 or name its path", path = path.display())]
    Unreadable {
        /// The path that was given.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The binary is not Z3.
    #[error("{path} does not answer `--version` as z3 does: {answer}", path = path.display())]
    NotZ3 {
        /// The path that was given.
        path: PathBuf,
        /// What came instead.
        answer: String,
    },
}

/// What is known after an attempt to prove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// How long it took, waiting for a process included.
    pub duration: Duration,
    /// For a refuted invariant, the model in which the claim fails.
    pub counterexample: Option<Counterexample>,
    /// For every verdict that is not decisive, why.
    pub reason: Option<String>,
}

/// A model in which the claim fails.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counterexample(pub Vec<Assignment>);

/// What a model assigns to one of the block's symbols.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The constant or function.
    pub name: String,
    /// Its value as people write it: `-5`, `3/2`, `true`.
    pub value: String,
}

/// What a pool has done since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PoolStats {
    /// Processes started.
    pub spawned: u64,
    /// Processes killed because they misbehaved or ran into a limit.
    pub replaced: u64,
    /// Proofs that found a warm process.
    pub reused: u64,
    /// Processes alive now, busy and idle.
    pub running: u64,
    /// Outcomes by verdict.
    pub verdicts: VerdictCounts,
}

/// A pool of warm solver processes. Clones share it.
#[derive(Debug, Clone)]
pub struct Pool(Arc<PoolConfig>);

impl Pool {
    /// Checks the binary. Processes are started when the first proofs need them.
    ///
    /// # Errors
    /// [`PoolError`] when the binary is missing or is not Z3.
    pub async fn start(config: PoolConfig) -> Result<Self, PoolError> {
        Ok(Self(Arc::new(config)))
    }

    /// Judges one invariant for a tenant. Waits for a free process.
    pub async fn prove(&self, _tenant: &str, _invariant: &Invariant) -> Outcome {
        Outcome {
            verdict: Verdict::NotRun,
            duration: Duration::ZERO,
            counterexample: None,
            reason: None,
        }
    }

    /// The key under which a tenant's decisive verdict on the invariant may be cached. It changes
    /// with everything that could change the verdict.
    pub fn cache_key(&self, _tenant: &str, _invariant: &Invariant) -> String {
        String::new()
    }

    /// What the pool has done.
    pub fn stats(&self) -> PoolStats {
        PoolStats::default()
    }

    /// The prover's name and version, for example `z3 5.4.0`.
    pub fn prover(&self) -> &str {
        "z3"
    }
}
