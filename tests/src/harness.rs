//! A whole stack, started through the real `sbh`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, Once, OnceLock};

use serde_json::Value;
use tempfile::TempDir;

use crate::binaries::{program, workspace};
use crate::processes::ProcessId;
use crate::watchdog::Watchdog;
use crate::{Api, GitRepo};

/// Settings of every test's stack.
const TEST_SETTINGS: [(&str, &str); 6] = [
    // Short where waiting is not what is tested.
    ("SBH_DEBOUNCE_QUIET_MS", "100"),
    ("SBH_DEBOUNCE_MAX_MS", "1000"),
    ("SBH_STARTER_RECONCILE_AFTER_S", "5"),
    ("SBH_PROVER_TIME_MS", "5000"),
    ("SBH_PROVER_MEMORY_MB", "256"),
    // Out of the way of the tests that are about announced pushes.
    ("SBH_GIT_POLL_S", "3600"),
];

/// Settings of a stack: `SBH_…` variables, over the ones that all tests share.
#[derive(Debug, Clone, Default)]
pub struct StackOptions {
    variables: BTreeMap<String, String>,
    as_shipped: bool,
}

impl StackOptions {
    /// Every setting as users get it, for the benchmarks.
    #[must_use]
    pub fn as_shipped() -> Self {
        Self { as_shipped: true, ..Self::default() }
    }

    /// Sets a variable, for example `SBH_GIT_POLL_S`.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.insert(name.to_owned(), value.to_string());
        self
    }
}

/// A running stack with a home folder of its own. It is stopped when it is dropped and, whatever
/// happens, when the test process ends.
#[derive(Debug)]
pub struct Stack {
    // Its drop stops the stack and removes the home.
    _watchdog: Watchdog,
    home: PathBuf,
    repositories: PathBuf,
    variables: BTreeMap<String, String>,
    env: Mutex<Value>,
}

