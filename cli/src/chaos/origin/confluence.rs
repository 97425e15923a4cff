//! Confluence Cloud: every edit changes a page, announced by Forge Remote, which is sent up to five
//! times.

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

/// The space.
const SPACE: &str = "CHAOS";
/// The Forge app that sends.
const APP: &str = "ari:cloud:ecosystem::app/chaos";

pub(super) struct Confluence {
    standins: Arc<StandIns>,
    repository: Uuid,
    connection: Connected,
    /// The pages of the documents.
    pages: HashMap<usize, u64>,
}

pub(super) async fn open(ground: Ground<'_>) -> Result<Confluence> {
    let confluence = &ground.standins.confluence;
    let first = |document| confluence.create(SPACE, &Edit::first(document).text());
    let documents = ground.script.documents_of(ground.source);
    let pages = documents.map(|document| (document, first(document))).collect();
    let settings = json!({
        "variant": "cloud_forge", "base_url": confluence.service.url(), "app_id": APP,
        "cloud_id": "cloud-1",
    });
    let connection =
        ground.connect("confluence", settings, Some("chaos@example.com:token")).await?;
    let repository = ground.follow("chaos-confluence", SPACE, &connection).await?;
    Ok(Confluence { standins: Arc::clone(ground.standins), repository, connection, pages })
}

impl Origin for Confluence {
    fn kind(&self) -> Kind {
        Kind::Confluence
    }

    fn repository(&self) -> Uuid {
        self.repository
    }

    fn key(&self, document: usize) -> String {
        self.pages.get(&document).map(u64::to_string).unwrap_or_default()
    }

    fn patience(&self) -> Patience {
        Patience::FORGE
    }

    fn edit(&self, edit: &Edit) -> Option<Request> {
        let (confluence, page) = (&self.standins.confluence, *self.pages.get(&edit.document)?);
        confluence.edit(page, &edit.text());
        Some(Request {
            method: Method::POST,
            url: self.connection.webhook_url.clone(),
            delivery: confluence.forge_delivery("avi:confluence:updated:page", page, APP),
        })
    }
}
