//! Removing a repository, which can be undone for a time.

use sbh_domain::{ConnectionId, RepositoryId, TenantId, VerdictCounts};
use serde_json::json;
use sqlx::PgConnection;

use crate::audit;
use crate::repository::{SPACE_KEY, SPACE_TAKEN, lives, name_taken, notice};
use crate::{Store, StoreError};

impl Store {
    /// Stops tracking: its documents and invariants leave coverage, its notices are closed as
    /// `superseded`, nothing is deleted. Repeating it changes nothing.
    pub async fn remove_repository(
        &self,
        tenant: &TenantId,
        actor: &str,
        repository: RepositoryId,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let counts = self.lock_and_count(&mut tx, tenant, repository).await?;
        let removed = sqlx::query!(
            "UPDATE repositories SET removed_at = now()
             WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL",
            tenant.as_str(),
            repository.0,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if removed == 0 {
            return Ok(());
        }
        crate::coverage::append(&mut tx, tenant, repository, VerdictCounts::default(), counts)
            .await?;
        sqlx::query!(
            "UPDATE inbox SET state = 'closed', reason = 'superseded', closed_at = now()
             WHERE tenant_id = $1 AND repository_id = $2 AND state <> 'closed'",
            tenant.as_str(),
            repository.0,
        )
        .execute(&mut *tx)
        .await?;
        crate::check_run::remove(&mut tx, tenant, repository).await?;
        crate::record_alert::forget_repository(&mut tx, tenant, repository).await?;
        audit::append(&mut tx, tenant, actor, "repository.remove", repository, &json!({})).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Undoes a removal: what was recorded counts again, and a notice asks for a synchronisation.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it was removed more than 30 days ago, or when its name was
    /// taken since.
    pub async fn restore_repository(
        &self,
        tenant: &TenantId,
        actor: &str,
        repository: RepositoryId,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let counts = self.lock_and_count(&mut tx, tenant, repository).await?;
        let row = sqlx::query!(
            r#"SELECT name, connection_id, removed_at IS NOT NULL AS "removed!",
                      coalesce(removed_at < now() - interval '30 days', false) AS "late!"
               FROM repositories WHERE tenant_id = $1 AND id = $2"#,
            tenant.as_str(),
            repository.0,
        )
        .fetch_one(&mut *tx)
        .await?;
        if row.late {
            return Err(StoreError::Conflict(format!(
                "the repository {:?} was removed more than 30 days ago: add it again",
                row.name
            )));
        }
        if !row.removed {
            return Ok(());
        }
        if let Some(connection) = row.connection_id {
            lives(&mut tx, tenant, ConnectionId(connection)).await.map_err(
                |error| match error {
                    StoreError::NotFound { .. } => StoreError::Conflict(format!(
                        "the connection of {:?} was removed: give it another one first",
                        row.name
                    )),
                    error => error,
                },
            )?;
        }
        sqlx::query!(
            "UPDATE repositories SET removed_at = NULL WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            repository.0,
        )
        .execute(&mut *tx)
        .await
        .map_err(|error| {
            if StoreError::breaks(&error, "repositories_name_key") {
                StoreError::Conflict(name_taken(&row.name))
            } else if StoreError::breaks(&error, SPACE_KEY) {
                StoreError::Conflict(SPACE_TAKEN.to_owned())
            } else {
                error.into()
            }
        })?;
        crate::coverage::append(&mut tx, tenant, repository, counts, VerdictCounts::default())
            .await?;
        crate::record_alert::tell_verdicts(&mut tx, tenant, repository, None).await?;
        notice(&mut tx, tenant, repository, "restored").await?;
        audit::append(&mut tx, tenant, actor, "repository.restore", repository, &json!({})).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Waits until no recording of the repository runs and keeps new ones out until commit; counts
    /// its invariants by the verdicts that count.
    async fn lock_and_count(
        &self,
        tx: &mut PgConnection,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<VerdictCounts, StoreError> {
        sqlx::query!(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            lock_name(repository)
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "SELECT id FROM repositories WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
            tenant.as_str(),
            repository.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("repository", repository))?;
        let rows = sqlx::query!(
            r#"SELECT effective, count(*) AS "count!" FROM invariants
               WHERE tenant_id = $1 AND repository_id = $2 GROUP BY effective"#,
            tenant.as_str(),
            repository.0,
        )
        .fetch_all(tx)
        .await?;
        let mut counts = VerdictCounts::default();
        for row in rows {
            counts.add(crate::text::verdict(&row.effective)?, row.count);
        }
        Ok(counts)
    }
}

/// The advisory lock that recordings of a repository share and its removal takes alone.
pub(crate) fn lock_name(repository: RepositoryId) -> String {
    format!("repository/{repository}")
}
