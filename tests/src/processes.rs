//! Processes: who runs, and ending one without warning.

use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// A process id.
pub type ProcessId = u32;

fn pid(id: ProcessId) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("a process id")).expect("a process id is not 0")
}

/// Whether the process exists and is no zombie.
pub fn is_alive(id: ProcessId) -> bool {
    test_kill_process(pid(id)).is_ok() && state(id).is_some_and(|state| state != 'Z')
}

/// `kill -9`.
pub fn kill_at_once(id: ProcessId) {
    kill_process(pid(id), Signal::KILL).unwrap_or_else(|e| panic!("cannot kill {id}: {e}"));
}

/// Sends a signal.
pub fn send(id: ProcessId, signal: Signal) {
    kill_process(pid(id), signal).unwrap_or_else(|e| panic!("cannot signal {id}: {e}"));
}

/// All processes whose parents lead to `ancestor`, itself left out.
pub fn descendants(ancestor: ProcessId) -> Vec<ProcessId> {
    let all: Vec<(ProcessId, ProcessId)> =
        everyone().into_iter().filter_map(|id| Some((id, parent(id)?))).collect();
    let mut found = vec![ancestor];
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(all.iter().filter(|(_, p)| *p == parent).map(|(id, _)| *id));
        at += 1;
    }
    found.split_off(1)
}

/// Every process that has `needle` in its environment or command line: for finding what a stack
/// left behind. Zombies have neither.
pub fn mentioning(needle: &str) -> Vec<(ProcessId, String)> {
    let me = std::process::id();
    let mentions = |id: ProcessId| {
        let read = |file: &str| std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let environment = String::from_utf8_lossy(&read("environ")).into_owned();
        (command.contains(needle) || environment.contains(needle)).then_some((id, command))
    };
    everyone().into_iter().filter(|id| *id != me).filter_map(mentions).collect()
}

/// Resident memory in megabytes.
pub fn resident_mb(id: ProcessId) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1024)
}

/// The executable's path.
pub fn executable(id: ProcessId) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{id}/exe")).ok()
}

fn everyone() -> Vec<ProcessId> {
    let entries = std::fs::read_dir("/proc").expect("/proc");
    entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The fields of `/proc/<id>/stat` after the command's name, which may hold anything.
fn stat(id: ProcessId) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn state(id: ProcessId) -> Option<char> {
    stat(id)?.first()?.chars().next()
}

fn parent(id: ProcessId) -> Option<ProcessId> {
    stat(id)?.get(1)?.parse().ok()
}
