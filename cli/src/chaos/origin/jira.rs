//! Jira Cloud: every edit changes an issue, announced by an administrator's webhook, which is sent up
//! to six times.

use std::sync::Arc;

use anyhow::Result;
use reqwest::Method;
use sbh_standins::{Patience, StandIns};
use serde_json::json;
use uuid::Uuid;

use super::{Connected, Ground, Kind, Origin};
use crate::chaos::script::Edit;
use crate::chaos::sender::Request;

/// The project.
const PROJECT: &str = "CHAOS";

pub(super) struct Jira {
    standins: Arc<StandIns>,
    repository: Uuid,
    connection: Connected,
}

fn key(document: usize) -> String {
    format!("{PROJECT}-{}", document + 1)
}

pub(super) async fn open(ground: Ground<'_>) -> Result<Jira> {
    let jira = &ground.standins.jira;
    for document in ground.script.documents_of(ground.source) {
        jira.put(&key(document), &Edit::first(document).text());
    }
    let settings = json!({ "variant": "cloud", "base_url": jira.service.url() });
    let connection = ground.connect("jira", settings, Some("chaos@example.com:token")).await?;
    let repository = ground.follow("chaos-jira", PROJECT, &connection).await?;
    Ok(Jira { standins: Arc::clone(ground.standins), repository, connection })
}

impl Origin for Jira {
    fn kind(&self) -> Kind {
        Kind::Jira
    }

    fn repository(&self) -> Uuid {
        self.repository
    }

    fn key(&self, document: usize) -> String {
        key(document)
    }

    fn patience(&self) -> Patience {
        Patience::JIRA_CLOUD
    }

    fn edit(&self, edit: &Edit) -> Option<Request> {
        let (jira, key) = (&self.standins.jira, key(edit.document));
        jira.put(&key, &edit.text());
        Some(Request {
            method: Method::POST,
            url: self.connection.webhook_url.clone(),
            delivery: jira.cloud_delivery("jira:issue_updated", &key, &self.connection.secret),
        })
    }
}
