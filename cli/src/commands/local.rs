//! The commands about the local stack.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::args::Command;
use crate::failure::Failure;
use crate::home::Home;
use crate::progress::{Progress, seconds};
use crate::stack::environment::environment;
use crate::stack::plan::Plan;
use crate::stack::secrets::Secrets;
use crate::stack::state::State;
use crate::stack::{down, logs, programs, reset, spawn, status, up};
use crate::style::Style;
use crate::token;
use crate::tools::{self, Package};
use crate::{out, outln};

/// Runs one of them.
pub async fn run(home: &Home, command: Command, as_json: bool) -> Result<ExitCode> {
    let progress = Progress::new(as_json);
    match command {
        Command::Up => {
            let began = Instant::now();
            let plan = up::up(home, &progress).await?;
            if as_json {
                outln!("{}", serde_json::to_string_pretty(&environment(home)?)?);
            } else {
                let took = seconds(began.elapsed());
                outln!("{} in {took}", Style::Good.paint("The local stack is up"));
                outln!("  API     {}", Style::Link.paint(plan.api_url()));
                outln!("  docs    {}", Style::Link.paint(format!("{}/docs", plan.api_url())));
                outln!("  Web UI  {}", Style::Link.paint(plan.workflows_url()));
            }
        }
        Command::Down { parts } if parts.is_empty() => {
            let ran = down::down(home, &progress).await?;
            if as_json {
                outln!("{}", json!({ "stopped": ran }));
            } else if !ran {
                outln!("The local stack was not running.");
            }
        }
        Command::Down { parts } => {
            down::hold(home, &progress, &parts).await?;
            if as_json {
                outln!("{}", json!({ "stopped": parts }));
            }
        }
        Command::Restart { parts } => {
            up::restart(home, &progress, &parts).await?;
            if as_json {
                outln!("{}", json!({ "restarted": parts }));
            }
        }
        Command::Status => {
            let ready = status::status(home, as_json).await?;
            return Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Reset { yes } => {
            let deleted = reset::reset(home, &progress, yes).await?;
            if as_json {
                outln!("{}", json!({ "deleted": deleted }));
            } else {
                outln!("{}", if deleted { "All data is deleted." } else { "Nothing was deleted." });
            }
        }
        Command::Logs { part, follow, lines } => {
            logs::show(home, part.as_deref(), lines, follow).await?;
        }
        Command::Env => {
            let environment = environment(home)?;
            if as_json {
                outln!("{}", serde_json::to_string_pretty(&environment)?);
            } else {
                out!("{}", environment.shell());
            }
        }
        Command::Token { tenant, role, subject, ttl } => {
            ensure_tenant(home, tenant.as_str()).await?;
            let secrets = Secrets::load_or_create(home)?;
            let token = token::mint(&secrets.signing, &tenant, role, &subject, ttl)?;
            if as_json {
                outln!("{}", json!({ "token": token, "expires_in_s": ttl.as_secs() }));
            } else {
                outln!("{token}");
            }
        }
        Command::Tools => {
            tools::ensure(home, &Package::ALL, &progress)?;
            if as_json {
                outln!("{}", json!({ "tools": home.tools() }));
            } else {
                outln!("The tools are in {}.", home.tools().display());
            }
        }
        _ => anyhow::bail!("not here"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a tenant of the running local stack, unless there is one of that name.
pub async fn ensure_tenant(home: &Home, tenant: &str) -> Result<()> {
    State::required(home)?;
    let plan = Plan::read(home)?.context("the running stack has no plan")?;
    let secrets = Secrets::load_or_create(home)?;
    let launch = programs::starter_command(&plan, home, &secrets, &["tenant", "ensure", tenant]);
    let output = spawn::once(&launch).await.context("cannot start sbh-starter tenant ensure")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    let what = format!("the tenant {tenant} could not be made: {reason}");
    Err(Failure::new(what).hint("look at ./sbh status").into())
}
