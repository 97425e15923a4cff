//! The inner process: the first of its process namespace. It builds what the program sees, gives
//! up what it could do, starts the program and waits.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set, set_no_new_privs};

use super::{End, FOLDER, Jail, tree, watch};

/// How many files a process may have open.
const FILES: u64 = 1_024;

/// Runs the program.
pub(super) fn run(jail: &Jail) -> Result<End, String> {
    // Before the input is read: were the outer process gone by then, the input would be cut.
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("the death signal: {error}"))?;
    set_no_new_privs(true).map_err(|error| format!("no_new_privs: {error}"))?;
    let mut input = vec![0; jail.input()];
    io::stdin().read_exact(&mut input).map_err(|error| format!("the input is cut: {error}"))?;
    tree::build(jail)?;
    if jail.uid.is_none() {
        // In a user namespace of its own a program could do again what is given up below. This
        // setting is that of the namespace that was made for it, and of no other.
        std::fs::write("/proc/sys/user/max_user_namespaces", "0")
            .map_err(|error| format!("further user namespaces cannot be forbidden: {error}"))?;
    }
    let mut rest = input.as_slice();
    for (name, length) in &jail.files {
        let (content, after) = rest.split_at_checked(*length).ok_or("the input is too short")?;
        std::fs::write(format!("{FOLDER}/{name}"), content)
            .map_err(|error| format!("{name} cannot be written: {error}"))?;
        rest = after;
    }
    limit(jail)?;
    give_up_capabilities()?;
    start(jail)
}

/// What holds for every process below this one. The limit on processes counts this one, too.
fn limit(jail: &Jail) -> Result<(), String> {
    const MB: u64 = 1 << 20;
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::Nofile, FILES),
        (Resource::Fsize, jail.disk_mb.saturating_mul(MB)),
        (Resource::As, jail.address_space_mb.saturating_mul(MB)),
        (Resource::Nproc, jail.processes.saturating_add(2)),
    ] {
        let current = rustix::process::getrlimit(resource).maximum;
        let most = most.min(current.unwrap_or(u64::MAX));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
            .map_err(|error| format!("the limit {resource:?}: {error}"))?;
    }
    // First it is told (SIGXCPU), so that it can be seen why it ended.
    let hard = jail.cpu_s.saturating_add(1);
    setrlimit(Resource::Cpu, Rlimit { current: Some(jail.cpu_s), maximum: Some(hard) })
        .map_err(|error| format!("the limit of processor time: {error}"))
}

/// Whatever runs from here on has none, be it root of its namespace.
fn give_up_capabilities() -> Result<(), String> {
    for number in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // Beyond the last one that this system knows.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(format!("capability {number} cannot be given up: {error}")),
        }
    }
    Ok(())
}

fn start(jail: &Jail) -> Result<End, String> {
    let [program, arguments @ ..] = jail.command.as_slice() else {
        return Err("no program is named".to_owned());
    };
    let output = || io::stdout().as_fd().try_clone_to_owned().map(Stdio::from);
    let (stdout, stderr) = (output(), output());
    let unusable = |error: io::Error| format!("the output cannot be used: {error}");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", FOLDER)
        .env("TMPDIR", FOLDER)
        .env("LANG", "C.UTF-8")
        .envs(jail.env.iter().cloned())
        .current_dir(FOLDER)
        .stdin(Stdio::null())
        .stdout(stdout.map_err(unusable)?)
        .stderr(stderr.map_err(unusable)?)
        .process_group(0);
    if let Some(uid) = jail.uid {
        command.uid(uid).gid(uid);
    }
    let child = command.spawn().map_err(|error| format!("{program} does not start: {error}"))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    watch::until_end(pid.ok_or("the program has no id")?, jail)
}
