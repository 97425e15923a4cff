//! The activity `repo_sync.announce`.

use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use sbh_domain::Traces;
use sbh_runtime::entity::Entities;
use sbh_store::inbox::OpenDocument;
use sbh_workflows::repo_sync::{AnnounceInput, AnnounceOutcome};
use serde::Serialize;

use super::RepoSync;
use crate::error::{Failure, FailureKind};
use crate::pulse::Pulse;

/// Documents read at once.
const PAGE: i64 = 256;

/// Signals in flight.
const CONCURRENCY: usize = 16;

/// Tells the workflow of a document that its content is not the recorded one.
pub trait DocumentSignals: Send + Sync {
    /// Signals the document's workflow, and starts it where it does not run.
    fn notify<'a>(
        &'a self,
        document: &'a OpenDocument,
        traces: &'a Traces,
    ) -> BoxFuture<'a, anyhow::Result<()>>;
}

impl DocumentSignals for Entities {
    fn notify<'a>(
        &'a self,
        document: &'a OpenDocument,
        traces: &'a Traces,
    ) -> BoxFuture<'a, anyhow::Result<()>> {
        let OpenDocument { tenant, repository_name, document, path, .. } = document;
        Box::pin(async move {
            let traces = traces.clone();
            Ok(self.notify_document(tenant, repository_name, *document, path, traces).await?)
        })
    }
}

/// How far an announcement is.
#[derive(Debug, Serialize)]
struct Progress {
    announced: u32,
}

impl RepoSync {
    /// Signals every document whose observed content is neither the recorded one nor announced yet.
    pub(crate) async fn tell(
        &self,
        pulse: &Pulse,
        input: &AnnounceInput,
        traces: &Traces,
    ) -> Result<AnnounceOutcome, Failure> {
        let AnnounceInput { tenant, repository, .. } = input;
        let mut announced = 0;
        let mut after = None;
        loop {
            // A repeated announcement leaves out who was told, and who was told too often just looks
            // and ends.
            let page =
                self.parts.store.documents_to_announce(tenant, *repository, after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(AnnounceOutcome { documents: announced });
            };
            after = Some(last.document);
            let is_last = (page.len() as i64) < PAGE;
            let mut told = Vec::new();
            let telling = stream::iter(page)
                .map(|document| async move {
                    self.tell_one(&document, traces).await?;
                    Ok::<_, Failure>((document.document, document.version))
                })
                .buffer_unordered(CONCURRENCY)
                .try_for_each(|one| {
                    told.push(one);
                    announced += 1;
                    pulse.note(Progress { announced });
                    std::future::ready(Ok(()))
                })
                .await;
            // Noted after the fact: whoever dies before leaves them to be announced again.
            self.parts.store.note_announced(tenant, &told).await?;
            telling?;
            if is_last {
                return Ok(AnnounceOutcome { documents: announced });
            }
        }
    }

    async fn tell_one(&self, document: &OpenDocument, traces: &Traces) -> Result<(), Failure> {
        self.parts.documents.notify(document, traces).await.map_err(|error| {
            let message = format!("the workflow of {} was not signalled: {error:#}", document.path);
            Failure::new(FailureKind::Signal, message)
        })?;
        self.metrics.announced.inc();
        Ok(())
    }
}
