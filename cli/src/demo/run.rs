//! The demo, step by step. Each step looks at what is there first, so that it can be interrupted
//! anywhere and run again.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use sbh_api::connection::{Connection, ConnectionMade, NewConnection, Rotate, Rotated};
use sbh_api::coverage::RepositoryCoverage;
use sbh_api::inbox::{InboxRow, InboxState};
use sbh_api::repo_sync::{Acknowledged, RepositoryStatus};
use sbh_api::repository::{self as api, NewRepository};
use sbh_api::spec_drift::{Document, Invariant};
use serde_json::json;
use uuid::Uuid;

use super::record::DemoRecord;
use super::repository::{Commit, NAME, Repository};
use super::specs::{EDITED, Edit};
use super::webhook;
use crate::client::Client;
use crate::commands::obstacle::Watch;
use crate::commands::{follow, lookup};
use crate::failure::Failure;
use crate::home::Home;
use crate::progress::{Progress, seconds};
use crate::style::Style;

/// The connection's name.
const CONNECTION: &str = "demo-github";

/// How often the run is looked at.
const GLANCE: Duration = Duration::from_millis(25);

/// How long one edit may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The demo's standing parts.
pub struct Stage<'a> {
    home: &'a Home,
    client: &'a Client,
    progress: &'a Progress,
    record: DemoRecord,
}

/// One edit and what came of it.
pub struct Run {
    /// The edit.
    pub edit: Edit,
    /// Its commit.
    pub commit: Commit,
    /// The edited document afterwards.
    pub document: Document,
    /// Its invariants.
    pub invariants: Vec<Invariant>,
    /// The repository's coverage before.
    pub before: RepositoryCoverage,
    /// The repository's coverage afterwards.
    pub after: RepositoryCoverage,
    /// From sending the webhook to its 202.
    pub acknowledged: Duration,
    /// From sending the webhook to the recorded verdicts.
    pub proved: Duration,
}

impl<'a> Stage<'a> {
    /// Makes the connection and the repository, unless they are there.
    pub async fn set(
        home: &'a Home,
        client: &'a Client,
        progress: &'a Progress,
    ) -> Result<(Self, Repository)> {
        let mut stage =
            Self { home, client, progress, record: DemoRecord::read(home)?.unwrap_or_default() };
        let step = progress.step("repository");
        step.say("the demo's documents");
        let repository = Repository::open(home)?;
        stage.connect().await?;
        let id = stage.track(&repository.url()).await?;
        let row = stage.catch_up(id, &repository.head()?).await?;
        let status = follow::follow(home, client, id, row, &step).await?;
        step.done(format!("{} documents are judged", status.documents));
        Ok((stage, repository))
    }

    /// The repository's id.
    pub fn repository(&self) -> Result<Uuid> {
        self.record.repository.context("the demo's repository is not tracked")
    }

    /// The connection, and a secret that we know.
    async fn connect(&mut self) -> Result<()> {
        let all: Vec<Connection> = self.client.list("/api/connections", usize::MAX).await?;
        let found = all.iter().find(|one| one.name == CONNECTION).map(|one| one.id);
        let known = found.is_some()
            && found == self.record.connection_id
            && self.record.webhook_secret.is_some();
        if known {
            return Ok(());
        }
        let (id, secret) = match found {
            None => {
                let new = NewConnection {
                    settings: None,
                    source: None,
                    name: CONNECTION.into(),
                    secret: None,
                    credential: None,
                    credential_host: None,
                };
                let made: ConnectionMade = self.client.post("/api/connections", &new).await?;
                (made.id, made.secret)
            }
            // Made by a run that was interrupted before it noted the secret.
            Some(id) => {
                let path = format!("/api/connections/{id}/rotate");
                let rotated: Rotated = self.client.post(&path, &Rotate { secret: None }).await?;
                (id, rotated.secret)
            }
        };
        self.record.connection_id = Some(id);
        self.record.webhook_secret = Some(secret);
        self.record.write(self.home)
    }

    /// The tracked repository's id.
    async fn track(&mut self, url: &str) -> Result<Uuid> {
        let all: Vec<api::Repository> =
            self.client.list("/api/repositories?removed=true", usize::MAX).await?;
        let mut ours: Vec<_> = all
            .into_iter()
            .filter(|one| one.url == url && one.connection_id == self.record.connection_id)
            .collect();
        ours.sort_by_key(|one| one.removed_at.is_some());
        let id = match ours.first() {
            Some(one) if one.removed_at.is_some() => {
                let path = format!("/api/repositories/{}/restore", one.id);
                self.client.post::<api::Repository>(&path, &json!({})).await?.id
            }
            Some(one) => one.id,
            None => {
                let new = NewRepository {
                    url: url.to_owned(),
                    name: Some(NAME.into()),
                    specs: vec!["specs/**/*.md".into()],
                    connection_id: self.record.connection_id,
                    ..NewRepository::default()
                };
                self.client.post::<api::Repository>("/api/repositories", &new).await?.id
            }
        };
        self.record.repository = Some(id);
        self.record.write(self.home)?;
        Ok(id)
    }

