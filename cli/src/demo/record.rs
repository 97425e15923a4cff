//! What the demo keeps between runs: `demo/demo.json`.

use std::time::Duration;

use anyhow::Result;
use sbh_domain::Role;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::home::{Home, private_folder, read_json, write_private};
use crate::stack::environment::Demo;
use crate::stack::secrets::Secrets;
use crate::token;

/// The demo's tenant.
pub const TENANT: &str = "demo";

/// How long the demo's tokens are valid.
const TOKEN_TTL: Duration = Duration::from_secs(30 * 86_400);

/// What is made once, step by step.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DemoRecord {
    /// The connection, once it is made.
    pub connection_id: Option<Uuid>,
    /// Its secret, which the API shows only once.
    pub webhook_secret: Option<String>,
    /// The repository, once it is added.
    pub repository: Option<Uuid>,
}

impl DemoRecord {
    /// Reads what there is.
    pub fn read(home: &Home) -> Result<Option<Self>> {
        read_json(&home.demo().join("demo.json"))
    }

    /// Writes it, for the owner's eyes only.
    pub fn write(&self, home: &Home) -> Result<()> {
        private_folder(&home.demo())?;
        write_private(&home.demo().join("demo.json"), &serde_json::to_vec_pretty(self)?)
    }

    /// A fresh token of the demo tenant's owner.
    pub fn token(secrets: &Secrets) -> Result<String> {
        token::mint(&secrets.signing, &TENANT.parse()?, Role::Owner, "demo", TOKEN_TTL)
    }

    /// What `sbh env` says about it, once all is made.
    pub fn published(&self, secrets: &Secrets) -> Option<Demo> {
        Some(Demo {
            tenant: TENANT.to_owned(),
            token: Self::token(secrets).ok()?,
            repository: self.repository?,
            connection_id: self.connection_id?,
            webhook_secret: self.webhook_secret.clone()?,
        })
    }
}
