//! The recording of a document's verdicts.

use std::collections::BTreeMap;

use sbh_domain::{Digest, DocumentId, RepositoryId, TenantId, VerdictCounts};
use serde_json::json;
use sqlx::PgConnection;

use crate::record_lock::{lock_names, share_repository};
use crate::settle::{Answered, settle};
use crate::spec_drift::{ProofRun, Recorded};
use crate::text::{optional_digest, verdict};
use crate::{Store, StoreError, audit, coverage, record_alert, reprove};

/// What is recorded: the staged verdicts of one content of one document.
pub(crate) struct Subject<'a> {
    pub tenant: &'a TenantId,
    pub repository: RepositoryId,
    pub document: DocumentId,
    pub hash: Option<&'a [u8]>,
    pub total: i32,
}

impl Store {
    /// Records the staged verdicts of the content `hash` (`None`: the document is gone), in one
    /// transaction: invariants replaced, proof results appended (one per distinct content and name,
    /// and one more whenever proving it again gave another verdict), duplicate names judged, coverage
    /// deltas appended, audit entry, inbox rows closed whose last document this was or that asked for
    /// this proof, staging emptied. Repeating it changes nothing.
    ///
    /// A content that is not the observed one any more is recorded too, unless it is older than what
    /// is recorded, so that a document that changes faster than it is proved still makes progress.
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
        let total = i32::try_from(total).map_err(|_| {
            StoreError::Conflict(format!("a document cannot hold {total} invariants"))
        })?;
        let mut tx = self.scope(tenant).await?;
        let (repository, removed) = share_repository(&mut tx, tenant, document).await?;
        let row = sqlx::query!(
            r#"SELECT path, observed, observed_version, recorded, recorded_version,
                      (SELECT max(version) FROM sync_documents wait
                       WHERE wait.tenant_id = $1 AND wait.document_id = $2
                         AND wait.hash IS NOT DISTINCT FROM $3) AS waited_for
               FROM documents WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"#,
            tenant.as_str(),
            document.0,
            hash.as_ref().map(|hash| hash.0.as_slice()),
        )
        .fetch_one(&mut *tx)
        .await?;
        let (observed, recorded) = (optional_digest(row.observed)?, optional_digest(row.recorded)?);
        let hash_bytes = hash.as_ref().map(|hash| hash.0.as_slice());
        let subject = Subject { tenant, repository, document, hash: hash_bytes, total };
        let version = if hash == observed {
            row.observed_version
        } else {
            match row.waited_for {
                Some(version) if version > row.recorded_version => version,
                // Older than what is recorded, or never seen.
                _ => return unchanged(&mut tx, &subject, recorded != observed, 0).await,
            }
        };
        let staged = count_staged(&mut tx, &subject).await?;
        if recorded == hash && staged == 0 {
            // A repetition. What was recorded stands; only a wait that is left over would be ended.
            let answered = Answered { document: document.0, version };
            let mut closed = reprove::close(&mut tx, tenant, document, "unchanged").await?;
            closed += settle(&mut tx, tenant, &[answered], BTreeMap::new()).await?;
            let repeated = unchanged(&mut tx, &subject, recorded != observed, closed).await?;
            tx.commit().await?;
            return Ok(repeated);
        }
        if staged < i64::from(total) {
            return Err(StoreError::Conflict(format!(
                "{staged} of {total} verdicts are staged for the document {document}: prove it again"
            )));
        }

        let names = lock_names(&mut tx, &subject).await?;
        let (touched_before, before) = count(&mut tx, &subject, &names).await?;
        replace_invariants(&mut tx, &subject).await?;
        judge_duplicates(&mut tx, &subject, &names).await?;
        let (touched_after, after) = count(&mut tx, &subject, &names).await?;
        append_results(&mut tx, &subject, run).await?;
        if !removed {
            coverage::append(&mut tx, tenant, repository, touched_after, touched_before).await?;
        }
        let detail = json!({
            "path": row.path,
            "hash": hash.map(|hash| hash.to_string()),
            "before": before,
            "after": after,
            "workflow": run.workflow_id,
        });
        audit::append(&mut tx, tenant, "system:spec_drift", "document.record", document, &detail)
            .await?;
        write_document(&mut tx, &subject, version, run).await?;
        if !removed {
            let told = record_alert::Told {
                tenant,
                repository,
                document,
                path: &row.path,
                before: recorded.map(|hash| (hash, before)),
                after: hash.map(|hash| (hash, after)),
                is_current: hash == observed,
                version,
                run,
            };
            record_alert::tell(&mut tx, &told).await?;
        }
        let answered = Answered { document: document.0, version };
        let mut closed = reprove::close(&mut tx, tenant, document, "recorded").await?;
        closed += settle(&mut tx, tenant, &[answered], BTreeMap::new()).await?;
        tx.commit().await?;
        Ok(Recorded { before, after, closed, stale: hash != observed })
    }
}

