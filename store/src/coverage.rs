//! Coverage: counts per verdict from appended deltas.
//!
//! The recording transaction only appends deltas; [`Store::fold_coverage`] merges them into totals
//! afterwards, and reads add what is not folded yet. Shared totals updated in the transaction would
//! make writers wait for each other.

use sbh_domain::{RepositoryId, TenantId, VerdictCounts};
use sqlx::PgConnection;

use crate::text::verdict;
use crate::{Store, StoreError};

/// The coverage of one repository.
#[derive(Clone, Debug)]
pub struct RepositoryCoverage {
    /// The repository.
    pub repository: RepositoryId,
    /// Its name.
    pub name: String,
    /// Its invariants by verdict.
    pub counts: VerdictCounts,
    /// Its documents.
    pub documents: i64,
    /// Those without any invariant.
    pub documents_without_invariants: i64,
    /// Those whose observed content is not the recorded one.
    pub drifted: i64,
}

/// How many deltas one transaction merges at most.
const BATCH: i64 = 1_000;

/// Appends the difference between two counts, if there is one.
pub(crate) async fn append(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    after: VerdictCounts,
    before: VerdictCounts,
) -> Result<(), StoreError> {
    if after == before {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO coverage_deltas (tenant_id, repository_id, proved, refuted, vacuous, unknown,
                                      timeout, conflict, error, not_run)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        tenant.as_str(),
        repository.0,
        after.proved - before.proved,
        after.refuted - before.refuted,
        after.vacuous - before.vacuous,
        after.unknown - before.unknown,
        after.timeout - before.timeout,
        after.conflict - before.conflict,
        after.error - before.error,
        after.not_run - before.not_run,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The invariants of one repository by verdict.
pub(crate) async fn counts_of(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
) -> Result<VerdictCounts, StoreError> {
    let row = sqlx::query!(
        r#"WITH parts AS (
               SELECT proved, refuted, vacuous, unknown, timeout, conflict, error, not_run
               FROM coverage_totals WHERE tenant_id = $1 AND repository_id = $2
               UNION ALL
               SELECT proved, refuted, vacuous, unknown, timeout, conflict, error, not_run
               FROM coverage_deltas WHERE tenant_id = $1 AND repository_id = $2
           )
           SELECT coalesce(sum(proved), 0)::bigint AS "proved!",
                  coalesce(sum(refuted), 0)::bigint AS "refuted!",
                  coalesce(sum(vacuous), 0)::bigint AS "vacuous!",
                  coalesce(sum(unknown), 0)::bigint AS "unknown!",
                  coalesce(sum(timeout), 0)::bigint AS "timeout!",
                  coalesce(sum(conflict), 0)::bigint AS "conflict!",
                  coalesce(sum(error), 0)::bigint AS "error!",
                  coalesce(sum(not_run), 0)::bigint AS "not_run!"
           FROM parts"#,
        tenant.as_str(),
        repository.0,
    )
    .fetch_one(tx)
    .await?;
    Ok(VerdictCounts {
        proved: row.proved,
        refuted: row.refuted,
        vacuous: row.vacuous,
        unknown: row.unknown,
        timeout: row.timeout,
        conflict: row.conflict,
        error: row.error,
        not_run: row.not_run,
    })
}

impl Store {
    /// The coverage of every repository of a tenant that is not removed, by name.
    pub async fn coverage(&self, tenant: &TenantId) -> Result<Vec<RepositoryCoverage>, StoreError> {
        self.coverage_where(tenant, None).await
    }

    /// The coverage of one repository, removed or not (nothing of a removed one counts).
    pub async fn coverage_of(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<RepositoryCoverage, StoreError> {
        self.coverage_where(tenant, Some(repository))
            .await?
            .pop()
            .ok_or_else(|| StoreError::not_found("repository", repository))
    }

    async fn coverage_where(
        &self,
        tenant: &TenantId,
        one: Option<RepositoryId>,
    ) -> Result<Vec<RepositoryCoverage>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        // One statement, so one snapshot: a delta is seen either unmerged or in the total.
        let rows = sqlx::query!(
            r#"WITH parts AS (
                   SELECT repository_id, proved, refuted, vacuous, unknown, timeout, conflict, error, not_run
                   FROM coverage_totals
                   WHERE tenant_id = $1 AND ($2::uuid IS NULL OR repository_id = $2)
                   UNION ALL
                   SELECT repository_id, proved, refuted, vacuous, unknown, timeout, conflict, error, not_run
                   FROM coverage_deltas
                   WHERE tenant_id = $1 AND ($2::uuid IS NULL OR repository_id = $2)
               ), counts AS (
                   SELECT repository_id, sum(proved)::bigint AS proved, sum(refuted)::bigint AS refuted,
                          sum(vacuous)::bigint AS vacuous, sum(unknown)::bigint AS unknown,
                          sum(timeout)::bigint AS timeout, sum(conflict)::bigint AS conflict,
                          sum(error)::bigint AS error, sum(not_run)::bigint AS not_run
                   FROM parts GROUP BY repository_id
               ), papers AS (
                   SELECT repository_id,
                          count(*) FILTER (WHERE observed IS NOT NULL) AS documents,
                          count(*) FILTER (WHERE observed IS NOT NULL AND recorded IS NOT NULL
                                             AND invariant_count = 0) AS without,
                          count(*) FILTER (WHERE drifted_at IS NOT NULL) AS drifted
                   FROM documents
                   WHERE tenant_id = $1 AND ($2::uuid IS NULL OR repository_id = $2)
                   GROUP BY repository_id
               )
               SELECT repository.id, repository.name,
                      coalesce(proved, 0) AS "proved!", coalesce(refuted, 0) AS "refuted!",
                      coalesce(vacuous, 0) AS "vacuous!", coalesce(unknown, 0) AS "unknown!",
                      coalesce(timeout, 0) AS "timeout!", coalesce(conflict, 0) AS "conflict!",
                      coalesce(error, 0) AS "error!", coalesce(not_run, 0) AS "not_run!",
                      coalesce(documents, 0) AS "documents!", coalesce(without, 0) AS "without!",
                      coalesce(drifted, 0) AS "drifted!"
               FROM repositories repository
               LEFT JOIN counts ON counts.repository_id = repository.id
               LEFT JOIN papers ON papers.repository_id = repository.id
               WHERE tenant_id = $1
                 AND CASE WHEN $2::uuid IS NULL THEN removed_at IS NULL ELSE repository.id = $2 END
               ORDER BY repository.name"#,
            tenant.as_str(),
            one.map(|repository| repository.0),
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| RepositoryCoverage {
                repository: RepositoryId(row.id),
                name: row.name,
                counts: VerdictCounts {
                    proved: row.proved,
                    refuted: row.refuted,
                    vacuous: row.vacuous,
                    unknown: row.unknown,
                    timeout: row.timeout,
                    conflict: row.conflict,
                    error: row.error,
                    not_run: row.not_run,
                },
                documents: row.documents,
                documents_without_invariants: row.without,
                drifted: row.drifted,
            })
            .collect())
    }

    /// Merges deltas of every tenant into totals, a bounded number at a time. Returns how many deltas were
    /// merged; several programs may do it at once.
    pub async fn fold_coverage(&self) -> Result<u64, StoreError> {
        let tenants = sqlx::query_scalar!("SELECT DISTINCT tenant_id FROM coverage_deltas")
            .fetch_all(&self.dispatch)
            .await?;
        let mut folded = 0;
        for tenant in tenants {
            let tenant = crate::tenant::known(tenant)?;
            loop {
                let batch = self.fold_batch(&tenant).await?;
                folded += batch;
                if batch < BATCH as u64 {
                    break;
                }
            }
        }
        Ok(folded)
    }

    async fn fold_batch(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        // In the order of repositories, so that two folders never wait for each other in a circle.
        let folded = sqlx::query_scalar!(
            r#"WITH taken AS (
                   DELETE FROM coverage_deltas WHERE tenant_id = $1 AND id IN
                       (SELECT id FROM coverage_deltas WHERE tenant_id = $1
                        LIMIT $2 FOR UPDATE SKIP LOCKED)
                   RETURNING *
               ), merged AS (
                   INSERT INTO coverage_totals AS total
                       (tenant_id, repository_id, proved, refuted, vacuous, unknown, timeout, conflict, error, not_run)
                   SELECT $1, repository_id, sum(proved), sum(refuted), sum(vacuous), sum(unknown),
                          sum(timeout), sum(conflict), sum(error), sum(not_run)
                   FROM taken GROUP BY repository_id ORDER BY repository_id
                   ON CONFLICT (repository_id) DO UPDATE SET
                       proved = total.proved + excluded.proved,
                       refuted = total.refuted + excluded.refuted,
                       vacuous = total.vacuous + excluded.vacuous,
                       unknown = total.unknown + excluded.unknown,
                       timeout = total.timeout + excluded.timeout,
                       conflict = total.conflict + excluded.conflict,
                       error = total.error + excluded.error,
                       not_run = total.not_run + excluded.not_run,
                       folded_at = now()
               )
               SELECT count(*) AS "count!" FROM taken"#,
            tenant.as_str(),
            BATCH,
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(folded.unsigned_abs())
    }

    /// Counts the invariants of a tenant anew, for comparison with the deltas: the repositories that
    /// are not removed, by id.
    pub async fn recount_coverage(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(RepositoryId, VerdictCounts)>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query!(
            r#"SELECT repository.id, effective AS "effective?", count(effective) AS "count!"
               FROM repositories repository
               LEFT JOIN invariants ON invariants.tenant_id = $1 AND repository_id = repository.id
               WHERE repository.tenant_id = $1 AND removed_at IS NULL
               GROUP BY repository.id, effective ORDER BY repository.id"#,
            tenant.as_str(),
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut counted: Vec<(RepositoryId, VerdictCounts)> = Vec::new();
        for row in rows {
            let id = RepositoryId(row.id);
            if counted.last().is_none_or(|(last, _)| *last != id) {
                counted.push((id, VerdictCounts::default()));
            }
            if let (Some((_, counts)), Some(effective)) = (counted.last_mut(), row.effective) {
                counts.add(verdict(&effective)?, row.count);
            }
        }
        Ok(counted)
    }
}
