//! Stops a local stack when whoever started it is gone, however it went.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A child that waits for the end of this process and then runs `sbh down`.
///
/// It learns of the end by its standard input, whose other end only this process holds: the kernel
/// closes that also after a panic or a `kill -9`.
#[derive(Debug)]
pub struct Watchdog {
    child: Option<Child>,
    home: PathBuf,
}

/// A home folder that holds a file of this name is kept: somebody wants to look at it.
pub const KEEP: &str = "keep";

impl Watchdog {
    /// Watches over the stack in `home`, which `sbh` starts and stops. The folder goes with it.
    ///
    /// # Errors
    /// When the child or its log cannot be made.
    pub fn start(sbh: &Path, home: &Path) -> io::Result<Self> {
        let log = File::create(home.join("watchdog.log"))?;
        let child = Command::new("sh")
            .arg("-c")
            .arg(r#"cat >/dev/null; "$0" down; [ -e "$SBH_HOME/$1" ] || rm -rf "$SBH_HOME""#)
            .arg(sbh)
            .arg(KEEP)
            .env("SBH_HOME", home)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A group of its own: Ctrl-C must not end it before its work.
            .process_group(0)
            .spawn()?;
        Ok(Self { child: Some(child), home: home.to_owned() })
    }

    /// Keeps the home folder for a look at the logs.
    pub fn keep(home: &Path) {
        // Best effort: this runs also while a test panics.
        let _ = File::create(home.join(KEEP));
    }
}

impl Drop for Watchdog {
    /// Stops the stack now and waits until it is down.
    fn drop(&mut self) {
        if std::thread::panicking() {
            Self::keep(&self.home);
        }
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}
