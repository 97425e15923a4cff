//! Pull requests as people see them, and those that cannot be judged.

use sbh_domain::{RepositoryId, TenantId};

use crate::pull_request::{PullProof, PullRequest, Row};
use crate::text::{shortened, verdict};
use crate::{Store, StoreError, check_run, inbox_retry};

impl Store {
    /// A page of a repository's judged pull requests, highest number first; `before` is the last number
    /// of the page before.
    pub async fn pull_requests(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<PullRequest>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            "SELECT number, head, base, compared_with, baseline, documents, before, after, proved_at,
                    last_error
             FROM pull_requests
             WHERE tenant_id = $1 AND repository_id = $2 AND ($3::bigint IS NULL OR number < $3)
             ORDER BY number DESC LIMIT $4",
            tenant.as_str(),
            repository.0,
            before,
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter().map(Row::of).collect()
    }

    /// One judged pull request with up to `limit` of its verdicts, those that are not proved first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where it was never judged.
    pub async fn pull_request(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        number: i64,
        limit: i64,
    ) -> Result<(PullRequest, Vec<PullProof>), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let row = sqlx::query_as!(
            Row,
            "SELECT number, head, base, compared_with, baseline, documents, before, after, proved_at,
                    last_error
             FROM pull_requests WHERE tenant_id = $1 AND repository_id = $2 AND number = $3",
            tenant.as_str(),
            repository.0,
            number,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("judged pull request", number))?;
        let proofs = sqlx::query!(
            "SELECT path, ordinal, name, title, line, end_line, verdict, was, counterexample, reason, origin
             FROM pull_request_proofs
             WHERE tenant_id = $1 AND repository_id = $2 AND number = $3
             ORDER BY verdict = 'proved', path, ordinal LIMIT $4",
            tenant.as_str(),
            repository.0,
            number,
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let proofs = proofs.into_iter().map(|row| {
            Ok(PullProof {
                path: row.path,
                ordinal: row.ordinal,
                name: row.name,
                title: row.title,
                line: row.line,
                end_line: row.end_line,
                verdict: verdict(&row.verdict)?,
                was: row.was.as_deref().map(verdict).transpose()?,
                counterexample: row.counterexample,
                reason: row.reason,
                origin: row.origin,
            })
        });
        Ok((row.of()?, proofs.collect::<Result<_, StoreError>>()?))
    }

    /// Notes a failed attempt of the notices that the judging under way took up; those with
    /// `max_attempts` or more are parked with the reason, and then the head's check run ends. Returns
    /// how many were parked.
    pub async fn fail_pull(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        number: i64,
        reason: &str,
        max_attempts: i32,
    ) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let ids = sqlx::query_scalar!(
            "SELECT id FROM inbox
             WHERE tenant_id = $1 AND repository_id = $2 AND pull_number = $3
               AND state <> 'closed' AND state = 'open' AND taken_at IS NOT NULL
             ORDER BY id FOR NO KEY UPDATE",
            tenant.as_str(),
            repository.0,
            number,
        )
        .fetch_all(&mut *tx)
        .await?;
        let parked = inbox_retry::fail(&mut tx, tenant, &ids, reason, max_attempts).await?;
        sqlx::query!(
            "UPDATE pull_requests SET last_error = $4
             WHERE tenant_id = $1 AND repository_id = $2 AND number = $3",
            tenant.as_str(),
            repository.0,
            number,
            shortened(reason, 2_000),
        )
        .execute(&mut *tx)
        .await?;
        if parked > 0 {
            check_run::park_pull(&mut tx, tenant, repository, number, reason).await?;
        }
        tx.commit().await?;
        Ok(parked)
    }
}
