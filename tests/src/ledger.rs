//! The ledger: reads the database as its administrator and holds what it says against the
//! repository that is the truth.

use std::collections::BTreeMap;

use sbh_domain::Digest;
use sbh_domain::canonical::canonical_text;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{Row as _, types::Uuid};

use crate::eventually::ensure;
use crate::{GitRepo, Stack};

/// Reads the database of a stack.
#[derive(Debug, Clone)]
pub struct Ledger {
    pool: PgPool,
}

impl Ledger {
    /// Connects as the administrator, whom row-level security does not bind.
    pub async fn open(stack: &Stack) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .connect(&stack.env("database_url"))
            .await
            .expect("the stack's database");
        Self { pool }
    }

    /// The connections, for a test's own queries.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A number that a query counts, with one text parameter.
    pub async fn count(&self, query: &str, parameter: &str) -> i64 {
        sqlx::query_scalar(query).bind(parameter).fetch_one(&self.pool).await.expect(query)
    }

    /// Whether nothing of a repository is open: `Err` says what is.
    pub async fn settled(&self, repository: &str) -> Result<(), String> {
        let id: Uuid = repository.parse().expect("the id of a repository");
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM inbox WHERE repository_id = $1 AND state = 'open') AS open,
                    (SELECT count(*) FROM inbox WHERE repository_id = $1 AND state = 'parked') AS parked,
                    (SELECT count(*) FROM documents
                      WHERE repository_id = $1 AND observed IS DISTINCT FROM recorded) AS drifted,
                    (SELECT count(*) FROM documents WHERE repository_id = $1) AS documents,
                    (SELECT coalesce(baseline, '') FROM repositories WHERE id = $1) AS baseline,
                    (SELECT coalesce(last_error, '') FROM repositories WHERE id = $1) AS last_error",
        )
        .bind(id)
        .fetch_one(&self.pool)
        .await
        .map_err(|e| e.to_string())?;
        let (open, parked): (i64, i64) = (row.get("open"), row.get("parked"));
        let (drifted, documents): (i64, i64) = (row.get("drifted"), row.get("documents"));
        let (baseline, last_error): (String, String) = (row.get("baseline"), row.get("last_error"));
        ensure(
            open == 0 && drifted == 0,
            format!(
                "{open} notices open, {parked} parked, {drifted} of {documents} documents drifted, \
                 baseline {baseline:?}, last error {last_error:?}"
            ),
        )
    }

    /// Whether a notice is closed, and how: `Err` says what it is instead.
    pub async fn closed(&self, notice: &str) -> Result<String, String> {
        let id: Uuid = notice.parse().expect("the id of a notice");
        let row = sqlx::query("SELECT state, reason FROM inbox WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| e.to_string())?
            .ok_or_else(|| format!("the acknowledged notice {notice} is not in the inbox"))?;
        let (state, reason): (String, Option<String>) = (row.get("state"), row.get("reason"));
        match (state.as_str(), reason) {
            ("closed", Some(reason)) if !reason.is_empty() => Ok(reason),
            (_, reason) => Err(format!("the notice {notice} is {state}, reason {reason:?}")),
        }
    }

    /// Checks that nothing was lost and nothing happened twice:
    /// every acknowledged notice is closed with a reason; the recorded documents are exactly the
    /// readable ones at the head of `branch` that `is_spec` names, each with the digest of its
    /// canonical text; no verdict on one content is there twice; coverage is what a recount gives;
    /// nothing is left staged.
    pub async fn check(
        &self,
        repository: &str,
        repo: &GitRepo,
        branch: &str,
        is_spec: impl Fn(&str) -> bool,
        acknowledged: &[String],
    ) {
        for notice in acknowledged {
            self.closed(notice).await.unwrap_or_else(|state| panic!("{state}"));
        }
        let mut expected = BTreeMap::new();
        for (path, content) in repo.files_at(branch) {
            if is_spec(&path) {
                let text = String::from_utf8(content).expect("check() is for readable documents");
                expected.insert(path, Digest::of(canonical_text(&text)).to_string());
            }
        }
        assert_eq!(
            self.recorded(repository).await,
            expected,
            "recorded documents against {branch}"
        );
        self.consistent(repository).await;
    }

    /// The recorded documents of a repository: path to digest.
    pub async fn recorded(&self, repository: &str) -> BTreeMap<String, String> {
        let id: Uuid = repository.parse().expect("the id of a repository");
        let rows = sqlx::query(
            "SELECT path, recorded FROM documents WHERE repository_id = $1 AND recorded IS NOT NULL",
        )
        .bind(id)
        .fetch_all(&self.pool)
        .await
        .expect("the documents");
        rows.iter()
            .map(|row| (row.get("path"), hex::encode(row.get::<Vec<u8>, _>("recorded"))))
            .collect()
    }

    /// The part of [`Ledger::check`] that needs no repository.
    pub async fn consistent(&self, repository: &str) {
        let id: Uuid = repository.parse().expect("the id of a repository");
        let twice: Vec<String> = sqlx::query_scalar(
            "SELECT format('%s of document %s: %s, %s times', name, document_id, verdict, count(*))
               FROM proof_results WHERE repository_id = $1
              GROUP BY document_id, hash, name, occurrence, verdict HAVING count(*) > 1",
        )
        .bind(id)
        .fetch_all(&self.pool)
        .await
        .expect("the proof results");
        assert!(twice.is_empty(), "recorded twice for one content: {twice:?}");

        let left: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM staged_verdicts s JOIN documents d ON d.id = s.document_id
                      WHERE d.repository_id = $1)
                  + (SELECT count(*) FROM sync_documents s JOIN documents d ON d.id = s.document_id
                      WHERE d.repository_id = $1)",
        )
        .bind(id)
        .fetch_one(&self.pool)
        .await
        .expect("what is staged");
        assert_eq!(left, 0, "rows left staged");

        for verdict in sbh_domain::Verdict::ALL {
            let query = format!(
                "SELECT coalesce((SELECT sum({verdict}) FROM coverage_totals WHERE repository_id = $1), 0)
                      + coalesce((SELECT sum({verdict}) FROM coverage_deltas WHERE repository_id = $1), 0)
                      - (SELECT count(*) FROM invariants WHERE repository_id = $1 AND effective = $2)"
            );
            let query = format!("SELECT ({query})::bigint");
            let difference: i64 = sqlx::query_scalar(&query)
                .bind(id)
                .bind(verdict.as_str())
                .fetch_one(&self.pool)
                .await
                .expect("coverage");
            assert_eq!(difference, 0, "coverage of {verdict} against a recount");
        }
    }
}
