//! Pull requests: what their heads would do to coverage, judged beside the recorded verdicts. Nothing
//! here moves a baseline or touches a document.

use chrono::{DateTime, Utc};
use sbh_domain::{InboxId, RepositoryId, TenantId, Verdict, VerdictCounts};
use serde_json::json;

use crate::check_run::{self, Wanted, counts};
use crate::repository::Repository;
use crate::text::{shortened, storable};
use crate::{Store, StoreError};

pub use crate::pull_request_baseline::{BaselineDocument, PullBaseline};

/// What the judging of a pull request starts from.
#[derive(Clone, Debug)]
pub struct PullStart {
    /// The repository with its baseline.
    pub repository: Repository,
    /// The notices that it answers, because it fetches after reading them.
    pub notices: Vec<InboxId>,
}

/// A verdict on a block of a changed document.
#[derive(Clone, Debug)]
pub struct PullProof {
    /// The document's path at the head.
    pub path: String,
    /// Its place in the document, from 0.
    pub ordinal: i32,
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: Option<String>,
    /// The first line of the block.
    pub line: i32,
    /// Its last line.
    pub end_line: i32,
    /// The verdict that would count.
    pub verdict: Verdict,
    /// The verdict that counts now; `None`: the invariant is new.
    pub was: Option<Verdict>,
    /// The counterexample as JSON: a list of `{"name","value"}`.
    pub counterexample: Option<serde_json::Value>,
    /// Why the verdict is not decisive, or what is wrong with the block.
    pub reason: Option<String>,
    /// Where the verdict comes from: `proved`, `cache`, `kept`.
    pub origin: String,
}

/// What a pull request would do.
#[derive(Clone, Debug)]
pub struct PullRequest {
    /// Its number.
    pub number: i64,
    /// The head that was judged.
    pub head: String,
    /// The commit that it was compared with.
    pub base: String,
    /// How that was found: `merge_base` or `baseline`.
    pub compared_with: String,
    /// The commit whose recorded verdicts are `before`.
    pub baseline: Option<String>,
    /// Documents that it changes, adds or removes.
    pub documents: i32,
    /// The repository's invariants by verdict as they are recorded.
    pub before: VerdictCounts,
    /// The same with the pull request merged.
    pub after: VerdictCounts,
    /// When it was judged.
    pub proved_at: DateTime<Utc>,
    /// Why the last attempt to judge it failed.
    pub last_error: Option<String>,
}

/// A judgement to be recorded.
#[derive(Clone, Debug)]
pub struct PullJudgement {
    /// See [`PullRequest::head`].
    pub head: String,
    /// See [`PullRequest::base`].
    pub base: String,
    /// See [`PullRequest::compared_with`].
    pub compared_with: &'static str,
    /// See [`PullRequest::baseline`].
    pub baseline: Option<String>,
    /// See [`PullRequest::documents`].
    pub documents: i32,
    /// See [`PullRequest::before`].
    pub before: VerdictCounts,
    /// See [`PullRequest::after`].
    pub after: VerdictCounts,
    /// The verdicts.
    pub proofs: Vec<PullProof>,
    /// What the check run on the head says.
    pub report: serde_json::Value,
}

impl Store {
    /// What the judging of a pull request starts from. Call it before fetching: it takes the notices up.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also for a removed repository.
    pub async fn start_pull(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        number: i64,
    ) -> Result<PullStart, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let found = crate::repository::read(&mut tx, tenant, repository).await?;
        if found.removed_at.is_some() {
            return Err(StoreError::not_found("repository", repository));
        }
        let notices = sqlx::query_scalar!(
            "UPDATE inbox SET taken_at = coalesce(taken_at, now())
             WHERE tenant_id = $1 AND repository_id = $2 AND pull_number = $3 AND state <> 'closed'
             RETURNING id",
            tenant.as_str(),
            repository.0,
            number,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(PullStart { repository: found, notices: notices.into_iter().map(InboxId).collect() })
    }

