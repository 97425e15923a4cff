//! `sbh reset`: deletes all data of the stack and keeps the tools.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result};

use crate::failure::Failure;
use crate::home::Home;
use crate::progress::Progress;

/// Asks (unless told `yes`), stops the stack, deletes.
pub async fn reset(home: &Home, progress: &Progress, yes: bool) -> Result<bool> {
    if !yes {
        if !std::io::stdin().is_terminal() {
            let what = "reset deletes all data and was not confirmed";
            return Err(Failure::new(what).hint("say ./sbh reset --yes").into());
        }
        eprint!("Delete all data in {} (tools are kept)? [y/N] ", home.root().display());
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Ok(false);
        }
    }
    super::down::down(home, progress).await?;
    // The plan goes first: it is what makes the rest a stack.
    for folder in [home.run(), home.data(), home.keys(), home.mirrors(), home.demo(), home.logs()] {
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot delete {}", folder.display()))?;
        }
    }
    drop(std::fs::remove_file(home.root().join("file-roots")));
    Ok(true)
}
