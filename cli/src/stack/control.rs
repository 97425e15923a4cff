//! Requests to the running supervisor: files in `run/requests`, and a signal to look at them.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use rustix::process::Signal;

use super::state::State;
use crate::home::{Home, private_folder, write_private};

/// What a command may ask for a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Stop it and keep it stopped until that request is withdrawn.
    Hold,
    /// Start it anew, with the settings of now.
    Restart,
}

/// Leaves a request.
pub fn ask(home: &Home, part: &str, request: Request) -> Result<()> {
    private_folder(&folder(home))?;
    write_private(&file(home, part, request), b"")
}

/// Withdraws the wish that a part be stopped. Returns whether there was one.
pub fn withdraw_hold(home: &Home, part: &str) -> bool {
    fs::remove_file(file(home, part, Request::Hold)).is_ok()
}

/// Tells the supervisor to look.
pub fn notify(state: &State) {
    state.supervisor.signal(Signal::HUP);
}

/// The request for a part; one to restart is taken away.
pub(super) fn take(home: &Home, part: &str) -> Option<Request> {
    if file(home, part, Request::Hold).exists() {
        return Some(Request::Hold);
    }
    fs::remove_file(file(home, part, Request::Restart)).ok().map(|()| Request::Restart)
}

/// Whether a request to restart is not taken yet.
pub fn restart_pending(home: &Home, part: &str) -> bool {
    file(home, part, Request::Restart).exists()
}

/// Forgets all requests: they were for an earlier supervisor.
pub(super) fn clear(home: &Home) {
    drop(fs::remove_dir_all(folder(home)));
}

fn folder(home: &Home) -> PathBuf {
    home.run().join("requests")
}

fn file(home: &Home, part: &str, request: Request) -> PathBuf {
    let kind = match request {
        Request::Hold => "hold",
        Request::Restart => "restart",
    };
    folder(home).join(format!("{kind}-{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_stays_and_a_restart_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        assert_eq!(take(&home, "temporal"), None);
        ask(&home, "temporal", Request::Restart).unwrap();
        assert!(restart_pending(&home, "temporal"));
        assert_eq!(take(&home, "temporal"), Some(Request::Restart));
        assert_eq!(take(&home, "temporal"), None);
        ask(&home, "temporal", Request::Hold).unwrap();
        assert_eq!(take(&home, "temporal"), Some(Request::Hold));
        assert_eq!(take(&home, "temporal"), Some(Request::Hold));
        assert!(withdraw_hold(&home, "temporal"));
        assert_eq!(take(&home, "temporal"), None);
    }
}
