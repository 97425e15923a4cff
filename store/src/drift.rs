//! Drift: documents whose observed content is not the recorded one, as people see it, and that somebody
//! knows of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sbh_domain::{Digest, DocumentId, RepositoryId, TenantId};
use serde_json::json;
use sqlx::PgConnection;

use crate::text::{optional_digest, shortened};
use crate::{Store, StoreError, alert, audit};

/// Why a document drifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftCause {
    /// It was never proved before.
    Added,
    /// Its text changed.
    Changed,
    /// It is gone.
    Removed,
}

impl DriftCause {
    /// Every cause.
    pub const ALL: [Self; 3] = [Self::Added, Self::Changed, Self::Removed];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftState {
    /// It waits for its proof.
    Waiting,
    /// Verdicts of the observed content are there, and are not recorded yet.
    Proving,
    /// A proof failed, and is tried again.
    Failing,
    /// Every proof failed: it was given up until it changes or somebody asks for a proof.
    Stuck,
}

impl DriftState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Proving, Self::Failing, Self::Stuck];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Proving => "proving",
            Self::Failing => "failing",
            Self::Stuck => "stuck",
        }
    }
}

/// The drift of one document.
#[derive(Clone, Debug)]
pub struct Drift {
    /// The document.
    pub document: DocumentId,
    /// Its path.
    pub path: String,
    /// Its repository.
    pub repository: RepositoryId,
    /// Its repository's name.
    pub repository_name: String,
    /// The content that was seen last; `None`: the document is gone.
    pub observed: Option<Digest>,
    /// The content that the recorded verdicts are about.
    pub recorded: Option<Digest>,
    /// Since when the two differ.
    pub since: DateTime<Utc>,
    /// Why.
    pub cause: DriftCause,
    /// What becomes of it.
    pub state: DriftState,
    /// Failed proofs of this content.
    pub failures: i32,
    /// Why the last one failed.
    pub last_failure: Option<String>,
    /// Who acknowledged this very drift, when and why.
    pub acknowledged: Option<(String, DateTime<Utc>, String)>,
}

/// Which drift is asked for.
#[derive(Clone, Debug, Default)]
pub struct DriftFilter {
    /// Of one repository.
    pub repository: Option<RepositoryId>,
    /// In one state.
    pub state: Option<DriftState>,
    /// For one cause.
    pub cause: Option<DriftCause>,
    /// Only what is, or is not, acknowledged.
    pub acknowledged: Option<bool>,
    /// Only what is at least that old.
    pub older_than: Option<Duration>,
}

/// Where a page ended: the age and the document of its last row.
pub type DriftCursor = (DateTime<Utc>, DocumentId);

