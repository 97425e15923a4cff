//! Where this program is.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// What Linux adds to the path of a file that was replaced while it runs.
const REPLACED: &str = " (deleted)";

/// The file of this program, or the one that took its place: it may be rebuilt while it runs.
pub fn this() -> Result<PathBuf> {
    let path = std::env::current_exe().context("cannot tell where this program is")?;
    let newer = path.to_str().and_then(|path| path.strip_suffix(REPLACED)).map(PathBuf::from);
    Ok(newer.filter(|_| !path.exists()).unwrap_or(path))
}
