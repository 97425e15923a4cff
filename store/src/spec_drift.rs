//! Documents, their invariants, staged and recorded verdicts.

use chrono::{DateTime, Utc};
use sbh_domain::{Digest, DocumentId, Form, RepositoryId, TenantId, Verdict, VerdictCounts};

use crate::{Store, StoreError};

/// A document as its proof needs it.
#[derive(Clone, Debug)]
pub struct DocumentForProof {
    /// Its repository.
    pub repository: RepositoryId,
    /// Its path.
    pub path: String,
    /// The hash of what the last synchronisation saw; `None` when the document is gone.
    pub observed: Option<Digest>,
    /// The canonical text with that hash; `None` when it is gone or unreadable.
    pub text: Option<String>,
    /// Why it is unreadable.
    pub unreadable: Option<String>,
    /// The hash whose verdicts are recorded.
    pub recorded: Option<Digest>,
    /// The recorded invariants: own verdicts, before the rule on duplicate names.
    pub invariants: Vec<RecordedInvariant>,
}

/// A recorded invariant, as far as a new proof may reuse it.
#[derive(Clone, Debug)]
pub struct RecordedInvariant {
    /// Its name.
    pub name: String,
    /// The hash of its statement; `None` for a block that could not be parsed.
    pub statement_hash: Option<Digest>,
    /// Its own verdict.
    pub verdict: Verdict,
    /// How long the proof took, in milliseconds.
    pub duration_ms: f64,
    /// The counterexample as JSON: a list of `{"name","value"}`.
    pub counterexample: Option<serde_json::Value>,
    /// Why the verdict is not decisive, or what is wrong with the block.
    pub reason: Option<String>,
}

/// A verdict that waits for its document's transaction.
#[derive(Clone, Debug)]
pub struct StagedVerdict {
    /// Its place in the document, from 0.
    pub ordinal: i32,
    /// Its name.
    pub name: String,
    /// The user story it belongs to.
    pub story: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// The line of the block in the document, from 1.
    pub line: i32,
    /// Its form; `None` for a block that could not be parsed.
    pub form: Option<Form>,
    /// The normalised statement.
    pub statement: Option<String>,
    /// The digest of `statement`.
    pub statement_hash: Option<Digest>,
    /// The verdict.
    pub verdict: Verdict,
    /// How long the proof took, in milliseconds.
    pub duration_ms: f64,
    /// The counterexample as JSON: a list of `{"name","value"}`.
    pub counterexample: Option<serde_json::Value>,
    /// Why the verdict is not decisive, or what is wrong with the block.
    pub reason: Option<String>,
    /// Where the verdict comes from: `proved` now, from the `cache`, or `kept` because the
    /// statement did not change.
    pub origin: &'static str,
}

/// Which run recorded a verdict.
#[derive(Clone, Debug)]
pub struct ProofRun {
    /// The Temporal workflow id.
    pub workflow_id: String,
    /// The Temporal run id.
    pub run_id: String,
}

/// What recording did.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The document's verdicts before.
    pub before: VerdictCounts,
    /// The document's verdicts after.
    pub after: VerdictCounts,
    /// Inbox rows that this closed.
    pub closed: u32,
    /// Whether the document changed again while it was proved: it must be proved once more.
    pub stale: bool,
}

/// A document as people see it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its id.
    pub id: DocumentId,
    /// Its repository.
    pub repository: RepositoryId,
    /// Its path.
    pub path: String,
    /// The hash of what the last synchronisation saw.
    pub observed: Option<Digest>,
    /// The hash whose verdicts are recorded.
    pub recorded: Option<Digest>,
    /// Since when the two differ.
    pub drifted_at: Option<DateTime<Utc>>,
    /// When verdicts were last recorded.
    pub recorded_at: Option<DateTime<Utc>>,
    /// Its verdicts (after the rule on duplicate names).
    pub counts: VerdictCounts,
    /// How many verdicts of the running proof are staged.
    pub staged: i64,
    /// The run that recorded last.
    pub run: Option<(String, String)>,
}

/// An invariant as people see it.
#[derive(Clone, Debug)]
pub struct Invariant {
    /// Its name.
    pub name: String,
    /// Its story.
    pub story: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its line in the document.
    pub line: i32,
    /// Its form.
    pub form: Option<Form>,
    /// The normalised statement.
    pub statement: Option<String>,
    /// The verdict that counts (`error` where the repository holds the name twice).
    pub verdict: Verdict,
    /// How long the proof took, in milliseconds.
    pub duration_ms: f64,
    /// The counterexample as JSON.
    pub counterexample: Option<serde_json::Value>,
    /// Why the verdict is what it is.
    pub reason: Option<String>,
    /// When this verdict was first recorded for this statement.
    pub recorded_at: DateTime<Utc>,
}

impl Store {
    /// A document as its proof needs it.
    pub async fn document_for_proof(
        &self,
        tenant: &TenantId,
        document: DocumentId,
    ) -> Result<DocumentForProof, StoreError> {
        let _ = (tenant, document);
        todo!()
    }

    /// Forgets the staged verdicts of a document: a new proof begins.
    pub async fn clear_staged(
        &self,
        tenant: &TenantId,
        document: DocumentId,
    ) -> Result<(), StoreError> {
        let _ = (tenant, document);
        todo!()
    }

    /// Stages verdicts for the content `hash` (safe to repeat: by ordinal).
    pub async fn stage_verdicts(
        &self,
        tenant: &TenantId,
        document: DocumentId,
        hash: Digest,
        verdicts: &[StagedVerdict],
    ) -> Result<(), StoreError> {
        let _ = (tenant, document, hash, verdicts);
        todo!()
    }

    /// Records the staged verdicts of the content `hash` (`None`: the document is gone), in one
    /// transaction: invariants replaced, proof results appended (one per distinct content and name,
    /// whatever is repeated), duplicate names judged, coverage deltas appended, audit entry,
    /// inbox rows closed whose last document this was, staging emptied.
    /// Repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when fewer than `total` verdicts are staged for that content.
    pub async fn record(
        &self,
        tenant: &TenantId,
        document: DocumentId,
        hash: Option<Digest>,
        total: u32,
        run: &ProofRun,
    ) -> Result<Recorded, StoreError> {
        let _ = (tenant, document, hash, total, run);
        todo!()
    }

    /// A page of a repository's documents by path; `after` is the last path of the page before.
    pub async fn documents(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Document>, StoreError> {
        let _ = (tenant, repository, after, limit);
        todo!()
    }

    /// One document.
    pub async fn document(
        &self,
        tenant: &TenantId,
        document: DocumentId,
    ) -> Result<Document, StoreError> {
        let _ = (tenant, document);
        todo!()
    }

    /// A page of a document's invariants in their order; `after` is the last ordinal seen.
    pub async fn invariants(
        &self,
        tenant: &TenantId,
        document: DocumentId,
        after: Option<i32>,
        limit: i64,
    ) -> Result<Vec<(i32, Invariant)>, StoreError> {
        let _ = (tenant, document, after, limit);
        todo!()
    }
}
