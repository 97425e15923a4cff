//! `sbh up`: brings the stack to where every part is ready.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::Signal;

use super::control::{self, Request};
use super::plan::{Plan, program_stamp};
use super::secrets::Secrets;
use super::state::{self, PartStatus, State};
use super::{keys, logs, ports, postgres, process};
use crate::failure::Failure;
use crate::home::{Home, private_folder};
use crate::progress::{Progress, Step};
use crate::tools::Tools;

/// How long all parts together may take to be ready.
const PATIENCE: Duration = Duration::from_secs(90);

/// A part that ended so often before it was ready will not become so.
const MAX_CRASHES: u32 = 3;

/// Starts what is not running, and waits until all is ready. Ctrl-C, and a part that cannot start,
/// stop again what this call started.
pub async fn up(home: &Home, progress: &Progress) -> Result<Plan> {
    let _lock = state::command_lock(home, || {
        progress.say("Another sbh starts or stops the stack; waiting for it.")
    })?;
    if let Some(state) = State::running(home) {
        let plan = Plan::read(home)?.context("the running stack has no plan")?;
        ports::say_ignored(&plan.ports, progress);
        refresh(home, &plan, &state)?;
        settle(home, progress).await?;
        return Ok(plan);
    }
    check_layout(home)?;
    keys::check(home)?;
    let tools = Tools::ready(home, progress)?;
    let plan = Plan::make(home, &tools)?;
    private_folder(home.root())?;
    let secrets = Secrets::load_or_create(home)?;
    postgres::prepare(&plan, home, &secrets)?;
    plan.check_programs()?;
    plan.write(home)?;
    let started = start_supervisor(home).await?;
    settle(home, progress).await?;
    started.keep();
    keys::note(home)?;
    Ok(plan)
}

/// A supervisor that is stopped again with all its parts unless it is kept: whoever drops this was
/// interrupted or has failed.
struct Started<'a> {
    home: &'a Home,
    supervisor: process::Process,
    kept: bool,
}

impl Started<'_> {
    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if crate::interrupt::came() {
            eprintln!("Stopping what was started.");
        }
        self.supervisor.signal(Signal::TERM);
        process::wait(Duration::from_secs(60), || !state::supervisor_runs(self.home));
    }
}

/// A stack of another version is not taken over.
fn check_layout(home: &Home) -> Result<()> {
    let layout = match Plan::read(home) {
        Ok(None) => return Ok(()),
        Ok(Some(plan)) => Some(plan.layout),
        Err(_) => None,
    };
    if layout == Some(state::LAYOUT) {
        return Ok(());
    }
    let what = format!("the data in {} belongs to another version of sbh", home.root().display());
    Err(Failure::new(what)
        .hint("start afresh with ./sbh reset, which deletes it, or set SBH_HOME to another folder")
        .into())
}

/// Brings a running stack up to date: stopped parts run again, rebuilt programs are started anew.
fn refresh(home: &Home, plan: &Plan, state: &State) -> Result<()> {
    let mut notify = false;
    let parts: BTreeMap<_, _> = plan.parts().into_iter().map(|part| (part.name(), part)).collect();
    for part in &state.parts {
        notify |= control::withdraw_hold(home, &part.name);
        let own = parts.get(&part.name).is_some_and(|part| part.is_own());
        let file = if part.name == "starter" { "sbh-starter" } else { "sbh-workers" };
        let rebuilt = own
            && part.program.is_some()
            && part.program != program_stamp(&plan.programs.join(file));
        if rebuilt {
            control::ask(home, &part.name, Request::Restart)?;
            notify = true;
        }
    }
    if notify {
        control::notify(state);
    }
    Ok(())
}

/// Starts parts anew with the settings of now and waits until they are ready.
pub async fn restart(home: &Home, progress: &Progress, parts: &[String]) -> Result<()> {
    let _lock = state::command_lock(home, || {
        progress.say("Another sbh starts or stops the stack; waiting for it.")
    })?;
    let state = State::required(home)?;
    for part in parts {
        state.known(part)?;
    }
    for part in parts {
        control::ask(home, part, Request::Restart)?;
    }
    control::notify(&state);
    settle(home, progress).await
}

async fn start_supervisor(home: &Home) -> Result<Started<'_>> {
    private_folder(&home.logs())?;
    let path = home.log("supervisor");
    let log = File::options().create(true).append(true).open(&path);
    let log = log.with_context(|| format!("cannot write {}", path.display()))?;
    // What an earlier one wrote last is not the state of this one.
    let old = State::read(home);
    let child = Command::new(super::program::this()?)
        .arg("supervise")
        .env("SBH_HOME", home.root())
        .env("SBH_TOOLS", home.tools())
        .current_dir(home.root())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start the supervisor")?;
    let supervisor = process::Process::now(child.id());
    let started = Started { home, supervisor, kept: false };
    let newer = || {
        State::read(home)
            .is_some_and(|state| old.as_ref().is_none_or(|old| old.supervisor != state.supervisor))
    };
    let end = Instant::now() + Duration::from_secs(20);
    while supervisor.is_alive() && Instant::now() < end {
        if newer() {
            return Ok(started);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let what = format!("the supervisor could not start: {}", last_line(&path));
    Err(Failure::new(what).hint("look at ./sbh logs supervisor").into())
}

/// Waits until every part is ready, and shows how it goes.
async fn settle(home: &Home, progress: &Progress) -> Result<()> {
    let began = Instant::now();
    let mut steps: BTreeMap<String, Step> = BTreeMap::new();
    let mut crashes: BTreeMap<String, u32> = BTreeMap::new();
    let mut done: Vec<String> = Vec::new();
    loop {
        let Some(state) = State::running(home) else {
            let what = format!("the supervisor ended: {}", last_line(&home.log("supervisor")));
            return Err(Failure::new(what).hint("look at ./sbh logs supervisor").into());
        };
        for part in &state.parts {
            let restart = control::restart_pending(home, &part.name);
            let settled = matches!(part.status, PartStatus::Ready) && !restart;
            if settled || done.contains(&part.name) {
                if let Some(step) = steps.remove(&part.name) {
                    step.done(logs::address(home, &part.name).unwrap_or_default());
                    done.push(part.name.clone());
                }
                continue;
            }
            let step = steps.entry(part.name.clone()).or_insert_with(|| progress.step(&part.name));
            step.tick(part.status.as_str());
            let first = *crashes.entry(part.name.clone()).or_insert(part.restarts);
            if part.restarts >= first + MAX_CRASHES {
                return Err(cannot_start(home, &part.name, part.last_exit.as_deref()));
            }
        }
        if let Some(failure) = &state.failure {
            return Err(Failure::new(failure).hint("./sbh logs shows more").into());
        }
        let pending = state.parts.iter().any(|part| control::restart_pending(home, &part.name));
        if !pending && state.parts.iter().all(|part| part.status == PartStatus::Ready) {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            let late: Vec<_> =
                state.parts.iter().filter(|part| part.status != PartStatus::Ready).collect();
            let late = late.first().map_or("part", |part| &part.name);
            return Err(cannot_start(home, late, Some("not ready in time")));
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

fn cannot_start(home: &Home, part: &str, how: Option<&str>) -> anyhow::Error {
    let mut what = format!("{part} does not start ({})", how.unwrap_or("it ends at once"));
    for line in logs::tail(&home.log(part), 5) {
        what += &format!("\n    {line}");
    }
    Failure::new(what).hint(format!("the whole log: ./sbh logs {part}")).into()
}

fn last_line(path: &Path) -> String {
    logs::tail(path, 1).pop().unwrap_or_else(|| "no reason given".to_owned())
}
