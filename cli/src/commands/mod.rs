//! The commands.

pub mod alert;
pub mod alert_channel;
mod audit;
pub mod connection;
mod connection_given;
pub mod coverage;
pub mod drift;
pub mod effect;
pub mod follow;
mod inbox;
mod local;
pub mod lookup;
pub mod obstacle;
mod prove;
pub mod pull;
mod repo;
mod spec;
mod upload;
pub mod verdicts;

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use crate::args::{Cli, Command};
use crate::client::Client;
use crate::home::Home;
use crate::outln;
use crate::{demo, stack};

pub use local::ensure_tenant;

/// Runs one command.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    let home = Home::find()?;
    let as_json = cli.json;
    match &cli.command {
        Command::Supervise => stack::supervise::run(&home).await?,
        Command::ExecPart { parent, signal, command } => {
            stack::spawn::exec(*parent, signal, command)?;
        }
        Command::Prove(arguments) => return prove::run(&home, arguments, as_json).await,
        Command::Chaos(arguments) => return crate::chaos::run(&home, arguments, as_json).await,
        Command::Demo => return demo::run(&home, as_json).await,
        Command::Repo(_)
        | Command::Pull(_)
        | Command::Spec(_)
        | Command::Coverage { .. }
        | Command::Drift(_)
        | Command::Alert(_)
        | Command::Effect(_)
        | Command::Inbox(_)
        | Command::Connection(_)
        | Command::Audit(_) => return over_http(&home, cli).await,
        _ => return local::run(&home, cli.command, as_json).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// The commands that talk to the API.
async fn over_http(home: &Home, cli: Cli) -> Result<ExitCode> {
    let client = Client::find(home, &cli).await?;
    let as_json = cli.json;
    match cli.command {
        Command::Repo(command) => repo::run(home, &client, command, as_json).await?,
        Command::Pull(command) => pull::run(&client, command, as_json).await?,
        Command::Spec(command) => spec::run(home, &client, command, as_json).await?,
        Command::Coverage { repository } => coverage::run(&client, repository, as_json).await?,
        Command::Drift(command) => drift::run(&client, command, as_json).await?,
        Command::Alert(command) => alert::run(&client, command, as_json).await?,
        Command::Effect(command) => effect::run(&client, command, as_json).await?,
        Command::Inbox(command) => inbox::run(&client, command, as_json).await?,
        Command::Connection(command) => connection::run(&client, command, as_json).await?,
        Command::Audit(command) => return audit::run(&client, command, as_json).await,
        _ => anyhow::bail!("this command needs no API"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes an answer as JSON.
fn print_json(value: &impl Serialize) -> Result<()> {
    outln!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
