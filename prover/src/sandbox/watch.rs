//! Watches the processes of a sandbox from inside, where no others are seen.

use std::fs;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitOptions, pidfd_open, wait};

use super::{End, Jail};

/// Time between two looks.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// Waits for the program, and looks what its processes use. All of them end with this one.
pub(super) fn until_end(program: Pid, jail: &Jail) -> Result<End, String> {
    let unwatched = |error: Errno| format!("the program cannot be watched: {error}");
    let handle = pidfd_open(program, PidfdFlags::empty()).map_err(unwatched)?;
    let page = rustix::param::page_size() as u64;
    loop {
        let mut ended = [PollFd::new(&handle, PollFlags::IN)];
        match poll(&mut ended, Some(&LOOK)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(unwatched(error)),
        }
        // Its own end, and that of others that have lost their parents.
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == program {
                return Ok(match (status.exit_status(), status.terminating_signal()) {
                    (Some(status), _) => End::Exit(status),
                    (None, signal) => End::Signal(signal.unwrap_or(0)),
                });
            }
        }
        let (processes, pages) = usage();
        if pages.saturating_mul(page) > jail.memory_mb << 20 {
            return Ok(End::Memory);
        }
        if processes > jail.processes {
            return Ok(End::Processes);
        }
    }
}

/// How many processes there are besides this one, and how many pages of memory they hold.
fn usage() -> (u64, u64) {
    let (mut processes, mut pages) = (0, 0_u64);
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if pid == 1 {
            continue;
        }
        processes += 1;
        // Of one that has just ended there is nothing to read.
        let memory = fs::read_to_string(entry.path().join("statm")).unwrap_or_default();
        let resident = memory.split(' ').nth(1).and_then(|field| field.parse::<u64>().ok());
        pages = pages.saturating_add(resident.unwrap_or(0));
    }
    (processes, pages)
}
