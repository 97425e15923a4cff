//! Git: every edit is a commit, pushed and announced by GitHub's webhook. GitHub never delivers again
//! by itself, so what was not acknowledged must be found by other ways.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use reqwest::Method;
use sbh_standins::git::Remote;
use sbh_standins::{Patience, StandIns, github};
use serde_json::json;
use uuid::Uuid;

use super::{Connected, Ground, Kind, Origin};
use crate::chaos::script::Edit;
use crate::chaos::sender::Request;

pub(super) struct Git {
    standins: Arc<StandIns>,
    remote: Remote,
    repository: Uuid,
    connection: Connected,
    /// The commits of the edits by the edits' numbers.
    commits: HashMap<usize, String>,
    head: Mutex<String>,
}

fn path(document: usize) -> String {
    format!("specs/{document}.md")
}

pub(super) async fn open(ground: Ground<'_>) -> Result<Git> {
    let remote = Remote::create(&ground.stage.remotes()?, "chaos");
    let texts = |edits: &[Edit]| -> Vec<(String, String)> {
        edits.iter().map(|edit| (path(edit.document), edit.text().markdown())).collect()
    };
    let firsts: Vec<Edit> = ground.script.documents_of(ground.source).map(Edit::first).collect();
    let edits: Vec<Edit> = ground.script.edits_of(ground.source).cloned().collect();
    let (firsts, later) = (texts(&firsts), texts(&edits));
    let first = firsts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let rest = later.iter().map(|(path, text)| vec![(path.as_str(), text.as_str())]);
    let mut ids = remote.prepare(std::iter::once(first).chain(rest));
    let head = ids.remove(0);
    remote.publish(&head);
    let settings = json!({
        "app_id": github::APP, "installation_id": github::INSTALLATION, "checks": true,
    });
    let key = ground.standins.github.app_key();
    let connection = ground.connect("github", settings, Some(key)).await?;
    let repository = ground
        .track(json!({
            "url": remote.url(), "name": "chaos-git", "branch": "main", "specs": ["specs/**"],
            "connection_id": connection.id,
        }))
        .await?;
    Ok(Git {
        standins: Arc::clone(ground.standins),
        remote,
        repository,
        connection,
        commits: edits.iter().map(|edit| edit.number).zip(ids).collect(),
        head: Mutex::new(head),
    })
}

impl Origin for Git {
    fn kind(&self) -> Kind {
        Kind::Git
    }

    fn repository(&self) -> Uuid {
        self.repository
    }

    fn key(&self, document: usize) -> String {
        path(document)
    }

    fn patience(&self) -> Patience {
        Patience::GITHUB
    }

    fn edit(&self, edit: &Edit) -> Option<Request> {
        let after = self.commits.get(&edit.number)?;
        self.remote.publish(after);
        let mut head = self.head.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = std::mem::replace(&mut *head, after.clone());
        let payload = github::push(
            &self.remote.name(),
            &self.remote.url(),
            "refs/heads/main",
            &before,
            after,
        );
        Some(Request {
            method: Method::POST,
            url: self.connection.webhook_url.clone(),
            delivery: github::delivery("push", &payload, &self.connection.secret),
        })
    }

    fn heard(&self, request: &Request, status: Option<u16>) {
        self.standins.github.made(&request.delivery, status);
    }
}
