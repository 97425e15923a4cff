//! The outer process: enters the namespaces and waits.

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, getegid, geteuid, pidfd_open};
use rustix::thread::set_no_new_privs;

use super::{INNER, Jail};

/// Where the users of runs begin that root starts; no account of a person is there.
const FIRST_UID: u32 = 0x5000_0000;

/// Starts the inner process and waits for it. The inner process says how it ended.
pub(super) fn run(jail: &Jail) -> Result<(), String> {
    close_others()?;
    let mut input = vec![0; jail.input()];
    io::stdin().read_exact(&mut input).map_err(|error| format!("the input is cut: {error}"))?;
    let mut jail = jail.clone();
    jail.uid = enter()?;
    set_no_new_privs(true).map_err(|error| format!("no_new_privs: {error}"))?;
    let mut inner = Command::new("/proc/self/exe")
        .arg(INNER)
        .args(jail.to_arguments())
        .env_clear()
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the inner process does not start: {error}"))?;
    if let Some(mut pipe) = inner.stdin.take() {
        // When the inner process is gone already, it has said why.
        let _ = pipe.write_all(&input);
    }
    let pid = i32::try_from(inner.id()).ok().and_then(Pid::from_raw);
    let gone = |error: io::Error| format!("the inner process cannot be watched: {error}");
    let process = pidfd_open(pid.ok_or("the inner process has no id")?, PidfdFlags::empty());
    let process = process.map_err(|error| gone(error.into()))?;
    loop {
        let stdin = io::stdin();
        // Nothing more is sent: whatever comes there is the end of whoever asked.
        let mut both = [PollFd::new(&process, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut both, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(gone(error.into())),
            Ok(_) => {}
        }
        let [ended, asked] = both.map(|one| !one.revents().is_empty());
        if ended {
            return inner.wait().map(|_| ()).map_err(gone);
        }
        if asked {
            // The inner process dies with this one, and with it everything.
            return Ok(());
        }
    }
}

/// Leaves the namespaces of everybody else. Returns the user to become, if it is not this one.
///
/// Root does without a user namespace: it can set up everything by itself, and the program runs as
/// a user that exists nowhere else, so that limits on its processes hold. Others need one, in which
/// they may set up what only root may otherwise.
fn enter() -> Result<Option<u32>, String> {
    let flags = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    if geteuid().is_root() && unshare(flags).is_ok() {
        return Ok(Some(FIRST_UID + rand::random::<u32>() % 0x1000_0000));
    }
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    unshare(flags | CloneFlags::CLONE_NEWUSER).map_err(|error| {
        format!(
            "this system does not let this user make namespaces ({error}); allow user namespaces, \
             or do without external provers"
        )
    })?;
    for (file, content) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ] {
        std::fs::write(format!("/proc/self/{file}"), content)
            .map_err(|error| format!("the user namespace cannot be set up: {file}: {error}"))?;
    }
    Ok(None)
}

/// Closes what came down from whoever started this: a file that is open for writing would be a way
/// out.
fn close_others() -> Result<(), String> {
    let listed = std::fs::read_dir("/proc/self/fd").map_err(|error| format!("/proc: {error}"))?;
    let open: Vec<i32> =
        listed.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // The one of the listing itself is closed already.
        let _ = nix::unistd::close(descriptor);
    }
    Ok(())
}