impl Stack {
    /// The stack that the gentle tests of one test executable share, each with a tenant of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Stack> = OnceLock::new();
        // Never dropped: the watchdog stops it when the process ends.
        SHARED.get_or_init(|| Self::start(StackOptions::default()))
    }

    /// Starts a stack for a test that breaks something.
    pub fn start(options: StackOptions) -> Self {
        keep_what_failed();
        let home = temporary_folder("sbh-e2e-").keep();
        // Within the home, so that they go with it.
        let repositories = home.join("remotes");
        std::fs::create_dir(&repositories).expect("a folder for repositories");
        let mut variables = BTreeMap::from([
            ("SBH_HOME".to_owned(), home.display().to_string()),
            ("SBH_TOOLS".to_owned(), tools().display().to_string()),
            ("SBH_GIT_FILE_ROOTS".to_owned(), repositories.display().to_string()),
        ]);
        if !options.as_shipped {
            variables
                .extend(TEST_SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        variables.extend(options.variables);
        let watchdog = Watchdog::start(&program("sbh"), &home);
        remember(&home);
        let stack = Self {
            _watchdog: watchdog,
            home,
            repositories,
            variables,
            env: Mutex::new(Value::Null),
        };
        stack.up();
        stack
    }

    /// Starts what does not run, and reads where it is.
    pub fn up(&self) {
        let output = self.sbh(&["up", "--json"]);
        assert!(output.status.success(), "sbh up: {}", text(&output));
        self.refresh();
    }

    /// Reads again where everything is: a part that was restarted has another process.
    pub fn refresh(&self) {
        let output = self.sbh(&["env", "--json"]);
        assert!(output.status.success(), "sbh env: {}", text(&output));
        let env = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("sbh env --json: {e}: {}", text(&output)));
        *self.env.lock().unwrap() = env;
    }

    /// Runs `sbh` with this stack's settings.
    pub fn sbh(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("sbh starts")
    }

    /// `sbh` with this stack's settings, to be completed by the test.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut sbh = Command::new(program("sbh"));
        sbh.args(arguments).current_dir("/").envs(&self.variables);
        sbh
    }

    /// A field of `sbh env --json`, as text.
    pub fn env(&self, field: &str) -> String {
        let env = self.env.lock().unwrap();
        match &env[field] {
            Value::String(text) => text.clone(),
            Value::Null => panic!("`sbh env --json` has no {field}: {env}"),
            other => other.to_string(),
        }
    }

    /// The workers' processes, asked for anew.
    pub fn workers(&self) -> Vec<ProcessId> {
        self.refresh();
        let env = self.env.lock().unwrap();
        let pids = env["worker_pids"].as_array().unwrap_or_else(|| panic!("no worker_pids: {env}"));
        pids.iter()
            .map(|pid| pid.as_u64().and_then(|p| p.try_into().ok()).expect("a pid"))
            .collect()
    }

    /// The starter's process, asked for anew.
    pub fn starter(&self) -> ProcessId {
        self.refresh();
        self.env("starter_pid").parse().expect("a pid")
    }

    /// The process of a part, by the name that `sbh status` gives it.
    pub fn part(&self, name: &str) -> ProcessId {
        let state =
            std::fs::read(self.home.join("run/state.json")).expect("the supervisor's state");
        let state: Value = serde_json::from_slice(&state).expect("the supervisor's state");
        let parts = state["parts"].as_array().expect("parts");
        let part = parts.iter().find(|part| part["name"] == name);
        let pid = part.and_then(|part| part["process"]["pid"].as_u64());
        pid.and_then(|pid| pid.try_into().ok())
            .unwrap_or_else(|| panic!("no process of {name}: {state}"))
    }

    /// Stops a part on purpose: it stays away until [`Stack::up`].
    pub fn stop_part(&self, name: &str) {
        let output = self.sbh(&["down", name]);
        assert!(output.status.success(), "sbh down {name}: {}", text(&output));
    }

    /// Deletes Temporal's database under it and kills it; the supervisor starts it again, and it
    /// knows nothing.
    pub fn forget_temporal(&self) {
        let pid = self.part("temporal");
        // Deleted while it runs: whoever starts it again cannot be faster.
        let data = self.home.join("data");
        for file in ["temporal.sqlite", "temporal.sqlite-wal", "temporal.sqlite-shm"] {
            std::fs::remove_file(data.join(file)).expect("a file of Temporal's database");
        }
        crate::processes::kill_at_once(pid);
    }

    /// Waits until every worker runs again.
    pub async fn workers_back(&self, deadline: std::time::Duration) {
        crate::eventually(deadline, "the workers to be back", async || {
            let workers = self.workers();
            let alive = workers.iter().filter(|pid| crate::processes::is_alive(**pid)).count();
            if alive > 0 && alive == workers.len() { Ok(()) } else { Err(format!("{workers:?}")) }
        })
        .await;
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Makes a git repository that this stack may read by a `file` address.
    pub fn repo(&self, name: &str) -> GitRepo {
        GitRepo::create(&self.repositories, name)
    }

    /// A caller without a token.
    pub fn api(&self) -> Api {
        Api::new(&self.env("api_url"), None)
    }

    /// A token as `sbh token` prints it.
    pub fn token(&self, tenant: &str, role: &str) -> String {
        let output = self.sbh(&["token", "--tenant", tenant, "--role", role]);
        assert!(output.status.success(), "sbh token: {}", text(&output));
        String::from_utf8(output.stdout).expect("a token is ASCII").trim().to_owned()
    }
}

/// What a command printed, for a failing test.
pub fn text(output: &Output) -> String {
    format!(
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The folder of the native tools: `SBH_TOOLS`, else the project's own.
pub fn tools() -> PathBuf {
    std::env::var_os("SBH_TOOLS").map_or_else(|| workspace().join(".sbh/tools"), PathBuf::from)
}

fn temporary_folder(prefix: &str) -> TempDir {
    tempfile::Builder::new().prefix(prefix).tempdir().expect("a temporary folder")
}

/// The homes of this process's stacks.
static HOMES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn remember(home: &Path) {
    HOMES.lock().unwrap().push(home.to_owned());
}

/// Has a failing test keep the home folders of this process's stacks, and say where they are.
fn keep_what_failed() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            before(panic);
            let homes = HOMES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            for home in homes.iter().filter(|home| home.exists()) {
                Watchdog::keep(home);
                eprintln!("the stack's logs are kept in {}", home.display());
            }
        }));
    });
}
