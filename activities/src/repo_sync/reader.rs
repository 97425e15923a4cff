//! Where the documents of a space are read: from its source's service, or, for uploads, from the store.

use std::time::Duration;

use sbh_sources::{Changed, Changes, FetchError, Fetched, HostedDocument};
use sbh_store::repository::Repository;

use crate::Parts;
use crate::access::Access;
use crate::error::Failure;
use crate::pace::Paces;

/// Keys of uploads read at once.
const PAGE: i64 = 1_000;
/// How long one document, or one page of a listing, may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// The cursor of uploads: what differs is found by comparing, wherever a listing ended.
const COMPARED: &str = "compared";

/// Why something could not be read.
pub(super) enum Stop {
    /// The service did not give it.
    Fetch(FetchError),
    /// The store did not.
    Failed(Failure),
}

impl Stop {
    /// The metric's word for it.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Fetch(FetchError::RateLimited { .. }) => "rate_limited",
            Self::Fetch(_) | Self::Failed(_) => "failed",
        }
    }
}

/// Reads the documents of one space.
pub(super) struct Reader<'a> {
    parts: &'a Parts,
    paces: &'a Paces,
    repository: &'a Repository,
    access: Option<&'a Access>,
}

impl<'a> Reader<'a> {
    /// Without `access` the documents are in the store.
    pub(super) fn new(
        parts: &'a Parts,
        paces: &'a Paces,
        repository: &'a Repository,
        access: Option<&'a Access>,
    ) -> Self {
        Self { parts, paces, repository, access }
    }

    /// One page of what changed since a cursor, or of everything.
    pub(super) async fn list(&self, cursor: Option<&str>) -> Result<Changes, Stop> {
        let Some(access) = self.access else { return self.uploads().await };
        let session = access.session(self.parts);
        self.asking(access, access.source.changes(&session, self.space(), cursor)).await
    }

    /// One document as it is now.
    pub(super) async fn fetch(&self, key: &str) -> Result<Fetched, Stop> {
        let Some(access) = self.access else { return self.upload(key).await };
        let session = access.session(self.parts);
        self.asking(access, access.source.fetch(&session, self.space(), key)).await
    }

    fn space(&self) -> &str {
        self.repository.space.as_deref().unwrap_or_default()
    }

    /// Asks the service when it is this request's turn.
    async fn asking<T>(
        &self,
        access: &Access,
        request: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, Stop> {
        let connection = access.held.id;
        let turn = self.paces.turn(connection).await;
        let _turn = turn.map_err(|after| Stop::Fetch(FetchError::RateLimited { after }))?;
        let answer = tokio::time::timeout(PATIENCE, request).await.unwrap_or_else(|_| {
            let why = format!("the service took more than {} s", PATIENCE.as_secs());
            Err(FetchError::Unavailable(why))
        });
        if let Err(FetchError::RateLimited { after }) = &answer {
            self.paces.leave_alone(connection, *after);
        }
        answer.map_err(Stop::Fetch)
    }

    async fn uploads(&self) -> Result<Changes, Stop> {
        let Repository { tenant, id, .. } = self.repository;
        let (mut documents, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.parts.store.uploads_to_stage(tenant, *id, &after, PAGE).await;
            let page = page.map_err(|error| Stop::Failed(error.into()))?;
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            documents.extend(page.into_iter().map(|key| Changed { key, removed: false }));
        }
        Ok(Changes { documents, cursor: COMPARED.to_owned(), ..Changes::default() })
    }

    async fn upload(&self, key: &str) -> Result<Fetched, Stop> {
        let Repository { tenant, id, .. } = self.repository;
        let found = self.parts.store.upload(tenant, *id, key).await;
        let found = found.map_err(|error| Stop::Failed(error.into()))?;
        let present = found.and_then(|upload| {
            Some(HostedDocument {
                key: upload.key,
                title: upload.title.unwrap_or_default(),
                url: None,
                version: upload.version.to_string(),
                text: Ok(upload.text?),
            })
        });
        Ok(present.map_or(Fetched::Absent, Fetched::Present))
    }
}
