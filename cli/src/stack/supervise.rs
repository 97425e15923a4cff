//! The supervisor: the parent of all parts, in a process of its own.
//!
//! Each part has a task that keeps it as it is wanted: running (and started again when it ends by
//! itself) or stopped. Parts die with the supervisor, so that nothing is left behind even when it
//! is killed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chrono::Utc;
use futures::future::join_all;
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::control::{self, Request};
use super::part::Part;
use super::plan::Plan;
use super::process::Process;
use super::secrets::Secrets;
use super::state::{PartState, PartStatus, State, supervisor_lock};
use super::{postgres, programs, ready, spawn};
use crate::failure::Failure;
use crate::home::Home;

/// How often a part that starts is asked whether it is ready.
const PROBE: Duration = Duration::from_millis(40);

/// A part that ran so long before it crashed is started again at once.
const STABLE: Duration = Duration::from_secs(10);

/// What a part should be doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    /// Wait for the parts that it needs.
    Wait,
    /// Run. Another number asks for another process.
    Run(u32),
    /// Be stopped.
    Stop,
}

struct Supervisor {
    home: Home,
    plan: Plan,
    secrets: Secrets,
    wants: BTreeMap<Part, watch::Sender<Want>>,
    state: RefCell<State>,
    changes: watch::Sender<()>,
}

/// Runs until it is told to end. Expects the plan to be written.
pub async fn run(home: &Home) -> Result<()> {
    // Away from the terminal: its Ctrl-C and its closing are not meant for the stack.
    let _ = rustix::process::setsid();
    let lock = supervisor_lock(home)?;
    let Some(_lock) = lock else {
        return Err(Failure::new("another supervisor runs already").into());
    };
    let plan = Plan::read(home)?.context("there is no plan to run")?;
    clear_leftovers(home);
    control::clear(home);
    let secrets = Secrets::load_or_create(home)?;
    let supervisor = Supervisor::new(home, plan, secrets);
    supervisor.publish();
    let parts: Vec<_> = supervisor.wants.keys().copied().collect();
    let kept = join_all(parts.iter().map(|part| supervisor.keep(*part)));
    tokio::select! {
        _ = kept => Ok(()),
        result = supervisor.conduct() => result,
    }
}

/// Ends what a supervisor that was killed could not take along.
fn clear_leftovers(home: &Home) {
    for part in State::read(home).into_iter().flat_map(|state| state.parts) {
        if let Some(process) = part.process {
            process.end(rustix::process::Signal::TERM, Duration::from_secs(5));
        }
    }
    postgres::clear_leftovers(home);
}

impl Supervisor {
    fn new(home: &Home, plan: Plan, secrets: Secrets) -> Self {
        let part = |part: &Part| PartState {
            name: part.name(),
            status: PartStatus::Waiting,
            process: None,
            restarts: 0,
            since: Utc::now(),
            last_exit: None,
            program: None,
        };
        let parts = plan.parts();
        let state = State {
            supervisor: Process::now(std::process::id()),
            parts: parts.iter().map(part).collect(),
            failure: None,
        };
        let wants = parts.into_iter().map(|part| (part, watch::Sender::new(Want::Wait))).collect();
        let home = home.clone();
        Self {
            home,
            plan,
            secrets,
            wants,
            state: RefCell::new(state),
            changes: watch::Sender::new(()),
        }
    }

    /// Starts all in order, obeys requests, and at a signal stops all in order.
    async fn conduct(&self) -> Result<()> {
        let mut end = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut requests = signal(SignalKind::hangup())?;
        let started = self.start();
        tokio::pin!(started);
        let mut starting = true;
        loop {
            tokio::select! {
                _ = end.recv() => break,
                _ = interrupt.recv() => break,
                _ = requests.recv() => self.obey(),
                result = &mut started, if starting => {
                    starting = false;
                    if let Err(error) = result {
                        eprintln!("cannot start: {error:#}");
                        self.state.borrow_mut().failure = Some(format!("{error:#}"));
                        self.publish();
                    }
                }
            }
        }
        self.stop().await;
        Ok(())
    }