    /// Whether a notice about the pull request came that no judging has taken up: its head may be
    /// another one.
    pub async fn pull_moved(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        number: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let moved = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM inbox
                              WHERE tenant_id = $1 AND repository_id = $2 AND pull_number = $3
                                AND state <> 'closed' AND state = 'open' AND taken_at IS NULL) AS "moved!""#,
            tenant.as_str(),
            repository.0,
            number,
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(moved)
    }

    /// Wants a check run on the head, and ends those of earlier heads.
    pub async fn want_pull_check(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        number: i64,
        head: &str,
        notices: &[InboxId],
    ) -> Result<(), StoreError> {
        let notices: Vec<_> = notices.iter().map(|id| id.0).collect();
        let mut tx = self.scope(tenant).await?;
        // As text: a hint may hold escaped NULs, at which the operators of JSON fail.
        let anew = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM inbox
                              WHERE tenant_id = $1 AND id = ANY($2)
                                AND source = 'github'
                                AND hint::text LIKE '%"action":"rerequested"%') AS "anew!""#,
            tenant.as_str(),
            &notices,
        )
        .fetch_one(&mut *tx)
        .await?;
        let pull_number = Some(number);
        let wanted = Wanted { repository, commit: head, pull_number, sync: None, anew };
        check_run::want(&mut tx, tenant, &wanted).await?;
        check_run::supersede(&mut tx, tenant, repository, pull_number, head).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Records a judgement, ends the head's check run with it, and closes the notices that it answers,
    /// in one transaction. Returns how many were closed.
    pub async fn finish_pull(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        number: i64,
        judgement: &PullJudgement,
        notices: &[InboxId],
    ) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "INSERT INTO pull_requests (tenant_id, repository_id, number, head, base, compared_with,
                                        baseline, documents, before, after)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::json, $10::text::json)
             ON CONFLICT (tenant_id, repository_id, number) DO UPDATE SET
                 head = excluded.head, base = excluded.base, compared_with = excluded.compared_with,
                 baseline = excluded.baseline, documents = excluded.documents,
                 before = excluded.before, after = excluded.after, proved_at = now(),
                 last_error = NULL",
            tenant.as_str(),
            repository.0,
            number,
            judgement.head,
            judgement.base,
            judgement.compared_with,
            judgement.baseline,
            judgement.documents,
            json!(judgement.before).to_string(),
            json!(judgement.after).to_string(),
        )
        .execute(&mut *tx)
        .await?;
        self.write_proofs(&mut tx, tenant, repository, number, &judgement.proofs).await?;
        sqlx::query!(
            "UPDATE check_runs SET outcome = 'settled', report = $5::text::json,
                 due = true, due_at = now(), signalled_at = NULL
             WHERE tenant_id = $1 AND repository_id = $2 AND pull_number = $3 AND commit = $4
               AND outcome IS NULL",
            tenant.as_str(),
            repository.0,
            number,
            judgement.head,
            storable(&judgement.report.to_string()),
        )
        .execute(&mut *tx)
        .await?;
        let notices: Vec<_> = notices.iter().map(|id| id.0).collect();
        let closed = sqlx::query!(
            "UPDATE inbox SET state = 'closed', closed_at = now(), reason = 'recorded'
             WHERE tenant_id = $1 AND id = ANY($2) AND state <> 'closed'",
            tenant.as_str(),
            &notices,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        Ok(closed)
    }

    async fn write_proofs(
        &self,
        tx: &mut sqlx::PgConnection,
        tenant: &TenantId,
        repository: RepositoryId,
        number: i64,
        proofs: &[PullProof],
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "DELETE FROM pull_request_proofs
             WHERE tenant_id = $1 AND repository_id = $2 AND number = $3",
            tenant.as_str(),
            repository.0,
            number,
        )
        .execute(&mut *tx)
        .await?;
        let texts = |text: fn(&PullProof) -> String| proofs.iter().map(text).collect::<Vec<_>>();
        let given = |text: fn(&PullProof) -> Option<String>| {
            proofs.iter().map(text).collect::<Vec<Option<String>>>()
        };
        let numbers = |number: fn(&PullProof) -> i32| proofs.iter().map(number).collect::<Vec<_>>();
        sqlx::query!(
            "INSERT INTO pull_request_proofs (tenant_id, repository_id, number, path, ordinal, name, title,
                                              line, end_line, verdict, was, counterexample, reason, origin)
             SELECT $1, $2, $3, given.path, given.ordinal, given.name, given.title, given.line,
                    given.end_line, given.verdict, given.was, given.counterexample::json, given.reason,
                    given.origin
             FROM unnest($4::text[], $5::int[], $6::text[], $7::text[], $8::int[], $9::int[], $10::text[],
                         $11::text[], $12::text[], $13::text[], $14::text[])
                  AS given (path, ordinal, name, title, line, end_line, verdict, was, counterexample,
                            reason, origin)",
            tenant.as_str(),
            repository.0,
            number,
            &texts(|proof| storable(&proof.path)),
            &numbers(|proof| proof.ordinal),
            &texts(|proof| storable(&proof.name)),
            &given(|proof| proof.title.as_deref().map(storable)) as &[Option<String>],
            &numbers(|proof| proof.line),
            &numbers(|proof| proof.end_line),
            &texts(|proof| proof.verdict.as_str().to_owned()),
            &given(|proof| proof.was.map(|was| was.as_str().to_owned())) as &[Option<String>],
            &given(|proof| proof.counterexample.as_ref().map(|json| storable(&json.to_string())))
                as &[Option<String>],
            &given(|proof| proof.reason.as_deref().map(|text| shortened(text, 2_000)))
                as &[Option<String>],
            &texts(|proof| proof.origin.clone()),
        )
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// A row's columns as the database gives them.
pub(crate) struct Row {
    pub(crate) number: i64,
    pub(crate) head: String,
    pub(crate) base: String,
    pub(crate) compared_with: String,
    pub(crate) baseline: Option<String>,
    pub(crate) documents: i32,
    pub(crate) before: serde_json::Value,
    pub(crate) after: serde_json::Value,
    pub(crate) proved_at: DateTime<Utc>,
    pub(crate) last_error: Option<String>,
}

impl Row {
    pub(crate) fn of(self) -> Result<PullRequest, StoreError> {
        Ok(PullRequest {
            number: self.number,
            head: self.head,
            base: self.base,
            compared_with: self.compared_with,
            baseline: self.baseline,
            documents: self.documents,
            before: counts(self.before)?,
            after: counts(self.after)?,
            proved_at: self.proved_at,
            last_error: self.last_error,
        })
    }
}