    /// Asks for a synchronisation when an interrupted run committed without announcing it.
    async fn catch_up(&self, id: Uuid, head: &str) -> Result<Option<Uuid>> {
        let now: api::Repository = self.client.get(&format!("/api/repositories/{id}")).await?;
        match now.baseline {
            Some(baseline) if baseline != head => {
                let path = format!("/api/repositories/{id}/sync");
                Ok(self.client.post::<Acknowledged>(&path, &json!({})).await?.id)
            }
            _ => Ok(None),
        }
    }

    /// Edits, commits, announces, follows.
    pub async fn run(&self, repository: &Repository) -> Result<Run> {
        let id = self.repository()?;
        let coverage = format!("/api/coverage/repository/{id}");
        let before: RepositoryCoverage = self.client.get(&coverage).await?;
        let (edit, commit) = repository.edit()?;
        self.progress.say(format!(
            "\n  {}  {}",
            Style::Strong.paint(EDITED),
            Style::Dim.paint(&commit.message)
        ));
        for (sign, line) in &edit.difference {
            let style = if *sign == '-' { Style::Bad } else { Style::Good };
            self.progress.say(format!("    {}", style.paint(format!("{sign} {line}"))));
        }
        self.progress.say("");
        let secret =
            self.record.webhook_secret.as_deref().context("the webhook's secret is not known")?;
        let connection = self.record.connection_id.context("the connection is not known")?;
        let address = format!("{}/webhooks/github/{connection}", self.client.base());
        let delivery = webhook::push(repository, &commit, secret)?;

        let push = self.progress.step("push");
        let (sent_at, sent) = (Utc::now(), Instant::now());
        let taken: Acknowledged =
            self.client.deliver(&address, &delivery.headers, delivery.body).await?;
        let acknowledged = sent.elapsed();
        let row = taken.id.with_context(|| {
            format!(
                "the push was not taken: {}",
                taken.ignored.as_deref().unwrap_or("no reason given")
            )
        })?;
        push.done("webhook accepted (202)");

        let step = self.progress.step("proof");
        self.follow(id, row, sent, &step).await?;
        let document = self.edited(id).await?;
        let proved = since(sent_at, document.recorded_at).unwrap_or_else(|| sent.elapsed());
        step.done("verdicts recorded");
        let path = format!("/api/specs/{}/invariants", document.id);
        let invariants = self.client.list(&path, usize::MAX).await?;
        let after = self.client.get(&coverage).await?;
        Ok(Run { edit, commit, document, invariants, before, after, acknowledged, proved })
    }

    /// Watches until the notice is closed: its result is recorded.
    async fn follow(
        &self,
        id: Uuid,
        row: Uuid,
        sent: Instant,
        step: &crate::progress::Step,
    ) -> Result<()> {
        let mut watch = Watch::new(self.home, self.client);
        loop {
            let status: RepositoryStatus =
                self.client.get(&format!("/api/repositories/{id}/status")).await?;
            let what = follow::describe(&status);
            step.say(if status.open_documents > 0 { format!("proving {EDITED}") } else { what });
            watch.look(&follow::describe(&status), step).await?;
            let notice: InboxRow = self.client.get(&format!("/api/inbox/{row}")).await?;
            match notice.state {
                InboxState::Closed => return Ok(()),
                InboxState::Parked => {
                    let reason = notice.reason.unwrap_or_default();
                    return Err(Failure::new(format!("the notice was parked: {reason}"))
                        .hint("./sbh logs workers")
                        .into());
                }
                InboxState::Open if sent.elapsed() > PATIENCE => {
                    let what = format!("the edit is not proved after {}", seconds(sent.elapsed()));
                    return Err(Failure::new(what)
                        .hint("look at ./sbh status and ./sbh logs workers")
                        .into());
                }
                InboxState::Open => tokio::time::sleep(GLANCE).await,
            }
        }
    }

    async fn edited(&self, id: Uuid) -> Result<Document> {
        let all = lookup::documents(self.client, id).await?;
        all.into_iter()
            .find(|one| one.path == EDITED)
            .with_context(|| format!("{EDITED} is not tracked"))
    }
}

fn since(from: DateTime<Utc>, to: Option<DateTime<Utc>>) -> Option<Duration> {
    (to? - from).to_std().ok()
}
