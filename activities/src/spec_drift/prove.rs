//! The activity `spec_drift.prove`.

use sbh_domain::{Digest, DocumentId, TenantId};
use sbh_prover::{Document, Kind, Languages};
use sbh_store::spec_drift::DocumentForProof;
use sbh_workflows::spec_drift::{ProveInput, ProveOutcome, ProveResume};

use super::SpecDrift;
use super::chunk::{Chunk, End};
use super::staging;
use crate::error::{Failure, FailureKind, PATIENCE};
use crate::pulse::Pulse;

impl SpecDrift {
    /// Judges the next chunk of a document's changed invariants. `before` is how far an earlier
    /// attempt of the same call came.
    pub(crate) async fn judge(
        &self,
        pulse: &Pulse,
        input: &ProveInput,
        before: Option<ProveResume>,
    ) -> Result<ProveOutcome, Failure> {
        let ProveInput { tenant, document, resume, .. } = input;
        let store = &self.parts.store;
        // Requests in the inbox are taken up when a proof begins, and never in its midst: what was
        // judged before is no answer to them.
        let wished = match (resume, &before) {
            (None, None) => store.take_reproves(tenant, *document).await?,
            _ => store.taken_reproves(tenant, *document).await?,
        };
        let force = input.force || wished;
        let loaded = store.document_for_proof(tenant, *document).await?;
        let Some(hash) = loaded.observed else {
            return Ok(match (resume, loaded.recorded) {
                (Some(_), _) => self.superseded(),
                (None, Some(_)) => ProveOutcome::Removed,
                (None, None) => self.unchanged(input).await?,
            });
        };
        match resume {
            Some(resume) if resume.hash != hash => return Ok(self.superseded()),
            None if loaded.recorded == Some(hash) && !force => return self.unchanged(input).await,
            _ => {}
        }
        let start = resume.as_ref().map_or(0, |resume| resume.from);
        let from = match before {
            Some(before) if before.hash == hash && before.from > start => before.from,
            _ => start,
        };
        if from == 0 {
            self.parts.store.clear_staged(tenant, *document).await?;
        }
        let (parsed, loaded) = match parse(loaded, self.parts.portfolio.languages()).await? {
            Parsed::Unreadable(reason) => {
                let verdicts = [staging::unreadable(&reason)];
                self.parts.store.stage_verdicts(tenant, *document, hash, &verdicts).await?;
                return Ok(ProveOutcome::Staged { hash, total: 1 });
            }
            Parsed::Document(parsed, loaded) => (parsed, loaded),
        };
        let total = u32::try_from(parsed.invariants.len()).unwrap_or(u32::MAX);
        let recorded = if force { &[] } else { loaded.invariants.as_slice() };
        let chunk = Chunk {
            tenant,
            document: *document,
            hash,
            force,
            blocks: &parsed.invariants,
            recorded: staging::Recorded::of(recorded),
        };
        Ok(match self.work_off(pulse, &chunk, from as usize).await? {
            End::Finished => ProveOutcome::Staged { hash, total },
            End::Superseded => self.superseded(),
            End::At(ordinal) => ProveOutcome::More { resume: resume_at(hash, ordinal), total },
        })
    }

    /// There is nothing to do: so much for those who asked.
    async fn unchanged(&self, input: &ProveInput) -> Result<ProveOutcome, Failure> {
        self.parts.store.close_reproves(&input.tenant, input.document).await?;
        Ok(ProveOutcome::Unchanged)
    }

    /// Judges, and notes with the requests for this proof that it failed for good.
    pub(crate) async fn judge_or_note(
        &self,
        pulse: &Pulse,
        input: &ProveInput,
        before: Option<ProveResume>,
        attempt: u32,
    ) -> Result<ProveOutcome, Failure> {
        let result = self.judge(pulse, input, before).await;
        let Err(failure) = &result else { return result };
        if !failure.kind.is_final() && attempt < PATIENCE {
            return result;
        }
        let (store, most) = (&self.parts.store, self.parts.config.starter.max_attempts);
        let reason = failure.to_string();
        if let Err(error) = store.fail_reproves(&input.tenant, input.document, &reason, most).await
        {
            tracing::warn!(%error, "a failed proof could not be noted with those who asked for it");
        }
        self.note_failure(&input.tenant, input.document, &reason).await;
        result
    }

    /// Notes with an open document that a run failed for good: after too many it is given up.
    pub(super) async fn note_failure(&self, tenant: &TenantId, document: DocumentId, reason: &str) {
        let most = self.parts.config.starter.max_attempts;
        match self.parts.store.fail_document(tenant, document, reason, most).await {
            Ok(0) => {}
            Ok(parked) => {
                tracing::warn!(%tenant, %document, parked, reason, "notices are parked: sbh inbox");
            }
            Err(error) => tracing::warn!(%error, "a failed proof could not be noted"),
        }
    }

    fn superseded(&self) -> ProveOutcome {
        self.metrics.superseded.inc();
        ProveOutcome::Superseded
    }
}

/// Where to go on, for heartbeats and for the workflow.
pub(super) fn resume_at(hash: Digest, ordinal: usize) -> ProveResume {
    ProveResume { hash, from: u32::try_from(ordinal).unwrap_or(u32::MAX) }
}

enum Parsed {
    Unreadable(String),
    Document(Document, DocumentForProof),
}

/// Finds the invariants, off the threads that serve everything else.
async fn parse(loaded: DocumentForProof, languages: Languages) -> Result<Parsed, Failure> {
    if let Some(reason) = loaded.unreadable {
        return Ok(Parsed::Unreadable(reason));
    }
    let Some(text) = &loaded.text else {
        let message = format!("the text of {} is not in the database", loaded.path);
        return Err(Failure::new(FailureKind::Refused, message));
    };
    let kind = Kind::of_path(&loaded.path).unwrap_or(Kind::Markdown);
    if text.len() < 16 << 10 {
        let document = sbh_prover::parse_with(kind, text, &languages);
        return Ok(Parsed::Document(document, loaded));
    }
    let parsing = tokio::task::spawn_blocking(move || {
        let text = loaded.text.as_deref().unwrap_or_default();
        (sbh_prover::parse_with(kind, text, &languages), loaded)
    });
    let (document, loaded) = parsing.await.map_err(|error| {
        Failure::new(FailureKind::Refused, format!("the document cannot be parsed: {error}"))
    })?;
    Ok(Parsed::Document(document, loaded))
}
