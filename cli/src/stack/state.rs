//! What the supervisor tells the commands: `run/state.json`.

use std::fs::{self, File};

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::process::{self, Process};
use crate::failure::Failure;
use crate::home::{Home, private_folder, read_json, write_private};

/// The layout of `.sbh`. It changes when an older stack cannot be taken over.
pub const LAYOUT: u32 = 1;

/// The state of a stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// The supervisor.
    pub supervisor: Process,
    /// The parts in the order in which they start.
    pub parts: Vec<PartState>,
    /// Why the stack cannot start.
    pub failure: Option<String>,
}

/// The state of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartState {
    /// Its name.
    pub name: String,
    /// How it is.
    pub status: PartStatus,
    /// Its process.
    pub process: Option<Process>,
    /// How often it crashed and was started again.
    pub restarts: u32,
    /// Since when it is so.
    pub since: DateTime<Utc>,
    /// How it ended last.
    pub last_exit: Option<String>,
    /// What identifies the program file that runs.
    pub program: Option<String>,
}

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartStatus {
    /// Waits for other parts.
    Waiting,
    /// Started, not ready.
    Starting,
    /// Works.
    Ready,
    /// Ended by itself; about to be started again.
    Crashed,
    /// Being stopped.
    Stopping,
    /// Stopped on purpose.
    Stopped,
}

impl PartStatus {
    /// A word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Crashed => "crashed",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

impl State {
    /// A part's state.
    pub fn part(&self, name: &str) -> Option<&PartState> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// Refuses a name that no part has.
    ///
    /// # Errors
    /// [`Failure`] with the names that there are.
    pub fn known(&self, name: &str) -> Result<()> {
        if self.part(name).is_some() {
            return Ok(());
        }
        let names: Vec<_> = self.parts.iter().map(|part| part.name.as_str()).collect();
        let what = format!("there is no part {name:?}");
        Err(Failure::new(what).hint(format!("parts are {}", names.join(", "))).into())
    }

    /// Whether every part is ready.
    pub fn is_whole(&self) -> bool {
        self.parts.iter().all(|part| part.status == PartStatus::Ready)
    }

    /// Whether every part is ready or was stopped on purpose.
    pub fn is_settled(&self) -> bool {
        self.parts.iter().all(|part| matches!(part.status, PartStatus::Ready | PartStatus::Stopped))
    }

    /// Writes it for the commands.
    pub fn write(&self, home: &Home) -> Result<()> {
        write_private(&home.run().join("state.json"), &serde_json::to_vec_pretty(self)?)
    }

    /// What the supervisor wrote last, whether it runs or not. A broken file is as good as none.
    pub fn read(home: &Home) -> Option<Self> {
        read_json(&home.run().join("state.json")).ok().flatten()
    }

    /// The state of a running stack.
    pub fn running(home: &Home) -> Option<Self> {
        if supervisor_runs(home) { Self::read(home) } else { None }
    }

    /// The state of a running stack, or a sentence.
    pub fn required(home: &Home) -> Result<Self> {
        Self::running(home).ok_or_else(|| {
            Failure::new("the local stack is not running").hint("start it: ./sbh up").into()
        })
    }
}

/// The lock that the supervisor holds as long as it lives: it cannot go stale.
pub fn supervisor_lock(home: &Home) -> Result<Option<File>> {
    private_folder(&home.run())?;
    let file = lock_file(home, "supervisor.lock")?;
    // A command that only looks holds it for an instant.
    let got = process::wait(std::time::Duration::from_millis(500), || file.try_lock().is_ok());
    Ok(got.then_some(file))
}

/// Whether somebody holds the supervisor's lock.
pub fn supervisor_runs(home: &Home) -> bool {
    let Ok(file) = File::open(home.run().join("supervisor.lock")) else { return false };
    matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock))
}

/// Keeps two commands from starting or stopping one stack at once. `waiting` is called when
/// another one is at it.
pub fn command_lock(home: &Home, waiting: impl FnOnce()) -> Result<File> {
    private_folder(home.root())?;
    private_folder(&home.run())?;
    let file = lock_file(home, "command.lock")?;
    if file.try_lock().is_err() {
        waiting();
        file.lock().context("cannot wait for the other command")?;
    }
    Ok(file)
}

fn lock_file(home: &Home, name: &str) -> Result<File> {
    let path = home.run().join(name);
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(&path).with_context(|| format!("cannot open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_supervisors_lock_tells_whether_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        assert!(!supervisor_runs(&home));
        let lock = supervisor_lock(&home).unwrap().unwrap();
        assert!(supervisor_runs(&home));
        assert!(supervisor_lock(&home).unwrap().is_none());
        drop(lock);
        assert!(!supervisor_runs(&home));
    }

    #[test]
    fn a_broken_state_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let _lock = supervisor_lock(&home).unwrap();
        fs::write(home.run().join("state.json"), "{").unwrap();
        assert!(State::read(&home).is_none());
        assert!(State::required(&home).is_err());
    }
}
