//! The activity `spec_drift.prove`.

use sbh_domain::Digest;
use sbh_prover::{Document, Kind};
use sbh_store::spec_drift::DocumentForProof;
use sbh_workflows::spec_drift::{ProveInput, ProveOutcome, ProveResume};

use super::SpecDrift;
use super::chunk::{Chunk, End};
use super::staging;
use crate::error::{Failure, FailureKind};
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
        let ProveInput { tenant, document, resume, force } = input;
        let loaded = self.parts.store.document_for_proof(tenant, *document).await?;
        let Some(hash) = loaded.observed else {
            return Ok(match (resume, loaded.recorded) {
                (Some(_), _) => self.superseded(),
                (None, Some(_)) => ProveOutcome::Removed,
                (None, None) => ProveOutcome::Unchanged,
            });
        };
        match resume {
            Some(resume) if resume.hash != hash => return Ok(self.superseded()),
            None if loaded.recorded == Some(hash) && !force => return Ok(ProveOutcome::Unchanged),
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
        let (parsed, loaded) = match parse(loaded).await? {
            Parsed::Unreadable(reason) => {
                let verdicts = [staging::unreadable(&reason)];
                self.parts.store.stage_verdicts(tenant, *document, hash, &verdicts).await?;
                return Ok(ProveOutcome::Staged { hash, total: 1 });
            }
            Parsed::Document(parsed, loaded) => (parsed, loaded),
        };
        let total = u32::try_from(parsed.invariants.len()).unwrap_or(u32::MAX);
        let recorded = if *force { &[] } else { loaded.invariants.as_slice() };
        let chunk = Chunk {
            tenant,
            document: *document,
            hash,
            force: *force,
            blocks: &parsed.invariants,
            recorded: staging::Recorded::of(recorded),
        };
        Ok(match self.work_off(pulse, &chunk, from as usize).await? {
            End::Finished => ProveOutcome::Staged { hash, total },
            End::Superseded => self.superseded(),
            End::At(ordinal) => ProveOutcome::More { resume: resume_at(hash, ordinal), total },
        })
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
async fn parse(loaded: DocumentForProof) -> Result<Parsed, Failure> {
    if let Some(reason) = loaded.unreadable {
        return Ok(Parsed::Unreadable(reason));
    }
    let Some(text) = &loaded.text else {
        let message = format!("the text of {} is not in the database", loaded.path);
        return Err(Failure::new(FailureKind::Refused, message));
    };
    let kind = Kind::of_path(&loaded.path).unwrap_or(Kind::Markdown);
    if text.len() < 16 << 10 {
        let document = sbh_prover::parse(kind, text);
        return Ok(Parsed::Document(document, loaded));
    }
    let parsing = tokio::task::spawn_blocking(move || {
        let text = loaded.text.as_deref().unwrap_or_default();
        (sbh_prover::parse(kind, text), loaded)
    });
    let (document, loaded) = parsing.await.map_err(|error| {
        Failure::new(FailureKind::Refused, format!("the document cannot be parsed: {error}"))
    })?;
    Ok(Parsed::Document(document, loaded))
}