/// The answer when nothing is to be recorded.
async fn unchanged(
    tx: &mut PgConnection,
    subject: &Subject<'_>,
    stale: bool,
    closed: u32,
) -> Result<Recorded, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT effective, count(*) AS "count!" FROM invariants
           WHERE tenant_id = $1 AND document_id = $2 GROUP BY effective"#,
        subject.tenant.as_str(),
        subject.document.0,
    )
    .fetch_all(tx)
    .await?;
    let mut counts = VerdictCounts::default();
    for row in rows {
        counts.add(verdict(&row.effective)?, row.count);
    }
    Ok(Recorded { before: counts, after: counts, closed, stale })
}

async fn count_staged(tx: &mut PgConnection, subject: &Subject<'_>) -> Result<i64, StoreError> {
    let staged = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM staged_verdicts
           WHERE tenant_id = $1 AND document_id = $2 AND hash = $3 AND ordinal < $4"#,
        subject.tenant.as_str(),
        subject.document.0,
        subject.hash,
        subject.total,
    )
    .fetch_one(tx)
    .await?;
    Ok(staged)
}

/// Counts the verdicts that count: of all blocks of the repository with these names, and of those
/// in the document.
async fn count(
    tx: &mut PgConnection,
    subject: &Subject<'_>,
    names: &[String],
) -> Result<(VerdictCounts, VerdictCounts), StoreError> {
    let rows = sqlx::query!(
        r#"SELECT effective, count(*) AS "touched!", count(*) FILTER (WHERE document_id = $3) AS "own!"
           FROM invariants
           WHERE tenant_id = $1 AND repository_id = $2 AND name = ANY($4) GROUP BY effective"#,
        subject.tenant.as_str(),
        subject.repository.0,
        subject.document.0,
        names,
    )
    .fetch_all(tx)
    .await?;
    let (mut touched, mut own) = (VerdictCounts::default(), VerdictCounts::default());
    for row in rows {
        let verdict = verdict(&row.effective)?;
        touched.add(verdict, row.touched);
        own.add(verdict, row.own);
    }
    Ok((touched, own))
}

