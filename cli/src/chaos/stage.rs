//! A local stack of the run's own, in a temporary folder, with the stand-ins in the place of all
//! services. The user's stack and data are never touched.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use sbh_domain::Role;
use sbh_standins::watchdog::Watchdog;
use uuid::Uuid;

use crate::client::Client;
use crate::commands::ensure_tenant;
use crate::home::{Home, private_folder};
use crate::stack::plan::Plan;
use crate::stack::program;
use crate::stack::secrets::Secrets;
use crate::stack::state::State;
use crate::token;

/// The tenant of the run.
pub const TENANT: &str = "chaos";

/// How long the run's token is valid.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3_600);

/// Shorter than shipped, so that what nobody announced is found within the run.
const SETTINGS: [(&str, &str); 4] = [
    ("SBH_GIT_POLL_S", "5"),
    ("SBH_SOURCES_UPKEEP_S", "5"),
    ("SBH_STARTER_RECONCILE_AFTER_S", "5"),
    ("SBH_NOTIFY_COLLECT_MS", "500"),
];

/// The run's stack. Dropping it stops the stack and removes its folder.
pub struct Stage {
    // Its drop stops the stack.
    _watchdog: Watchdog,
    home: Home,
    settings: Vec<(String, String)>,
}

impl Stage {
    /// The folder and the settings of a stack that does not run yet. Tools are shared with the user's.
    pub fn new(tools: &Path, standins: Vec<(&'static str, String)>) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("sbh-chaos-{}", Uuid::new_v4().simple()));
        private_folder(&folder)?;
        let sbh = program::this()?;
        let watchdog = Watchdog::start(&sbh, &folder).context("cannot start the watchdog")?;
        let home = Home::with_tools(&folder, tools);
        let mut settings: Vec<(String, String)> = vec![
            ("SBH_HOME".into(), folder.display().to_string()),
            ("SBH_TOOLS".into(), tools.display().to_string()),
            ("SBH_GIT_FILE_ROOTS".into(), folder.join("remotes").display().to_string()),
        ];
        let fixed = SETTINGS.iter().map(|(name, value)| (*name, (*value).to_owned()));
        for (name, value) in fixed.chain(standins) {
            // What the caller says in the environment is stronger than the run's own.
            if std::env::var_os(name).is_none() || name.starts_with("AWS_") {
                settings.push((name.to_owned(), value));
            }
        }
        Ok(Self { _watchdog: watchdog, home, settings })
    }

    /// The settings that differ from the shipped ones.
    pub fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.home.root()
    }

    /// Where git repositories are to be, so that they can be read.
    pub fn remotes(&self) -> Result<PathBuf> {
        let folder = self.home.root().join("remotes");
        private_folder(&folder)?;
        Ok(folder)
    }

    /// Starts it and makes the tenant. Returns a caller who may do everything in it.
    pub async fn start(&self) -> Result<Client> {
        let output = tokio::process::Command::new(program::this()?)
            .args(["up", "--json"])
            .env_remove("SBH_PROJECT")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .await
            .context("cannot start sbh up")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the run's stack does not start: {}", said.trim());
        ensure_tenant(&self.home, TENANT).await?;
        let secrets = Secrets::load_or_create(&self.home)?;
        let token =
            token::mint(&secrets.signing, &TENANT.parse()?, Role::Owner, "chaos", TOKEN_TTL)?;
        let plan = Plan::read(&self.home)?.context("the run's stack has no plan")?;
        Client::new(plan.api_url(), token, true)
    }

    /// The parts that have a process now. Of several workers each is one.
    pub fn alive(&self) -> Vec<String> {
        let parts = State::running(&self.home).into_iter().flat_map(|state| state.parts);
        parts.filter(|part| part.process.is_some()).map(|part| part.name).collect()
    }

    /// Kills the process of a part (`kill -9`). Its supervisor starts it again. `false` when it had
    /// none.
    pub fn kill(&self, part: &str) -> bool {
        let state = State::running(&self.home);
        let process = state.as_ref().and_then(|state| state.part(part)?.process);
        let Some(process) = process.filter(|process| process.is_alive()) else { return false };
        process.signal(Signal::KILL);
        true
    }

    /// Leaves its folder there when the stack is stopped.
    pub fn keep(&self) {
        Watchdog::keep(self.home.root());
    }
}
