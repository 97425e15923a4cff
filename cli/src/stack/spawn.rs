//! Starting processes that die with their parent.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Output, Stdio};

use anyhow::{Context as _, Result};
use rustix::process::Signal;
use tokio::process::{Child, Command};

use super::part::Part;
use super::plan::Launch;
use super::programs;
use crate::home::{Home, private_folder};

/// A log that is longer is moved aside when its part starts.
const MAX_LOG_BYTES: u64 = 20 << 20;

/// Starts a part with its output in its log. It leads a process group of its own.
pub fn part(home: &Home, part: Part, launch: &Launch) -> Result<Child> {
    private_folder(&home.logs())?;
    private_folder(&home.data().join("valkey"))?;
    let path = home.log(&part.name());
    if fs::metadata(&path).is_ok_and(|file| file.len() > MAX_LOG_BYTES) {
        drop(fs::rename(&path, path.with_extension("log.1")));
    }
    let log = fs::File::options().create(true).append(true).open(&path);
    let log = log.with_context(|| format!("cannot write {}", path.display()))?;
    let mut command = command(launch, Some(part.stop_signal()))?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.spawn().with_context(|| format!("cannot start {}", part.name()))
}

/// Runs a command to its end. It ends with the caller.
pub async fn once(launch: &Launch) -> Result<Output> {
    let mut command = command(launch, Some(Signal::TERM))?;
    command.stdin(Stdio::null()).kill_on_drop(true);
    Ok(command.output().await?)
}

fn command(launch: &Launch, death_signal: Option<Signal>) -> Result<Command> {
    let mut words = launch.wrapper.clone();
    if let Some(signal) = death_signal.filter(|_| cfg!(target_os = "linux")) {
        let this = super::program::this()?;
        words.extend([this.into_os_string(), "exec-part".into()]);
        words.push(std::process::id().to_string().into());
        words.push(if signal == Signal::INT { "int" } else { "term" }.into());
    }
    words.extend(launch.command.iter().cloned());
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).process_group(0);
    for (name, _) in std::env::vars_os() {
        if !name.to_str().is_some_and(programs::is_handed_on) {
            command.env_remove(name);
        }
    }
    command.envs(&launch.variables);
    Ok(command)
}

/// Becomes another program that is signalled when its parent dies. Returns only an error.
pub fn exec(parent: u32, signal: &str, command: &[OsString]) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        let signal = if signal == "int" { Signal::INT } else { Signal::TERM };
        rustix::process::set_parent_process_death_signal(Some(signal))?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = signal;
    let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    anyhow::ensure!(now == Some(parent), "the supervisor is gone");
    let (program, arguments) = command.split_first().context("no command")?;
    let error = std::process::Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}
