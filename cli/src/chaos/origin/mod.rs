//! Where the documents are: one file for each kind of source.

mod confluence;
mod git;
mod google_docs;
mod jira;
mod upload;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use sbh_standins::{Patience, StandIns};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::script::{Edit, Script};
use super::sender::Request;
use super::stage::Stage;
use crate::client::Client;

/// A kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Git pushes, announced as GitHub does.
    Git,
    /// Issues at Jira.
    Jira,
    /// Pages in Confluence.
    Confluence,
    /// Documents in Google Docs.
    GoogleDocs,
    /// Documents that are put through the API.
    Upload,
}

impl Kind {
    /// Whether making the edit and announcing it are one request.
    pub fn is_its_own_announcement(self) -> bool {
        self == Self::Upload
    }
}

/// The documents of one source.
pub trait Origin {
    /// Its kind.
    fn kind(&self) -> Kind;
    /// The repository that stands for it.
    fn repository(&self) -> Uuid;
    /// What the API calls a document's path.
    fn key(&self, document: usize) -> String;
    /// How patiently it delivers.
    fn patience(&self) -> Patience;
    /// Makes an edit, and returns what announces it, if anything does.
    fn edit(&self, edit: &Edit) -> Option<Request>;
    /// Hears how the first delivery of an edit was answered; `None`: it was not.
    fn heard(&self, _request: &Request, _status: Option<u16>) {}
}

/// What a source is made with.
pub struct Ground<'a> {
    /// The API.
    pub client: &'a Client,
    /// The services.
    pub standins: &'a Arc<StandIns>,
    /// The stack.
    pub stage: &'a Stage,
    /// What will happen.
    pub script: &'a Script,
    /// The source's number among the run's.
    pub source: usize,
}

/// Makes a source with the first versions of its documents.
///
/// # Errors
/// What the API refused.
pub async fn open(kind: Kind, ground: Ground<'_>) -> Result<Box<dyn Origin>> {
    Ok(match kind {
        Kind::Git => Box::new(git::open(ground).await?),
        Kind::Jira => Box::new(jira::open(ground).await?),
        Kind::Confluence => Box::new(confluence::open(ground).await?),
        Kind::GoogleDocs => Box::new(google_docs::open(ground).await?),
        Kind::Upload => Box::new(upload::open(ground).await?),
    })
}

/// A connection that was made.
struct Connected {
    id: Uuid,
    secret: String,
    webhook_url: String,
}

impl Ground<'_> {
    async fn connect(
        &self,
        source: &str,
        settings: Value,
        credential: Option<&str>,
    ) -> Result<Connected> {
        let mut body = json!({ "source": source, "name": format!("chaos {source}") });
        if !settings.is_null() {
            body["settings"] = settings;
        }
        if let Some(credential) = credential {
            body["credential"] = json!(credential);
        }
        if source == "github" {
            // The remotes are folders: git is shown nothing.
            body["credential_host"] = json!("");
        }
        let made: Value = self
            .client
            .post("/api/connections", &body)
            .await
            .with_context(|| format!("the connection for {source} cannot be made"))?;
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        Ok(Connected { id: id(&made)?, secret: text("secret"), webhook_url: text("webhook_url") })
    }

    /// Follows a space of a hosted source.
    async fn follow(&self, name: &str, space: &str, through: &Connected) -> Result<Uuid> {
        self.track(json!({ "name": name, "space": space, "connection_id": through.id })).await
    }

    async fn track(&self, body: Value) -> Result<Uuid> {
        let made: Value = self
            .client
            .post("/api/repositories", &body)
            .await
            .with_context(|| format!("{} cannot be tracked", body["name"]))?;
        id(&made)
    }
}

fn id(made: &Value) -> Result<Uuid> {
    let id = made["id"].as_str().context("the answer has no id")?;
    id.parse().context("the answer's id is none")
}
