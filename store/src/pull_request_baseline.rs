//! What the tracked branch has of the documents that a pull request changes.

use sbh_domain::{DocumentId, RepositoryId, TenantId, Verdict, VerdictCounts};

use crate::spec_drift::RecordedInvariant;
use crate::text::{storable, verdict};
use crate::{Store, StoreError};

/// A document as the tracked branch has it.
#[derive(Clone, Debug)]
pub struct BaselineDocument {
    /// Its id.
    pub id: DocumentId,
    /// Its path.
    pub path: String,
    /// Its recorded invariants, with the verdicts that count.
    pub invariants: Vec<(RecordedInvariant, Verdict)>,
}

/// What the tracked branch has of some documents.
#[derive(Clone, Debug)]
pub struct PullBaseline {
    /// The commit whose documents are recorded.
    pub commit: Option<String>,
    /// All of the repository's invariants by verdict.
    pub counts: VerdictCounts,
    /// The documents that were asked for and are there.
    pub documents: Vec<BaselineDocument>,
}

impl Store {
    /// What the tracked branch has at some paths, and how it stands altogether.
    pub async fn pull_baseline(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        paths: &[String],
    ) -> Result<PullBaseline, StoreError> {
        let paths: Vec<_> = paths.iter().map(|path| storable(path)).collect();
        let mut tx = self.scope(tenant).await?;
        let commit = crate::repository::read(&mut tx, tenant, repository).await?.baseline;
        let counts = crate::coverage::counts_of(&mut tx, tenant, repository).await?;
        let rows = sqlx::query!(
            r#"SELECT document.id, document.path, invariant.name AS "name?",
                      invariant.statement_hash, invariant.verdict AS "verdict?",
                      invariant.effective AS "effective?", invariant.duration_ms AS "duration_ms?",
                      invariant.counterexample, invariant.reason, invariant.detail AS "detail?"
               FROM documents document
               LEFT JOIN invariants invariant
                 ON invariant.tenant_id = $1 AND invariant.document_id = document.id
               WHERE document.tenant_id = $1 AND document.repository_id = $2
                 AND document.path = ANY($3) AND document.observed IS NOT NULL
               ORDER BY document.id, invariant.ordinal"#,
            tenant.as_str(),
            repository.0,
            &paths,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut documents: Vec<BaselineDocument> = Vec::new();
        for row in rows {
            let id = DocumentId(row.id);
            if documents.last().is_none_or(|last| last.id != id) {
                documents.push(BaselineDocument { id, path: row.path, invariants: Vec::new() });
            }
            let (Some(document), Some(name), Some(own), Some(effective)) =
                (documents.last_mut(), row.name, row.verdict, row.effective)
            else {
                continue;
            };
            let recorded = RecordedInvariant {
                name,
                statement_hash: crate::text::optional_digest(row.statement_hash)?,
                verdict: verdict(&own)?,
                duration_ms: row.duration_ms.unwrap_or_default(),
                counterexample: row.counterexample,
                reason: row.reason,
                detail: crate::text::detail(row.detail),
            };
            document.invariants.push((recorded, verdict(&effective)?));
        }
        Ok(PullBaseline { commit, counts, documents })
    }

    /// Which of these names other documents of the repository have, with the verdict that counts there.
    pub async fn names_elsewhere(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        names: &[String],
        but: &[DocumentId],
    ) -> Result<Vec<(String, Verdict)>, StoreError> {
        let names: Vec<_> = names.iter().map(|name| storable(name)).collect();
        let but: Vec<_> = but.iter().map(|document| document.0).collect();
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query!(
            "SELECT name, effective FROM invariants
             WHERE tenant_id = $1 AND repository_id = $2 AND name = ANY($3)
               AND document_id <> ALL($4)",
            tenant.as_str(),
            repository.0,
            &names,
            &but,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter().map(|row| Ok((row.name, verdict(&row.effective)?))).collect()
    }
}
