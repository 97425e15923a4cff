//! What telling GitHub about check runs needs: which are due, what they say, and how far they are told.

use std::time::Duration;

use sbh_domain::{CheckRunId, EffectId, RepositoryId, TenantId, Verdict, VerdictCounts};

use crate::check_run::{CheckRun, Row};
use crate::text::{shortened, storable, verdict};
use crate::{Store, StoreError};

/// A repository with check runs to be told.
#[derive(Clone, Debug)]
pub struct DueChecks {
    /// The tenant.
    pub tenant: TenantId,
    /// The repository.
    pub repository: RepositoryId,
    /// Its name, for the Web UI.
    pub name: String,
}

/// An invariant that is not proved.
#[derive(Clone, Debug)]
pub struct Unproved {
    /// The path of its document.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: Option<String>,
    /// The first line of its block.
    pub line: i32,
    /// The verdict that counts.
    pub verdict: Verdict,
    /// The counterexample as JSON: a list of `{"name","value"}`.
    pub counterexample: Option<serde_json::Value>,
    /// Why the verdict is not decisive, or what is wrong with the block.
    pub reason: Option<String>,
}

/// How the tracked branch stands.
#[derive(Clone, Debug)]
pub struct BranchState {
    /// Whether what is recorded is about the commit that was asked for, and all of it.
    pub current: bool,
    /// The invariants by verdict.
    pub counts: VerdictCounts,
    /// Some of the invariants that are not proved, gravest first.
    pub unproved: Vec<Unproved>,
}

