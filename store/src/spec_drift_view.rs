//! Documents and invariants as people see them.

use std::collections::HashMap;

use sbh_domain::{DocumentId, RepositoryId, TenantId, VerdictCounts};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::spec_drift::{Document, Invariant};
use crate::text::{detail, form, optional_digest, verdict};
use crate::{Store, StoreError};

/// A document's columns as the database gives them.
struct Row {
    id: Uuid,
    repository_id: Uuid,
    path: String,
    title: Option<String>,
    source_url: Option<String>,
    observed: Option<Vec<u8>>,
    recorded: Option<Vec<u8>>,
    drifted_at: Option<chrono::DateTime<chrono::Utc>>,
    recorded_at: Option<chrono::DateTime<chrono::Utc>>,
    workflow_id: Option<String>,
    run_id: Option<String>,
    staged: i64,
}

impl Store {
    /// A page of a repository's documents by path; `after` is the last path of the page before.
    /// Documents that are gone are left out once that is recorded.
    pub async fn documents(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Document>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT id, repository_id, path, title, source_url, observed, recorded, drifted_at,
                      recorded_at, workflow_id, run_id,
                      (SELECT count(*) FROM staged_verdicts staged
                       WHERE staged.tenant_id = $1 AND staged.document_id = document.id
                         AND staged.hash = document.observed) AS "staged!"
               FROM documents document
               WHERE tenant_id = $1 AND repository_id = $2 AND path > $3
                 AND (observed IS NOT NULL OR recorded IS NOT NULL)
               ORDER BY path LIMIT $4"#,
            tenant.as_str(),
            repository.0,
            after.unwrap_or(""),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let mut counts = counts(&mut tx, tenant, &ids).await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| {
                let counts = counts.remove(&row.id).unwrap_or_default();
                shown(row, counts)
            })
            .collect()
    }

    /// One document.
    pub async fn document(
        &self,
        tenant: &TenantId,
        document: DocumentId,
    ) -> Result<Document, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let row = sqlx::query_as!(
            Row,
            r#"SELECT id, repository_id, path, title, source_url, observed, recorded, drifted_at,
                      recorded_at, workflow_id, run_id,
                      (SELECT count(*) FROM staged_verdicts staged
                       WHERE staged.tenant_id = $1 AND staged.document_id = document.id
                         AND staged.hash = document.observed) AS "staged!"
               FROM documents document WHERE tenant_id = $1 AND id = $2"#,
            tenant.as_str(),
            document.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("document", document))?;
        let counts = counts(&mut tx, tenant, &[document.0]).await?.remove(&document.0);
        tx.commit().await?;
        shown(row, counts.unwrap_or_default())
    }

    /// A page of a document's invariants in their order; `after` is the last ordinal seen.
    pub async fn invariants(
        &self,
        tenant: &TenantId,
        document: DocumentId,
        after: Option<i32>,
        limit: i64,
    ) -> Result<Vec<(i32, Invariant)>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query!(
            "SELECT ordinal, name, story, title, line, form, statement, verdict, effective, duration_ms,
                    counterexample, reason, detail, recorded_at
             FROM invariants WHERE tenant_id = $1 AND document_id = $2 AND ordinal > $3
             ORDER BY ordinal LIMIT $4",
            tenant.as_str(),
            document.0,
            after.unwrap_or(-1),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| {
                // The only way in which the two differ; the block's own verdict says nothing then.
                let twice = row.verdict != row.effective;
                let reason = format!(
                    "another block of this repository is named {:?} too: a name may be used once",
                    row.name
                );
                let invariant = Invariant {
                    name: row.name,
                    story: row.story,
                    title: row.title,
                    line: row.line,
                    form: form(row.form)?,
                    statement: row.statement,
                    verdict: verdict(&row.effective)?,
                    duration_ms: row.duration_ms,
                    counterexample: row.counterexample.filter(|_| !twice),
                    reason: if twice { Some(reason) } else { row.reason },
                    detail: detail(row.detail.filter(|_| !twice)),
                    recorded_at: row.recorded_at,
                };
                Ok((row.ordinal, invariant))
            })
            .collect()
    }
}

async fn counts(
    tx: &mut PgConnection,
    tenant: &TenantId,
    documents: &[Uuid],
) -> Result<HashMap<Uuid, VerdictCounts>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT document_id, effective, count(*) AS "count!" FROM invariants
           WHERE tenant_id = $1 AND document_id = ANY($2) GROUP BY document_id, effective"#,
        tenant.as_str(),
        documents,
    )
    .fetch_all(tx)
    .await?;
    let mut counts: HashMap<Uuid, VerdictCounts> = HashMap::new();
    for row in rows {
        counts.entry(row.document_id).or_default().add(verdict(&row.effective)?, row.count);
    }
    Ok(counts)
}

fn shown(row: Row, counts: VerdictCounts) -> Result<Document, StoreError> {
    Ok(Document {
        id: DocumentId(row.id),
        repository: RepositoryId(row.repository_id),
        path: row.path,
        title: row.title,
        source_url: row.source_url,
        observed: optional_digest(row.observed)?,
        recorded: optional_digest(row.recorded)?,
        drifted_at: row.drifted_at,
        recorded_at: row.recorded_at,
        counts,
        staged: row.staged,
        run: row.workflow_id.zip(row.run_id),
    })
}
