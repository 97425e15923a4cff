//! `sbh env`: addresses, processes and the demo's credentials, for scripts.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::plan::Plan;
use super::secrets::Secrets;
use super::state::State;
use crate::demo::record::DemoRecord;
use crate::home::Home;

/// What a script needs to talk to the local stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Environment {
    /// The API.
    pub api_url: String,
    /// Temporal's frontend, `host:port`.
    pub temporal_address: String,
    /// Temporal's Web UI.
    pub temporal_ui_url: String,
    /// The database as its superuser, who sees everything.
    pub database_url: String,
    /// Valkey.
    pub valkey_url: String,
    /// The workers' processes.
    pub worker_pids: Vec<u32>,
    /// The starter's process; `null` while it is being started again.
    pub starter_pid: Option<u32>,
    /// The demo; `null` before the first `sbh demo`.
    pub demo: Option<Demo>,
}

/// The demo's tenant and credentials.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Demo {
    /// The tenant.
    pub tenant: String,
    /// A token of its owner.
    pub token: String,
    /// The repository's id.
    pub repository: Uuid,
    /// The connection that its webhooks come through.
    pub connection_id: Uuid,
    /// What they are signed with.
    pub webhook_secret: String,
}

/// Collects it from the running stack.
pub fn environment(home: &Home) -> Result<Environment> {
    let state = State::required(home)?;
    let plan = Plan::read(home)?.context("the running stack has no plan")?;
    let secrets = Secrets::load_or_create(home)?;
    let pid =
        |name: &str| state.part(name).and_then(|part| part.process).map(|process| process.pid);
    let demo = DemoRecord::read(home)?.and_then(|record| record.published(&secrets));
    Ok(Environment {
        api_url: plan.api_url(),
        temporal_address: format!("127.0.0.1:{}", plan.port("temporal")),
        temporal_ui_url: plan.temporal_ui_url(),
        database_url: plan.database_url("postgres", &secrets.passwords.admin),
        valkey_url: format!("redis://127.0.0.1:{}", plan.port("valkey")),
        worker_pids: plan
            .parts()
            .iter()
            .map(|part| part.name())
            .filter(|name| name.starts_with("workers"))
            .filter_map(|name| pid(&name))
            .collect(),
        starter_pid: pid("starter"),
        demo,
    })
}

impl Environment {
    /// Lines that a shell can read: `eval "$(./sbh env)"`.
    pub fn shell(&self) -> String {
        let pids: Vec<_> = self.worker_pids.iter().map(u32::to_string).collect();
        let mut lines = vec![
            ("api_url", self.api_url.clone()),
            ("temporal_address", self.temporal_address.clone()),
            ("temporal_ui_url", self.temporal_ui_url.clone()),
            ("database_url", self.database_url.clone()),
            ("valkey_url", self.valkey_url.clone()),
            ("worker_pids", pids.join(" ")),
            ("starter_pid", self.starter_pid.map_or_else(String::new, |pid| pid.to_string())),
        ];
        if let Some(demo) = &self.demo {
            lines.extend([
                ("demo_tenant", demo.tenant.clone()),
                ("demo_token", demo.token.clone()),
                ("demo_repository", demo.repository.to_string()),
                ("demo_connection_id", demo.connection_id.to_string()),
                ("demo_webhook_secret", demo.webhook_secret.clone()),
            ]);
        }
        lines.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect()
    }
}
