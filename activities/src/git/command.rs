//! Running `git` so that nothing but what is given here decides what it does.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// Bytes of an error message that are kept.
const MAX_STDERR: usize = 8 << 10;

/// Bytes of a listing at most: a tree of about two million files.
const MAX_STDOUT: usize = 512 << 20;

/// The settings that every call gets, over git's defaults; no file is read for more.
const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.askPass", ""),
    ("core.quotePath", "false"),
    ("credential.helper", ""),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
    ("protocol.allow", "never"),
    ("protocol.version", "2"),
    ("transfer.bundleURI", "false"),
    // Objects are checked as they arrive. What old tools wrote into commits does no harm here.
    ("fetch.fsckObjects", "true"),
    ("fetch.fsck.badEmail", "ignore"),
    ("fetch.fsck.badName", "ignore"),
    ("fetch.fsck.badTimezone", "ignore"),
    ("fetch.fsck.missingEmail", "ignore"),
    ("fetch.fsck.missingNameBeforeEmail", "ignore"),
    ("fetch.fsck.missingSpaceBeforeDate", "ignore"),
    ("fetch.fsck.missingSpaceBeforeEmail", "ignore"),
    ("fetch.fsck.zeroPaddedDate", "ignore"),
    ("fetch.fsck.zeroPaddedFilemode", "ignore"),
];

/// One call of git.
#[derive(Debug, Default)]
pub struct Call {
    arguments: Vec<OsString>,
    settings: Vec<(String, String)>,
    environment: Vec<(OsString, OsString)>,
    /// What must not show up in messages.
    secrets: Vec<String>,
}

/// What a call that ended well printed.
pub type Output = Vec<u8>;

/// Why a call did not end well.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// Git cannot be started.
    #[error("git cannot be run: {0}")]
    Start(String),
    /// It was stopped after its time.
    #[error("git did not finish within {0:?}")]
    TimedOut(Duration),
    /// It was stopped because the caller said so.
    #[error("{0}")]
    Stopped(String),
    /// It failed.
    #[error("{stderr}")]
    Failed {
        /// Its exit status, if it had one.
        code: Option<i32>,
        /// What it said, without secrets.
        stderr: String,
    },
}

impl Call {
    /// A call in a repository.
    pub fn in_repository(repository: &Path) -> Self {
        Self::default().argument("--git-dir").argument(repository)
    }

    /// A call outside of any repository.
    pub fn nowhere() -> Self {
        // Otherwise git would look for a repository in the working folder and read its settings.
        Self::default().variable("GIT_DIR", "/nonexistent")
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments.extend(arguments.into_iter().map(OsString::from));
        self
    }

    /// Adds a setting. It travels in the environment, so that no other user sees it.
    #[must_use]
    pub fn setting(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((key.into(), value.into()));
        self
    }

    /// Adds a variable.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Keeps these out of messages.
    #[must_use]
    pub fn without(mut self, secrets: Vec<String>) -> Self {
        self.secrets.extend(secrets.into_iter().filter(|secret| !secret.is_empty()));
        self
    }

    /// The command, ready to be started.
    pub fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.args(&self.arguments).env_clear().current_dir("/");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
        command.envs([
            ("LC_ALL", "C"),
            ("HOME", "/nonexistent"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", ""),
            ("SSH_ASKPASS", ""),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_LITERAL_PATHSPECS", "0"),
        ]);
        let fixed = SETTINGS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let settings: Vec<_> = fixed.chain(self.settings.iter().cloned()).collect();
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (index, (key, value)) in settings.into_iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{index}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        // A group of its own, so that the helpers which git starts end with it.
        command.process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the call and takes what it prints.
    ///
    /// # Errors
    /// [`CallError`], without secrets.
    pub async fn run(&self, timeout: Duration) -> Result<Output, CallError> {
        self.run_watched(timeout, std::future::pending()).await
    }

    /// Runs the call until `stop` gives a reason to stop it.
    ///
    /// # Errors
    /// [`CallError`], without secrets.
    pub async fn run_watched(
        &self,
        timeout: Duration,
        stop: impl Future<Output = String>,
    ) -> Result<Output, CallError> {
        let start = |error: std::io::Error| CallError::Start(error.to_string());
        let mut child = self.command().spawn().map_err(start)?;
        let mut group = Group::of(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let finished = async {
            let (stdout, stderr, status) = tokio::join!(
                read_all(stdout, MAX_STDOUT),
                read_start(stderr, MAX_STDERR),
                child.wait(),
            );
            Ok::<_, std::io::Error>((stdout?, stderr?, status?))
        };
        let (stdout, stderr, status) = tokio::select! {
            finished = finished => finished.map_err(start)?,
            reason = stop => return Err(CallError::Stopped(reason)),
            () = tokio::time::sleep(timeout) => return Err(CallError::TimedOut(timeout)),
        };
        group.ended();
        self.judge(status, &stderr).map(|()| stdout)
    }

    fn judge(&self, status: ExitStatus, stderr: &[u8]) -> Result<(), CallError> {
        if status.success() {
            return Ok(());
        }
        Err(CallError::Failed { code: status.code(), stderr: self.scrubbed(stderr) })
    }

    /// What git said, for people: without secrets and control characters.
    pub(super) fn scrubbed(&self, stderr: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(stderr).into_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "…");
        }
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let text: String = lines.join("; ").chars().filter(|c| !c.is_control()).take(600).collect();
        if text.is_empty() { "git failed without a word".to_owned() } else { text }
    }
}

/// The process group of a child; killed as a whole when it is dropped before its end.
#[derive(Debug)]
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    /// The child was waited for: its number may belong to another process now.
    pub(super) fn ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It fails where the group is gone already, which is what is wanted.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

async fn read_all(
    source: Option<impl AsyncRead + Unpin>,
    limit: usize,
) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(source) = source {
        source.take(limit as u64 + 1).read_to_end(&mut bytes).await?;
        if bytes.len() > limit {
            return Err(std::io::Error::other(format!("it printed more than {limit} bytes")));
        }
    }
    Ok(bytes)
}

/// Keeps the start and reads on, so that the writer never waits.
async fn read_start(
    source: Option<impl AsyncRead + Unpin>,
    limit: usize,
) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(mut source) = source {
        let mut buffer = [0; 4096];
        loop {
            let read = source.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            let room = limit.saturating_sub(kept.len()).min(read);
            kept.extend_from_slice(&buffer[..room]);
        }
    }
    Ok(kept)
}