impl Store {
    /// A page of a tenant's drift, oldest first; `after` is where the page before ended. None of removed
    /// repositories.
    pub async fn drift(
        &self,
        tenant: &TenantId,
        filter: &DriftFilter,
        after: Option<DriftCursor>,
        limit: i64,
    ) -> Result<Vec<Drift>, StoreError> {
        let (after_at, after_id) = after.unzip();
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query!(
            r#"SELECT one.id, one.path, one.repository_id, one.name, one.observed, one.recorded,
                      one.drifted_at AS "drifted_at!", one.cause AS "cause!", one.state AS "state!",
                      one.failures, one.failure, one.actor AS "actor?", one.at AS "at?",
                      one.reason AS "reason?"
               FROM (
                   SELECT document.id, document.path, document.repository_id, repository.name,
                          document.observed, document.recorded, document.drifted_at, document.failures,
                          document.failure, known.actor, known.at, known.reason,
                          CASE WHEN document.observed IS NULL THEN 'removed'
                               WHEN document.recorded IS NULL THEN 'added' ELSE 'changed' END AS cause,
                          CASE WHEN document.nudged_at = 'infinity' THEN 'stuck'
                               WHEN EXISTS (SELECT FROM staged_verdicts staged
                                            WHERE staged.tenant_id = $1
                                              AND staged.document_id = document.id
                                              AND staged.hash = document.observed) THEN 'proving'
                               WHEN document.failures > 0 THEN 'failing' ELSE 'waiting' END AS state
                   FROM documents document
                   JOIN repositories repository
                     ON repository.tenant_id = $1 AND repository.id = document.repository_id
                    AND repository.removed_at IS NULL
                   LEFT JOIN drift_acknowledgements known
                     ON known.tenant_id = $1 AND known.document_id = document.id
                    AND known.version = document.observed_version
                   WHERE document.tenant_id = $1 AND document.drifted_at IS NOT NULL
                     AND ($2::timestamptz IS NULL OR (document.drifted_at, document.id) > ($2, $3))
                     AND ($4::uuid IS NULL OR document.repository_id = $4)
                     AND ($5::float8 IS NULL
                          OR document.drifted_at <= now() - make_interval(secs => $5))
                     AND ($6::boolean IS NULL OR $6 = (known.document_id IS NOT NULL))) AS one
               WHERE ($7::text IS NULL OR one.state = $7) AND ($8::text IS NULL OR one.cause = $8)
               ORDER BY one.drifted_at, one.id LIMIT $9"#,
            tenant.as_str(),
            after_at,
            after_id.map(|document| document.0),
            filter.repository.map(|repository| repository.0),
            filter.older_than.map(|age| age.as_secs_f64()),
            filter.acknowledged,
            filter.state.map(DriftState::as_str),
            filter.cause.map(DriftCause::as_str),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut drift = Vec::with_capacity(rows.len());
        for row in rows {
            let unreadable = || StoreError::Unreadable("the state of a drift".to_owned());
            let cause = DriftCause::ALL.into_iter().find(|one| one.as_str() == row.cause);
            let state = DriftState::ALL.into_iter().find(|one| one.as_str() == row.state);
            drift.push(Drift {
                document: DocumentId(row.id),
                path: row.path,
                repository: RepositoryId(row.repository_id),
                repository_name: row.name,
                observed: optional_digest(row.observed)?,
                recorded: optional_digest(row.recorded)?,
                since: row.drifted_at,
                cause: cause.ok_or_else(unreadable)?,
                state: state.ok_or_else(unreadable)?,
                failures: row.failures,
                last_failure: row.failure,
                acknowledged: row
                    .actor
                    .zip(row.at)
                    .map(|(who, at)| (who, at, row.reason.unwrap_or_default())),
            });
        }
        Ok(drift)
    }

    /// Notes that somebody knows of a document's drift: it raises no backlog alert until the document
    /// changes again, and one that is open is resolved.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the document did not drift.
    pub async fn acknowledge_drift(
        &self,
        tenant: &TenantId,
        actor: &str,
        document: DocumentId,
        reason: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let row = sqlx::query!(
            r#"SELECT observed_version, drifted_at IS NOT NULL AS "drifted!", path
               FROM documents WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"#,
            tenant.as_str(),
            document.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("document", document))?;
        if !row.drifted {
            return Err(StoreError::Conflict(format!(
                "the document {document} has not drifted: what was seen of it is what is recorded"
            )));
        }
        sqlx::query!(
            "INSERT INTO drift_acknowledgements (tenant_id, document_id, version, actor, reason)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant_id, document_id) DO UPDATE SET
                 version = excluded.version, actor = excluded.actor, reason = excluded.reason,
                 at = now()",
            tenant.as_str(),
            document.0,
            row.observed_version,
            shortened(actor, 200),
            shortened(reason, 1_000),
        )
        .execute(&mut *tx)
        .await?;
        let detail = json!({
            "path": row.path, "version": row.observed_version, "reason": shortened(reason, 1_000),
        });
        audit::append(&mut tx, tenant, actor, "drift.acknowledge", document, &detail).await?;
        forget_backlog(&mut tx, tenant, document).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes an acknowledgement back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn withdraw_drift_acknowledgement(
        &self,
        tenant: &TenantId,
        actor: &str,
        document: DocumentId,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let gone = sqlx::query!(
            "DELETE FROM drift_acknowledgements WHERE tenant_id = $1 AND document_id = $2",
            tenant.as_str(),
            document.0,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if gone == 0 {
            return Err(StoreError::not_found("acknowledged drift of the document", document));
        }
        audit::append(&mut tx, tenant, actor, "drift.withdraw", document, &json!({})).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The keys of a document's backlog alerts begin like this; the rest names the content.
pub(crate) fn backlog_prefix(document: DocumentId) -> String {
    format!("drift_backlog/{document}/")
}

/// A document's drift is proved, acknowledged or another one: its backlog alert is resolved.
pub(crate) async fn forget_backlog(
    tx: &mut PgConnection,
    tenant: &TenantId,
    document: DocumentId,
) -> Result<(), StoreError> {
    alert::resolve_under(tx, tenant, &backlog_prefix(document)).await?;
    Ok(())
}
