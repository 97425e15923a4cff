//! The real prover, for tests.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use sbh_prover::{Invariant, Limits, Outcome, Pool, PoolConfig};

/// The `z3` of the project's tools, or of the folder that `SBH_TOOLS` names.
pub fn path() -> PathBuf {
    let tools = std::env::var_os("SBH_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sbh/tools"), PathBuf::from);
    let z3 = tools.join("bin/z3");
    assert!(z3.is_file(), "{} is missing: run ./sbh up once, or set SBH_TOOLS", z3.display());
    z3
}

/// A pool of `size` processes.
#[allow(dead_code, reason = "not every test that uses this file asks z3")]
pub async fn pool(size: usize, limits: Limits) -> Pool {
    Pool::start(PoolConfig { z3: path(), size, limits }).await.unwrap()
}

/// Proves one block for the tenant `demo`.
#[allow(dead_code)]
pub async fn prove(pool: &Pool, block: &str) -> Outcome {
    pool.prove("demo", &Invariant::parse(block, 1).unwrap()).await
}
