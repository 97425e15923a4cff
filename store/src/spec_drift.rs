//! Documents, their invariants, staged and recorded verdicts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sbh_domain::{
    Digest, DocumentId, Form, ProofDetail, RepositoryId, TenantId, Verdict, VerdictCounts,
};
use serde_json::Value;

use crate::text::{detail, optional_digest, storable, verdict};
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
    /// Who said so, and what else is known.
    pub detail: ProofDetail,
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
    /// Who said so, and what else is known.
    pub detail: ProofDetail,
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
    /// Its path; in a hosted space its key.
    pub path: String,
    /// What people call it, where the source says so.
    pub title: Option<String>,
    /// Where people read it, where the source says so.
    pub source_url: Option<String>,
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
    /// Who said so, and what else is known.
    pub detail: ProofDetail,
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
        let mut tx = self.scope(tenant).await?;
        let row = sqlx::query!(
            r#"SELECT repository_id, path, observed, unreadable, recorded, text.text AS "text?"
               FROM documents document
               LEFT JOIN document_texts text ON text.tenant_id = $1 AND text.hash = document.observed
               WHERE document.tenant_id = $1 AND document.id = $2"#,
            tenant.as_str(),
            document.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("document", document))?;
        let invariants = sqlx::query!(
            "SELECT name, statement_hash, verdict, duration_ms, counterexample, reason, detail
             FROM invariants WHERE tenant_id = $1 AND document_id = $2 ORDER BY ordinal",
            tenant.as_str(),
            document.0,
        )
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .map(|row| {
            Ok(RecordedInvariant {
                name: row.name,
                statement_hash: optional_digest(row.statement_hash)?,
                verdict: verdict(&row.verdict)?,
                duration_ms: row.duration_ms,
                counterexample: row.counterexample,
                reason: row.reason,
                detail: detail(row.detail),
            })
        })
        .collect::<Result<_, StoreError>>()?;
        tx.commit().await?;
        let observed = optional_digest(row.observed)?;
        Ok(DocumentForProof {
            repository: RepositoryId(row.repository_id),
            path: row.path,
            observed,
            text: row.text,
            unreadable: row.unreadable.filter(|_| observed.is_some()),
            recorded: optional_digest(row.recorded)?,
            invariants,
        })
    }

    /// The hash of what the last synchronisation saw; `None` when the document is gone.
    pub async fn observed_hash(
        &self,
        tenant: &TenantId,
        document: DocumentId,
    ) -> Result<Option<Digest>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let observed = sqlx::query_scalar!(
            "SELECT observed FROM documents WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            document.0,
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        optional_digest(observed.ok_or_else(|| StoreError::not_found("document", document))?)
    }

    /// Forgets the staged verdicts of a document: a new proof begins. The reconciler need not announce the
    /// document for a while.
    pub async fn clear_staged(
        &self,
        tenant: &TenantId,
        document: DocumentId,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "WITH begun AS (
                 UPDATE documents SET nudged_at = greatest(nudged_at, now())
                 WHERE tenant_id = $1 AND id = $2 AND drifted_at IS NOT NULL
             )
             DELETE FROM staged_verdicts WHERE tenant_id = $1 AND document_id = $2",
            tenant.as_str(),
            document.0,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Stages verdicts for the content `hash` (safe to repeat: by ordinal).
    pub async fn stage_verdicts(
        &self,
        tenant: &TenantId,
        document: DocumentId,
        hash: Digest,
        verdicts: &[StagedVerdict],
    ) -> Result<(), StoreError> {
        // By ordinal, the last of equals: one statement cannot write a row twice.
        let by_ordinal: BTreeMap<i32, &StagedVerdict> =
            verdicts.iter().map(|staged| (staged.ordinal, staged)).collect();
        fn column<'a, T>(
            rows: &BTreeMap<i32, &'a StagedVerdict>,
            field: impl Fn(&'a StagedVerdict) -> T,
        ) -> Vec<T> {
            rows.values().map(|&staged| field(staged)).collect()
        }
        fn text(text: &Option<String>) -> Option<String> {
            text.as_deref().map(storable)
        }
        let ordinals = column(&by_ordinal, |staged| staged.ordinal);
        let names = column(&by_ordinal, |staged| storable(&staged.name));
        let stories = column(&by_ordinal, |staged| text(&staged.story));
        let titles = column(&by_ordinal, |staged| text(&staged.title));
        let lines = column(&by_ordinal, |staged| staged.line);
        let forms = column(&by_ordinal, |staged| staged.form.map(|form| form.as_str().to_owned()));
        let statements = column(&by_ordinal, |staged| text(&staged.statement));
        let hashes =
            column(&by_ordinal, |staged| staged.statement_hash.map(|hash| hash.0.to_vec()));
        let judged = column(&by_ordinal, |staged| staged.verdict.as_str().to_owned());
        let durations = column(&by_ordinal, |staged| staged.duration_ms);
        let counterexamples =
            column(&by_ordinal, |staged| staged.counterexample.as_ref().map(Value::to_string));
        let reasons = column(&by_ordinal, |staged| text(&staged.reason));
        let details = column(&by_ordinal, |staged| {
            (!staged.detail.is_empty())
                .then(|| serde_json::to_string(&staged.detail).ok())
                .flatten()
        });
        let origins = column(&by_ordinal, |staged| staged.origin.to_owned());
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "INSERT INTO staged_verdicts
                 (tenant_id, document_id, hash, ordinal, name, story, title, line, form, statement,
                  statement_hash, verdict, duration_ms, counterexample, reason, origin, detail)
             SELECT $1, $2, $3, new.ordinal, new.name, new.story, new.title, new.line, new.form,
                    new.statement, new.statement_hash, new.verdict, new.duration_ms,
                    new.counterexample::json, new.reason, new.origin, new.detail::json
             FROM unnest($4::int[], $5::text[], $6::text[], $7::text[], $8::int[], $9::text[],
                         $10::text[], $11::bytea[], $12::text[], $13::double precision[], $14::text[],
                         $15::text[], $16::text[], $17::text[])
                 AS new (ordinal, name, story, title, line, form, statement, statement_hash, verdict,
                         duration_ms, counterexample, reason, origin, detail)
             ON CONFLICT (tenant_id, document_id, hash, ordinal) DO UPDATE SET
                 name = excluded.name, story = excluded.story, title = excluded.title,
                 line = excluded.line, form = excluded.form, statement = excluded.statement,
                 statement_hash = excluded.statement_hash, verdict = excluded.verdict,
                 duration_ms = excluded.duration_ms, counterexample = excluded.counterexample,
                 reason = excluded.reason, origin = excluded.origin, detail = excluded.detail",
            tenant.as_str(),
            document.0,
            hash.0.as_slice(),
            &ordinals,
            &names,
            &stories as &[Option<String>],
            &titles as &[Option<String>],
            &lines,
            &forms as &[Option<String>],
            &statements as &[Option<String>],
            &hashes as &[Option<Vec<u8>>],
            &judged,
            &durations,
            &counterexamples as &[Option<String>],
            &reasons as &[Option<String>],
            &origins,
            &details as &[Option<String>],
        )
        .execute(&mut *tx)
        .await
        .map_err(|error| {
            if StoreError::breaks(&error, "staged_verdicts_tenant_id_document_id_fkey") {
                StoreError::not_found("document", document)
            } else {
                error.into()
            }
        })?;
        tx.commit().await?;
        Ok(())
    }
}
