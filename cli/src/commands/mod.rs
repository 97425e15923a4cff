//! The commands.

mod local;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::{Cli, Command};
use crate::home::Home;
use crate::stack;

/// Runs one command.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    let home = Home::find()?;
    match cli.command {
        Command::Supervise => stack::supervise::run(&home).await?,
        Command::ExecPart { parent, signal, command } => {
            stack::spawn::exec(parent, &signal, &command)?;
        }
        command => return local::run(&home, command, cli.json).await,
    }
    Ok(ExitCode::SUCCESS)
}
