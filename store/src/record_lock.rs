//! The locks of a recording: against the removal of its repository, and against recordings of documents
//! that hold the same names.

use sbh_domain::{DocumentId, RepositoryId, TenantId};
use sqlx::PgConnection;

use crate::StoreError;
use crate::record::Subject;
use crate::repository_removal::lock_name;

/// Takes the lock that recordings share and a removal of the repository takes alone. Returns the
/// repository and whether it is removed (then nothing of it counts).
pub(crate) async fn share_repository(
    tx: &mut PgConnection,
    tenant: &TenantId,
    document: DocumentId,
) -> Result<(RepositoryId, bool), StoreError> {
    let repository = sqlx::query_scalar!(
        "SELECT repository_id FROM documents WHERE tenant_id = $1 AND id = $2",
        tenant.as_str(),
        document.0,
    )
    .fetch_optional(&mut *tx)
    .await?
    .map(RepositoryId)
    .ok_or_else(|| StoreError::not_found("document", document))?;
    sqlx::query!(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))",
        lock_name(repository)
    )
    .execute(&mut *tx)
    .await?;
    let removed = sqlx::query_scalar!(
        r#"SELECT removed_at IS NOT NULL AS "removed!" FROM repositories WHERE tenant_id = $1 AND id = $2"#,
        tenant.as_str(),
        repository.0,
    )
    .fetch_one(tx)
    .await?;
    Ok((repository, removed))
}

/// Locks the names that the document held or will hold, by buckets: at most 256 locks however many
/// names, and documents without a common name seldom wait for each other. Returns the names.
pub(crate) async fn lock_names(
    tx: &mut PgConnection,
    subject: &Subject<'_>,
) -> Result<Vec<String>, StoreError> {
    let names = sqlx::query_scalar!(
        r#"SELECT name AS "name!" FROM invariants WHERE tenant_id = $1 AND document_id = $2
           UNION
           SELECT name FROM staged_verdicts
           WHERE tenant_id = $1 AND document_id = $2 AND hash = $3 AND ordinal < $4"#,
        subject.tenant.as_str(),
        subject.document.0,
        subject.hash,
        subject.total,
    )
    .fetch_all(&mut *tx)
    .await?;
    // In one order everywhere, so that two recordings never wait for each other in a circle.
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtext($1), bucket) FROM
             (SELECT DISTINCT hashtext(name) & 255 AS bucket FROM unnest($2::text[]) AS name
              ORDER BY bucket) AS buckets",
        subject.repository.to_string(),
        &names,
    )
    .fetch_all(tx)
    .await?;
    Ok(names)
}
