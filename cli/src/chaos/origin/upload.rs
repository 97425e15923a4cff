//! Uploads: every edit is a `PUT /api/specs/{id}`, repeated by its caller with the same key until it is
//! answered.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::Method;
use sbh_api::routes::IDEMPOTENCY_KEY;
use sbh_standins::{Delivery, Patience};
use uuid::Uuid;

use super::{Ground, Kind, Origin};
use crate::chaos::script::Edit;
use crate::chaos::sender::{Request, Sender};

/// The collection.
const COLLECTION: &str = "chaos-uploads";
/// A caller who wants it to be done.
const PATIENCE: Patience = Patience { attempts: 20, timeout: Duration::from_secs(20) };

pub(super) struct Upload {
    base: String,
    token: String,
    repository: Uuid,
}

pub(super) async fn open(ground: Ground<'_>) -> Result<Upload> {
    let (base, token) = (ground.client.base().to_owned(), ground.client.token().to_owned());
    let mut upload = Upload { base, token, repository: Uuid::nil() };
    let sender = Sender::new()?;
    for document in ground.script.documents_of(ground.source) {
        let edit = Edit::first(document);
        let request = upload.edit(&edit).context("an upload is always announced")?;
        let outcome = sender.deliver(&upload, &edit, Some(request)).await;
        anyhow::ensure!(
            outcome.acknowledged == 1,
            "the first upload failed: {:?}",
            outcome.refused
        );
    }
    let all: Vec<sbh_api::repository::Repository> =
        ground.client.list("/api/repositories", usize::MAX).await?;
    let made = all.into_iter().find(|repository| repository.name == COLLECTION);
    upload.repository = made.context("the uploads made no collection")?.id;
    Ok(upload)
}

impl Origin for Upload {
    fn kind(&self) -> Kind {
        Kind::Upload
    }

    fn repository(&self) -> Uuid {
        self.repository
    }

    fn key(&self, document: usize) -> String {
        format!("spec-{document}")
    }

    fn patience(&self) -> Patience {
        PATIENCE
    }

    fn edit(&self, edit: &Edit) -> Option<Request> {
        let key = self.key(edit.document);
        let delivery = Delivery { headers: Vec::new(), body: edit.text().markdown().into_bytes() }
            .with("content-type", "text/markdown")
            .with("authorization", format!("Bearer {}", self.token))
            .with(IDEMPOTENCY_KEY, Uuid::new_v4().to_string());
        Some(Request {
            method: Method::PUT,
            url: format!("{}/api/specs/{key}?repository={COLLECTION}", self.base),
            delivery,
        })
    }
}
