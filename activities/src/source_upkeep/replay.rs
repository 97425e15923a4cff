//! Deliveries that were missed and that their service kept: they go the way of every delivery.

use sbh_domain::{TenantId, Traces};
use sbh_runtime::trace;
use sbh_sources::{Delivery, Reading, Replayed, Space};
use sbh_store::StoreError;
use sbh_store::inbox::{Accepted, NewNotice};

use super::SourceUpkeep;
use crate::access::Access;
use crate::error::Failure;

impl SourceUpkeep {
    /// Reads a delivery and puts its notices into the inbox. Returns how many are new.
    pub(super) async fn replay(
        &self,
        tenant: &TenantId,
        access: &Access,
        spaces: &[Space],
        replayed: &Replayed,
    ) -> Result<u32, Failure> {
        let source = access.source;
        let delivery = Delivery { headers: &replayed.headers, body: &replayed.body };
        let session = access.session(&self.parts);
        let (dedup_key, hint, events) = match source.parse(&delivery, session.settings) {
            Ok(Reading::Changed { dedup_key, hint, events }) => (dedup_key, hint, events),
            Ok(Reading::Ignored(_)) => return Ok(0),
            Err(malformed) => {
                tracing::warn!(%malformed, "a missed delivery cannot be read");
                return Ok(0);
            }
        };
        let span = tracing::info_span!("source_upkeep.replay");
        let traces = trace::join(&span, &Traces::new());
        let mut new = 0;
        for event in &events {
            for index in source.resolve(event, spaces) {
                let notice = NewNotice {
                    tenant: tenant.clone(),
                    repository: spaces[index].repository,
                    source: source.name(),
                    connection: Some(access.held.id),
                    dedup_key: event.dedup_key(&dedup_key),
                    document_key: event.document.clone(),
                    pull_number: event.pull_number(),
                    hint: hint.clone(),
                    trace: traces.first(),
                };
                match self.parts.store.accept(&notice).await {
                    Ok(Accepted::New(_)) => new += 1,
                    Ok(Accepted::Duplicate(_)) | Err(StoreError::NotFound { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.metrics.replayed.with_label_values(&[source.name()]).inc();
        Ok(new)
    }
}
