//! Finding things by what people call them.

use anyhow::Result;
use sbh_api::connection::Connection;
use sbh_api::repository::Repository;
use sbh_api::spec_drift::Document;
use uuid::Uuid;

use crate::client::Client;
use crate::failure::Failure;

/// A repository by its name or id, removed ones included.
pub async fn repository(client: &Client, wanted: &str) -> Result<Repository> {
    if let Ok(id) = wanted.parse::<Uuid>() {
        return client.get(&format!("/api/repositories/{id}")).await;
    }
    let all: Vec<Repository> = client.list("/api/repositories?removed=true", usize::MAX).await?;
    let mut named: Vec<_> =
        all.into_iter().filter(|repository| repository.name == wanted).collect();
    // A name is free again once its repository is removed.
    named.sort_by_key(|repository| repository.removed_at.is_some());
    let found = named.into_iter().next();
    found.ok_or_else(|| missing("repository", wanted, "./sbh repo list shows them"))
}

/// A connection by its name or id.
pub async fn connection(client: &Client, wanted: &str) -> Result<Connection> {
    let all: Vec<Connection> = client.list("/api/connections", usize::MAX).await?;
    let id = wanted.parse::<Uuid>().ok();
    let found = all.into_iter().find(|one| Some(one.id) == id || one.name == wanted);
    found.ok_or_else(|| missing("connection", wanted, "./sbh connection list shows them"))
}

/// A document by its id or path.
pub async fn document(client: &Client, wanted: &str, in_repository: Option<&str>) -> Result<Uuid> {
    if let Ok(id) = wanted.parse::<Uuid>() {
        return Ok(id);
    }
    let mut found = Vec::new();
    for repository in repositories(client, in_repository).await? {
        for document in documents(client, repository.id).await? {
            if document.path == wanted && document.observed.is_some() {
                found.push((document.id, repository.name.clone()));
            }
        }
    }
    match found.as_slice() {
        [] => Err(missing("document", wanted, "./sbh spec list shows them")),
        [(id, _)] => Ok(*id),
        several => {
            let names: Vec<_> = several.iter().map(|(_, name)| name.as_str()).collect();
            let what = format!(
                "{} repositories have a document {wanted:?}: {}",
                names.len(),
                names.join(", ")
            );
            Err(Failure::new(what).hint("say which with --repository").into())
        }
    }
}

/// The named repository, or all that are tracked.
pub async fn repositories(client: &Client, wanted: Option<&str>) -> Result<Vec<Repository>> {
    match wanted {
        Some(wanted) => Ok(vec![repository(client, wanted).await?]),
        None => client.list("/api/repositories", usize::MAX).await,
    }
}

/// A repository's documents.
pub async fn documents(client: &Client, repository: Uuid) -> Result<Vec<Document>> {
    client.list(&format!("/api/repositories/{repository}/specs"), usize::MAX).await
}

fn missing(kind: &str, wanted: &str, hint: &str) -> anyhow::Error {
    Failure::new(format!("there is no {kind} {wanted:?}")).hint(hint).into()
}
