//! Google Docs: every edit changes a document, announced by an empty message of a Drive channel once
//! upkeep has opened one. An edit before that is found by the poll.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use reqwest::Method;
use sbh_standins::{Patience, StandIns};
use serde_json::json;
use uuid::Uuid;

use super::{Connected, Ground, Kind, Origin};
use crate::chaos::script::Edit;
use crate::chaos::sender::Request;

pub(super) struct GoogleDocs {
    standins: Arc<StandIns>,
    repository: Uuid,
    connection: Connected,
    /// The files of the documents.
    files: HashMap<usize, String>,
}

pub(super) async fn open(ground: Ground<'_>) -> Result<GoogleDocs> {
    let google = &ground.standins.google;
    let folder = google.folder("chaos");
    let first = |document| google.create(&folder, &Edit::first(document).text());
    let documents = ground.script.documents_of(ground.source);
    let files = documents.map(|document| (document, first(document))).collect();
    let account = google.service_account();
    let connection = ground.connect("google_docs", json!({}), Some(&account)).await?;
    let repository = ground.follow("chaos-google-docs", &folder, &connection).await?;
    Ok(GoogleDocs { standins: Arc::clone(ground.standins), repository, connection, files })
}

impl Origin for GoogleDocs {
    fn kind(&self) -> Kind {
        Kind::GoogleDocs
    }

    fn repository(&self) -> Uuid {
        self.repository
    }

    fn key(&self, document: usize) -> String {
        self.files.get(&document).cloned().unwrap_or_default()
    }

    fn patience(&self) -> Patience {
        Patience::GOOGLE
    }

    fn edit(&self, edit: &Edit) -> Option<Request> {
        let google = &self.standins.google;
        google.edit(self.files.get(&edit.document)?, &edit.text());
        let url = self.connection.webhook_url.clone();
        let (_, delivery) = google.messages().into_iter().find(|(address, _)| *address == url)?;
        Some(Request { method: Method::POST, url, delivery })
    }
}
