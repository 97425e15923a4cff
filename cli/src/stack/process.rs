//! Processes of this machine: whether one is still the same, and how to end it.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// A process, recognised even when its number is given to another one later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it was started, in clock ticks since the machine's start; 0 where that is not known.
    pub started: u64,
}

impl Process {
    /// The process that has this number now.
    pub fn now(pid: u32) -> Self {
        Self { pid, started: started(pid).unwrap_or(0) }
    }

    /// Whether it still runs (and is not merely a dead child that nobody asked about).
    pub fn is_alive(self) -> bool {
        if cfg!(target_os = "linux") {
            return started(self.pid) == Some(self.started);
        }
        pid(self.pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
    }

    /// Sends a signal, if it is still the same process.
    pub fn signal(self, signal: Signal) {
        if let Some(pid) = pid(self.pid).filter(|_| self.is_alive()) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Kills everything in the group that it leads or led.
    pub fn kill_group(self) {
        if let Some(pid) = pid(self.pid) {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }

    /// Asks it to end, and kills it after the deadline. Returns whether it was alive.
    pub fn end(self, signal: Signal, deadline: Duration) -> bool {
        if !self.is_alive() {
            return false;
        }
        self.signal(signal);
        if !wait(deadline, || !self.is_alive()) {
            self.signal(Signal::KILL);
            wait(Duration::from_secs(5), || !self.is_alive());
        }
        true
    }

    /// The command line, for telling people who it is.
    pub fn name(self) -> Option<String> {
        let name = fs::read_to_string(format!("/proc/{}/comm", self.pid)).ok()?;
        Some(name.trim().to_owned())
    }
}

/// Looks every few milliseconds until something is so; `false` when it never was.
pub fn wait(deadline: Duration, so: impl Fn() -> bool) -> bool {
    let end = Instant::now() + deadline;
    loop {
        if so() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// The start time of a process that runs; `None` for none and for a zombie.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything: fields are counted from the last one.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let alive = fields.next().is_some_and(|state| state != "Z" && state != "X");
    fields.nth(18)?.parse().ok().filter(|_| alive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_given_away_is_another_process() {
        let this = Process::now(std::process::id());
        assert!(this.is_alive());
        if cfg!(target_os = "linux") {
            assert!(!Process { started: this.started + 1, ..this }.is_alive());
        }
    }

    #[test]
    fn an_ended_child_is_not_alive() {
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let process = Process::now(child.id());
        assert!(process.end(Signal::TERM, Duration::from_secs(5)));
        assert!(!process.is_alive());
        assert!(!process.end(Signal::TERM, Duration::from_secs(5)));
        child.wait().unwrap();
    }
}
