//! What a pool runs, within which limits, and why it may not start.

use std::path::PathBuf;
use std::time::Duration;

/// What a pool runs, and how much of it.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// The `z3` binary: a path, or a bare name to look for in `PATH`.
    pub z3: PathBuf,
    /// How many processes there are at most, busy and idle together. At least 1.
    pub size: usize,
    /// The limits of each proof.
    pub limits: Limits,
}

/// What one proof may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time for one invariant, all its checks together.
    pub time: Duration,
    /// Memory of one process, in megabytes.
    pub memory_mb: u64,
    /// Z3's count of work for one check. It is the same on every machine, unlike the time; ten
    /// million are about a second of ours.
    pub rlimit: u64,
    /// The seed of everything that Z3 draws.
    pub seed: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), memory_mb: 512, rlimit: 60_000_000, seed: 0 }
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
    #[error("{path} is not z3: {answer}; name the path of the z3 binary itself", path = path.display())]
    NotZ3 {
        /// The path that was given.
        path: PathBuf,
        /// What was found instead.
        answer: String,
    },
}
