//! `sbh down`: stops the stack, or single parts of it.

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;

use super::control::{self, Request};
use super::state::{self, PartStatus, State};
use super::{postgres, process};
use crate::home::Home;
use crate::progress::Progress;

/// How long the supervisor may take to stop everything: the sum of the parts' deadlines.
const PATIENCE: Duration = Duration::from_secs(70);

/// Stops everything in order. Returns whether anything ran.
pub async fn down(home: &Home, progress: &Progress) -> Result<bool> {
    if !home.run().exists() {
        return Ok(false);
    }
    let _lock = state::command_lock(home, || {
        progress.say("Another sbh starts or stops the stack; waiting for it.")
    })?;
    let Some(state) = State::running(home) else {
        return Ok(leftovers(home));
    };
    let step = progress.step("stopping");
    state.supervisor.signal(Signal::TERM);
    let began = Instant::now();
    while state::supervisor_runs(home) {
        let busy: Vec<String> = State::read(home)
            .into_iter()
            .flat_map(|state| state.parts)
            .filter(|part| part.status != PartStatus::Stopped)
            .map(|part| part.name)
            .collect();
        step.tick(busy.join(", "));
        if began.elapsed() > PATIENCE {
            step.say("does not end by itself; killing it");
            state.supervisor.signal(Signal::KILL);
            process::wait(Duration::from_secs(5), || !state::supervisor_runs(home));
            leftovers(home);
            break;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    step.done("everything is stopped");
    Ok(true)
}

/// Stops single parts and keeps them stopped until `sbh up`.
pub async fn hold(home: &Home, progress: &Progress, parts: &[String]) -> Result<()> {
    let _lock = state::command_lock(home, || {
        progress.say("Another sbh starts or stops the stack; waiting for it.")
    })?;
    let state = State::required(home)?;
    for part in parts {
        state.known(part)?;
    }
    for part in parts {
        control::ask(home, part, Request::Hold)?;
    }
    control::notify(&state);
    let step = progress.step("stopping");
    loop {
        let state = State::required(home)?;
        let stopped =
            |name: &String| state.part(name).is_none_or(|part| part.status == PartStatus::Stopped);
        if parts.iter().all(stopped) {
            step.done(parts.join(", "));
            return Ok(());
        }
        step.tick(parts.join(", "));
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Ends what a killed supervisor left behind.
fn leftovers(home: &Home) -> bool {
    let mut any = false;
    for part in State::read(home).into_iter().flat_map(|state| state.parts) {
        if let Some(process) = part.process {
            let signal = if part.name == "postgres" { Signal::INT } else { Signal::TERM };
            any |= process.end(signal, Duration::from_secs(10));
        }
    }
    postgres::clear_leftovers(home);
    any
}
