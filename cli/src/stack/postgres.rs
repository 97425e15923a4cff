//! PostgreSQL as a part of the stack.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::Signal;

use super::plan::{Launch, Plan};
use super::process::Process;
use super::secrets::Secrets;
use crate::failure::Failure;
use crate::home::{Home, private_folder, write_private};

/// What folders begin with that initdb has not finished.
const PARTIAL: &str = "postgres.partial-";

/// The database's folder.
pub fn data(home: &Home) -> PathBuf {
    home.data().join("postgres")
}

/// How to start the server. The durability that the product promises is this server's: fsync and
/// synchronous commits stay on.
pub(super) fn launch(plan: &Plan, home: &Home) -> Launch {
    let mut launch = Launch::new([plan.postgres_bin.join("postgres")]);
    let mut push = |argument: &str| launch.command.push(argument.into());
    push("-D");
    push(&data(home).to_string_lossy());
    for setting in [
        format!("port={}", plan.port("postgres")),
        "listen_addresses=127.0.0.1".into(),
        // Over TCP alone: a socket's path may be at most 107 bytes long, which a home may not keep.
        "unix_socket_directories=".into(),
        "max_connections=200".into(),
        "shared_buffers=128MB".into(),
        "log_line_prefix=%m [%p] %u ".into(),
        "timezone=UTC".into(),
        "log_timezone=UTC".into(),
    ] {
        push("-c");
        push(&setting);
    }
    launch.wrapper = as_ordinary_user();
    launch
}

/// PostgreSQL refuses to run as root: in a user namespace of its own, root is an ordinary user.
fn as_ordinary_user() -> Vec<OsString> {
    if !rustix::process::getuid().is_root() {
        return Vec::new();
    }
    ["unshare", "--user", "--map-user=1000", "--map-group=1000"].map(OsString::from).to_vec()
}

/// Makes the database's folder when there is none, and refuses one that this version cannot read.
pub fn prepare(plan: &Plan, home: &Home, secrets: &Secrets) -> Result<()> {
    let data = data(home);
    let wrapper = as_ordinary_user();
    if let Some((program, arguments)) = wrapper.split_first() {
        let works = Command::new(program).args(arguments).arg("true").output();
        if !works.is_ok_and(|output| output.status.success()) {
            let what =
                "PostgreSQL refuses to run as root, and this machine allows no user namespaces";
            return Err(Failure::new(what).hint("run ./sbh as an ordinary user").into());
        }
    }
    if data.join("PG_VERSION").exists() {
        return check_version(plan, &data);
    }
    // Made beside and renamed, so that an interruption leaves no half database behind.
    // Each attempt has its own: an interrupted initdb still deletes what it made.
    private_folder(&home.data())?;
    for entry in fs::read_dir(home.data()).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
    let partial = home.data().join(format!("{PARTIAL}{}", std::process::id()));
    let password = home.keys().join("postgres-admin");
    write_private(&password, secrets.passwords.admin.as_bytes())?;
    let initdb = plan.postgres_bin.join("initdb").into_os_string();
    let mut words = wrapper.into_iter().chain([initdb]);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).arg("-D").arg(&partial).arg("--pwfile").arg(&password);
    command.args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"]);
    let made = command.output().context("cannot start initdb")?;
    drop(fs::remove_file(&password));
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr);
        let reason = said.lines().rfind(|line| line.contains("error")).or(said.lines().last());
        let what = format!(
            "PostgreSQL could not make its data folder: {}",
            reason.unwrap_or("no reason given")
        );
        return Err(Failure::new(what).hint("check space and rights of that folder").into());
    }
    fs::rename(&partial, &data).with_context(|| format!("cannot make {}", data.display()))
}

fn check_version(plan: &Plan, data: &Path) -> Result<()> {
    let kept = fs::read_to_string(data.join("PG_VERSION")).unwrap_or_default();
    let answer = Command::new(plan.postgres_bin.join("postgres")).arg("--version").output();
    let answer = answer.context("cannot start postgres")?;
    let said = String::from_utf8_lossy(&answer.stdout);
    let version = said.split_whitespace().last().unwrap_or_default();
    let major = version.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    if major == kept.trim() {
        return Ok(());
    }
    let what = format!(
        "the data in {} was made by PostgreSQL {}, and this is PostgreSQL {version}",
        data.display(),
        kept.trim()
    );
    Err(Failure::new(what)
        .hint("start afresh with ./sbh reset, or name the old server with SBH_POSTGRES_BIN")
        .into())
}

/// Ends a server that an earlier supervisor left on this data, and forgets the file of one that is
/// no more: its number may be another program's by now.
pub fn clear_leftovers(home: &Home) {
    let file = data(home).join("postmaster.pid");
    let Ok(content) = fs::read_to_string(&file) else { return };
    let number = content.lines().next().and_then(|line| line.trim().parse::<u32>().ok());
    if let Some(process) = number.map(Process::now).filter(|process| process.is_alive()) {
        let line = fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        if line.contains(&*data(home).to_string_lossy()) {
            process.end(Signal::INT, Duration::from_secs(10));
            return;
        }
    }
    drop(fs::remove_file(file));
}

/// Whether the server takes connections, from the line that it keeps about that.
pub fn is_ready(home: &Home) -> bool {
    const STATUS_LINE: usize = 7;
    fs::read_to_string(data(home).join("postmaster.pid")).is_ok_and(|content| {
        content.lines().nth(STATUS_LINE).is_some_and(|line| line.trim() == "ready")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_server_that_is_no_more_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        fs::create_dir_all(data(&home)).unwrap();
        let file = data(&home).join("postmaster.pid");
        // The number belongs to this very test, which is no server.
        fs::write(&file, format!("{}\n", std::process::id())).unwrap();
        clear_leftovers(&home);
        assert!(!file.exists());
    }

    #[test]
    fn readiness_is_the_eighth_line() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        fs::create_dir_all(data(&home)).unwrap();
        let write = |status: &str| {
            fs::write(
                data(&home).join("postmaster.pid"),
                format!("1\n/x\n2\n3\n\n127.0.0.1\n4\n{status}\n"),
            )
        };
        write("starting").unwrap();
        assert!(!is_ready(&home));
        write("ready   ").unwrap();
        assert!(is_ready(&home));
    }
}