impl Store {
    /// Repositories with check runs that are due and were not announced for `again_after`; marks these
    /// as announced now.
    pub async fn claim_check_runs(
        &self,
        again_after: Duration,
        limit: i64,
    ) -> Result<Vec<DueChecks>, StoreError> {
        let rows = sqlx::query!(
            r#"WITH taken AS MATERIALIZED (
                   SELECT tenant_id, id FROM check_runs
                   WHERE due AND due_at <= now()
                     AND (signalled_at IS NULL OR signalled_at < now() - make_interval(secs => $2))
                   ORDER BY due_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
               ), claimed AS (
                   UPDATE check_runs run SET signalled_at = now() FROM taken
                   WHERE run.tenant_id = taken.tenant_id AND run.id = taken.id AND run.due
                   RETURNING run.tenant_id, run.repository_id
               )
               SELECT DISTINCT claimed.tenant_id AS "tenant_id!", claimed.repository_id AS "repository_id!",
                      repository.name AS "name!"
               FROM claimed
               JOIN repositories repository
                 ON repository.tenant_id = claimed.tenant_id AND repository.id = claimed.repository_id"#,
            limit,
            again_after.as_secs_f64(),
        )
        .fetch_all(&self.dispatch)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(DueChecks {
                    tenant: crate::tenant::known(row.tenant_id)?,
                    repository: RepositoryId(row.repository_id),
                    name: row.name,
                })
            })
            .collect()
    }

    /// The check runs of a repository that are due now, oldest first.
    pub async fn due_check_runs(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        limit: i64,
    ) -> Result<Vec<CheckRun>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, repository_id, commit, pull_number, generation, before, outcome, reason, report,
                    posted, attempts, created_at, posted_at
             FROM check_runs
             WHERE tenant_id = $1 AND repository_id = $2 AND due AND due_at <= now()
             ORDER BY id LIMIT $3",
            tenant.as_str(),
            repository.0,
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter().map(Row::of).collect()
    }

    /// How the tracked branch stands, for the check run of `commit`, with up to `limit` of what is not
    /// proved.
    pub async fn branch_state(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        commit: &str,
        limit: i64,
    ) -> Result<BranchState, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let current = sqlx::query_scalar!(
            r#"SELECT repository.baseline IS NOT DISTINCT FROM $3 AND sync.finished_at IS NOT NULL
                      AND NOT EXISTS (SELECT FROM documents
                                      WHERE tenant_id = $1 AND repository_id = $2
                                        AND drifted_at IS NOT NULL) AS "current!"
               FROM repositories repository
               JOIN syncs sync ON sync.tenant_id = $1 AND sync.id = repository.current_sync
               WHERE repository.tenant_id = $1 AND repository.id = $2"#,
            tenant.as_str(),
            repository.0,
            commit,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let counts = crate::coverage::counts_of(&mut tx, tenant, repository).await?;
        let rows = sqlx::query!(
            r#"SELECT document.path, invariant.name, invariant.title, invariant.line,
                      invariant.effective, invariant.counterexample, invariant.reason
               FROM invariants invariant
               JOIN documents document
                 ON document.tenant_id = $1 AND document.id = invariant.document_id
               WHERE invariant.tenant_id = $1 AND invariant.repository_id = $2
                 AND invariant.effective <> 'proved'
               ORDER BY array_position(ARRAY['refuted', 'vacuous', 'conflict', 'error', 'timeout',
                                             'unknown', 'not_run'], invariant.effective),
                        document.path, invariant.ordinal
               LIMIT $3"#,
            tenant.as_str(),
            repository.0,
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let unproved = rows.into_iter().map(|row| {
            Ok(Unproved {
                path: row.path,
                name: row.name,
                title: row.title,
                line: row.line,
                verdict: verdict(&row.effective)?,
                counterexample: row.counterexample,
                reason: row.reason,
            })
        });
        let unproved = unproved.collect::<Result<_, StoreError>>()?;
        Ok(BranchState { current: current.unwrap_or(false), counts, unproved })
    }

    /// The recorded text of the living document at a path, where it is kept.
    pub async fn recorded_text(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        path: &str,
    ) -> Result<Option<String>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let text = sqlx::query_scalar!(
            "SELECT texts.text FROM documents document
             JOIN document_texts texts ON texts.tenant_id = $1 AND texts.hash = document.recorded
             WHERE document.tenant_id = $1 AND document.repository_id = $2 AND document.path = $3
               AND document.observed IS NOT NULL",
            tenant.as_str(),
            repository.0,
            path,
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(text)
    }

    /// Writes down what is told of a check run's end, once: returns what was written first. `None`: it
    /// began again meanwhile.
    pub async fn report_check_run(
        &self,
        tenant: &TenantId,
        run: &CheckRun,
        report: &serde_json::Value,
    ) -> Result<Option<serde_json::Value>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let written = sqlx::query_scalar!(
            r#"UPDATE check_runs SET report = coalesce(report, $4::text::json)
               WHERE tenant_id = $1 AND id = $2 AND generation = $3 AND outcome IS NOT NULL
               RETURNING report AS "report!""#,
            tenant.as_str(),
            run.id.0,
            run.generation,
            storable(&report.to_string()),
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(written)
    }

    /// Notes what GitHub was told: that it is being proved, or its end.
    pub async fn check_run_told(
        &self,
        tenant: &TenantId,
        run: &CheckRun,
        end: bool,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "UPDATE check_runs SET posted = CASE WHEN $4 THEN 'completed' ELSE 'in_progress' END,
                 posted_at = now(), attempts = 0, due = NOT $4 AND outcome IS NOT NULL,
                 signalled_at = NULL, reason = CASE WHEN outcome = 'settled' THEN NULL ELSE reason END
             WHERE tenant_id = $1 AND id = $2 AND generation = $3",
            tenant.as_str(),
            run.id.0,
            run.generation,
            end,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Notes that a check run cannot be told, and why; nothing tries again by itself.
    pub async fn check_run_refused(
        &self,
        tenant: &TenantId,
        run: &CheckRun,
        reason: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "UPDATE check_runs SET posted = 'failed', posted_at = now(), due = false, reason = $4
             WHERE tenant_id = $1 AND id = $2 AND generation = $3",
            tenant.as_str(),
            run.id.0,
            run.generation,
            shortened(reason, 2_000),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lets one check run wait, and counts that telling it failed.
    pub async fn defer_check_run(
        &self,
        tenant: &TenantId,
        run: &CheckRun,
        wait: Duration,
        reason: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "UPDATE check_runs SET attempts = attempts + 1, signalled_at = NULL,
                 due_at = now() + make_interval(secs => $4), reason = coalesce(reason, $5)
             WHERE tenant_id = $1 AND id = $2 AND generation = $3 AND due",
            tenant.as_str(),
            run.id.0,
            run.generation,
            wait.as_secs_f64(),
            shortened(reason, 2_000),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lets all check runs of a repository wait that are due: GitHub asks to be left alone.
    pub async fn defer_check_runs(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        wait: Duration,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "UPDATE check_runs SET signalled_at = NULL,
                 due_at = greatest(due_at, now() + make_interval(secs => $3))
             WHERE tenant_id = $1 AND repository_id = $2 AND due",
            tenant.as_str(),
            repository.0,
            wait.as_secs_f64(),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Makes the check run of an effect due that a person wants sent again.
    pub async fn revive_check_run(
        &self,
        tenant: &TenantId,
        effect: EffectId,
    ) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let revived = sqlx::query!(
            "UPDATE check_runs run SET posted = 'nothing', due = true, due_at = now(), attempts = 0,
                 signalled_at = NULL,
                 reason = CASE WHEN run.outcome = 'settled' THEN NULL ELSE run.reason END
             FROM effects effect
             WHERE run.tenant_id = $1 AND run.posted = 'failed' AND NOT run.due
               AND effect.tenant_id = $1 AND effect.id = $2 AND effect.kind = 'check_run'
               AND effect.state = 'intended'
               AND effect.idempotency_key = run.id || '/' || run.generation",
            tenant.as_str(),
            effect.0,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        Ok(revived)
    }

    /// One check run.
    pub async fn check_run(
        &self,
        tenant: &TenantId,
        id: CheckRunId,
    ) -> Result<CheckRun, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let row = sqlx::query_as!(
            Row,
            "SELECT id, repository_id, commit, pull_number, generation, before, outcome, reason, report,
                    posted, attempts, created_at, posted_at
             FROM check_runs WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            id.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("check run", id))?;
        tx.commit().await?;
        row.of()
    }
}
