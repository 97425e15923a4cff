//! Which external prover is installed: its program, its version, its digest.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use sbh_domain::Digest;

use super::config::ProverFile;
use super::run::{self, Ended, Run};
use crate::sandbox::{End, Jail};

/// How long a program may take to say its version.
const TIME: Duration = Duration::from_secs(20);

/// The longest version, in characters.
const MAX_VERSION: usize = 60;

/// A prover that is there.
#[derive(Debug)]
pub(super) struct Installed {
    program: String,
    name: String,
    read: Vec<PathBuf>,
    digest: OnceLock<Digest>,
}

impl Installed {
    /// The program's absolute path.
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// Its name and version.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it reads besides the system's files, each link on the way included.
    pub(super) fn read(&self) -> &[PathBuf] {
        &self.read
    }

    /// The digest of the program's file; of one that cannot be read, a random one: the key of
    /// nothing. What the program loads is not in it: the version must tell.
    pub(super) fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| match std::fs::read(&self.program) {
            Ok(bytes) => Digest::of(bytes),
            Err(_) => Digest(rand::random()),
        })
    }
}

/// Finds the program and asks it for its version, in the sandbox.
pub(super) async fn look_up(file: &ProverFile, runner: &[OsString]) -> Result<Installed, String> {
    let name = &file.name;
    let program = find(&file.program)
        .map_err(|error| format!("{name} is not installed: {}: {error}", file.program.display()))?;
    let text = program.to_str().ok_or_else(|| format!("{name}: its path is not UTF-8"))?.to_owned();
    let mut read = Vec::new();
    for path in file.read.iter().chain([&program]) {
        follow(path, &mut read)
            .map_err(|error| format!("{name} is not installed: {}: {error}", path.display()))?;
    }
    let command = std::iter::once(&text).chain(&file.version).cloned().collect();
    let jail = Jail { command, ..jail(file, &read) };
    let run = run::run(runner, &jail, &[], TIME, 64 * 1024).await;
    let unusable = |why: String| format!("{name} cannot be run: {why}");
    let version = match run {
        Err(error) => return Err(unusable(error.to_string())),
        Ok(Run { ended: Ended::By(End::Refused(reason)), .. }) => return Err(unusable(reason)),
        Ok(Run { output, .. }) => output,
    };
    let found = file.version_pattern.0.captures(&version).and_then(|found| found.get(1));
    let Some(version) = found.map(|version| version.as_str()).filter(|v| v.len() <= MAX_VERSION)
    else {
        let said: String = version.chars().filter(|c| !c.is_control()).take(200).collect();
        return Err(unusable(format!("it does not say its version, but {said:?}")));
    };
    let name = format!("{name} {version}");
    Ok(Installed { program: text, name, read, digest: OnceLock::new() })
}

/// The sandbox of a prover, without files and command.
pub(super) fn jail(file: &ProverFile, read: &[PathBuf]) -> Jail {
    let limits = file.limits;
    Jail {
        memory_mb: limits.memory_mb,
        address_space_mb: limits.address_space_mb,
        cpu_s: limits.cpu_s,
        processes: limits.processes,
        disk_mb: limits.disk_mb,
        read: read.to_vec(),
        env: file.environment.clone().into_iter().collect(),
        files: Vec::new(),
        uid: None,
        command: Vec::new(),
    }
}

/// The absolute path of a program. Links stay: what a program is called can matter to it.
fn find(program: &Path) -> io::Result<PathBuf> {
    if program.components().count() > 1 {
        std::fs::metadata(program)?;
        return std::path::absolute(program);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is not in PATH"))?;
    std::path::absolute(found)
}

/// A path, the links that it leads over, and where it ends.
fn follow(path: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    const MOST: usize = 16;
    let mut path = path.to_owned();
    for _ in 0..MOST {
        into.push(path.clone());
        if !path.symlink_metadata()?.is_symlink() {
            into.push(path.canonicalize()?);
            return Ok(());
        }
        let target = std::fs::read_link(&path)?;
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    Err(io::Error::other("too many links"))
}
