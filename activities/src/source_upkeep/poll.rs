//! Polling a hosted space: what changed since the last listing, whether it was announced or not.

use sbh_domain::{Digest, TenantId, Traces};
use sbh_runtime::trace;
use sbh_sources::FetchError;
use sbh_store::StoreError;
use sbh_store::inbox::{Accepted, NewNotice};
use sbh_store::source_upkeep::FollowedSpace;
use serde_json::json;

use super::SourceUpkeep;
use super::round::Round;
use crate::access::Access;
use crate::error::Failure;

impl SourceUpkeep {
    /// Looks whether anything changed since the last listing; then a notice asks for a synchronisation.
    /// Whether there is sense in polling more.
    pub(super) async fn poll(
        &self,
        tenant: &TenantId,
        access: &Access,
        followed: &FollowedSpace,
        baseline: &str,
        round: &mut Round,
    ) -> Result<bool, Failure> {
        let count = |result: &str| {
            self.metrics.polls.with_label_values(&[access.source.name(), result]).inc();
        };
        let page = match self.paces.turn(access.held.id).await {
            Err(after) => Err(FetchError::RateLimited { after }),
            Ok(_turn) => {
                let session = access.session(&self.parts);
                access.source.changes(&session, &followed.space, Some(baseline)).await
            }
        };
        let (documents, more) = match page {
            Ok(page) if page.documents.is_empty() && !page.more => {
                count("unchanged");
                if page.cursor != baseline {
                    let noted = self.parts.store.note_cursor(
                        tenant,
                        followed.repository,
                        baseline,
                        &page.cursor,
                    );
                    noted.await?;
                }
                return Ok(true);
            }
            Ok(page) => (page.documents.len(), page.more),
            // The synchronisation lists everything anew.
            Err(FetchError::StaleCursor) => (0, true),
            Err(error) => {
                count("failed");
                if let FetchError::RateLimited { after } = &error {
                    self.paces.leave_alone(access.held.id, *after);
                }
                return Ok(round.stopped(&followed.space, &error));
            }
        };
        count("changed");
        let span = tracing::info_span!("source_upkeep.poll", repository = %followed.repository);
        let traces = trace::join(&span, &Traces::new());
        let notice = NewNotice {
            tenant: tenant.clone(),
            repository: followed.repository,
            source: "poll",
            connection: Some(access.held.id),
            dedup_key: format!("poll:{}", Digest::of(baseline)),
            document_key: None,
            pull_number: None,
            hint: json!({ "documents": documents, "more": more }),
            trace: traces.first(),
        };
        match self.parts.store.accept(&notice).await {
            Ok(Accepted::New(_)) => round.found += 1,
            // It waits already, or the space was removed meanwhile.
            Ok(Accepted::Duplicate(_)) | Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }
}