/// Makes the document's invariants the staged ones, and writes only rows that differ: one edit in a
/// document of thousands of blocks is one row.
async fn replace_invariants(
    tx: &mut PgConnection,
    subject: &Subject<'_>,
) -> Result<(), StoreError> {
    sqlx::query!(
        // NOT IN rather than NOT EXISTS: it is always hashed, whatever the planner believes of tables
        // that it has no statistics of yet.
        "DELETE FROM invariants
         WHERE tenant_id = $1 AND document_id = $2 AND (name, occurrence) NOT IN
             (SELECT name, row_number() OVER (PARTITION BY name ORDER BY ordinal)
              FROM staged_verdicts
              WHERE tenant_id = $1 AND document_id = $2 AND hash = $3 AND ordinal < $4)",
        subject.tenant.as_str(),
        subject.document.0,
        subject.hash,
        subject.total,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO invariants AS old
             (tenant_id, repository_id, document_id, name, occurrence, ordinal, story, title, line, form,
              statement, statement_hash, verdict, effective, duration_ms, counterexample, reason, detail)
         SELECT $1, $5, $2, name, row_number() OVER (PARTITION BY name ORDER BY ordinal), ordinal,
                story, title, line, form, statement, statement_hash, verdict, verdict, duration_ms,
                counterexample, reason, detail
         FROM staged_verdicts
         WHERE tenant_id = $1 AND document_id = $2 AND hash = $3 AND ordinal < $4
         ON CONFLICT (document_id, name, occurrence) DO UPDATE SET
             ordinal = excluded.ordinal, story = excluded.story, title = excluded.title,
             line = excluded.line, form = excluded.form, statement = excluded.statement,
             statement_hash = excluded.statement_hash, verdict = excluded.verdict,
             duration_ms = excluded.duration_ms, counterexample = excluded.counterexample,
             reason = excluded.reason, detail = excluded.detail,
             recorded_at = CASE WHEN old.verdict = excluded.verdict
                                 AND old.statement_hash IS NOT DISTINCT FROM excluded.statement_hash
                                THEN old.recorded_at ELSE now() END
         WHERE (old.ordinal, old.story, old.title, old.line, old.form, old.statement_hash, old.verdict,
                old.duration_ms, old.counterexample::text, old.reason, old.detail::text)
             IS DISTINCT FROM
               (excluded.ordinal, excluded.story, excluded.title, excluded.line, excluded.form,
                excluded.statement_hash, excluded.verdict, excluded.duration_ms,
                excluded.counterexample::text, excluded.reason, excluded.detail::text)",
        subject.tenant.as_str(),
        subject.document.0,
        subject.hash,
        subject.total,
        subject.repository.0,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Two blocks of a repository with one name are an error in both, for as long as there are two.
async fn judge_duplicates(
    tx: &mut PgConnection,
    subject: &Subject<'_>,
    names: &[String],
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE invariants block SET effective = judged.effective
         FROM (SELECT document_id, name, occurrence,
                      CASE WHEN count(*) OVER (PARTITION BY name) > 1 THEN 'error' ELSE verdict END
                          AS effective
               FROM invariants
               WHERE tenant_id = $1 AND repository_id = $2 AND name = ANY($3)) AS judged
         WHERE block.tenant_id = $1 AND block.document_id = judged.document_id
           AND block.name = judged.name AND block.occurrence = judged.occurrence
           AND block.effective <> judged.effective",
        subject.tenant.as_str(),
        subject.repository.0,
        names,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Appends to the history what is new in it: a content's first verdict, or another one than its
/// last.
async fn append_results(
    tx: &mut PgConnection,
    subject: &Subject<'_>,
    run: &ProofRun,
) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH staged AS (
             SELECT *, row_number() OVER (PARTITION BY name ORDER BY ordinal) AS occurrence
             FROM staged_verdicts
             WHERE tenant_id = $1 AND document_id = $2 AND hash = $3 AND ordinal < $4
         )
         INSERT INTO proof_results
             (tenant_id, repository_id, document_id, hash, name, occurrence, attempt, statement_hash,
              verdict, duration_ms, counterexample, reason, origin, detail, workflow_id, run_id)
         SELECT $1, $5, $2, $3, staged.name, staged.occurrence, coalesce(latest.attempt, 0) + 1,
                staged.statement_hash, staged.verdict, staged.duration_ms, staged.counterexample,
                staged.reason, staged.origin, staged.detail, $6, $7
         FROM staged
         LEFT JOIN LATERAL (
             SELECT attempt, verdict FROM proof_results result
             WHERE result.tenant_id = $1 AND result.document_id = $2 AND result.hash = $3
               AND result.name = staged.name AND result.occurrence = staged.occurrence
             ORDER BY attempt DESC LIMIT 1) AS latest ON true
         WHERE latest.verdict IS DISTINCT FROM staged.verdict
         ORDER BY staged.ordinal",
        subject.tenant.as_str(),
        subject.document.0,
        subject.hash,
        subject.total,
        subject.repository.0,
        run.workflow_id,
        run.run_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes what is recorded now, and empties the staging of all contents but a newer one.
async fn write_document(
    tx: &mut PgConnection,
    subject: &Subject<'_>,
    version: i64,
    run: &ProofRun,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE documents SET
             recorded = $3, recorded_version = $4, recorded_at = now(), workflow_id = $6, run_id = $7,
             invariant_count = $5,
             drifted_at = CASE WHEN observed IS NOT DISTINCT FROM $3 THEN NULL ELSE drifted_at END,
             nudged_at = CASE WHEN observed IS NOT DISTINCT FROM $3 THEN NULL ELSE now() END,
             nudges = 0, failures = 0, failure = NULL
         WHERE tenant_id = $1 AND id = $2",
        subject.tenant.as_str(),
        subject.document.0,
        subject.hash,
        version,
        subject.total,
        run.workflow_id,
        run.run_id,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM staged_verdicts staged USING documents document
         WHERE staged.tenant_id = $1 AND staged.document_id = $2
           AND document.tenant_id = $1 AND document.id = $2
           AND (staged.hash = $3 OR staged.hash IS DISTINCT FROM document.observed)",
        subject.tenant.as_str(),
        subject.document.0,
        subject.hash,
    )
    .execute(tx)
    .await?;
    Ok(())
}