    async fn start(&self) -> Result<()> {
        for part in [Part::Postgres, Part::Valkey, Part::Temporal] {
            self.want(part, Want::Run(0));
        }
        self.until(|state| is(state, Part::Postgres, PartStatus::Ready)).await;
        let migrate =
            programs::starter_command(&self.plan, &self.home, &self.secrets, &["migrate"]);
        let output = spawn::once(&migrate).await.context("cannot start sbh-starter migrate")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let line =
                said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given");
            anyhow::bail!("the database could not be migrated: {line}");
        }
        self.until(|state| is(state, Part::Temporal, PartStatus::Ready)).await;
        for part in self.wants.keys().filter(|part| part.is_own()) {
            self.want(*part, Want::Run(0));
        }
        Ok(())
    }

    /// Takes up the requests that commands left.
    fn obey(&self) {
        for part in self.wants.keys() {
            let Some(wanted) = self.wants.get(part).map(|want| *want.borrow()) else { continue };
            let next = match wanted {
                Want::Run(number) => number + 1,
                _ => 0,
            };
            match control::take(&self.home, &part.name()) {
                Some(Request::Hold) => self.want(*part, Want::Stop),
                Some(Request::Restart) => self.want(*part, Want::Run(next)),
                None if wanted == Want::Stop => self.want(*part, Want::Run(next)),
                None => {}
            }
        }
    }

    async fn stop(&self) {
        let ranks: std::collections::BTreeSet<_> =
            self.wants.keys().map(|part| part.stop_rank()).collect();
        for rank in ranks {
            let parts: Vec<_> =
                self.wants.keys().filter(|part| part.stop_rank() == rank).copied().collect();
            for part in &parts {
                self.want(*part, Want::Stop);
            }
            self.until(|state| parts.iter().all(|part| is(state, *part, PartStatus::Stopped)))
                .await;
        }
    }

    /// Keeps one part as it is wanted.
    async fn keep(&self, part: Part) {
        let Some(mut want) = self.wants.get(&part).map(watch::Sender::subscribe) else { return };
        let mut failures = 0_usize;
        loop {
            let wanted = *want.borrow_and_update();
            match wanted {
                Want::Run(_) => {}
                Want::Wait => self.set(part, |state| state.status = PartStatus::Waiting),
                Want::Stop => self.set(part, |state| state.status = PartStatus::Stopped),
            }
            if !matches!(wanted, Want::Run(_)) {
                if want.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let began = Instant::now();
            let how = match self.spawn(part) {
                Err(error) => Some(format!("{error:#}")),
                Ok(mut child) => match self.watch(part, &mut child, &mut want, wanted).await {
                    Some(status) => Some(describe(status)),
                    None => {
                        self.end(part, &mut child).await;
                        None
                    }
                },
            };
            let Some(how) = how else {
                failures = 0;
                continue;
            };
            eprintln!("{} {}: {how}", Utc::now().format("%FT%TZ"), part.name());
            failures = if began.elapsed() > STABLE { 1 } else { failures + 1 };
            self.set(part, |state| {
                state.status = PartStatus::Crashed;
                state.process = None;
                state.restarts += 1;
                state.last_exit = Some(how);
            });
            drop(tokio::time::timeout(pause(failures), want.changed()).await);
        }
    }

    fn spawn(&self, part: Part) -> Result<Child> {
        let launch = self.plan.launch(&self.home, &self.secrets, part);
        let child = spawn::part(&self.home, part, &launch)?;
        let process = child.id().map(Process::now);
        self.set(part, |state| {
            state.status = PartStatus::Starting;
            state.process = process;
            state.program = launch.program_stamp();
        });
        Ok(child)
    }

    /// Waits until the process ends by itself, or (`None`) something else is wanted.
    async fn watch(
        &self,
        part: Part,
        child: &mut Child,
        want: &mut watch::Receiver<Want>,
        wanted: Want,
    ) -> Option<ExitStatus> {
        let ready = async {
            while !ready::is_ready(&self.plan, &self.home, part).await {
                tokio::time::sleep(PROBE).await;
            }
        };
        tokio::pin!(ready);
        let mut is_ready = false;
        loop {
            tokio::select! {
                ended = child.wait() => {
                    if let Some(process) = self.process(part) {
                        // What it started itself, such as provers, must not outlive it.
                        process.kill_group();
                    }
                    return Some(ended.unwrap_or_default());
                }
                changed = want.changed() => {
                    if changed.is_err() || *want.borrow_and_update() != wanted {
                        return None;
                    }
                }
                () = &mut ready, if !is_ready => {
                    is_ready = true;
                    self.set(part, |state| state.status = PartStatus::Ready);
                }
            }
        }
    }

    async fn end(&self, part: Part, child: &mut Child) {
        self.set(part, |state| state.status = PartStatus::Stopping);
        if let Some(process) = self.process(part) {
            process.signal(part.stop_signal());
            if tokio::time::timeout(part.stop_deadline(), child.wait()).await.is_err() {
                eprintln!(
                    "{} {}: did not end in time; killed",
                    Utc::now().format("%FT%TZ"),
                    part.name()
                );
            }
            process.kill_group();
        }
        drop(child.wait().await);
        self.set(part, |state| state.process = None);
    }

    fn process(&self, part: Part) -> Option<Process> {
        self.state.borrow().part(&part.name())?.process
    }

    fn want(&self, part: Part, want: Want) {
        if let Some(wanted) = self.wants.get(&part) {
            wanted.send_replace(want);
        }
    }

    fn set(&self, part: Part, change: impl FnOnce(&mut PartState)) {
        let name = part.name();
        if let Some(state) =
            self.state.borrow_mut().parts.iter_mut().find(|state| state.name == name)
        {
            let before = state.clone();
            change(state);
            if before == *state {
                return;
            }
            state.since = Utc::now();
        }
        self.publish();
    }

    fn publish(&self) {
        if let Err(error) = self.state.borrow().write(&self.home) {
            eprintln!("{error:#}");
        }
        self.changes.send_replace(());
    }

    async fn until(&self, so: impl Fn(&State) -> bool) {
        let mut changes = self.changes.subscribe();
        while !so(&self.state.borrow()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

fn is(state: &State, part: Part, status: PartStatus) -> bool {
    state.part(&part.name()).is_some_and(|part| part.status == status)
}

/// How long to wait after so many crashes in a row.
fn pause(failures: usize) -> Duration {
    const PAUSES: [u64; 6] = [0, 100, 500, 1_000, 3_000, 10_000];
    Duration::from_millis(PAUSES.get(failures).copied().unwrap_or(10_000))
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
